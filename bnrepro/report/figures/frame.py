"""The frame of a plot: its axes with ticks, titles and units."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bnrepro.report import svg
from bnrepro.report.value_axis import ValueAxis

_LETTER = 7.2
"""Width of a digit at the size of ticks."""
_MOST_TICKS = 6
_FEWEST_TICKS = 3

ACCURACY_AXIS = ValueAxis(low=0, high=100, ticks=(0, 20, 40, 60, 80, 100))
"""Of accuracies, the same in every figure."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where the plot lies within its image."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float

    def across(self, low: float, high: float, *, room: float = 0, log: bool = False) -> svg.Axis:
        """The horizontal axis, ``room`` left free at both ends."""
        return svg.Axis(low=low, high=high, start=self.left + room, stop=self.right - room, log=log)

    def up(self, axis: ValueAxis) -> svg.Axis:
        """The vertical axis."""
        return svg.Axis(low=axis.low, high=axis.high, start=self.bottom, stop=self.top)


LARGE = Frame(width=440, height=320, left=56, right=426, top=12, bottom=268)
SMALL = Frame(width=320, height=226, left=50, right=310, top=10, bottom=172)


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A place on the horizontal axis and what it is called."""

    at: float
    name: str


def draw_frame(frame: Frame, axis: ValueAxis, ticks: Iterable[Tick], *, across: str, up: str) -> list[Markup]:
    """Grid, ticks and the titles of both axes; a name that would run into its neighbour is left out."""
    vertical = frame.up(axis)
    parts = []
    for tick in axis.ticks:
        class_ = "axis" if tick == axis.low else "zero" if tick == 0 else "grid"
        parts.append(svg.line((frame.left, vertical(tick)), (frame.right, vertical(tick)), class_))
        parts.append(svg.label(svg.tick_text(tick), (frame.left - 7, vertical(tick) + 4), anchor="end"))
    free_from = 0.0
    for place in ticks:
        half = _LETTER * len(place.name) / 2
        parts.append(svg.line((place.at, frame.bottom), (place.at, frame.bottom + 4), "axis"))
        if place.at - half >= free_from and place.at + half <= frame.width:
            parts.append(svg.label(place.name, (place.at, frame.bottom + 18)))
            free_from = place.at + half + 3
    parts.append(svg.label(across, ((frame.left + frame.right) / 2, frame.bottom + 42), class_="axis-title"))
    parts.append(svg.upright(up, (13, (frame.top + frame.bottom) / 2), class_="axis-title"))
    return parts


def round_axis(values: Sequence[float], *, least_span: float) -> ValueAxis:
    """An axis in percent close around some values, its ends at round numbers from 0 to 100."""
    known = [min(max(value, 0.0), 100.0) for value in values] or [0.0]
    least, most = min(known), max(known)
    room = max(0.06 * (most - least), (least_span - (most - least)) / 2)
    low, high = max(least - room, 0.0), min(most + room, 100.0)
    step = svg.round_step(low, high, _MOST_TICKS)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(round(index * step, 12) for index in range(first, last + 1))
    return ValueAxis(low=ticks[0], high=ticks[-1], ticks=ticks)


def counted_ticks(low: float, high: float) -> tuple[float, ...]:
    """Round numbers for an axis of counts by logarithm: the powers of ten, and as many between them as it takes."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: tuple[float, ...] = ()
    for steps in ((1,), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8)):
        ticks = tuple(value for power in powers for step in steps if low <= (value := step * 10.0**power) <= high)
        if len(ticks) >= _FEWEST_TICKS:
            break
    return ticks


def step_path(edges: Sequence[float], heights: Sequence[float], ground: float) -> str:
    """The outline of a histogram as path data, in coordinates; from ground to ground, flat stretches in one step."""
    words = [f"M{svg.number(edges[0])} {svg.number(ground)}"]
    level = svg.number(ground)
    for edge, height in zip(edges, [*heights, ground], strict=True):
        if (next_level := svg.number(height)) != level:
            words.append(f"H{svg.number(edge)}V{next_level}")
            level = next_level
    return "".join([*words, f"H{svg.number(edges[-1])}"])
