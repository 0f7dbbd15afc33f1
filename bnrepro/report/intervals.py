"""Estimates and intervals drawn against the region in which a claim wants them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bnrepro.report import svg, text
from bnrepro.spec.results import CheckResult, Interval

_WIDTH = 380.0
_ROW = 26.0
_LETTER = 7.6
_AXIS = 38.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """One estimate; an empty ``label`` leaves its column away."""

    label: str
    estimate: float | None
    interval: Interval


def headline_figure(check: CheckResult) -> Markup:
    """The estimate that settles a check, against its region."""
    row = Row(label="", estimate=check.estimate, interval=check.interval)
    return _figure("headline", check, [row])


def networks_figure(check: CheckResult, identity: str) -> Markup:
    """Every network's estimate against the region of its check."""
    rows = [Row(label=str(part.network), estimate=part.estimate, interval=part.interval) for part in check.networks]
    return _figure(identity, check, rows)


def _figure(identity: str, check: CheckResult, rows: Sequence[Row]) -> Markup:
    drawn = [row for row in rows if row.estimate is not None]
    if not drawn:
        return Markup()
    signed = text.is_difference(check.unit)
    left = 14.0 + _LETTER * max(len(row.label) for row in drawn)
    axis = _axis(check, drawn, left)
    bottom = 14.0 + _ROW * len(drawn)
    parts = [_region(check.region, axis, bottom), *_ticks(axis, check.unit, bottom)]
    if axis.low <= 0 <= axis.high:
        parts.append(svg.line((axis(0), 6), (axis(0), bottom), "zero"))
    sentences = []
    for index, row in enumerate(drawn):
        parts.append(_row(row, axis, 14.0 + _ROW * (index + 0.5)))
        sentences.append(_sentence(row, signed=signed))
    description = f"{'; '.join(sentences)} ({check.unit}). Region: {text.region(check.region, signed=signed)}."
    return svg.drawing(
        identity, _WIDTH, bottom + _AXIS, "Estimate and interval against the region", description, *parts
    )


def _axis(check: CheckResult, rows: Sequence[Row], left: float) -> svg.Axis:
    bounds = [bound for row in rows for bound in row.interval] + list(check.region)
    values = [value for value in (*bounds, *(row.estimate for row in rows)) if value is not None]
    if text.is_difference(check.unit):
        values.append(0.0)
    # Room beyond the outermost value shows on which side a region or an interval goes on.
    room = 0.14 * (max(values) - min(values)) or 1.0
    return svg.Axis(low=min(values) - room, high=max(values) + room, start=left, stop=_WIDTH - 14)


def _region(region: Interval, axis: svg.Axis, bottom: float) -> Markup:
    low, high = region
    start = axis.start if low is None else axis(low)
    stop = axis.stop if high is None else axis(high)
    band = svg.element("rect", x=start, y=6, width=stop - start, height=bottom - 6, class_="region")
    edges = [svg.line((axis(edge), 6), (axis(edge), bottom), "edge") for edge in region if edge is not None]
    return Markup().join([band, *edges])


def _ticks(axis: svg.Axis, unit: str, bottom: float) -> list[Markup]:
    parts = [svg.line((axis.start, bottom), (axis.stop, bottom), "axis")]
    for tick in svg.round_ticks(axis.low, axis.high, 6):
        parts.append(svg.line((axis(tick), bottom), (axis(tick), bottom + 4), "axis"))
        parts.append(svg.label(svg.tick_text(tick), (axis(tick), bottom + 17)))
    parts.append(svg.label(unit, ((axis.start + axis.stop) / 2, bottom + 33), class_="axis-title"))
    return parts


def _row(row: Row, axis: svg.Axis, y: float) -> Markup:
    low, high = row.interval
    start = axis.start if low is None else axis(low)
    stop = axis.stop if high is None else axis(high)
    parts = [svg.line((start, y), (stop, y), "interval")]
    for x, bound, inward in ((start, low, 6), (stop, high, -6)):
        if bound is None:
            parts.append(svg.path(((x + inward, y - 5), (x, y), (x + inward, y + 5)), "interval"))
        else:
            parts.append(svg.line((x, y - 5), (x, y + 5), "interval"))
    if row.estimate is not None:
        parts.append(svg.marker("circle", (axis(row.estimate), y), 4.5, "estimate"))
    if row.label:
        parts.append(svg.label(row.label, (axis.start - 10, y + 4), anchor="end", class_="row-label"))
    return Markup().join(parts)


def _sentence(row: Row, *, signed: bool) -> str:
    value = "" if row.estimate is None else text.figure(row.estimate, signed=signed)
    return f"{row.label} {value}, interval {text.interval(row.interval, signed=signed)}".strip()
