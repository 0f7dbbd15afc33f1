"""The sentences that tell a reader why a check came out as it did."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence

from bnrepro.checks.region import Region
from bnrepro.measure import Sample
from bnrepro.spec.scale import Outcome
from bnrepro.stats import (
    ConfidenceInterval,
    Estimate,
    MeanEstimate,
    RateEstimate,
    SdEstimate,
    clopper_pearson_upper,
    seeds_needed,
    shared,
)
from bnrepro.wording import decimals, plural

MOST_SEEDS = 100
"""Beyond this a reader is told that seeds will not settle it."""

_NAMED = 3
"""Of many runs or cells, those that are named before the rest are counted."""


def quantity(value: float | None, interval: ConfidenceInterval, unit: str) -> str:
    """``+23.4 points [20.1, 26.7]`` for a difference, ``54.3 % [53.0, 55.6]`` for an accuracy."""
    if value is None:
        return "no completed run"
    digits = decimals(unit)
    if unit.startswith("points"):
        number = f"{value:+z.{digits}f} {unit}"
    else:
        number = f"{value:z.{digits}f}" + (" %" if unit == "percent" else "")
    bounded = math.isfinite(interval.low) or math.isfinite(interval.high)
    return f"{number} {bracket(interval, digits)}" if bounded else number


def bracket(interval: ConfidenceInterval, digits: int = 1) -> str:
    """``[20.1, 26.7]``."""
    low, high = (f"{bound:z.{digits}f}".replace("inf", "∞") for bound in (interval.low, interval.high))
    return f"[{low}, {high}]"


def relation(estimate: Estimate, interval: ConfidenceInterval, region: Region) -> str:
    """Where the interval lies, seen from the region."""
    if estimate.value is None:
        return "nothing to compare"
    if not math.isfinite(interval.low) and not math.isfinite(interval.high):
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


def corrected(
    estimate: Estimate, region: Region, *, outcome: Outcome, alpha: float, parts: int, unit: str, noun: str = "network"
) -> str:
    """What Holm's correction did to an interval that lies outside; empty where it changes nothing."""
    if parts == 1 or not region.excludes(estimate.interval(alpha)):
        return ""
    own = shared(estimate, parts).interval(alpha / parts)
    wider = f"that corrected for {parts} {noun}s, {bracket(own, decimals(unit))}"
    return f" (as does {wider})" if outcome is Outcome.OUTSIDE else f", but not {wider}"


def more_seeds(estimate: Estimate, region: Region, *, alpha: float, alpha_outside: float) -> str:
    """What would settle an open question, from the spread as it stands.

    ``alpha`` is the error of a side for holding and ``alpha_outside`` for failing, where the number of networks makes
    it smaller. Empty where the estimate is of another kind, such as a ratio, whose bounds at other n nobody knows.
    """
    match estimate:
        case MeanEstimate(value=None) | MeanEstimate(standard_error=None) | SdEstimate(known=False):
            return "needs at least 2 seeds" if estimate.n < 2 else "more seeds help only if one differs"
        case MeanEstimate(value=float(value)):
            inside, outside = region.distance_inside(value), region.distance_outside(value)
            distance, error = (inside, alpha) if inside > 0 else (outside, alpha_outside)
            needed = None
            if distance > 0:
                needed = seeds_needed(
                    estimate.sds,
                    distance,
                    alpha=error,
                    at_most=MOST_SEEDS,
                    other_mean=estimate.other_mean,
                    share=error < alpha,
                )
        case SdEstimate() | RateEstimate(value=float()):
            needed = _first_n_that_settles(estimate, region, alpha, alpha_outside)
        case _:
            return ""
    if needed is None:
        return f"at this spread, {MOST_SEEDS} seeds would not settle it"
    return f"needs about {plural(max(1, needed - estimate.n), 'more seed')}"


def _first_n_that_settles(
    estimate: SdEstimate | RateEstimate, region: Region, alpha: float, alpha_outside: float
) -> int | None:
    """The fewest runs beyond those at hand from which an estimate that stays as it is would be decided."""

    def settles(n: int) -> bool:
        other = estimate.with_n(n)
        return region.holds(other.interval(alpha)) or region.excludes(other.interval(alpha_outside))

    candidates = range(estimate.n + 1, MOST_SEEDS + 1)
    if isinstance(estimate, SdEstimate):  # every seed narrows it, while a rate moves with what n can be divided by
        position = bisect.bisect(candidates, 0, key=settles)
        return candidates[position] if position < len(candidates) else None
    return next(filter(settles, candidates), None)


def failures(samples: Sequence[Sample], *, agrees: bool) -> list[str]:
    """What diverged, with the upper bound of its rate, and what is missing; empty where all went well.

    ``agrees`` says whether the outcome stands when diverged runs count at chance level.
    """
    return [*_diverged(samples, agrees=agrees), *missing(samples)]


def missing(samples: Sequence[Sample]) -> list[str]:
    """What has no result; empty where nothing is missing."""
    names = [f"{each.network} {each.arm} seed {seed}" for each in samples for seed in each.missing]
    if not names:
        return []
    return [f"undecided, because {named(names, conjunction=', ')} {'has' if len(names) == 1 else 'have'} no result"]


def named(names: Sequence[str], *, conjunction: str) -> str:
    """The first few of many, and how many more there are."""
    rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return conjunction.join(names[:_NAMED]) + rest


def _diverged(samples: Sequence[Sample], *, agrees: bool) -> list[str]:
    """What diverged, and what that does to the outcome."""
    observations = [run for sample in samples for run in sample.observations]
    diverged = sum(run.diverged for run in observations)
    if not diverged:
        return []
    bound = 100 * clopper_pearson_upper(diverged, len(observations))
    told = (
        f"{diverged} of {plural(len(observations), 'run')} diverged (a rate of up to {bound:.0f} % at 95 % confidence)"
    )
    if agrees:
        return [told]
    them = "it" if diverged == 1 else "them"
    if any(sample.chance is None and run.diverged for sample in samples for run in sample.observations):
        return [told, f"nothing says what to count {them} as, which leaves the outcome open"]
    return [told, f"counting {them} at chance level changes the outcome"]
