"""A claim's verdicts and one estimate of it, night by night."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from bnrepro.history.night import CheckOutcome
from bnrepro.report import amounts, svg, text
from bnrepro.report.curves import thinned
from bnrepro.report.words import sign, tone
from bnrepro.spec.results import Interval
from bnrepro.spec.scale import Verdict

_WIDTH = 480.0
_LEAST_LEFT, _RIGHT = 46.0, 464.0
_LETTER = 7.6
_MOST_UNIT = 24
_STRIP_TOP, _STRIP, _BAR = 4.0, 24.0, 14.0
_STEPS = {"good": 0.0, "open": 5.0, "none": 5.0, "bad": 10.0}
"""How far below the strip's top a verdict's bar begins: height tells bars apart that are too narrow for a sign."""
_TOP, _BOTTOM = 40.0, 176.0
_MOST_TICKS, _MOST_NIGHTS_NAMED = 5, 7
_ROOM_FOR_SIGN = 12.0
_MOST_LARGE_DOTS = 40
_SHAPES = ("circle", "square", "triangle", "wedge")


@dataclass(frozen=True, kw_only=True)
class Place:
    """One night."""

    sequence: int
    verdict: Verdict
    check: CheckOutcome | None
    """What is drawn below the verdict; nothing where it has no estimate."""
    whole: bool
    """Whether the claim was asked as its file declares it."""
    device: int
    """Place of its kind of device among those of the figure."""


def draw_trend(places: Sequence[Place], unit: str, told: str) -> Markup:
    """The figure: a strip of verdicts, and below it estimate and interval of every night against the region.

    Args:
        places: the nights, oldest first; two at least.
        unit: of the estimates.
        told: the figure in a sentence, for who cannot see it.
    """
    drawn = [
        (index, place.check) for index, place in enumerate(places) if place.check and place.check.estimate is not None
    ]
    bottom = _BOTTOM if drawn else _STRIP_TOP + _STRIP + 4
    up = _upward([check for _, check in drawn], unit)
    ticks = svg.round_ticks(up.low, up.high, _MOST_TICKS)
    left = max(_LEAST_LEFT, 24 + _LETTER * max(len(svg.tick_text(tick)) for tick in ticks)) if drawn else _LEAST_LEFT
    across = svg.Axis(low=-0.5, high=len(places) - 0.5, start=left, stop=_RIGHT)
    parts = _strip(places, across, bottom if drawn else None)
    if drawn:
        parts = [*_regions(drawn, across, up), *_grid(ticks, up, left, unit), *parts]
        parts += [_estimate(places[index], check, across(index), up, len(places)) for index, check in drawn]
    parts.append(svg.line((left, bottom), (_RIGHT, bottom), "axis"))
    for index in thinned(range(len(places)), _MOST_NIGHTS_NAMED):
        parts.append(svg.line((across(index), bottom), (across(index), bottom + 4), "axis"))
        parts.append(svg.label(str(places[index].sequence), (across(index), bottom + 17)))
    parts.append(svg.label("night", ((left + _RIGHT) / 2, bottom + 34), class_="axis-title"))
    return svg.drawing("trend", _WIDTH, bottom + 40, "Verdict and estimate, night by night", told, *parts)


def _strip(places: Sequence[Place], across: svg.Axis, bottom: float | None) -> list[Markup]:
    """One bar for each spell of one verdict, its sign where there is room, and a line where the next spell begins.

    Verdicts that hold stand highest, those that fail lowest.
    """
    parts = []
    for _, group in groupby(enumerate(places), key=lambda each: each[1].verdict.value):
        spell = list(group)
        first, verdict = spell[0][0], spell[0][1].verdict
        start, stop = across(first - 0.5), across(spell[-1][0] + 0.5)
        top = _STRIP_TOP + _STEPS[tone(verdict)]
        width = max(stop - start - 1, 1)
        bar = svg.element("rect", x=start, y=top, width=width, height=_BAR, style="fill:var(--tone)")
        mark = svg.element(
            "text",
            sign(verdict),
            x=start + width / 2,
            y=top + _BAR - 2.5,
            text_anchor="middle",
            style="fill:var(--page);font-weight:700",
        )
        parts.append(svg.element("g", bar, *([mark] if stop - start >= _ROOM_FOR_SIGN else []), class_=tone(verdict)))
        if first and bottom is not None:
            parts.append(svg.line((start, _STRIP_TOP + _STRIP), (start, bottom), "zero"))
    return parts


def _upward(checks: Sequence[CheckOutcome], unit: str) -> svg.Axis:
    bounds = [bound for check in checks for bound in (*check.interval, *check.region, check.estimate)]
    values = [bound for bound in bounds if bound is not None]
    if amounts.is_difference(unit) or not values:
        values.append(0.0)
    # Room beyond the outermost value shows on which side a region or an interval goes on.
    room = 0.08 * (max(values) - min(values)) or 1.0
    return svg.Axis(low=min(values) - room, high=max(values) + room, start=_BOTTOM, stop=_TOP)


def _grid(ticks: Sequence[float], up: svg.Axis, left: float, unit: str) -> list[Markup]:
    parts = []
    for tick in ticks:
        parts.append(svg.line((left, up(tick)), (_RIGHT, up(tick)), "zero" if tick == 0 else "grid"))
        parts.append(svg.label(svg.tick_text(tick), (left - 6, up(tick) + 4.5), anchor="end"))
    title = text.abbreviated(amounts.unit_name(unit), _MOST_UNIT)
    parts.append(svg.upright(title, (12, (_TOP + _BOTTOM) / 2), class_="axis-title"))
    return parts


def _regions(drawn: Sequence[tuple[int, CheckOutcome]], across: svg.Axis, up: svg.Axis) -> list[Markup]:
    """The region of each night, those of neighbours that agree as one."""
    parts = []
    for region, group in groupby(drawn, key=lambda each: each[1].region):
        indices = [index for index, _ in group]
        parts += _region(region, across(indices[0] - 0.5), across(indices[-1] + 0.5), up)
    return parts


def _region(region: Interval, start: float, stop: float, up: svg.Axis) -> list[Markup]:
    low, high = region
    top = up.stop if high is None else up(high)
    bottom = up.start if low is None else up(low)
    parts = [svg.element("rect", x=start, y=top, width=stop - start, height=bottom - top, class_="region")]
    return parts + [svg.line((start, up(edge)), (stop, up(edge)), "edge") for edge in region if edge is not None]


def _estimate(place: Place, check: CheckOutcome, x: float, up: svg.Axis, nights: int) -> Markup:
    low, high = check.interval
    parts = []
    if low is None or high is None or low < high:
        start = up.start if low is None else up(low)
        stop = up.stop if high is None else up(high)
        width = "stroke-width:2" if nights <= _MOST_LARGE_DOTS else "stroke-width:1"
        parts.append(svg.element("line", x1=x, y1=start, x2=x, y2=stop, style=width))
    size = 3.6 if nights <= _MOST_LARGE_DOTS else 2.0
    dot = svg.marker(_SHAPES[place.device % len(_SHAPES)], (x, up(check.estimate or 0.0)), size, "estimate")
    if not place.whole:
        dot = svg.element("g", dot, style="--ink:var(--muted)")
    return svg.element("g", *parts, dot)
