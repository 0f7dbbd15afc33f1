"""How many seeds an open question still needs."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence

from scipy.special import stdtrit

from bnrepro.stats.student import SampleError, between


def seeds_needed(
    sds: Sequence[float], distance: float, *, alpha: float, at_most: int, other_mean: float = 0.0, share: bool = False
) -> int | None:
    """The fewest seeds a sample at which the interval's half-width falls below ``distance``.

    The spread and the estimate are taken as they stand, so this is about the median of what it
    takes, not a promise.

    Args:
        sds: standard deviation of each sample, one for a mean and two for a difference.
        distance: from the estimate to the bound that the interval must not reach.
        alpha: error of one side.
        at_most: the largest number worth naming.
        other_mean: 1/n of a reported mean with the same spread (see ``prediction``).
        share: whether ``alpha`` is a share of an error (see ``shared``).

    Returns:
        From 2 to ``at_most``; ``None`` where even ``at_most`` seeds would not do.

    Raises:
        SampleError: a spread is negative, or all are 0 and so tell nothing.
    """
    total = math.hypot(*sds)
    if min(sds, default=0.0) < 0 or not total > 0:
        raise SampleError(f"no number of seeds follows from the spreads {list(sds)}")
    # Satterthwaite's degrees of freedom at n seeds in every sample, divided by n - 1.
    df_per_seed = 1 / sum((sd / total) ** 4 for sd in sds)
    if share:
        df_per_seed = between(df_per_seed, 1)

    def half_width(n: int) -> float:
        return float(stdtrit(df_per_seed * (n - 1), 1 - alpha)) * total * math.sqrt(1 / n + other_mean)

    # Every seed narrows the interval, so the negated half-widths are sorted.
    candidates = range(2, at_most + 1)
    position = bisect.bisect_right(candidates, -distance, key=lambda n: -half_width(n))
    return candidates[position] if position < len(candidates) else None
