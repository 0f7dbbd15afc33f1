"""What a number of seeds can settle, worked out before anything is measured.

Power is the chance that an interval comes out strictly inside its region. It is taken for a spread that somebody
assumes, so it serves planning and enters no verdict.

One quadrature gives the power of one-sided and of two one-sided tests alike. With one bound it is the tail of the
noncentral t distribution; the tests hold it to that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from scipy.special import betaincinv, chdtr, chdtri, gammaln, nctdtrinc, ndtr, stdtrit, xlogy

from bnrepro.stats.proportions import RateEstimate
from bnrepro.stats.student import FloatArray, SampleError, between

USUAL_POWER = 0.8
"""The chance of an answer at which a difference counts as resolved (Cohen 1988)."""

_TAIL = 9.0
"""Standard errors beyond which a normal tail is below 1e-18."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A mean, a difference of means or a weighted sum of them, as it will be estimated.

    Usage:
        five = planned_mean(1.0, 1.0, n=5)          # a difference of two means
        power_to_hold(five, below=2, above=2, alpha=0.05)
        resolved_distance(five, alpha=0.05)
    """

    standard_error: float
    """True one, in the unit of the values."""
    df: float
    """Degrees of freedom of its estimate; 0 where one seed tells nothing about the spread."""

    def half_width(self, alpha: float) -> float:
        """About what the interval with error ``alpha`` a side will reach either way; infinite from one seed."""
        _check_alpha(alpha)
        return float(stdtrit(self.df, 1 - alpha)) * self.standard_error if self.df else math.inf


def planned_mean(*sds: float, n: int, other_mean: float = 0.0, share: bool = False) -> Planned:
    """A mean, or a difference of two, over ``n`` seeds each.

    At equal n the two standard errors of Welch and of the pooled test are the same; the degrees of freedom are
    Satterthwaite's (1946) for the true spreads, 2 (n - 1) where they are equal. Welch estimates them anew from each
    sample, which costs a little power that is not counted here.

    Args:
        sds: the assumed standard deviation between seeds of each sample, one or two.
        n: seeds, from 1.
        other_mean: 1/n of a reported mean with the same spread (see ``prediction``).
        share: whether it will be held at a share of an error (see ``shared``).

    Raises:
        SampleError: a spread is not above 0, or ``n`` is below 1.
    """
    if not sds or not all(0 < sd < math.inf for sd in sds) or n < 1:
        raise SampleError(f"planning needs spreads above 0 and at least one seed, got {list(sds)} and {n}")
    total = math.hypot(*sds)
    df = (n - 1) / sum((sd / total) ** 4 for sd in sds)
    if share and n > 1:
        df = between(df, n - 1)
    return Planned(standard_error=total * math.sqrt(1 / n + other_mean), df=df)


def power_to_hold(
    planned: Planned, *, below: float, above: float, alpha: float, alpha_above: float | None = None
) -> float:
    """The chance that the interval with error ``alpha`` a side lies strictly between two bounds.

    Both one-sided tests reject (Schuirmann 1987); the exact power of that (Phillips 1990) is

        E[max(0, Φ(above/se - t u) - Φ(t u - below/se))],  u = s/σ, df u² chi-square on df

    which is integrated numerically over u. With one bound infinite it is the power of the one-sided t test.

    Args:
        planned: the estimate.
        below: from the true value down to the lower bound; infinite where there is none, negative outside.
        above: from the true value up to the upper bound, likewise.
        alpha: error of one side, 0 < alpha < 0.5.
        alpha_above: of the upper side, where it is another.

    Returns:
        From 0 to 1, to about 1e-9; 0 from one seed, whose interval is the whole line, unless no bound is asked.

    Raises:
        SampleError: a distance is NaN, or ``alpha`` is outside (0, 0.5).
    """
    alphas = (alpha, alpha if alpha_above is None else alpha_above)
    for each in alphas:
        _check_alpha(each)
    if math.isnan(below) or math.isnan(above):
        raise SampleError("a bound is NaN")
    if below == above == math.inf:
        return 1.0
    if not planned.df or below + above <= 0:
        return 0.0
    df = planned.df
    t_low, t_high = (float(stdtrit(df, 1 - each)) for each in alphas)
    low, high = below / planned.standard_error, above / planned.standard_error
    # Beyond these u the interval is wider than the region, or u itself has no chance worth counting.
    most = min((low + high) / (t_low + t_high), math.sqrt(float(chdtri(df, 1e-16)) / df))
    turns = [
        (edge + step) / t
        for edge, t in ((low, t_low), (high, t_high))
        if math.isfinite(edge)
        for step in (-_TAIL, 0, _TAIL)
    ]
    pieces = sorted({0.0, most, most / 2, 1.0, *turns})
    edges = [edge for edge in pieces if 0 <= edge <= most]
    nodes, weights = _quadrature()
    total = 0.0
    for start, end in pairwise(edges):
        u = start + (end - start) * (nodes + 1) / 2
        inside = ndtr(high - t_high * u) - ndtr(t_low * u - low)
        total += (end - start) / 2 * float(weights @ (inside * _density(u, df)))
    return min(max(total, 0.0), 1.0)


@cache
def _quadrature() -> tuple[FloatArray, FloatArray]:
    """Gauss and Legendre's nodes on [-1, 1] and their weights, found when a plan first asks."""
    nodes, weights = np.polynomial.legendre.leggauss(64)
    return nodes, weights


