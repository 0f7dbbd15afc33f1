"""Test accuracy against epoch: one small plot a network, one thin line a run."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

from markupsafe import Markup

from bnrepro.report import svg
from bnrepro.report.arms import ArmStyle
from bnrepro.spec.arms import Arm
from bnrepro.spec.networks import Network
from bnrepro.spec.results import RunRow
from bnrepro.spec.run import EpochRecord

_WIDTH, _HEIGHT = 320.0, 214.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 310.0, 10.0, 166.0
_MOST_POINTS = 120
_SMALL_WIDTH, _SMALL_HEIGHT, _SMALL_EDGE = 240.0, 64.0, 5.0
_MOST_SMALL_POINTS = 40
_MOST_COLUMNS = 7

Item = TypeVar("Item")


def thinned(items: Sequence[Item], most: int) -> tuple[Item, ...]:
    """At most ``most`` items at even steps, the first and the last always among them."""
    if len(items) <= most:
        return tuple(items)
    last = len(items) - 1
    return tuple(items[round(index * last / (most - 1))] for index in range(most))


def drops(curve: Sequence[EpochRecord]) -> tuple[int, ...]:
    """The epochs whose learning rate is below that of the epoch before."""
    return tuple(after.epoch for before, after in pairwise(curve) if after.lr < before.lr)


def shown_epochs(runs: Sequence[RunRow]) -> tuple[int, ...]:
    """The epochs that the table behind the curves lists."""
    epochs = sorted({point.epoch for run in runs for point in run.curve})
    return thinned(epochs, _MOST_COLUMNS)


def draw_curves(network: Network, runs: Sequence[RunRow], styles: dict[Arm, ArmStyle], identity: str) -> Markup:
    """The curves of one network's runs, the drops of the learning rate marked."""
    epochs = [point.epoch for run in runs for point in run.curve]
    across = svg.Axis(low=min(epochs), high=max(epochs), start=_LEFT, stop=_RIGHT)
    up = svg.Axis(low=0, high=100, start=_BOTTOM, stop=_TOP)
    parts = _frame(across, up)
    for epoch in sorted({epoch for run in runs for epoch in drops(run.curve)}):
        # The lower rate holds from the start of its epoch, half a step before the epoch's own mark.
        x = across(epoch - 0.5)
        parts.append(svg.line((x, _TOP), (x, _BOTTOM), "drop"))
    parts += [_curve(run, across, up, styles[run.arm]) for run in runs if run.curve]
    return svg.drawing(
        identity,
        _WIDTH,
        _HEIGHT,
        f"Training curves of {network}",
        f"Test accuracy in percent after each epoch, {len(runs)} runs; the table below lists chosen epochs.",
        *parts,
    )


def draw_small_curve(run: RunRow, style: ArmStyle) -> Markup:
    """The curve of one run, from 0 to 100 %, without ticks; nothing where no epoch was finished."""
    if not run.curve:
        return Markup()
    points = thinned(run.curve, _MOST_SMALL_POINTS)
    first, last = points[0], points[-1]
    across = svg.Axis(low=first.epoch, high=last.epoch, start=_SMALL_EDGE, stop=_SMALL_WIDTH - _SMALL_EDGE)
    up = svg.Axis(low=0, high=100, start=_SMALL_HEIGHT - 1, stop=1)
    marks = [(across(point.epoch), up(point.test_accuracy)) for point in points]
    return svg.element(
        "svg",
        *(svg.line((0, up(share)), (_SMALL_WIDTH, up(share)), "axis" if share == 0 else "grid") for share in (0, 100)),
        svg.path(marks, "mean"),
        svg.marker("cross" if run.status == "diverged" else "circle", marks[-1], 3, "diverged mark"),
        viewBox=f"0 0 {svg.number(_SMALL_WIDTH)} {svg.number(_SMALL_HEIGHT)}",
        class_=f"small-curve {style.css}",
        role="img",
        aria_label=f"Test accuracy from {first.test_accuracy:.1f} % after epoch {first.epoch} to "
        f"{last.test_accuracy:.1f} % after epoch {last.epoch}, on a scale from 0 to 100 %",
    )


def _frame(across: svg.Axis, up: svg.Axis) -> list[Markup]:
    parts = []
    for share in range(0, 101, 25):
        parts.append(svg.line((_LEFT, up(share)), (_RIGHT, up(share)), "axis" if share == 0 else "grid"))
        parts.append(svg.label(str(share), (_LEFT - 6, up(share) + 4), anchor="end"))
    for tick in filter(float.is_integer, svg.round_ticks(across.low, across.high, 6)):
        parts.append(svg.line((across(tick), _BOTTOM), (across(tick), _BOTTOM + 4), "axis"))
        parts.append(svg.label(svg.tick_text(tick), (across(tick), _BOTTOM + 17)))
    parts.append(svg.label("epoch", ((_LEFT + _RIGHT) / 2, _BOTTOM + 36), class_="axis-title"))
    parts.append(svg.upright("test accuracy (%)", (11, (_TOP + _BOTTOM) / 2), class_="axis-title"))
    return parts


def _curve(run: RunRow, across: svg.Axis, up: svg.Axis, style: ArmStyle) -> Markup:
    points = [(across(point.epoch), up(point.test_accuracy)) for point in thinned(run.curve, _MOST_POINTS)]
    parts = [svg.path(points, "curve", stroke_dasharray=style.dash)]
    if run.status == "diverged":
        parts.append(svg.marker("cross", points[-1], 4, "diverged"))
    elif len(points) == 1:
        parts.append(svg.marker(style.shape, points[0], 3, "mark"))
    return svg.element("g", *parts, class_=style.css)
