"""Power of checks on means and differences of means: Student's t, one-sided or two one-sided tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bnrepro.checks import Look
from bnrepro.power.estimators import sds_of
from bnrepro.power.told import WORTH_ASKING, CheckPower, LookPower, named
from bnrepro.spec.checks import CheckSpec, RangeCheck
from bnrepro.spec.metrics import Unit
from bnrepro.spec.results import CheckResult, Interval
from bnrepro.stats import Planned, planned_mean, power_to_hold, resolved_distance
from bnrepro.wording import plural


def of_means(check: CheckSpec, look: Look, result: CheckResult, sd: float) -> CheckPower:
    """Of estimates on Student's t: the part whose error is largest for its region speaks for all."""
    largest = isinstance(check, RangeCheck) and check.statistic == "family_maximum"
    # The largest of m means lies above a bound that one of them clears at its share of the error (stats.order).
    alpha = look.alpha / len(result.parts) if largest else look.alpha
    share = largest and len(result.parts) > 1
    other_mean = 1 / look.references.get(check.reference).n if isinstance(check, RangeCheck) else 0.0
    regions = [result.region if largest else part.region for part in result.parts]

    def parts_at(seeds: int) -> list[_Part]:
        estimates = [planned_mean(*sds, n=seeds, other_mean=other_mean, share=share) for sds in sds_of(check, look, sd)]
        return [
            _Part(planned=planned, region=region, alpha_below=alpha, alpha_above=look.alpha)
            for planned, region in zip(estimates, regions, strict=True)
        ]

    last = parts_at(look.planned_seeds[-1])
    looks = tuple(_look_power(parts_at(seeds)) for seeds in look.planned_seeds)
    power = looks[-1].power
    if math.isinf(looks[-1].resolved):
        favourable, warning = (
            "none, wherever the true value lies",
            "it cannot be settled: one seed tells nothing about the spread",
        )
    elif power is None:
        values = _values_resolved(last)
        told = " and ".join(f"{side} {value:.3g}" for side, value in values)
        favourable = f"if the true value is {told}{named(result.unit)}"
        warning = _out_of_reach(values) if result.unit == Unit.PERCENT else ""
    else:
        told = " and ".join(dict.fromkeys(f"{part.centre:.3g}" for part in last))
        favourable = f"if the true value is {told}{named(result.unit)}"
        warning = _too_weak(last, power, look.planned_seeds[-1])
    return CheckPower(
        check=check.id,
        unit=result.unit,
        parts=len(result.parts),
        assumed_sd=sd,
        seeds=look.planned_seeds,
        looks=looks,
        favourable=favourable,
        warning=warning,
    )


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One estimate at one look, with what it is held against."""

    planned: Planned
    region: Interval
    alpha_below: float
    """Error of the side that must clear the lower bound."""
    alpha_above: float

    @property
    def width(self) -> float:
        low, high = self.region
        return math.inf if low is None or high is None else high - low

    @property
    def centre(self) -> float:
        """NaN where the region is open to one side."""
        low, high = self.region
        return math.nan if low is None or high is None else (low + high) / 2

    @property
    def resolved(self) -> float:
        return resolved_distance(self.planned, alpha=min(self.alpha_below, self.alpha_above))

    @property
    def expected_width(self) -> float:
        """About that of the interval."""
        return self.planned.half_width(self.alpha_below) + self.planned.half_width(self.alpha_above)

    @property
    def power(self) -> float:
        """With the true value in the centre of the region."""
        return power_to_hold(
            self.planned,
            below=self.width / 2,
            above=self.width / 2,
            alpha=self.alpha_below,
            alpha_above=self.alpha_above,
        )


def _look_power(parts: Sequence[_Part]) -> LookPower:
    resolved = max(part.resolved for part in parts)
    if any(math.isinf(part.width) for part in parts):
        return LookPower(resolved=resolved, power=None)
    return LookPower(resolved=resolved, power=min(part.power for part in parts))


def _values_resolved(parts: Sequence[_Part]) -> list[tuple[str, float]]:
    """The true values from which each bound is cleared with power 0.8, of several parts on one bound the farthest."""
    least: dict[float, float] = {}
    most: dict[float, float] = {}
    for part in parts:
        low, high = part.region
        if low is not None:
            least[low] = max(least.get(low, -math.inf), low + part.resolved)
        elif high is not None:
            most[high] = min(most.get(high, math.inf), high - part.resolved)
    return [("above", value) for value in least.values()] + [("below", value) for value in most.values()]


def _out_of_reach(values: Sequence[tuple[str, float]]) -> str:
    """What is wrong with a percentage that would have to lie beyond 0 or 100."""
    for side, value in values:
        if (side == "below" and value <= 0) or (side == "above" and value >= 100):
            return f"it can hardly hold: that would take a true value {side} {value:.3g} percent"
    return ""


def _too_weak(parts: Sequence[_Part], power: float, seeds: int) -> str:
    if any(part.width <= part.expected_width for part in parts):
        return f"it can hardly hold: the region is narrower than the interval at {plural(seeds, 'seed')}"
    return "" if power >= WORTH_ASKING else "it stays open more likely than not, even at the most favourable value"
