"""Checks against a number or a range that the paper reports: only the paper's own scale can assess them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bnrepro.spec.checks.base import AgainstPaper, OneArm, ReferenceForm, TwoArms, WithMargin
from bnrepro.spec.checks.differences import EitherForm


class ContainmentCheck(TwoArms, WithMargin, AgainstPaper):
    """On every network, the difference `better` - `worse` lies in the reported range, margin included."""

    reference_form: ClassVar[ReferenceForm] = ReferenceForm.RANGE
    kind: Literal["containment"]


class ProportionInRangeCheck(OneArm, WithMargin, AgainstPaper):
    """On every network, the mean of a share lies in the reported range, margin included."""

    reference_form: ClassVar[ReferenceForm] = ReferenceForm.RANGE
    kind: Literal["proportion_in_range"]


class RangeCheck(EitherForm, AgainstPaper):
    """A mean, or a difference of means, agrees within a tolerance with a reported number, or with any of a range."""

    reference_form: ClassVar[ReferenceForm] = ReferenceForm.EITHER
    kind: Literal["range"]
    statistic: Literal["each", "family_maximum"] = "each"
    """Every network is held against the number, or the largest over the networks alone."""
    tolerance: Annotated[float, Field(gt=0, le=1000)]
    """The largest true deviation that still counts as agreement, in the metric's unit."""

    @property
    def needs_whole_groups(self) -> bool:
        """Whether leaving a network out would change what is asked: the best of some is another than the best."""
        return super().needs_whole_groups or self.statistic == "family_maximum"

    @property
    def shown_margin(self) -> float:
        """In the metric's unit."""
        return self.tolerance


class WorstCaseCheck(OneArm, WithMargin, AgainstPaper):
    """No network's mean exceeds a reported upper bound, margin included."""

    kind: Literal["worst_case"]
