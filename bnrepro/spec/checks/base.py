"""What every check says, whatever its kind."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, StringConstraints

from bnrepro.spec.arms import Arm, ArmField
from bnrepro.spec.metrics import Metric
from bnrepro.spec.networks import Network
from bnrepro.spec.value import Identifier, Text, Value

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


class Documented(Value):
    """A value whose field docstrings become descriptions in the JSON schema."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class CheckBase(Documented):
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


class TwoArms(CheckBase):
    """A check about the difference `better` - `worse`."""

    better: ArmField
    """The arm that should do better: what `worse` is subtracted from."""
    worse: ArmField
    """The arm that it is compared with."""
    worse_networks: Identifier | None = None
    """Where the two are compared across networks: the group for `worse`, one network for each of `networks`."""

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms whose runs the check reads."""
        return (self.better, self.worse)

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of networks that the check reads."""
        return (self.networks,) if self.worse_networks is None else (self.networks, self.worse_networks)

    def comparisons(self, groups: Groups) -> tuple[Comparison, ...]:
        """One pair of cells a network, or a pair of networks."""
        return paired(groups, self.networks, self.worse_networks or self.networks, self.better, self.worse)


def paired(groups: Groups, first: str, second: str, better: Arm, worse: Arm) -> tuple[Comparison, ...]:
    """The cells of ``better`` on one group and of ``worse`` on another of the same length."""
    return tuple(((one, better), (other, worse)) for one, other in zip(groups[first], groups[second], strict=True))


def comparison_name(comparison: Comparison) -> str:
    """A comparison as a report names it: its network, or ``resnet-434 against wrn-14-32``."""
    return " against ".join(dict.fromkeys(str(network) for network, _ in comparison))
