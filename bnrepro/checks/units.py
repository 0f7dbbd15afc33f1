"""The unit in which a check's estimate is told."""

from __future__ import annotations

from bnrepro.spec.checks import CheckSpec, CountCheck, FailureRateCheck, GrowthCheck, SlopeCheck, SlopeRatioCheck
from bnrepro.spec.metrics import Unit
from bnrepro.spec.quantities import QUANTITIES


def difference_unit(check: CheckSpec) -> str:
    """Of a difference: percentages differ by points."""
    return Unit.POINTS if check.metric.unit is Unit.PERCENT else check.metric.unit


def mean_unit(check: CheckSpec) -> str:
    """Of a mean of the check's metric."""
    return difference_unit(check) if check.metric.is_change else check.metric.unit


def per_doubling(check: CheckSpec) -> str:
    """Of a slope over doublings of BatchNorm parameters: ``points per doubling``."""
    return f"{difference_unit(check)} per doubling"


def margin_unit(check: CheckSpec) -> str:
    """Of the margin, which is all that a check which is not assessed shows."""
    match check:
        case CountCheck():
            return QUANTITIES[check.quantities[0]].unit
        case GrowthCheck() | SlopeRatioCheck():
            return Unit.RATIO
        case SlopeCheck():
            return per_doubling(check)
        case FailureRateCheck():
            return Unit.PERCENT
    return difference_unit(check)
