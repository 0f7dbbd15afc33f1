"""Checks against a number or a range that the paper reports: only the paper's own scale can assess them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bnrepro.spec.checks.base import Amount, OneArm, ReferenceForm, ReferenceId, TwoArms
from bnrepro.spec.checks.differences import EitherForm


class ContainmentCheck(TwoArms):
    """On every network, the difference `better` - `worse` lies in the reported range, margin included."""

    reference_form: ClassVar[ReferenceForm] = ReferenceForm.RANGE
    kind: Literal["containment"]
    reference: ReferenceId
    """A reported range [lo, hi], in points."""
    margin: Amount
    """By how much a difference may miss the range."""

    @property
    def references(self) -> tuple[str, ...]:
        """Reference numbers that the check is held against."""
        return (self.reference,)

    @property
    def shown_margin(self) -> float:
        """In points."""
        return self.margin


class ProportionInRangeCheck(OneArm):
    """On every network, the mean of a share lies in the reported range, margin included."""

    reference_form: ClassVar[ReferenceForm] = ReferenceForm.RANGE
    kind: Literal["proportion_in_range"]
    reference: ReferenceId
    """A reported range [lo, hi], in percent."""
    margin: Amount
    """By how much a share may miss the range, in points."""

    @property
    def references(self) -> tuple[str, ...]:
        """Reference numbers that the check is held against."""
        return (self.reference,)

    @property
    def shown_margin(self) -> float:
        """In points."""
        return self.margin


class RangeCheck(EitherForm):
    """A mean, or a difference of means, agrees with a reported number within a tolerance."""

    reference_form: ClassVar[ReferenceForm] = ReferenceForm.EITHER
    kind: Literal["range"]
    statistic: Literal["each", "family_maximum"] = "each"
    """Every network is held against the number, or the largest over the networks alone."""
    reference: ReferenceId
    """The reported number; a reported range stands for any number in it."""
    tolerance: Annotated[float, Field(gt=0, le=1000)]
    """The largest true deviation that still counts as agreement, in the metric's unit."""

    @property
    def references(self) -> tuple[str, ...]:
        """Reference numbers that the check is held against."""
        return (self.reference,)

    @property
    def shown_margin(self) -> float:
        """In the metric's unit."""
        return self.tolerance


class WorstCaseCheck(OneArm):
    """No network's mean exceeds a reported upper bound, margin included."""

    kind: Literal["worst_case"]
    reference: ReferenceId
    """The reported bound."""
    margin: Amount
    """How far above the bound still counts as below."""

    @property
    def references(self) -> tuple[str, ...]:
        """Reference numbers that the check is held against."""
        return (self.reference,)

    @property
    def shown_margin(self) -> float:
        """In points."""
        return self.margin
