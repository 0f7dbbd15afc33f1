"""Means of few seeds and their differences, on Student's t.

Built on ``scipy.special``, because importing ``scipy.stats`` costs a cached run of the command
line more than everything else it does; the tests hold both to the same numbers.

When every value of every sample is the same, the standard error is unknown, not zero. Accuracies
come in steps of one test image, so equal values do occur, and two explanations fit them: a spread
below one step, or a seed that never reached the training. A floor such as step / sqrt(12) would
assert the first; we assert nothing and leave the interval unbounded. When only one of two samples
is constant, Welch's formula stands: it takes the degrees of freedom of the other sample, the fewest
it can give at equal n, and the error it neglects is a fraction of a step. A change within each run is
another matter: there equal values, above all zeros, are what the claim predicts and no seed can have
missed its training, so the caller may give the step as the least spread (``resolution``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

FloatArray = npt.NDArray[np.float64]

_ROUNDING = 1e-12
"""Relative spread below which values are equal but for floating-point rounding."""
_SMALLEST = 1e-300
"""Spread below which floating-point numbers lose their digits."""


class SampleError(ValueError):
    """A sample, level or bound on which no statistic is defined: NaN, infinity, a wrong shape."""


@dataclass(frozen=True, kw_only=True)
class ConfidenceInterval:
    """A two-sided interval with error ``alpha`` on each side, 0 < alpha < 0.5; an unknown bound is infinite.

    Raises:
        SampleError: ``alpha`` is outside (0, 0.5).
    """

    low: float
    high: float
    alpha: float

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise SampleError(f"alpha is the error of one side, between 0 and 0.5, got {self.alpha}")

    @property
    def level(self) -> float:
        """Confidence level of the two sides together, e.g. 0.9 at ``alpha`` 0.05."""
        return 1 - 2 * self.alpha


@dataclass(frozen=True, kw_only=True)
class MeanEstimate:
    """A mean, or a difference of means, with what Student's t needs to bound it.

    Usage:
        estimate = welch(better, worse)
        estimate.interval(0.05)      # the two-sided 90 % interval
        estimate.p_above(10.0)       # one-sided p against "at most 10"
    """

    value: float | None
    """In the unit of the sample; ``None`` when a sample is empty."""
    standard_error: float | None
    """``None`` when the samples do not tell: fewer than two values, or all values equal."""
    df: float | None
    """Degrees of freedom; ``None`` with the standard error."""
    n: int
    """Values in the smallest sample."""
    sds: tuple[float, ...]
    """Standard deviation (n - 1) of each sample; empty where the standard error is unknown."""
    other_mean: float = 0.0
    """1/n of a mean on the far side that shares each sample's spread (see ``prediction``); 0 without one."""

    def interval(self, alpha: float) -> ConfidenceInterval:
        """The interval with error ``alpha`` a side, 0 < alpha < 0.5; the whole line where the spread is unknown.

        Raises:
            SampleError: ``alpha`` is outside (0, 0.5).
        """
        if self.value is None or self.standard_error is None:
            return ConfidenceInterval(low=-math.inf, high=math.inf, alpha=alpha)
        half = float(stdtrit(self.df, 1 - alpha)) * self.standard_error
        return ConfidenceInterval(low=self.value - half, high=self.value + half, alpha=alpha)

    def p_above(self, bound: float) -> float:
        """One-sided p value of "the true value is at most ``bound``": small where it lies above."""
        return self._lower_tail(bound, sign=-1.0)

    def p_below(self, bound: float) -> float:
        """One-sided p value of "the true value is at least ``bound``": small where it lies below."""
        return self._lower_tail(bound, sign=1.0)

    def _lower_tail(self, bound: float, *, sign: float) -> float:
        if math.isnan(bound):
            raise SampleError("a bound is NaN")
        if self.value is None or self.standard_error is None:
            return 1.0
        return float(stdtr(self.df, sign * (self.value - bound) / self.standard_error))


def student(sample: npt.ArrayLike, *, resolution: float = 0.0) -> MeanEstimate:
    """The mean of one sample (Student 1908).

    Args:
        sample: one value a seed, shape (n,).
        resolution: the step in which values come, where equal values can only mean a spread below it. The spread is
            then taken to be no smaller than one step.

    Raises:
        SampleError: the sample is not one-dimensional and finite, or ``resolution`` is negative.
    """
    if not resolution >= 0:
        raise SampleError(f"a resolution is 0 or a step, got {resolution}")
    values = checked(sample)
    return _estimate(_mean(values), values, resolution=resolution)


