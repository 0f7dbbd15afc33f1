"""The largest, or any other by rank, of several true values."""

from __future__ import annotations

from collections.abc import Sequence

from bnrepro.stats.estimate import Estimate
from bnrepro.stats.multiplicity import shared
from bnrepro.stats.student import ConfidenceInterval, SampleError


def rank_interval(estimates: Sequence[Estimate], *, rank: int, alpha: float) -> ConfidenceInterval:
    """The interval of the ``rank``-th smallest of m true values, with error ``alpha`` a side, under any dependence.

        low  = the rank-th smallest lower bound, each at error alpha / rank
        high = the rank-th smallest upper bound, each at error alpha / (m - rank + 1)

    Let t be the rank-th smallest true value. ``high`` falls below t only if rank upper bounds do; at most rank - 1
    values are smaller than t, so one of those bounds belongs to one of the m - rank + 1 values from t up and misses
    it. Together these miss with at most alpha (Bonferroni). ``low`` is the mirror image. So every test that the
    interval answers is the partial conjunction p = (n - u + 1) p_(u) of Benjamini & Heller (2008).

    Args:
        estimates: m of them, at least one; one without bounds counts against either side.
        rank: from 1, the smallest, to m, the largest.
        alpha: error of one side, 0 < alpha < 0.5.

    Raises:
        SampleError: there is no such rank, or ``alpha`` is outside (0, 0.5).
    """
    if not 1 <= rank <= len(estimates):
        raise SampleError(f"{len(estimates)} values have no rank {rank}")
    above = len(estimates) - rank + 1
    lows = sorted(shared(estimate, rank).interval(alpha / rank).low for estimate in estimates)
    highs = sorted(shared(estimate, above).interval(alpha / above).high for estimate in estimates)
    return ConfidenceInterval(low=lows[rank - 1], high=highs[rank - 1], alpha=alpha)
