"""Estimates and intervals drawn against the region in which a claim wants them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bnrepro.report import amounts, svg, text
from bnrepro.spec.results import CheckResult, Interval

_WIDTH = 380.0
_ROW = 26.0
_NAMED_ROW = 42.0
_LETTER = 7.6
_AXIS = 38.0
_TOP = 6.0
_MOST_BESIDE = 16
"""The longest label, in characters, that stands beside its row; longer ones stand above theirs."""
_MOST_ABOVE = 50
_LINE_WIDTH, _LINE_HEIGHT = 170.0, 22.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """One estimate against its region; an empty ``label`` leaves its column away."""

    label: str
    estimate: float | None
    interval: Interval
    region: Interval


def headline_figure(check: CheckResult) -> Markup:
    """The estimate that settles a check, against its region."""
    row = Row(label="", estimate=check.estimate, interval=check.interval, region=check.region)
    return _figure("headline", check.unit, [row])


def line_figure(check: CheckResult) -> Markup:
    """The estimate that settles a check, against its region, as high as a line of text.

    It has no ticks and is hidden from those who listen: the numbers stand beside it.
    """
    if check.estimate is None:
        return Markup()
    row = Row(label="", estimate=check.estimate, interval=check.interval, region=check.region)
    axis = _axis(check.unit, [row], 2.0, _LINE_WIDTH - 2.0)
    return svg.element(
        "svg",
        *_background(check.region, axis, 0.0, _LINE_HEIGHT),
        svg.line((axis.start, _LINE_HEIGHT), (axis.stop, _LINE_HEIGHT), "axis"),
        _row(row, axis, _LINE_HEIGHT / 2),
        viewBox=f"0 0 {svg.number(_LINE_WIDTH)} {svg.number(_LINE_HEIGHT)}",
        class_="effect",
        aria_hidden="true",
    )


def share_figure(agreeing: int, compared: int) -> Markup:
    """How many of some exact counts agree, as high as a line of text."""
    top, height, cut = 6.0, 10.0, _LINE_WIDTH * agreeing / compared
    return svg.element(
        "svg",
        svg.element("rect", x=0, y=top, width=cut, height=height, class_="agrees"),
        svg.element("rect", x=cut, y=top, width=_LINE_WIDTH - cut, height=height, class_="differs"),
        viewBox=f"0 0 {svg.number(_LINE_WIDTH)} {svg.number(_LINE_HEIGHT)}",
        class_="effect",
        aria_hidden="true",
    )


def parts_figure(check: CheckResult, identity: str) -> Markup:
    """Every part's estimate, each against its own region; a part alone needs no name."""
    several = len(check.parts) > 1
    rows = [
        Row(
            label=part.name if several else "",
            estimate=part.estimate,
            interval=part.interval,
            region=part.region,
        )
        for part in check.parts
    ]
    return _figure(identity, check.unit, rows)


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """Where rows and labels stand."""

    left: float
    row: float
    above: bool
    """Whether labels stand above their rows."""

    def top(self, index: int) -> float:
        return _TOP + 8.0 + self.row * index

    def middle(self, index: int) -> float:
        return self.top(index) + (self.row - _ROW / 2 if self.above else self.row / 2)

    def band(self, index: int) -> tuple[float, float]:
        """Top and bottom of what belongs to one row alone, clear of its label."""
        return self.middle(index) - _ROW / 2 + 2, self.middle(index) + _ROW / 2 - 2


def _layout(rows: Sequence[Row]) -> _Layout:
    longest = max(len(row.label) for row in rows)
    if longest > _MOST_BESIDE:
        return _Layout(left=14.0, row=_NAMED_ROW, above=True)
    return _Layout(left=14.0 + _LETTER * longest, row=_ROW, above=False)


