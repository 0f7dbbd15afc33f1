"""Least squares on the logarithm of a parameter count (Section 4, Figure 3)."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bnrepro.report.arms import ArmStyle


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A straight line over log2 of a count."""

    style: ArmStyle
    slope: float
    """Points a doubling."""
    intercept: float
    """At a count of 1."""
    low: float
    high: float
    """The smallest and the largest count fitted."""
    networks: int
    """Points fitted: the mean of each network, all of one weight."""

    def at(self, count: float) -> float:
        """The line at a count."""
        return self.intercept + self.slope * math.log2(count)


def fit_of(style: ArmStyle, counts: Sequence[float], means: Sequence[float]) -> Fit | None:
    """Ordinary least squares of means on log2 of counts; ``None`` where fewer than two counts differ."""
    if len(set(counts)) < 2:
        return None
    slope, intercept = statistics.linear_regression([math.log2(count) for count in counts], means)
    return Fit(
        style=style,
        slope=slope,
        intercept=intercept,
        low=min(counts),
        high=max(counts),
        networks=len(counts),
    )