def resolved_distance(planned: Planned, *, alpha: float, power: float = USUAL_POWER) -> float:
    """The smallest distance between a true value and one bound that the interval tells with a given chance.

    The noncentrality at which t exceeds its quantile with that chance, times the standard error.

    Returns:
        In the unit of the values, to about 1e-5 of it; infinite from one seed.

    Raises:
        SampleError: ``alpha`` is outside (0, 0.5), or ``power`` outside [0.5, 1).
    """
    _check_alpha(alpha)
    _check_power(power)
    if not planned.df:
        return math.inf
    quantile = float(stdtrit(planned.df, 1 - alpha))
    return float(nctdtrinc(planned.df, 1 - power, quantile)) * planned.standard_error


def sd_power_to_hold(ratio: float, *, n: int, alpha: float) -> float:
    """The chance that the chi-square upper bound of a spread falls below a given one.

    Args:
        ratio: the true standard deviation over that bound, above 0.
        n: seeds.
        alpha: error of one side, 0 < alpha < 0.5.

    Raises:
        SampleError: ``ratio`` is not above 0, or ``alpha`` is outside (0, 0.5).
    """
    _check_alpha(alpha)
    if not ratio > 0:
        raise SampleError(f"a ratio of spreads is above 0, got {ratio}")
    return float(chdtr(n - 1, float(chdtri(n - 1, 1 - alpha)) / ratio**2)) if n > 1 else 0.0


def resolved_sd_ratio(*, n: int, alpha: float, power: float = USUAL_POWER) -> float:
    """The largest true standard deviation, over a bound, that is shown to lie below that bound with a given chance.

    Returns:
        Below 1; 0 from one seed.

    Raises:
        SampleError: ``alpha`` is outside (0, 0.5), or ``power`` outside [0.5, 1).
    """
    _check_alpha(alpha)
    _check_power(power)
    return math.sqrt(float(chdtri(n - 1, 1 - alpha)) / float(chdtri(n - 1, 1 - power))) if n > 1 else 0.0


def clean_runs_to_refute(percent: float, *, alpha: float, parts: int = 1) -> int:
    """The fewest runs of which none fails that refute "at least so many percent fail".

    None of n has chance (1 - rate)^n where the rate is true, which must fall below ``alpha`` (Clopper & Pearson 1934),
    or below ``alpha`` over the number of parts for the first that Holm (1979) rejects: 14 for 20 % at 0.05.

    Raises:
        SampleError: ``percent`` is outside (0, 100), ``alpha`` outside (0, 0.5), or ``parts`` below 1.
    """
    _check_alpha(alpha)
    if not 0 < percent < 100 or parts < 1:
        raise SampleError(f"planning needs a rate between 0 and 100 % and a part, got {percent} and {parts}")
    runs = math.floor(math.log(alpha / parts) / math.log1p(-percent / 100)) + 1
    return max(runs, 1)


def failures_to_hold(percent: float, *, trials: int, alpha: float) -> int | None:
    """The fewest failures in so many runs that put Clopper & Pearson's (1934) lower bound above a rate.

    Returns:
        ``None`` where even failures in all runs would not.

    Raises:
        SampleError: ``alpha`` is outside (0, 0.5).
    """
    _check_alpha(alpha)
    bounds = (RateEstimate(successes=k, trials=trials).interval(alpha).low for k in range(trials + 1))
    return next((failures for failures, low in enumerate(bounds) if low > percent), None)


def rate_for(failures: int, *, trials: int, power: float = USUAL_POWER) -> float:
    """The true rate, in percent, at which at least so many of the trials fail with a given chance.

    The binomial's upper tail is a regularised incomplete beta function of the rate, inverted here.

    Raises:
        SampleError: not 1 <= failures <= trials, or ``power`` outside [0.5, 1).
    """
    _check_power(power)
    if not 1 <= failures <= trials:
        raise SampleError(f"no rate makes at least {failures} of {trials} fail with a chance below 1")
    return 100 * float(betaincinv(failures, trials - failures + 1, power))


def _density(u: FloatArray, df: float) -> FloatArray:
    """Of the root of a chi-square over its degrees of freedom, at u >= 0."""
    constant = math.log(2) + df / 2 * math.log(df / 2) - float(gammaln(df / 2))
    return np.asarray(np.exp(constant + xlogy(df - 1, u) - df * u * u / 2))


def _check_alpha(alpha: float) -> None:
    if not 0 < alpha < 0.5:
        raise SampleError(f"alpha is the error of one side, between 0 and 0.5, got {alpha}")


def _check_power(power: float) -> None:
    if not 0.5 <= power < 1:
        raise SampleError(f"a power worth planning for is from 0.5 to below 1, got {power}")
