"""One figure for each metric that the claim reads: its panels, its legend and the rows behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from bnrepro.report import text, words
from bnrepro.report.arms import ArmStyle
from bnrepro.report.measured import Measured, measured, paper_data
from bnrepro.report.metric_names import MetricName, metric_name
from bnrepro.report.metric_panel import draw_panel
from bnrepro.spec.arms import Arm
from bnrepro.spec.metrics import Metric
from bnrepro.spec.results import GroupSummary, VerdictDocument


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A drawing and what it is called."""

    title: str
    image: Markup


@dataclass(frozen=True, kw_only=True)
class MetricFigure:
    """Everything about one metric: panels, legend and the rows behind them."""

    metric: Metric
    name: MetricName
    arms: tuple[ArmStyle, ...]
    paper: str
    """What the marks of the paper are; empty where none is drawn."""
    panels: tuple[Plot, ...]
    groups: tuple[GroupSummary, ...]
    seeds_a_point: str
    """Seeds behind the points: ``3 seeds``, ``1 to 3 seeds``."""
    chance: str
    """What the dotted line is; empty where there is none."""


def metric_figures(document: VerdictDocument, styles: Mapping[Arm, ArmStyle]) -> tuple[MetricFigure, ...]:
    """The figures of a document, in its order."""
    return tuple(_figure(shown, styles, f"measured-{index}") for index, shown in enumerate(measured(document), start=1))


def _figure(shown: Measured, styles: Mapping[Arm, ArmStyle], identity: str) -> MetricFigure:
    marks, drawn, panels = shown.paper_marks, {group.arm for group in shown.groups}, shown.panels
    chances = dict.fromkeys(shown.chance(panel.family) for panel in panels)
    return MetricFigure(
        metric=shown.metric,
        name=metric_name(shown.metric),
        arms=tuple(style for arm, style in styles.items() if arm in drawn),
        paper=f"paper, {paper_data(marks)}{words.incomparable(shown.document.scale)}" if marks else "",
        panels=tuple(
            Plot(title=panel.title, image=draw_panel(shown, panel, styles, f"{identity}-panel-{place}"))
            for place, panel in enumerate(panels, start=1)
        ),
        groups=shown.groups,
        seeds_a_point=text.span_of(tuple(group.n for group in shown.groups), "seed"),
        chance=" and ".join(f"{chance:.4g}{text.NO_BREAK}%" for chance in chances if chance is not None),
    )
