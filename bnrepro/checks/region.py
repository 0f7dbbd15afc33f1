"""The region that a check names, and what an interval says about it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bnrepro.spec.scale import Outcome
from bnrepro.stats import ConfidenceInterval, Estimate


@dataclass(frozen=True, kw_only=True)
class Region:
    """Values between ``low`` and ``high``, margin included; an infinite bound is none.

    A bound that comes from a rounded number is known to ``blur`` either way: to lie inside, an interval must clear
    the nearest bound that the rounding allows, and to lie outside, the farthest.
    """

    low: float = -math.inf
    high: float = math.inf
    blur: float = 0.0
    """Half the printed rounding unit of the reference number, in the unit of the values."""

    def holds(self, interval: ConfidenceInterval) -> bool:
        """Whether the interval lies strictly inside; touching a bound leaves the question open."""
        return self.slack(interval) > 0

    def excludes(self, interval: ConfidenceInterval) -> bool:
        """Whether the interval is disjoint from the closed region."""
        return interval.high < self.low - self.blur or interval.low > self.high + self.blur

    def outcome(self, interval: ConfidenceInterval) -> Outcome:
        """What the interval of a single estimate says."""
        if self.holds(interval):
            return Outcome.INSIDE
        return Outcome.OUTSIDE if self.excludes(interval) else Outcome.OPEN

    def slack(self, interval: ConfidenceInterval) -> float:
        """By how much the interval clears the nearer bound: negative where it reaches beyond, -inf if unbounded."""
        return min(
            math.inf if math.isinf(self.low) else interval.low - (self.low + self.blur),
            math.inf if math.isinf(self.high) else (self.high - self.blur) - interval.high,
        )

    @property
    def inner(self) -> tuple[float, float]:
        """The bounds that an interval must clear to lie inside."""
        return self.low + self.blur, self.high - self.blur

    @property
    def outer(self) -> tuple[float, float]:
        """The bounds that an interval must clear to lie outside."""
        return self.low - self.blur, self.high + self.blur

    def p_inside(self, estimate: Estimate) -> float:
        """One-sided p value against "the true value lies outside the region".

        The larger of two one-sided tests (Schuirmann 1987); below alpha exactly where the interval with error alpha a
        side lies inside.
        """
        low, high = self.inner
        return max(
            0.0 if math.isinf(low) else estimate.p_above(low),
            0.0 if math.isinf(high) else estimate.p_below(high),
        )

    def p_outside(self, estimate: Estimate) -> float:
        """One-sided p value against "the true value lies in the region".

        The nearer bound alone is tested at full level: a true value on it can be mistaken to be beyond the far bound
        only by an estimate that is wrong by the whole width of the region.
        """
        return min(
            1.0 if math.isinf(self.low) else estimate.p_below(self.low - self.blur),
            1.0 if math.isinf(self.high) else estimate.p_above(self.high + self.blur),
        )

    def distance_inside(self, value: float) -> float:
        """From ``value`` to the nearer bound that an interval must clear to hold; negative outside."""
        return min(value - (self.low + self.blur), (self.high - self.blur) - value)

    def distance_outside(self, value: float) -> float:
        """From ``value`` back to the bound that an interval must clear to fail; negative inside."""
        return max((self.low - self.blur) - value, value - (self.high + self.blur))

    def __str__(self) -> str:
        low, high = f"{self.low + self.blur:g}", f"{self.high - self.blur:g}"
        if math.isinf(self.high):
            return f"above {low}"
        return f"below {high}" if math.isinf(self.low) else f"between {low} and {high}"