def prediction(*samples: npt.ArrayLike, paper_n: int) -> MeanEstimate:
    """A mean, or a difference of two, to be set against what another ``paper_n`` seeds gave.

    The standard error is s * sqrt(1/n + 1/paper_n) (Patil, Peng & Leek 2016), for two samples the root of the sum of
    both squares: the other means are over few seeds too, and their spread, which nobody printed, is taken to be ours.

    Args:
        samples: one or two samples, one value a seed, shape (n,) each; the second is subtracted.
        paper_n: seeds behind each of the other means, from 1.

    Raises:
        SampleError: a sample is not one-dimensional and finite, there are more than two, or ``paper_n`` is below 1.
    """
    if paper_n < 1:
        raise SampleError(f"a reported mean has at least one run behind it, got {paper_n}")
    arrays = tuple(map(checked, samples))
    match [_mean(values) for values in arrays]:
        case [value]:
            pass
        case [first, second]:
            value = None if first is None or second is None else first - second
        case _:
            raise SampleError(f"a mean or a difference is over one or two samples, got {len(arrays)}")
    return _estimate(value, *arrays, other_mean=1 / paper_n)


def welch(first: npt.ArrayLike, second: npt.ArrayLike) -> MeanEstimate:
    """The difference of two means, ``first`` minus ``second``, without assuming equal spreads (Welch 1947).

    Args:
        first: one value a seed, shape (n1,).
        second: one value a seed, shape (n2,), not paired with ``first``.

    Raises:
        SampleError: a sample is not one-dimensional and finite.
    """
    samples = checked(first), checked(second)
    means = _mean(samples[0]), _mean(samples[1])
    difference = None if means[0] is None or means[1] is None else means[0] - means[1]
    return _estimate(difference, *samples)


def _estimate(
    value: float | None, *samples: FloatArray, other_mean: float = 0.0, resolution: float = 0.0
) -> MeanEstimate:
    """Standard error and degrees of freedom (Satterthwaite 1946; n - 1 for one sample).

    ``other_mean`` is 1/n of a mean on the far side that shares the sample's spread, ``resolution`` the least spread.
    """
    n = min(len(sample) for sample in samples)
    sds = tuple(0.0 if n < 2 else max(_spread(sample), resolution) for sample in samples)
    if not any(sds):
        return MeanEstimate(value=value, standard_error=None, df=None, n=n, sds=())
    parts = [sd * math.sqrt(1 / len(sample) + other_mean) for sd, sample in zip(sds, samples, strict=True)]
    # hypot and shares of the whole, because squares of small spreads underflow.
    standard_error = math.hypot(*parts)
    shares = [(part / standard_error) ** 2 for part in parts]
    df = 1 / sum(share**2 / (len(sample) - 1) for share, sample in zip(shares, samples, strict=True))
    return MeanEstimate(value=value, standard_error=standard_error, df=df, n=n, sds=sds, other_mean=other_mean)


def _spread(sample: FloatArray) -> float:
    found = 0.0 if constant(sample) else deviation(sample)
    return found if found > _SMALLEST else 0.0


def between(df: float, fewest: float) -> float:
    """The harmonic mean of Satterthwaite's degrees of freedom and the fewest that they can be (see ``shared``)."""
    return 2 / (1 / df + 1 / fewest)


def checked(sample: npt.ArrayLike) -> FloatArray:
    """The sample as an array of shape (n,).

    Raises:
        SampleError: it is not one-dimensional and finite.
    """
    values = np.asarray(sample, dtype=np.float64)
    if values.ndim != 1:
        raise SampleError(f"a sample is a one-dimensional array of one value a seed, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise SampleError(f"a sample holds {values[~np.isfinite(values)][0]}; count a diverged run at chance level")
    return values


# Plain floats, because arrays of a few seeds cost numpy ten times as long; fsum, because it rounds once.


def _mean(values: FloatArray) -> float | None:
    return math.fsum(values.tolist()) / len(values) if len(values) else None


def deviation(values: FloatArray) -> float:
    """The standard deviation (n - 1) of at least two values."""
    numbers = values.tolist()
    mean = math.fsum(numbers) / len(numbers)
    return math.hypot(*(number - mean for number in numbers)) / math.sqrt(len(numbers) - 1)


def constant(values: FloatArray) -> bool:
    """Whether all values, at least one, are the same but for floating-point rounding."""
    numbers: list[float] = values.tolist()
    low, high = min(numbers), max(numbers)
    return high - low <= _ROUNDING * max(abs(low), abs(high))
