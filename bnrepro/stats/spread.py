"""How far seeds differ: the standard deviation and its bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy.typing as npt
from scipy.special import chdtr, chdtrc, chdtri

from bnrepro.stats.student import ConfidenceInterval, SampleError, checked, constant, deviation


@dataclass(frozen=True, kw_only=True)
class SdEstimate:
    """A standard deviation with the chi-square bounds of normal data: (n - 1) s² / sigma² is chi-square on n - 1.

    Unlike those of a mean, these bounds lean on normality at any n: heavy tails make them too narrow.

    Usage:
        estimate = spread(sample)
        estimate.interval(0.05)     # the two-sided 90 % interval
        estimate.p_below(1.0)       # one-sided p against "at least 1"
    """

    value: float | None
    """In the unit of the sample; ``None`` below two values."""
    n: int
    """Values in the sample."""
    known: bool
    """Whether the value tells anything about the true spread: equal values do not."""

    def with_n(self, n: int) -> SdEstimate:
        """The same value from ``n`` seeds."""
        return replace(self, n=n)

    def interval(self, alpha: float) -> ConfidenceInterval:
        """The interval with error ``alpha`` a side, 0 < alpha < 0.5; the whole line where all values are equal.

        Raises:
            SampleError: ``alpha`` is outside (0, 0.5).
        """
        if self.value is None or not self.known:
            return ConfidenceInterval(low=-math.inf, high=math.inf, alpha=alpha)
        df = self.n - 1
        # chdtri takes the upper tail, so the larger quantile is the one with alpha above it.
        low, high = (self.value * math.sqrt(df / float(chdtri(df, tail))) for tail in (alpha, 1 - alpha))
        return ConfidenceInterval(low=low, high=high, alpha=alpha)

    def p_above(self, bound: float) -> float:
        """One-sided p value of "the true standard deviation is at most ``bound``"."""
        statistic = self._statistic(bound)
        return 1.0 if statistic is None else float(chdtrc(self.n - 1, statistic))

    def p_below(self, bound: float) -> float:
        """One-sided p value of "the true standard deviation is at least ``bound``"."""
        statistic = self._statistic(bound)
        return 1.0 if statistic is None else float(chdtr(self.n - 1, statistic))

    def _statistic(self, bound: float) -> float | None:
        if math.isnan(bound):
            raise SampleError("a bound is NaN")
        if self.value is None or not self.known:
            return None
        ratio = self.value / bound if bound > 0 else math.inf
        return (self.n - 1) * ratio * ratio


def spread(sample: npt.ArrayLike) -> SdEstimate:
    """The standard deviation (n - 1) of one sample.

    Args:
        sample: one value a seed, shape (n,).

    Raises:
        SampleError: the sample is not one-dimensional and finite.
    """
    values = checked(sample)
    if len(values) < 2:
        return SdEstimate(value=None, n=len(values), known=False)
    if constant(values):
        return SdEstimate(value=0.0, n=len(values), known=False)
    return SdEstimate(value=deviation(values), n=len(values), known=True)
