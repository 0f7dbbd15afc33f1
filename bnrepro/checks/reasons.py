"""The sentences that tell a reader why a check came out as it did."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bnrepro.checks.evidence import Evidence
from bnrepro.checks.region import Region
from bnrepro.spec.scale import Outcome
from bnrepro.stats import ConfidenceInterval, MeanEstimate, clopper_pearson_upper, seeds_needed
from bnrepro.wording import plural

MOST_SEEDS = 100
"""Beyond this a reader is told that seeds will not settle it."""

_NAMED = 3
"""Missing runs that are named before the rest are counted."""


def quantity(value: float | None, interval: ConfidenceInterval, unit: str) -> str:
    """``+23.4 points [20.1, 26.7]`` for a difference, ``54.3 % [53.0, 55.6]`` for an accuracy."""
    if value is None:
        return "no completed run"
    number = f"{value:+z.1f} points" if unit == "points" else f"{value:z.1f} %"
    return f"{number} {bracket(interval)}" if math.isfinite(interval.high) else number


def bracket(interval: ConfidenceInterval) -> str:
    """``[20.1, 26.7]``."""
    return f"[{interval.low:z.1f}, {interval.high:z.1f}]"


def relation(estimate: MeanEstimate, interval: ConfidenceInterval, region: Region) -> str:
    """Where the interval lies, seen from the region."""
    if estimate.value is None:
        return "nothing to compare"
    if estimate.standard_error is None:
        if estimate.n < 2:
            return f"no interval from {plural(estimate.n, 'seed')}"
        return (
            f"no interval, because all {estimate.n} seeds gave the same value, which tells nothing about their spread"
        )
    return position(interval, region)


def position(interval: ConfidenceInterval, region: Region) -> str:
    """Where a bounded interval lies, seen from the region."""
    if region.holds(interval):
        return f"the whole interval lies {region}"
    if region.excludes(interval):
        below, above = f"below {region.low - region.blur:g}", f"above {region.high + region.blur:g}"
        side = below if interval.high < region.low else above
        return f"the whole interval lies {side}"
    low, high = region.low + region.blur, region.high - region.blur
    reached = [
        f"{bound:g}"
        for bound, cleared in ((low, interval.low > low), (high, interval.high < high))
        if math.isfinite(bound) and not cleared
    ]
    return f"the interval does not clear {' or '.join(reached)}"


def corrected(estimate: MeanEstimate, region: Region, *, outcome: Outcome, alpha: float, networks: int) -> str:
    """What Holm's correction did to an interval that lies outside; empty where it changes nothing."""
    if networks == 1 or not region.excludes(estimate.interval(alpha)):
        return ""
    wider = f"that corrected for {networks} networks, {bracket(estimate.interval(alpha / networks))}"
    return f" (as does {wider})" if outcome is Outcome.OUTSIDE else f", but not {wider}"


def more_seeds(
    estimate: MeanEstimate, region: Region, *, alpha: float, alpha_outside: float, other_mean: float = 0.0
) -> str:
    """What would settle an open question, from the spread as it stands.

    ``alpha`` is the error of a side for holding and ``alpha_outside`` for failing, where the number of networks makes
    it smaller.
    """
    if estimate.value is None or estimate.standard_error is None:
        return "needs at least 2 seeds" if estimate.n < 2 else "more seeds help only if one differs"
    inside, outside = region.distance_inside(estimate.value), region.distance_outside(estimate.value)
    distance, error = (inside, alpha) if inside > 0 else (outside, alpha_outside)
    needed = None
    if distance > 0:
        needed = seeds_needed(estimate.sds, distance, alpha=error, at_most=MOST_SEEDS, other_mean=other_mean)
    if needed is None:
        return f"the estimate lies so near the border that {MOST_SEEDS} seeds would not settle it"
    return f"needs about {plural(max(1, needed - estimate.n), 'more seed')}"


def failures(evidence: Sequence[Evidence], *, agrees: bool) -> list[str]:
    """What diverged, with the upper bound of its rate, and what is missing; empty where all went well.

    ``agrees`` says whether the outcome stands when diverged runs count at chance level.
    """
    told = []
    diverged, runs = sum(each.diverged for each in evidence), sum(len(each.runs) for each in evidence)
    if diverged:
        bound = 100 * clopper_pearson_upper(diverged, runs)
        told.append(f"{diverged} of {plural(runs, 'run')} diverged (a rate of up to {bound:.0f} % at 95 % confidence)")
        if not agrees:
            told.append(f"counting {'it' if diverged == 1 else 'them'} at chance level changes the outcome")
    names = [name for each in evidence for name in each.missing]
    if names:
        rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        verb = "has" if len(names) == 1 else "have"
        told.append(f"undecided, because {', '.join(names[:_NAMED])}{rest} {verb} no result")
    return told
