"""The axis of a metric's values: from 0 to 100 for accuracies, else round numbers around the data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bnrepro.report import svg
from bnrepro.spec.metrics import Metric, Unit

_MOST_TICKS = 6
_LEAST_SPAN = {Unit.PERCENT: 1.0, Unit.POINTS: 1.0}
_USUAL_LEAST_SPAN = 0.02


@dataclass(frozen=True, kw_only=True)
class ValueAxis:
    """Where an axis begins and ends, and its ticks, both ends among them."""

    low: float
    high: float
    ticks: tuple[float, ...]


def value_axis(metric: Metric, values: Sequence[float]) -> ValueAxis:
    """An axis on which every value lies; accuracies keep theirs from report to report.

    Zero is on it where it is no farther from the values than they are from each other. Shares stay within 0 and 100 %.
    """
    if metric in {Metric.TEST_ACCURACY, Metric.TOP5_ACCURACY}:
        return ValueAxis(low=0, high=100, ticks=(0, 20, 40, 60, 80, 100))
    least, most = min(values, default=0.0), max(values, default=0.0)
    span = max(most - least, _LEAST_SPAN.get(metric.unit, _USUAL_LEAST_SPAN))
    # A little room, so that the edge cuts no mark.
    low = 0.0 if 0 <= least <= span else (least + most) / 2 - 0.55 * span
    high = 0.0 if least < 0 and -span <= most <= 0 else (least + most) / 2 + 0.55 * span
    if metric.unit is Unit.PERCENT and not metric.is_change:
        low, high = max(low, 0.0), min(high, 100.0)
    step = svg.round_step(low, high, _MOST_TICKS)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(round(index * step, 12) for index in range(first, last + 1))
    return ValueAxis(low=ticks[0], high=ticks[-1], ticks=ticks)
