"""What every check says, whatever its kind."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints, model_validator

from bnrepro.spec.arms import Arm, ArmField
from bnrepro.spec.metrics import Metric
from bnrepro.spec.networks import Network
from bnrepro.spec.value import Identifier, MisplacedError, Text, Value

Row = Annotated[
    str,
    StringConstraints(pattern=r"^[A-J][0-9]{2}$"),
    Field(json_schema_extra={"patternErrorMessage": "a letter from A to J and two digits, such as C18"}),
]
"""A row of the catalogue of the paper's claims, such as C18."""

ReferenceId = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9_]+/[a-z0-9_.-]+$"),
    Field(json_schema_extra={"patternErrorMessage": "FILE/ENTRY, such as section4/random-2-gap"}),
]
"""``file/entry`` under reference_numbers/."""

Amount = Annotated[float, Field(ge=0, le=1000)]
"""A margin or tolerance in the metric's unit: points where the metric is in percent."""

Cell = tuple[Network, Arm]
"""Runs of one arm on one network: one sample, a value a seed."""

Comparison = tuple[Cell, ...]
"""The cells that make one estimate."""

Groups = Mapping[str, tuple[Network, ...]]
"""Networks by the name of their group."""


class ReferenceForm(Enum):
    """What a check can be held against."""

    NUMBER = "one number"
    RANGE = "a range"
    EITHER = "a number or a range"


class CheckBase(Value):
    """The fields that all kinds share."""

    id: Identifier
    """Name of the check, unique in its file."""
    row: Row
    """Row of the catalogue that this check decides."""
    states: Text
    """What the check asserts, in one sentence for a reader."""
    networks: Identifier
    """The group of networks, from this file's `networks`, over which it must hold."""
    metric: Metric = Metric.TEST_ACCURACY
    """What is compared."""
    decides: bool = True
    """Whether the claim's headline verdict waits on this check; others are published beside it."""
    why: Text
    """Where the margin or tolerance comes from."""
    assumed_sd: Annotated[float, Field(gt=0, le=1000)] | None = None
    """The spread between seeds to plan with, in the metric's unit, where it is not the claim's."""

    reference_form: ClassVar[ReferenceForm] = ReferenceForm.NUMBER
    trains: ClassVar[bool] = True
    """Whether the check reads trained runs; arithmetic does not."""
    along_networks: ClassVar[bool] = False
    """Whether networks make one estimate together, such as a line, so that none may be left out."""

    @property
    def references(self) -> tuple[str, ...]:
        """Reference numbers that the check is held against."""
        return ()

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of networks that the check reads."""
        return (self.networks,)

    @property
    def needs_whole_groups(self) -> bool:
        """Whether leaving a network out would change what is asked of the others."""
        return self.along_networks or len(self.groups) > 1

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms whose runs the check reads, in the order of a comparison's cells."""
        return ()

    @property
    def singled_out(self) -> tuple[tuple[str, Network], ...]:
        """Networks that the check names by themselves, each with the key that names it."""
        return ()

    @property
    def shown_margin(self) -> float:
        """What a report shows as the margin, in the metric's unit."""
        return 0.0

    def comparisons(self, groups: Groups) -> tuple[Comparison, ...]:
        """The cells of every estimate that the check makes, given the networks evaluated of each group."""
        return tuple(tuple((network, arm) for arm in self.arms) for network in groups[self.networks])


class WithMargin(CheckBase):
    """A check with a margin."""

    margin: Amount
    """By how much an estimate may miss its bound, or must exceed it."""
    alternative_margins: tuple[Amount, ...] = ()
    """Margins that could be argued for as well; a verdict that is another under one of them is marked as fragile."""

    @model_validator(mode="after")
    def _alternatives_differ(self) -> Self:
        if self.margin in self.alternative_margins:
            raise MisplacedError(f"an alternative to the margin {self.margin:g} is another one", "alternative_margins")
        return self

    @property
    def shown_margin(self) -> float:
        """What a report shows as the margin, in the metric's unit."""
        return self.margin


class AgainstPaper(CheckBase):
    """A check against a number of the paper."""

    reference: ReferenceId
    """The reported number or range."""

    @property
    def references(self) -> tuple[str, ...]:
        """Reference numbers that the check is held against."""
        return (self.reference,)


class OneArm(CheckBase):
    """A check about the mean of one arm."""

    arm: ArmField
    """The arm that is measured."""

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms whose runs the check reads."""
        return (self.arm,)


class AcrossNetworks(CheckBase):
    """A check whose second arm, where it has one, may be read on networks of its own."""

    worse_networks: Identifier | None = None
    """Where the two are compared across networks: the group for `worse`, one network for each of `networks`."""

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of networks that the check reads."""
        return (self.networks,) if self.worse_networks is None else (self.networks, self.worse_networks)

    def comparisons(self, groups: Groups) -> tuple[Comparison, ...]:
        """A cell for each arm on every network; the second on the network that stands at the same place."""
        pairs = zip(groups[self.networks], groups[self.worse_networks or self.networks], strict=True)
        # Of one arm, there is nothing to read on the other network.
        return tuple(tuple(zip(networks, self.arms, strict=False)) for networks in pairs)


class TwoArms(AcrossNetworks):
    """A check about the difference `better` - `worse`."""

    better: ArmField
    """The arm that should do better: what `worse` is subtracted from."""
    worse: ArmField
    """The arm that it is compared with."""

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms whose runs the check reads."""
        return (self.better, self.worse)


def comparison_name(comparison: Comparison) -> str:
    """A comparison as a report names it: its network, or ``resnet-434 against wrn-14-32``."""
    return " against ".join(dict.fromkeys(str(network) for network, _ in comparison))
