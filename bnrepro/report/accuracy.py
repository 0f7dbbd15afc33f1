"""Accuracy against depth and against width, after the paper's Figure 2."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from bnrepro.report import svg, text
from bnrepro.report.arms import ArmStyle
from bnrepro.spec.arms import Arm
from bnrepro.spec.claim import Metric
from bnrepro.spec.networks import Family, Network
from bnrepro.spec.results import GroupSummary, PaperValue, VerdictDocument

_WIDTH, _HEIGHT = 440.0, 316.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 50.0, 426.0, 12.0, 266.0
_DODGE = 13.0
_BESIDE = 5.5
_DATA_NAMES = {Family.CIFAR: "CIFAR-10", Family.IMAGENET: "ImageNet"}


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Networks that differ in one thing, depth or width."""

    title: str
    axis_title: str
    places: dict[Network, int]
    """Each network's depth or width, in rising order."""


def accuracy_panels(document: VerdictDocument) -> tuple[Panel, ...]:
    """The panels that the document's networks fill: depth at width 1, then width at each depth that varies it.

    The network of width 1 opens the panel of its depth as well, as ResNet-14 does in the paper.
    """
    networks = sorted({group.network for group in document.groups}, key=lambda net: (net.family, net.depth, net.width))
    panels = []
    for family in sorted({network.family for network in networks}):
        kin = [network for network in networks if network.family is family]
        if narrow := {network: network.depth for network in kin if network.width == 1}:
            panels.append(Panel(title="Depth, at width 1", axis_title="depth (layers, log scale)", places=narrow))
        for depth in sorted({network.depth for network in kin if network.width > 1}):
            row = {network: network.width for network in kin if network.depth == depth}
            panels.append(
                Panel(title=f"Width, at depth {depth}", axis_title="width (× 16 channels, log scale)", places=row)
            )
    return tuple(panels)


def paper_marks(document: VerdictDocument) -> tuple[PaperValue, ...]:
    """The paper's values that have a place in the figure: one accuracy of one arm on one network that ran."""
    drawn = {(group.network, group.arm) for group in document.groups}
    return tuple(
        value
        for value in document.paper_values
        if value.metric is Metric.TEST_ACCURACY and value.value is not None and (value.network, value.arm) in drawn
    )


def paper_data(values: Iterable[PaperValue]) -> str:
    """What the paper measured these values on: ``CIFAR-10``."""
    families = {value.network.family for value in values if value.network is not None}
    return " and ".join(_DATA_NAMES[family] for family in sorted(families))


def draw_panel(document: VerdictDocument, panel: Panel, styles: dict[Arm, ArmStyle], identity: str) -> Markup:
    """One panel: chance, a line through each arm's means, ±1 standard deviation, every seed, the paper's values."""
    places = panel.places.values()
    across = svg.Axis(low=min(places), high=max(places), start=_LEFT + 34, stop=_RIGHT - 34, log=True)
    up = svg.Axis(low=0, high=100, start=_BOTTOM, stop=_TOP)
    parts = [*_frame(panel, across, up), _chance(document.data.chance_accuracy, up)]
    described = []
    for index, (arm, style) in enumerate(styles.items()):
        groups = sorted(
            (group for group in document.groups if group.arm == arm and group.network in panel.places),
            key=lambda group: panel.places[group.network],
        )
        if not groups:
            continue
        shift = (index - (len(styles) - 1) / 2) * _DODGE
        means = [(across(panel.places[g.network]) + shift, up(g.mean)) for g in groups if g.mean is not None]
        parts.append(
            svg.element(
                "g",
                *([svg.path(means, "mean", stroke_dasharray=style.dash)] if means else []),
                *(_group(document, group, across(panel.places[group.network]) + shift, up, style) for group in groups),
                *_paper(document, arm, panel, across, up, shift),
                class_=style.css,
            )
        )
        described += [f"{style.label}, {g.network}: {text.figure(g.mean)} %" for g in groups if g.mean is not None]
    title = f"Test accuracy. {panel.title}"
    return svg.drawing(identity, _WIDTH, _HEIGHT, title, "; ".join(described) + ".", *parts)


def _frame(panel: Panel, across: svg.Axis, up: svg.Axis) -> list[Markup]:
    parts = []
    for tick in range(0, 101, 20):
        parts.append(svg.line((_LEFT, up(tick)), (_RIGHT, up(tick)), "axis" if tick == 0 else "grid"))
        parts.append(svg.label(str(tick), (_LEFT - 7, up(tick) + 4), anchor="end"))
    for place in panel.places.values():
        parts.append(svg.line((across(place), _BOTTOM), (across(place), _BOTTOM + 4), "axis"))
        parts.append(svg.label(str(place), (across(place), _BOTTOM + 18)))
    middle = (_TOP + _BOTTOM) / 2
    parts.append(svg.label(panel.axis_title, ((_LEFT + _RIGHT) / 2, _BOTTOM + 40), class_="axis-title"))
    parts.append(
        svg.element(
            "text",
            "test accuracy (%)",
            transform=f"translate(13 {svg.number(middle)}) rotate(-90)",
            text_anchor="middle",
            class_="axis-title",
        )
    )
    return parts


def _chance(accuracy: float, up: svg.Axis) -> Markup:
    name = svg.label("chance", (_RIGHT - 2, up(accuracy) - 5), anchor="end", class_="tick")
    return svg.line((_LEFT, up(accuracy)), (_RIGHT, up(accuracy)), "chance") + name


def _group(document: VerdictDocument, group: GroupSummary, x: float, up: svg.Axis, style: ArmStyle) -> Markup:
    parts = []
    if group.mean is not None and group.sd is not None:
        low, high = group.mean - group.sd, group.mean + group.sd
        parts.append(svg.line((x, up(max(low, 0))), (x, up(min(high, 100))), "sd"))
        # A bar that the plot's edge cuts off has no end to mark.
        parts += [svg.line((x - 3.5, up(end)), (x + 3.5, up(end)), "sd") for end in (low, high) if 0 <= end <= 100]
    if group.mean is not None:
        parts.append(svg.marker(style.shape, (x, up(group.mean)), 3.6, "mark"))
    parts += [
        svg.marker("cross", (x + _BESIDE, up(run.test_accuracy)), 2.6, "diverged")
        if run.status == "diverged"
        else svg.marker("circle", (x + _BESIDE, up(run.test_accuracy)), 1.5, "seed")
        for run in document.runs
        if run.network == group.network and run.arm == group.arm
    ]
    return svg.element("g", *parts)


def _paper(
    document: VerdictDocument, arm: Arm, panel: Panel, across: svg.Axis, up: svg.Axis, shift: float
) -> list[Markup]:
    return [
        svg.marker("diamond", (across(panel.places[value.network]) + shift, up(value.value)), 4.6, "paper")
        for value in paper_marks(document)
        if value.network in panel.places and value.value is not None and value.arm == arm
    ]
