"""How the estimates of each kind of check spread, given how seeds do."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bnrepro.checks import Look
from bnrepro.checks.lines import doublings
from bnrepro.spec.checks import (
    BelowLineCheck,
    CheckSpec,
    FixedBudgetCheck,
    LinearityCheck,
    MatchingCheck,
    MonotoneCheck,
    SlopeCheck,
    SuperiorityCheck,
)
from bnrepro.stats import interpolation_weights, line_weights, residual_weights, slope_weights


def sds_of(check: CheckSpec, look: Look, sd: float) -> list[tuple[float, ...]]:
    """The spread of each sample that a part's estimate is made of, part by part; a weighted sum is one sample."""
    networks = look.groups[check.networks]
    positions = [doublings(network) for network in networks]
    match check:
        case SuperiorityCheck():
            return [(sd, check.times * sd)] * len(look.comparisons)
        case MonotoneCheck():
            return [(sd, sd)] * len(networks)
        case SlopeCheck():
            return [(sd * math.sqrt(2) * _norm(slope_weights(positions)),)]
        case LinearityCheck():
            return [(sd * _norm(weights),) for weights in residual_weights(positions)]
        case BelowLineCheck():
            others = [doublings(network) for network in networks if network != check.network]
            return [(sd * math.hypot(1, _norm(line_weights(others, doublings(check.network)))),)]
        case FixedBudgetCheck():
            other = [doublings(network) for network in look.groups[check.other_networks]]
            budgets = [math.log2(budget) for budget in check.budgets[look.scale]]
            return [
                (sd * math.hypot(*(_norm(interpolation_weights(line, budget)) for line in (positions, other))),)
                for budget in budgets
            ]
        case MatchingCheck():
            return [(sd, sd)] * (2 * len(look.comparisons))
    return [(sd,) * len(check.arms)] * len(look.comparisons)


def _norm(weights: npt.NDArray[np.float64]) -> float:
    return float(np.linalg.norm(weights))
