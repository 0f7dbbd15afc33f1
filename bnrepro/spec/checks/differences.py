"""Checks of arms against arms, or against chance; their margins are ours, so every scale can assess them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from bnrepro.spec.arms import Arm, ArmField
from bnrepro.spec.checks.base import AcrossNetworks, OneArm, TwoArms, WithMargin
from bnrepro.spec.value import MisplacedError


class SuperiorityCheck(TwoArms, WithMargin):
    """On every network, the mean of `better` exceeds that of `worse` by more than the margin."""

    kind: Literal["superiority"]
    times: Annotated[float, Field(gt=0, le=10)] = 1
    """What `worse` is multiplied by first: 1.5 asks for one and a half times as much."""


class NonInferiorityCheck(TwoArms, WithMargin):
    """On every network, `better` is not worse than `worse` by more than the margin."""

    kind: Literal["non_inferiority"]


class EitherForm(AcrossNetworks):
    """A check about the mean of one `arm`, or about the difference `better` - `worse`."""

    arm: ArmField | None = None
    """The arm that is measured; or else:"""
    better: ArmField | None = None
    """What `worse` is subtracted from."""
    worse: ArmField | None = None
    """The arm that `better` is compared with."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.arm is None) == (self.better is None) or (self.better is None) != (self.worse is None):
            raise MisplacedError("give either 'arm', or both 'better' and 'worse'")
        if self.arm is not None and self.worse_networks is not None:
            raise MisplacedError("'worse_networks' goes with 'better' and 'worse'", "worse_networks")
        return self

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms whose runs the check reads."""
        return tuple(arm for arm in (self.arm, self.better, self.worse) if arm is not None)

    @property
    def of_difference(self) -> bool:
        """Whether the estimate is a difference: of two arms, or within a run."""
        return self.better is not None or self.metric.is_change


class EquivalenceCheck(EitherForm, WithMargin):
    """On every network, the difference, or a change within each run, lies within the margin either way (TOST)."""

    kind: Literal["equivalence"]
    margin: Annotated[float, Field(gt=0, le=1000)]
    """The largest difference that counts as none."""
    lower_only: bool = False
    """Ask only that the difference does not fall below the margin: non-inferiority of a change within each run."""

    @model_validator(mode="after")
    def _about_a_difference(self) -> Self:
        if not self.of_difference:
            raise MisplacedError(f"{self.metric} of one arm is no difference; give 'better' and 'worse'", "metric")
        return self


class AboveChanceCheck(OneArm, WithMargin):
    """On every network, the mean of the arm exceeds what guessing scores by more than the margin."""

    kind: Literal["above_chance"]

    @model_validator(mode="after")
    def _can_be_guessed(self) -> Self:
        if self.metric.chance(classes=2) is None:
            raise MisplacedError(f"guessing says nothing about {self.metric}", "metric")
        return self


class MatchingCheck(WithMargin):
    """On every network, `at` is not worse than `target` by more than the margin, while `below` is."""

    kind: Literal["matching"]
    target: ArmField
    """The arm that is matched."""
    at: ArmField
    """The arm that matches it."""
    below: ArmField
    """The next smaller arm, which does not."""
    margin: Annotated[float, Field(gt=0, le=1000)]
    """The largest deficit that still counts as a match."""

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms whose runs the check reads."""
        return (self.target, self.at, self.below)


class SpreadCheck(OneArm):
    """On more than half of the networks, the standard deviation between seeds is below a bound."""

    kind: Literal["sd_bound"]
    along_networks: ClassVar[bool] = True
    bound: Annotated[float, Field(gt=0, le=1000)]
    """In the metric's unit."""

    @property
    def shown_margin(self) -> float:
        """In the metric's unit."""
        return self.bound
