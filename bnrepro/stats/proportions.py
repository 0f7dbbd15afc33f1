"""How often a thing happens, from few trials."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from scipy.special import betainc, betaincc, betainccinv, betaincinv

from bnrepro.stats.student import ConfidenceInterval, SampleError


@dataclass(frozen=True, kw_only=True)
class RateEstimate:
    """A rate in percent with exact binomial bounds and tails.

    Usage:
        estimate = RateEstimate(successes=5, trials=10)
        estimate.interval(0.05)     # Clopper & Pearson's 90 % interval
        estimate.p_above(20.0)      # one-sided p against "at most 20 %"

    Raises:
        SampleError: not 0 <= successes <= trials.
    """

    successes: int
    trials: int

    def __post_init__(self) -> None:
        if not 0 <= self.successes <= self.trials:
            raise SampleError(f"no rate has {self.successes} of {self.trials}")

    @property
    def value(self) -> float | None:
        """Percent; ``None`` where nothing was tried."""
        return 100 * self.successes / self.trials if self.trials else None

    @property
    def n(self) -> int:
        """Trials."""
        return self.trials

    def with_n(self, n: int) -> RateEstimate:
        """The same rate, as nearly as can be, from ``n`` trials, at least one of which were made already."""
        return RateEstimate(successes=round(n * self.successes / self.trials), trials=n)

    def interval(self, alpha: float) -> ConfidenceInterval:
        """The interval of Clopper & Pearson (1934) in percent, error ``alpha`` a side; the whole line without trials.

        Raises:
            SampleError: ``alpha`` is outside (0, 0.5).
        """
        if not self.trials:
            return ConfidenceInterval(low=-math.inf, high=math.inf, alpha=alpha)
        low = float(betaincinv(self.successes, self._others + 1, alpha)) if self.successes else 0.0
        high = float(betainccinv(self.successes + 1, self._others, alpha)) if self._others else 1.0
        return ConfidenceInterval(low=100 * low, high=100 * high, alpha=alpha)

    def p_above(self, bound: float) -> float:
        """One-sided p value of "the true rate is at most ``bound`` percent": the binomial's upper tail there."""
        rate = _rate(bound)
        if not self.trials or (not self.successes and rate >= 0):
            return 1.0
        return 0.0 if rate < 0 else float(betainc(self.successes, self._others + 1, min(rate, 1.0)))

    def p_below(self, bound: float) -> float:
        """One-sided p value of "the true rate is at least ``bound`` percent": the binomial's lower tail there."""
        rate = _rate(bound)
        if not self.trials or (not self._others and rate <= 1):
            return 1.0
        return 0.0 if rate > 1 else float(betaincc(self.successes + 1, self._others, max(rate, 0.0)))

    @property
    def _others(self) -> int:
        return self.trials - self.successes


def clopper_pearson_upper(successes: int, trials: int, *, alpha: float = 0.05) -> float:
    """Exact one-sided upper bound of a rate (Clopper & Pearson 1934); 1 where nothing was tried.

    None of 5 still leaves a rate of 45 % at ``alpha`` 0.05.

    Raises:
        SampleError: not 0 <= successes <= trials, or ``alpha`` outside (0, 0.5).
    """
    bound = RateEstimate(successes=successes, trials=trials).interval(alpha).high
    return bound / 100 if math.isfinite(bound) else 1.0


@cache
def boschloo(successes: int, trials: int, other_successes: int, other_trials: int) -> float:
    """One-sided p value of "the first rate is at most the second", by the exact test of Boschloo (1970).

    It takes Fisher's p value as the statistic and, for any common rate, the chance of one as small: more powerful
    than Fisher's own test, which fixes the sum of successes as well.

    Returns:
        p; 1 where either was never tried.

    Raises:
        SampleError: more successes than trials, or fewer than 0.
    """
    for count, total in ((successes, trials), (other_successes, other_trials)):
        if not 0 <= count <= total:
            raise SampleError(f"no rate has {count} of {total}")
    if not trials or not other_trials:
        return 1.0
    # scipy.stats is slow to import, and this check alone needs it (docs/decisions/005).
    from scipy.stats import boschloo_exact

    # Its columns are the two arms.
    counts = [[successes, other_successes], [trials - successes, other_trials - other_successes]]
    return float(boschloo_exact(counts, alternative="greater").pvalue)


def _rate(percent: float) -> float:
    if math.isnan(percent):
        raise SampleError("a bound is NaN")
    return percent / 100
