"""Figures that lay a metric over depth or width, a panel a group of networks (Figures 1, 2, 5, 7 to 9, 11 to 14)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bnrepro.report import svg, text
from bnrepro.report.figures.drawn import Drawn, DrawnPanel
from bnrepro.report.figures.frame import ACCURACY_AXIS, LARGE, Tick, round_axis
from bnrepro.report.figures.groups import Group
from bnrepro.report.figures.looks import Series
from bnrepro.report.figures.pool import Pool
from bnrepro.report.figures.samples import Line, Sample, paper_ends, sample_of, samples_table
from bnrepro.report.figures.seed_plot import SeedPlot, draw_seeds
from bnrepro.report.metric_names import metric_name
from bnrepro.report.panels import Panel, size_text
from bnrepro.report.value_axis import ValueAxis
from bnrepro.spec.arms import Arm
from bnrepro.spec.metrics import Metric
from bnrepro.spec.networks import Family, Network

_DODGE = 13.0
_LONE_DODGE = 36.0
_LEAST_ROOM = 30.0

MARKS = "One mark a seed. Short bars and the lines that join them are means over seeds; upright lines are ±1 sample "
MARKS += "standard deviation, which a single seed does not have."
DIVERGED = "Crosses at the bottom are runs that diverged; means and bars leave them out."


@dataclass(frozen=True, kw_only=True)
class BySize:
    """Arms over the size of networks."""

    rows: tuple[tuple[Group, Metric], ...]
    """Each group of networks and the metric of its panel."""
    series: tuple[Series, ...]
    heading: str = ""
    close: bool = False
    """Whether the vertical axis keeps close to the values, where they differ by little."""

    @property
    def metrics(self) -> frozenset[Metric]:
        """Those of the rows and of the lines."""
        own = (series.metric for series in self.series)
        return frozenset({metric for _, metric in self.rows} | {metric for metric in own if metric is not None})

    @property
    def arms(self) -> frozenset[Arm]:
        """Of the lines."""
        return frozenset(series.arm for series in self.series)

    def drawable(self, pool: Pool) -> bool:
        """Whether at least one run can be drawn."""
        return bool(self._rows(pool))

    def draw(self, pool: Pool, identity: str) -> Drawn:
        """A panel for each row that has a run; panels of one family and metric share their vertical axis."""
        rows = self._rows(pool)
        together: dict[tuple[Family, Metric], list[Line]] = {}
        for row in rows:
            together.setdefault(row.scope, []).extend(row.lines)
        axes = {scope: axis_of(scope[1], lines, close=self.close) for scope, lines in together.items()}
        used = {line.style.label for row in rows for line in row.lines}
        samples = [sample for row in rows for line in row.lines for sample in line.samples]
        return Drawn(
            heading=self.heading,
            panels=tuple(
                self._panel(pool, row, axes[row.scope], f"{identity}-{index}")
                for index, row in enumerate(rows, start=1)
            ),
            small=False,
            legend=tuple(series.style for series in self.series if series.style.label in used),
            missing=(*self._missing_rows(pool, rows), *(self._missing_arms(used) if rows else ())),
            said=said_of(samples),
            paper=tuple(value for sample in samples for value in sample.paper),
            families=frozenset(row.panel.family for row in rows),
        )

    def _rows(self, pool: Pool) -> list[_Row]:
        found = []
        for group, metric in self.rows:
            cells = {
                (series.style.label, network): sample
                for series in self.series
                for network in group.members(pool.networks)
                if (sample := _sample(pool, series.metric or metric, network, series.arm)) is not None
            }
            shown = {network for _, network in cells}
            for panel in group.panels(network for network in pool.networks if network in shown):
                lines = tuple(filter(None, (_line(series, panel, cells) for series in self.series)))
                found.append(_Row(group=group, metric=metric, panel=panel, lines=lines))
        return found

    def _panel(self, pool: Pool, row: _Row, axis: ValueAxis, identity: str) -> DrawnPanel:
        name, panel = metric_name(row.metric), row.panel
        several = len({metric for _, metric in self.rows}) > 1
        title = f"{panel.title}: {name.title.lower()}" if several else panel.title
        across, dodge = _across(panel, len(row.lines))
        plot = SeedPlot(
            title=title,
            name=name,
            axis=axis,
            across=across,
            across_title=panel.axis_title,
            ticks=tuple(Tick(at=across(place), name=size_text(place)) for place in sorted(set(panel.places.values()))),
            dodge=dodge,
            lines=row.lines,
            chance=pool.chance(row.metric, panel.family),
        )
        place_name = panel.axis_title.partition(" (")[0].capitalize()
        table = samples_table(title, name, place_name, row.lines)
        return DrawnPanel(title=title, image=draw_seeds(plot, identity), table=table)

    def _missing_rows(self, pool: Pool, rows: list[_Row]) -> Iterator[str]:
        drawn = {(row.group, row.metric) for row in rows}
        arms = {series.arm for series in self.series}
        for group, metric in self.rows:
            if (group, metric) in drawn:
                continue
            ran = any((network, arm) in pool.cells for network in group.members(pool.networks) for arm in arms)
            lacks = f"{metric_name(metric).title} was measured of no run" if ran else "no run of these arms"
            yield f"{group.opening}: {lacks} at {pool.scale} scale."

    def _missing_arms(self, used: set[str]) -> Iterator[str]:
        absent = [series.style.label for series in self.series if series.style.label not in used]
        if absent:
            yield f"Without a run on these networks: {'; '.join(absent)}."


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One panel and what it draws."""

    group: Group
    metric: Metric
    panel: Panel
    lines: tuple[Line, ...]

    @property
    def scope(self) -> tuple[Family, Metric]:
        """What panels on one axis have in common."""
        return self.panel.family, self.metric


