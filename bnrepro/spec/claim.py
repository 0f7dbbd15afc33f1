"""A claim file as typed values: what is trained, where, and which checks decide.

The field docstrings become the descriptions in ``claims/claim.schema.json``.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from bnrepro.errors import UnknownName
from bnrepro.spec.arms import Arm, ArmField
from bnrepro.spec.networks import Network, NetworkField
from bnrepro.spec.scale import Scale
from bnrepro.spec.value import Identifier, MisplacedError, Text, Value

Row = Annotated[
    str,
    StringConstraints(pattern=r"^[A-J][0-9]{2}$"),
    Field(json_schema_extra={"patternErrorMessage": "a letter from A to J and two digits, such as C18"}),
]
"""A row of the catalogue of the paper's claims, such as C18."""

ReferenceId = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9_]+/[a-z0-9_-]+$"),
    Field(json_schema_extra={"patternErrorMessage": "FILE/ENTRY, such as section4/random-2-gap"}),
]
"""``file/entry`` under reference_numbers/."""

Points = Annotated[float, Field(ge=0, le=100)]
"""Percentage points of accuracy."""


class _Documented(Value):
    model_config = ConfigDict(use_attribute_docstrings=True)


class Metric(StrEnum):
    """What is measured on a trained network, in percent of the test set."""

    TEST_ACCURACY = "test_accuracy"
    TOP5_ACCURACY = "top5_accuracy"


class _CheckBase(_Documented):
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

    reference_is_range: ClassVar[bool] = False
    """Whether the check's reference is a range [low, high] and not one number."""

    @property
    def references(self) -> tuple[str, ...]:
        """Reference numbers that the check reads."""
        return ()


class _OfTwoArms(_CheckBase):
    better: ArmField
    """The arm that should do better."""
    worse: ArmField
    """The arm that it is compared with."""
    margin_points: Points
    """By how much a difference may miss its bound, or must exceed it."""

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms whose runs the check reads."""
        return (self.better, self.worse)

    @property
    def margin(self) -> float:
        """What a report shows as the margin, in points."""
        return self.margin_points


class _OfOneArm(_CheckBase):
    arm: ArmField
    """The arm that is measured."""
    reference: ReferenceId
    """The reported number."""

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms whose runs the check reads."""
        return (self.arm,)

    @property
    def references(self) -> tuple[str, ...]:
        """Reference numbers that the check reads."""
        return (self.reference,)


class SuperiorityCheck(_OfTwoArms):
    """On every network, the mean of `better` exceeds that of `worse` by more than the margin."""

    kind: Literal["superiority"]


class ContainmentCheck(_OfTwoArms):
    """On every network, the difference `better` - `worse` lies in the reported range, margin included."""

    reference_is_range: ClassVar[bool] = True
    kind: Literal["containment"]
    reference: ReferenceId
    """A reported range [lo, hi], in points."""

    @property
    def references(self) -> tuple[str, ...]:
        """Reference numbers that the check reads."""
        return (self.reference,)


class RangeCheck(_OfOneArm):
    """The best mean of an arm over the networks agrees with one reported number."""

    kind: Literal["range"]
    statistic: Literal["family_maximum"]
    """How the networks make one number: the largest of their means."""
    tolerance_points: Annotated[float, Field(gt=0, le=100)]
    """The largest true deviation that still counts as agreement."""

    @property
    def margin(self) -> float:
        """What a report shows as the margin, in points."""
        return self.tolerance_points


class WorstCaseCheck(_OfOneArm):
    """No network's mean exceeds a reported upper bound, margin included."""

    kind: Literal["worst_case"]
    margin_points: Points
    """How far above the bound still counts as below."""

    @property
    def margin(self) -> float:
        """What a report shows as the margin, in points."""
        return self.margin_points


CheckSpec = Annotated[SuperiorityCheck | ContainmentCheck | RangeCheck | WorstCaseCheck, Field(discriminator="kind")]


class Looks(_Documented):
    """When the data are looked at. The error of 5 % a side is shared equally between the looks."""

    seeds: Annotated[tuple[Annotated[int, Field(ge=2)], ...], Field(min_length=1, max_length=3)] = (3, 5)
    """Seeds per arm and network at each look, increasing."""

    @model_validator(mode="after")
    def _increasing(self) -> Self:
        if list(self.seeds) != sorted(set(self.seeds)):
            raise MisplacedError(f"looks must increase, got {list(self.seeds)}", "seeds")
        return self


class Claim(_Documented):
    """One claim of the paper, with everything that decides it."""

    id: Identifier
    """Name of the claim; the file is called the same."""
    title: Text
    """The claim in one line."""
    where: Text
    """Where the paper makes it."""
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]
    """Rows of the catalogue that this file covers."""
    claim: Text
    """The claim in our own words."""
    networks: dict[Identifier, dict[Scale, tuple[NetworkField, ...]]]
    """Groups of networks by scale. A scale that a group leaves out is not run."""
    looks: Looks = Looks()
    """Seeds at each look."""
    checks: Annotated[tuple[CheckSpec, ...], Field(min_length=1)]
    """What must hold."""
    flags: tuple[Text, ...] = ()
    """Where the paper's text is silent or contradicts itself."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for group, by_scale in self.networks.items():
            for scale, networks in by_scale.items():
                for index, network in enumerate(networks):
                    if network in networks[:index]:
                        raise MisplacedError(f"{network} is listed twice", "networks", group, scale.value, index)
        ids = [check.id for check in self.checks]
        for index, check in enumerate(self.checks):
            if check.id in ids[:index]:
                raise MisplacedError(f"two checks are called '{check.id}'", "checks", index, "id")
            if check.networks not in self.networks:
                unknown = UnknownName("group of networks", check.networks, self.networks)
                raise MisplacedError(str(unknown), "checks", index, "networks")
        decided = {check.row for check in self.checks}
        if decided != set(self.rows):
            raise MisplacedError(
                f"rows are {', '.join(sorted(self.rows))} but the checks decide {', '.join(sorted(decided))}", "rows"
            )
        return self

    def networks_at(self, group: str, scale: Scale) -> tuple[Network, ...]:
        """The networks of a group at a scale; empty where the group is not run."""
        return self.networks[group].get(scale, ())

    def arms_needed(self, check_ids: Collection[str]) -> tuple[tuple[str, Arm], ...]:
        """The (group of networks, arm) pairs that the named checks read, each once, in file order."""
        wanted = (check for check in self.checks if check.id in check_ids)
        return tuple(dict.fromkeys((check.networks, arm) for check in wanted for arm in check.arms))
