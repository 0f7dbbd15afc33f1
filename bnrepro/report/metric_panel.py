"""One metric, panel by panel: seeds, means and the paper's values, after the paper's Figure 2."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from markupsafe import Markup

from bnrepro.report import amounts, svg
from bnrepro.report.arms import ArmStyle
from bnrepro.report.measured import Measured, ends
from bnrepro.report.metric_names import metric_name
from bnrepro.report.panels import Panel, size_text
from bnrepro.report.value_axis import ValueAxis
from bnrepro.spec.arms import Arm
from bnrepro.spec.results import GroupSummary, PaperValue

_WIDTH, _HEIGHT = 440.0, 316.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 426.0, 12.0, 266.0
_DODGE = 13.0
_LONE_DODGE = 40.0
_BESIDE = 5.5
_LEAST_ROOM = 34.0
_LETTER = 7.2


def draw_panel(shown: Measured, panel: Panel, styles: Mapping[Arm, ArmStyle], identity: str) -> Markup:
    """One panel: chance, a line through each arm's means, ±1 standard deviation, every seed, the paper's values."""
    groups = [group for group in shown.groups if group.network in panel.places]
    arms = [arm for arm in styles if any(group.arm == arm for group in groups)]
    axis = shown.axis
    up = svg.Axis(low=axis.low, high=axis.high, start=_BOTTOM, stop=_TOP)
    across, dodge = _across(panel, len(arms))
    parts = [*_frame(shown, panel, axis, across, up), *_chance(shown.chance(panel.family), up)]
    described = []
    name = metric_name(shown.metric)
    for index, arm in enumerate(arms):
        style = styles[arm]
        own = sorted((group for group in groups if group.arm == arm), key=lambda group: panel.places[group.network])
        shift = (index - (len(arms) - 1) / 2) * dodge
        places = {group.network: across(panel.places[group.network]) + shift for group in own}
        means = [(places[group.network], up(group.mean)) for group in own if group.mean is not None]
        marks = [mark for mark in shown.paper_marks if mark.arm == arm and mark.network in places]
        parts.append(
            svg.element(
                "g",
                *([svg.path(means, "mean", stroke_dasharray=style.dash)] if means else []),
                *(_group(shown, group, places[group.network], up, style, min(_BESIDE, dodge / 2)) for group in own),
                *(_paper(mark, places[mark.network], up) for mark in marks if mark.network is not None),
                class_=style.css,
            )
        )
        described += [
            f"{style.label}, {group.network}: {amounts.told(group.mean, name.unit)}"
            for group in own
            if group.mean is not None
        ]
    title = f"{name.title}. {panel.title}"
    return svg.drawing(identity, _WIDTH, _HEIGHT, title, "; ".join(described) + ".", *parts)


def _across(panel: Panel, arms: int) -> tuple[svg.Axis, float]:
    """The axis of places, and how far the arms of one network stand apart so that they stay clear of its neighbours."""
    places = list(panel.places.values())
    line = svg.Axis(low=places[0], high=places[-1], start=0, stop=1, log=True)
    nearest = min((line(after) - line(before) for before, after in pairwise(places)), default=1e9)
    width = _RIGHT - _LEFT - 20
    # Room at both ends is taken from the axis, so spread <= 0.85 * nearest * (width - spread).
    dodge = _DODGE if len(places) > 1 else _LONE_DODGE
    spread = min(dodge * arms, 0.85 * nearest * width / (1 + 0.85 * nearest))
    room = max(_LEAST_ROOM, 10 + spread / 2)
    axis = svg.Axis(low=places[0], high=places[-1], start=_LEFT + room, stop=_RIGHT - room, log=True)
    return axis, spread / max(arms, 1)


def _frame(shown: Measured, panel: Panel, axis: ValueAxis, across: svg.Axis, up: svg.Axis) -> list[Markup]:
    parts = []
    for tick in axis.ticks:
        class_ = "axis" if tick == axis.low else "zero" if tick == 0 else "grid"
        parts.append(svg.line((_LEFT, up(tick)), (_RIGHT, up(tick)), class_))
        parts.append(svg.label(svg.tick_text(tick), (_LEFT - 7, up(tick) + 4), anchor="end"))
    free_from = _LEFT
    for place in panel.places.values():
        x, name = across(place), size_text(place)
        parts.append(svg.line((x, _BOTTOM), (x, _BOTTOM + 4), "axis"))
        if x - _LETTER * len(name) / 2 >= free_from:
            parts.append(svg.label(name, (x, _BOTTOM + 18)))
            free_from = x + _LETTER * len(name) / 2 + 2
    parts.append(svg.label(panel.axis_title, ((_LEFT + _RIGHT) / 2, _BOTTOM + 40), class_="axis-title"))
    parts.append(svg.upright(metric_name(shown.metric).axis_title, (13, (_TOP + _BOTTOM) / 2), class_="axis-title"))
    return parts


def _chance(value: float | None, up: svg.Axis) -> list[Markup]:
    if value is None:
        return []
    name = svg.label("chance", (_RIGHT - 2, up(value) - 5), anchor="end", class_="tick")
    return [svg.line((_LEFT, up(value)), (_RIGHT, up(value)), "chance"), name]


def _group(shown: Measured, group: GroupSummary, x: float, up: svg.Axis, style: ArmStyle, beside: float) -> Markup:
    parts = []
    if group.mean is not None and group.sd is not None:
        low, high = group.mean - group.sd, group.mean + group.sd
        parts.append(svg.line((x, up(max(low, up.low))), (x, up(min(high, up.high))), "sd"))
        # A bar that the plot's edge cuts off has no end to mark.
        ends = (end for end in (low, high) if up.low <= end <= up.high)
        parts += [svg.line((x - 3.5, up(end)), (x + 3.5, up(end)), "sd") for end in ends]
    if group.mean is not None:
        parts.append(svg.marker(style.shape, (x, up(group.mean)), 3.6, "mark"))
    parts += [
        svg.marker("cross", (x + beside, up(value)), 2.6, "diverged")
        if diverged
        else svg.marker("circle", (x + beside, up(value)), 1.5, "seed")
        for value, diverged in shown.seeds(group)
    ]
    return svg.element("g", *parts)


def _paper(mark: PaperValue, x: float, up: svg.Axis) -> Markup:
    """A diamond for a number, a hollow bar for a range."""
    bounds = [up(end) for end in ends(mark)]
    if len(bounds) == 1:
        return svg.marker("diamond", (x, bounds[0]), 4.6, "paper")
    return svg.element(
        "rect", x=x - 4, y=min(bounds), width=8, height=max(max(bounds) - min(bounds), 1), class_="paper"
    )
