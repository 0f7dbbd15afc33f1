"""Figures that are histograms: γ and β (Figure 4, Appendix H), and how often units are 0 (Appendix I)."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from markupsafe import Markup

from bnrepro.report import svg
from bnrepro.report.figures.bundles import Multiple, Wanted, missing_of, multiples_of, said_of
from bnrepro.report.figures.drawn import Column, Drawn, DrawnPanel, Table
from bnrepro.report.figures.frame import SMALL, Tick, draw_frame, round_axis, step_path
from bnrepro.report.figures.looks import Series
from bnrepro.report.figures.pool import Pool
from bnrepro.report.value_axis import ValueAxis
from bnrepro.spec.arms import Arm
from bnrepro.spec.distributions import BETA_EDGES, GAMMA_EDGES, ZERO_SHARE_EDGES, Distributions, Histogram
from bnrepro.spec.metrics import Metric
from bnrepro.spec.results import RunRow

_MOST_TICKS = 8
_MARKS = "Thin lines are single seeds, thick ones the mean of their shares, bin by bin."


class Counted(StrEnum):
    """What is counted; the value is its name on the page."""

    GAMMA = "γ"
    BETA = "β"
    ZEROS = "activity of ReLU units"

    @property
    def edges(self) -> tuple[float, ...]:
        """Of the bins; those of zero shares in percent."""
        match self:
            case Counted.GAMMA:
                return GAMMA_EDGES
            case Counted.BETA:
                return BETA_EDGES
            case Counted.ZEROS:
                return tuple(100 * edge for edge in ZERO_SHARE_EDGES)

    @property
    def across(self) -> str:
        """The title of the horizontal axis, with its unit."""
        return "output is 0 (% of images and pixels)" if self is Counted.ZEROS else f"{self.value} (no unit)"

    @property
    def up(self) -> str:
        """The title of the vertical axis, with its unit."""
        return "share of units (%)" if self is Counted.ZEROS else "share of channels (%)"

    def histogram(self, run: RunRow) -> Histogram | None:
        """Of one run; ``None`` where it was not measured."""
        found = run.distributions or Distributions()
        if self is Counted.ZEROS:
            return None if found.activity is None else found.activity.zero_share
        if found.affine is None:
            return None
        return found.affine.gamma if self is Counted.GAMMA else found.affine.beta


@dataclass(frozen=True, kw_only=True)
class Histograms:
    """One histogram a network, the arms laid over each other."""

    counted: Counted
    groups: tuple[Wanted, ...]
    series: tuple[Series, ...]
    printed: frozenset[Metric] = frozenset()
    """Metrics of which the text prints values beside this figure."""
    heading: str = ""

    @property
    def metrics(self) -> frozenset[Metric]:
        """Those that the text prints values of."""
        return self.printed

    @property
    def arms(self) -> frozenset[Arm]:
        """Of the series."""
        return frozenset(series.arm for series in self.series)

    def drawable(self, pool: Pool) -> bool:
        """Whether at least one run can be drawn."""
        return any(self._multiples(pool).values())

    def draw(self, pool: Pool, identity: str) -> Drawn:
        """A panel a network, all on the same axes."""
        by_group = self._multiples(pool)
        multiples = [multiple for own in by_group.values() for multiple in own]
        panels: tuple[DrawnPanel, ...] = ()
        said: tuple[str, ...] = ()
        if multiples:
            shown = _Shown(self.counted, multiples)
            panels = tuple(shown.panel(each, f"{identity}-{index}") for index, each in enumerate(multiples, start=1))
            width = self.counted.edges[1] - self.counted.edges[0]
            bins = f"Bins are {width:.2g}{' %' if self.counted is Counted.ZEROS else ''} wide."
            said = (*said_of(multiples), bins, _MARKS, *shown.outside())
        used = {bundle.style.label for multiple in multiples for bundle in multiple.bundles}
        return Drawn(
            heading=self.heading,
            panels=panels,
            small=True,
            legend=tuple(series.style for series in self.series if series.style.label in used),
            missing=tuple(missing_of(wanted, self.counted, pool) for wanted, own in by_group.items() if not own),
            said=said,
            paper=(),
            families=frozenset(multiple.network.family for multiple in multiples),
        )

    def _multiples(self, pool: Pool) -> dict[Wanted, list[Multiple]]:
        return multiples_of(self.groups, self.series, pool, lambda run: self.counted.histogram(run) is not None)


class _Shown:
    """The axes that all panels of a part share, and the panels on them."""

    def __init__(self, counted: Counted, multiples: Sequence[Multiple]) -> None:
        self.counted = counted
        self.shares = {
            run.key: _shares(histogram)
            for multiple in multiples
            for bundle in multiple.bundles
            for run in bundle.runs
            if (histogram := counted.histogram(run)) is not None
        }
        self.first, self.last = _filled(list(self.shares.values()))
        self.edges = counted.edges[self.first : self.last + 1]
        heights = [share for shares in self.shares.values() for share in shares[1:-1]]
        self.axis: ValueAxis = round_axis([0, *heights], least_span=1)

    def outside(self) -> list[str]:
        """What lies outside of all bins, where something does."""
        most = max(shares[0] + shares[-1] for shares in self.shares.values())
        return [f"Up to {most:.1f} % of a run lies outside of all bins and is only in the table."] if most else []

    def panel(self, multiple: Multiple, identity: str) -> DrawnPanel:
        return DrawnPanel(title=multiple.title, image=self._image(multiple, identity), table=self._table(multiple))

    def _image(self, multiple: Multiple, identity: str) -> Markup:
        across, up = SMALL.across(self.edges[0], self.edges[-1], room=4), SMALL.up(self.axis)
        ticks = [
            Tick(at=across(tick), name=svg.tick_text(round(tick, 6)))
            for tick in svg.round_ticks(self.edges[0], self.edges[-1], _MOST_TICKS)
        ]
        parts = draw_frame(SMALL, self.axis, ticks, across=self.counted.across, up=self.counted.up)
        edges = [across(edge) for edge in self.edges]
        for row, bundle in enumerate(multiple.bundles):
            rows = [self.shares[run.key][1:-1][self.first : self.last] for run in bundle.runs]
            curves = [(shares, "curve", "") for shares in rows]
            curves += [(_means(rows), "mean", bundle.style.dash)] if rows else []
            paths = (
                svg.element(
                    "path",
                    d=step_path(edges, [up(share) for share in shares], up(0)),
                    class_=class_,
                    **({"stroke_dasharray": dash} if dash else {}),
                )
                for shares, class_, dash in curves
            )
            parts += [svg.element("g", *paths, class_=bundle.style.css), bundle.crosses(row)]
        return svg.drawing(
            identity,
            SMALL.width,
            SMALL.height,
            f"{multiple.title}: histogram of {self.counted.value}",
            f"{self._peaks(multiple)} The table below lists every bin.",
            *parts,
        )

    def _peaks(self, multiple: Multiple) -> str:
        told = []
        for bundle in multiple.bundles:
            if bundle.runs:
                means = _means([self.shares[run.key][1:-1] for run in bundle.runs])
                place = means.index(max(means))
                low, high = (svg.tick_text(round(edge, 4)) for edge in self.counted.edges[place : place + 2])
                told.append(f"{bundle.style.label}: highest from {low} to {high}, {means[place]:.1f} %.")
        return " ".join(told)

    def _table(self, multiple: Multiple) -> Table:
        bundles = [bundle for bundle in multiple.bundles if bundle.runs]
        means = [_means([self.shares[run.key] for run in bundle.runs]) for bundle in bundles]
        names = _bin_names(self.counted.edges)
        rows = [
            (name, *(f"{column[index]:.2f}" for column in means))
            for index, name in enumerate(names)
            if self.first < index <= self.last or any(column[index] for column in means)
        ]
        noun = "units" if self.counted is Counted.ZEROS else "channels"
        means_of = [f"{bundle.style.label} (% of {noun}, mean of n = {len(bundle.runs)})" for bundle in bundles]
        diverged = sum(len(bundle.diverged) for bundle in multiple.bundles)
        return Table(
            caption=f"{multiple.title}: {self.counted.value} by bin, its left edge in it"
            + (f"; {diverged} diverged and left out" if diverged else ""),
            columns=(Column(title="Bin"), *(Column(title=title, numeric=True) for title in means_of)),
            rows=tuple(rows),
        )


def _shares(histogram: Histogram) -> list[float]:
    """Percent below all bins, in each of them, and above them."""
    return [100 * count / histogram.total for count in (histogram.below, *histogram.counts, histogram.above)]


def _means(rows: Sequence[Sequence[float]]) -> list[float]:
    return [statistics.fmean(column) for column in zip(*rows, strict=True)]


def _filled(rows: Sequence[Sequence[float]]) -> tuple[int, int]:
    """The first bin that some run fills and the one after the last; all bins where none is filled."""
    filled = [index for index, column in enumerate(zip(*rows, strict=True)) if any(column)]
    inner = [index - 1 for index in filled if 0 < index < len(rows[0]) - 1]
    return (min(inner), max(inner) + 1) if inner else (0, len(rows[0]) - 2)


def _bin_names(edges: Sequence[float]) -> list[str]:
    shown = [svg.tick_text(round(edge, 6)) for edge in edges]
    inner = [f"{low} to {high}" for low, high in pairwise(shown)]
    return [f"below {shown[0]}", *inner, f"above {shown[-1]}"]