def axis_of(metric: Metric, lines: Sequence[Line], *, close: bool) -> ValueAxis:
    """An axis in percent that holds every seed, every bar and the paper's values.

    Accuracies keep theirs from 0 to 100 % and shares begin at 0, unless the axis is to keep ``close`` to the values.
    """
    samples = [sample for line in lines for sample in line.samples]
    values = [value for sample in samples for value in sample.values]
    spreads = [(sample.mean, sample.sd) for sample in samples]
    values += [mean + sign * sd for mean, sd in spreads if mean is not None and sd is not None for sign in (-1, 1)]
    values += [end for sample in samples for value in sample.paper for end in paper_ends(value)]
    if close:
        return round_axis(values, least_span=2)
    return ACCURACY_AXIS if metric.chance(1) is not None else round_axis([0, *values], least_span=1)


def said_of(samples: list[Sample]) -> tuple[str, ...]:
    """What marks and bars are, and over how many seeds."""
    if not samples:
        return ()
    seeds = text.span_of(tuple(len(sample.runs) for sample in samples), "seed")
    diverged = [DIVERGED] if any(sample.diverged for sample in samples) else []
    return (f"{seeds[0].upper()}{seeds[1:]} a point.", MARKS, *diverged)


def _line(series: Series, panel: Panel, cells: dict[tuple[str, Network], Sample]) -> Line | None:
    found = ((network, cells.get((series.style.label, network))) for network in panel.places)
    samples = tuple((sample, panel.places[network]) for network, sample in found if sample is not None)
    if not samples:
        return None
    return Line(
        style=series.style, samples=tuple(sample for sample, _ in samples), places=tuple(place for _, place in samples)
    )


def _sample(pool: Pool, metric: Metric, network: Network, arm: Arm) -> Sample | None:
    return sample_of(network, metric, pool.cells.get((network, arm), ()), pool.paper_at(metric, network, arm))


def _across(panel: Panel, lines: int) -> tuple[svg.Axis, float]:
    """The axis of sizes, and how far lines stand apart at one size so that they stay clear of its neighbours."""
    places = sorted(set(panel.places.values()))
    unit = svg.Axis(low=places[0], high=places[-1], start=0, stop=1, log=True)
    nearest = min((unit(after) - unit(before) for before, after in pairwise(places)), default=1e9)
    width = LARGE.right - LARGE.left - 20
    # Room at both ends is taken from the axis, so spread <= 0.8 * nearest * (width - spread).
    dodge = _DODGE if len(places) > 1 else _LONE_DODGE
    spread = min(dodge * lines, 0.8 * nearest * width / (1 + 0.8 * nearest))
    room = max(_LEAST_ROOM, 10 + spread / 2)
    return LARGE.across(places[0], places[-1], room=room, log=True), spread / max(lines, 1)
