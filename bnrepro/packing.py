"""Runs on workers, the longest first: when the last of them ends."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence


def end_of_all(seconds: Iterable[float], workers: int, *, busy: Sequence[float] = ()) -> float:
    """When the last run ends if each worker, as soon as it is free, begins the longest that waits.

    No order ends earlier than 3/4 of this, where all workers are free at first (Graham 1969: at most 4/3 of the best).

    Args:
        seconds: of each run that waits.
        workers: how many run at once, from 1.
        busy: seconds that each run under way still takes. Where there are more of them than workers, no new run
            begins before there are fewer.

    Returns:
        Seconds from now; 0 where there is nothing to do.
    """
    free = sorted([0.0] * (workers - len(busy)) + list(busy))[-workers:]
    last = free[-1]
    for length in sorted(seconds, reverse=True):
        end = free[0] + length
        heapq.heapreplace(free, end)
        last = max(last, end)
    return last
