"""At one number of BatchNorm parameters, one family of networks does better than another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bnrepro.checks.evidence import Evidence, samples_of
from bnrepro.checks.lines import doublings, mean_of
from bnrepro.checks.look import Finding, Look
from bnrepro.checks.region import Region
from bnrepro.checks.units import difference_unit
from bnrepro.checks.universal import every_part
from bnrepro.measure import Sample
from bnrepro.spec.checks import FixedBudgetCheck, Groups
from bnrepro.spec.networks import Network
from bnrepro.spec.scale import Outcome
from bnrepro.stats import interpolation_weights

_REGION = Region(low=0)


def evaluate(check: FixedBudgetCheck, look: Look) -> Finding:
    """Difference between the two families at every budget of this scale, in (0, ∞).

    At each seed both families are interpolated piecewise linearly in log2(BatchNorm parameters), between the networks
    on either side of the budget; Student's t (1908) over seeds of the difference. It is the difference of the
    interpolations that is tested: where a family bends between two networks, its own value may differ.
    """
    budgets = check.budgets.get(look.scale, ())
    if obstacle := _obstacle(check, look, budgets):
        return Finding(
            outcome=Outcome.NOT_ASSESSED,
            interval=look.whole_line,
            region=_REGION,
            unit=difference_unit(check),
            reason=obstacle,
        )
    samples = samples_of(check, look, look.comparisons[0])
    evidence = [_at(check, look.groups, samples, budget) for budget in budgets]
    return every_part(evidence, look, unit=difference_unit(check), noun="budget")


def _obstacle(check: FixedBudgetCheck, look: Look, budgets: Sequence[int]) -> str:
    """Why the families cannot be compared; empty where they can."""
    if not budgets:
        return f"no budgets are given for scale {look.scale}"
    for group in check.groups:
        counts = [network.counts().batchnorm for network in look.groups[group]]
        for budget in budgets:
            if not min(counts) <= budget <= max(counts):
                return (
                    f"{_named(budget)} are outside the range of '{group}', "
                    f"which has {min(counts):,} to {max(counts):,}: nothing is extrapolated"
                )
    return ""


def _at(check: FixedBudgetCheck, groups: Groups, samples: Sequence[Sample], budget: int) -> Evidence:
    upper, lower = (_shares(groups[group], budget) for group in check.groups)
    read = [sample for sample in samples if sample.network in upper or sample.network in lower]
    weights = np.array([upper.get(sample.network, 0.0) - lower.get(sample.network, 0.0) for sample in read])
    return mean_of(_named(budget), read, weights, _REGION)


def _shares(networks: Sequence[Network], budget: int) -> dict[Network, float]:
    """What each neighbour of the budget counts in the interpolation there."""
    weights = interpolation_weights([doublings(network) for network in networks], math.log2(budget))
    return {network: float(weight) for network, weight in zip(networks, weights, strict=True) if weight}


def _named(budget: int) -> str:
    return f"{budget:,} BatchNorm parameters"