def _figure(identity: str, unit: str, rows: Sequence[Row]) -> Markup:
    drawn = [row for row in rows if row.estimate is not None]
    if not drawn:
        return Markup()
    layout = _layout(drawn)
    axis = _axis(unit, drawn, layout.left, _WIDTH - 14)
    bottom = layout.top(len(drawn))
    regions = [row.region for row in drawn]
    parts = []
    if len(set(regions)) == 1 and not layout.above:
        parts += _background(regions[0], axis, _TOP, bottom)
    else:
        for index, region in enumerate(regions):
            parts += _background(region, axis, *layout.band(index))
    parts += _ticks(axis, unit, bottom)
    for index, row in enumerate(drawn):
        parts += [_row(row, axis, layout.middle(index)), _label(row, axis, layout, index)]
    sentences = "; ".join(_sentence(row, unit) for row in drawn)
    return svg.drawing(
        identity, _WIDTH, bottom + _AXIS, "Estimate and interval against the region", f"{sentences}.", *parts
    )


def _axis(unit: str, rows: Sequence[Row], start: float, stop: float) -> svg.Axis:
    bounds = [bound for row in rows for bound in (*row.interval, *row.region, row.estimate)]
    values = [value for value in bounds if value is not None]
    if amounts.is_difference(unit):
        values.append(0.0)
    # Room beyond the outermost value shows on which side a region or an interval goes on.
    room = 0.14 * (max(values) - min(values)) or 1.0
    return svg.Axis(low=min(values) - room, high=max(values) + room, start=start, stop=stop)


def _background(region: Interval, axis: svg.Axis, top: float, bottom: float) -> list[Markup]:
    """A region, its edges, and zero."""
    low, high = region
    start = axis.start if low is None else axis(low)
    stop = axis.stop if high is None else axis(high)
    parts = [svg.element("rect", x=start, y=top, width=stop - start, height=bottom - top, class_="region")]
    parts += [svg.line((axis(edge), top), (axis(edge), bottom), "edge") for edge in region if edge is not None]
    if axis.low <= 0 <= axis.high:
        parts.append(svg.line((axis(0), top), (axis(0), bottom), "zero"))
    return parts


def _ticks(axis: svg.Axis, unit: str, bottom: float) -> list[Markup]:
    parts = [svg.line((axis.start, bottom), (axis.stop, bottom), "axis")]
    ticks = svg.round_ticks(axis.low, axis.high, 6)
    widest = max(len(svg.tick_text(tick)) for tick in ticks)
    if widest * _LETTER * len(ticks) > 0.8 * (axis.stop - axis.start):
        ticks = svg.round_ticks(axis.low, axis.high, 3)
    for tick in ticks:
        parts.append(svg.line((axis(tick), bottom), (axis(tick), bottom + 4), "axis"))
        parts.append(svg.label(svg.tick_text(tick), (axis(tick), bottom + 17)))
    title = text.abbreviated(amounts.unit_name(unit), _MOST_ABOVE)
    parts.append(svg.label(title, ((axis.start + axis.stop) / 2, bottom + 33), class_="axis-title"))
    return parts


def _row(row: Row, axis: svg.Axis, y: float) -> Markup:
    """An estimate and its interval at a height."""
    low, high = row.interval
    parts = []
    if low is None or high is None or low < high:
        start = axis.start if low is None else axis(low)
        stop = axis.stop if high is None else axis(high)
        parts.append(svg.line((start, y), (stop, y), "interval"))
        for x, bound, inward in ((start, low, 6), (stop, high, -6)):
            if bound is None:
                parts.append(svg.path(((x + inward, y - 5), (x, y), (x + inward, y + 5)), "interval"))
            else:
                parts.append(svg.line((x, y - 5), (x, y + 5), "interval"))
    if row.estimate is not None:
        parts.append(svg.marker("circle", (axis(row.estimate), y), 4.5, "estimate"))
    return Markup().join(parts)


def _label(row: Row, axis: svg.Axis, layout: _Layout, index: int) -> Markup:
    y = layout.middle(index)
    if not row.label:
        return Markup()
    if layout.above:
        name = text.abbreviated(row.label, _MOST_ABOVE)
        return svg.label(name, (axis.start, y - _ROW / 2 - 2), anchor="start", class_="row-label")
    return svg.label(row.label, (axis.start - 10, y + 4), anchor="end", class_="row-label")


def _sentence(row: Row, unit: str) -> str:
    value = "" if row.estimate is None else amounts.told(row.estimate, unit)
    told = f"{row.label} {value}".strip()
    interval, region = amounts.interval(row.interval, unit), amounts.region(row.region, unit)
    return f"{told}, interval {interval}, region {region}"
