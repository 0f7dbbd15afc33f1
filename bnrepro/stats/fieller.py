"""The ratio of two means that were measured together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from bnrepro.stats.lines import without_rounding
from bnrepro.stats.student import ConfidenceInterval, FloatArray, MeanEstimate, SampleError, checked, constant, student

_ROUNDING = 1e-12
"""A mean this small beside its values is 0 but for floating-point rounding."""


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Variances and covariance of two means over the square of the denominator's mean, n - 1 degrees of freedom.

    Written for the residual e = numerator - value · denominator, whose mean is 0: nothing is then lost to
    cancellation, and Fieller's quadratic always has real roots.
    """

    residual: float
    """Variance of the mean of e."""
    covariance: float
    """Covariance of the means of e and of the denominator."""
    denominator: float
    """Variance of the denominator's mean."""

    def t(self, excess: float) -> float:
        """Student's t of numerator - r · denominator, where the measured ratio exceeds r by ``excess``."""
        if math.isinf(excess):
            return math.copysign(1 / math.sqrt(self.denominator), excess)
        error = self.standard_error(excess)
        # Of two pairs, some combination has no spread at all.
        return excess / error if error > 0 else math.copysign(math.inf, excess)

    def standard_error(self, excess: float) -> float:
        """Of the mean of numerator - r · denominator, over the denominator's mean."""
        variance = self.residual + 2 * excess * self.covariance + excess * excess * self.denominator
        return math.sqrt(max(variance, 0.0))


@dataclass(frozen=True, kw_only=True)
class FiellerEstimate:
    """A ratio of means with the interval and the tests of Fieller (1954).

    For any r, t(r) = (u - r v) / se(u - r v) is Student's t on n - 1 degrees of freedom where r is the true ratio, u
    and v being the two means. Whether a large t(r) says that the ratio is above r or below it hangs on the sign of
    the denominator. These tests are for a positive one, and demand that the data show it: each p value is at least
    that of the one-sided test of the denominator itself (intersection-union, Berger 1982), and the interval is the
    whole line where that test does not reject. Elsewhere Fieller's set is a bounded interval.

    Usage:
        estimate = fieller(depth_slopes, width_slopes)
        estimate.interval(0.05)     # the two-sided 90 % interval
        estimate.p_above(1.28)      # one-sided p against "at most 1.28"
    """

    value: float | None
    """The ratio of the means; ``None`` where there are none or the denominator's is 0."""
    denominator: MeanEstimate
    """The mean that divides."""
    moments: Moments | None
    """``None`` where the samples do not tell: fewer than two pairs, the same ratio in each, or no positive mean."""

    @property
    def n(self) -> int:
        """Pairs."""
        return self.denominator.n

    def interval(self, alpha: float) -> ConfidenceInterval:
        """The r with abs(t(r)) at most the quantile, error ``alpha`` a side; the whole line where that is unbounded.

        With t the quantile and c the moments, r = value + d for the d between the roots of

            d² (1 - t² c_vv) + 2 d t² c_ev - t² c_ee = 0

        Raises:
            SampleError: ``alpha`` is outside (0, 0.5).
        """
        unbounded = ConfidenceInterval(low=-math.inf, high=math.inf, alpha=alpha)
        if self.value is None or self.moments is None or self.denominator.p_above(0) >= alpha:
            return unbounded
        squared = float(stdtrit(self.n - 1, 1 - alpha)) ** 2
        leading = 1 - squared * self.moments.denominator
        if leading <= 0:
            return unbounded
        middle = -squared * self.moments.covariance
        root = math.sqrt(middle**2 + leading * squared * self.moments.residual)
        return ConfidenceInterval(
            low=self.value + (middle - root) / leading, high=self.value + (middle + root) / leading, alpha=alpha
        )

    def p_above(self, bound: float) -> float:
        """One-sided p value of "the true ratio is at most ``bound``": small where it lies above."""
        return self._p(bound, sign=-1.0)

    def p_below(self, bound: float) -> float:
        """One-sided p value of "the true ratio is at least ``bound``": small where it lies below."""
        return self._p(bound, sign=1.0)

    def seen_from(self, bound: float) -> MeanEstimate | None:
        """A mean with the ratio's value whose t test against ``bound`` is the ratio's own; ``None`` where unknown.

        It says how many seeds would settle on which side of the bound the ratio lies.
        """
        if self.value is None or self.moments is None:
            return None
        error = self.moments.standard_error(self.value - bound)
        if not error:
            return None
        return MeanEstimate(
            value=self.value, standard_error=error, df=self.n - 1, n=self.n, sds=(error * math.sqrt(self.n),)
        )

    def _p(self, bound: float, *, sign: float) -> float:
        if math.isnan(bound):
            raise SampleError("a bound is NaN")
        if self.value is None or self.moments is None:
            return 1.0
        t = self.moments.t(self.value - bound)
        return max(float(stdtr(self.n - 1, sign * t)), self.denominator.p_above(0))


def fieller(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> FiellerEstimate:
    """The ratio of the means of two samples, paired value by value.

    Args:
        numerator: one value a seed, shape (n,).
        denominator: one value a seed, shape (n,), in the same order of seeds.

    Raises:
        SampleError: a sample is not one-dimensional and finite, or they are not of one length.
    """
    above, below = checked(numerator), checked(denominator)
    if len(above) != len(below):
        raise SampleError(f"pairs are needed, got {len(above)} values over {len(below)}")
    mean = student(below)
    if mean.value is None or abs(mean.value) <= _ROUNDING * np.abs(below).max():
        return FiellerEstimate(value=None, denominator=mean, moments=None)
    ratio = float(above.mean()) / mean.value
    return FiellerEstimate(value=ratio, denominator=mean, moments=_moments(above, below, mean, ratio))


def _moments(above: FloatArray, below: FloatArray, mean: MeanEstimate, ratio: float) -> Moments | None:
    residual = without_rounding(above - ratio * below, np.abs(above) + np.abs(ratio * below))
    if mean.value is None or mean.value <= 0 or mean.standard_error is None or constant(residual):
        return None
    (ee, ev), (_, vv) = np.cov([residual / mean.value, below / mean.value]) / len(below)
    return Moments(residual=float(ee), covariance=float(ev), denominator=float(vv))
