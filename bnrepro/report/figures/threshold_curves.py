"""Figures that follow one network over a threshold: clamped accuracy (Figure 6), and what Figures 5 and 7 cut."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from markupsafe import Markup

from bnrepro.report import amounts, svg
from bnrepro.report.figures.bundles import Bundle, Multiple, Wanted, missing_of, multiples_of, said_of
from bnrepro.report.figures.drawn import Column, Drawn, DrawnPanel, Table
from bnrepro.report.figures.frame import ACCURACY_AXIS, SMALL, Tick, draw_frame, round_axis
from bnrepro.report.figures.looks import Series
from bnrepro.report.figures.pool import Pool
from bnrepro.report.value_axis import ValueAxis
from bnrepro.spec.arms import Arm
from bnrepro.spec.distributions import Curve, Distributions
from bnrepro.spec.metrics import Metric, Unit
from bnrepro.spec.results import RunRow

_MARKS = "Thin lines are single seeds, thick ones with marks their mean."
_BEFORE_THE_FIRST = 3.0
"""Where the network as trained stands: this many times left of the first threshold."""


class Followed(StrEnum):
    """What is followed over a threshold; the value is its name on the page."""

    CLAMPED = "accuracy with small γ set to 0"
    SMALL_GAMMA = "share of small γ"
    OFF = "share of units that are off"

    @property
    def across(self) -> str:
        """The title of the horizontal axis, with its unit."""
        match self:
            case Followed.CLAMPED:
                return "threshold on |γ| (log scale)"
            case Followed.SMALL_GAMMA:
                return "threshold on |γ| (log scale)"
            case Followed.OFF:
                return "cut-off (% of images and pixels)"

    @property
    def meaning(self) -> str:
        """What is done at a threshold, in a sentence."""
        match self:
            case Followed.CLAMPED:
                return "Every γ of a magnitude below the threshold is set to 0, its β kept; none: as trained."
            case Followed.SMALL_GAMMA:
                return "Shares of γ of a magnitude below the threshold."
            case Followed.OFF:
                return "A unit is off where its output is 0 on more than the cut-off, a share of images and pixels."

    @property
    def up(self) -> str:
        """The title of the vertical axis, with its unit."""
        match self:
            case Followed.CLAMPED:
                return "test accuracy (%)"
            case Followed.SMALL_GAMMA:
                return "share of all γ (%)"
            case Followed.OFF:
                return "share of ReLU units (%)"

    def points(self, run: RunRow) -> tuple[tuple[float | None, float], ...]:
        """Thresholds and percents of one run, empty where it was not measured; ``None`` is the network as trained."""
        found = run.distributions or Distributions()
        match self:
            case Followed.CLAMPED if found.clamping is not None:
                return ((None, found.clamping.unclamped_accuracy), *_pairs(found.clamping.accuracy))
            case Followed.SMALL_GAMMA if found.affine is not None:
                return _pairs(found.affine.small_gamma)
            case Followed.OFF if found.activity is not None:
                return _pairs(found.activity.off)
        return ()

    def place(self, threshold: float) -> float:
        """Of a threshold on an axis by logarithm: cut-offs by how little is above them."""
        return -math.log10(1 - threshold) if self is Followed.OFF else math.log10(threshold)

    def called(self, threshold: float | None) -> str:
        """What a threshold is called on the axis and in the table."""
        if threshold is None:
            return "none"
        return f"{100 * threshold:g}" if self is Followed.OFF else f"{threshold:g}"


@dataclass(frozen=True, kw_only=True)
class ThresholdCurves:
    """One panel a network, a curve a seed."""

    followed: Followed
    groups: tuple[Wanted, ...]
    series: tuple[Series, ...]
    heading: str = ""

    @property
    def metrics(self) -> frozenset[Metric]:
        """None: what the text prints belongs to the parts over size."""
        return frozenset()

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
        axis = self._axis(multiples)
        used = {bundle.style.label for multiple in multiples for bundle in multiple.bundles}
        return Drawn(
            heading=self.heading,
            panels=tuple(
                self._panel(each, axis, f"{identity}-{index}") for index, each in enumerate(multiples, start=1)
            ),
            small=True,
            legend=tuple(series.style for series in self.series if series.style.label in used),
            missing=tuple(missing_of(wanted, self.followed, pool) for wanted, own in by_group.items() if not own),
            said=(*said_of(multiples), _MARKS, self.followed.meaning) if multiples else (),
            paper=(),
            families=frozenset(multiple.network.family for multiple in multiples),
        )

    def _multiples(self, pool: Pool) -> dict[Wanted, list[Multiple]]:
        return multiples_of(self.groups, self.series, pool, lambda run: bool(self.followed.points(run)))

    def _axis(self, multiples: Sequence[Multiple]) -> ValueAxis:
        """Of accuracies from 0 to 100 %, of shares from 0 to the highest."""
        runs = (run for multiple in multiples for bundle in multiple.bundles for run in bundle.runs)
        percents = [percent for run in runs for _, percent in self.followed.points(run)]
        return ACCURACY_AXIS if self.followed is Followed.CLAMPED else round_axis([0, *percents], least_span=1)

    def _panel(self, multiple: Multiple, axis: ValueAxis, identity: str) -> DrawnPanel:
        thresholds = _thresholds(self.followed, multiple)
        places = _places(self.followed, thresholds)
        across, up = SMALL.across(min(places.values()), max(places.values()), room=8), SMALL.up(axis)
        ticks = [
            Tick(at=across(places[threshold]), name=self.followed.called(threshold) if _is_named(threshold) else "")
            for threshold in thresholds
        ]
        parts: list[Markup] = draw_frame(SMALL, axis, ticks, across=self.followed.across, up=self.followed.up)
        for row, bundle in enumerate(multiple.bundles):
            lines = [
                [(across(places[threshold]), up(percent)) for threshold, percent in self.followed.points(run)]
                for run in bundle.runs
            ]
            paths = [svg.path(points, "curve") for points in lines]
            means = self._means(bundle)
            if means:
                points = [(across(places[threshold]), up(mean)) for threshold, mean in means.items()]
                paths.append(svg.path(points, "mean", stroke_dasharray=bundle.style.dash))
                paths += [svg.marker(bundle.style.shape, point, 2.6, "mark") for point in points]
            parts += [svg.element("g", *paths, class_=bundle.style.css), bundle.crosses(row)]
        image = svg.drawing(
            identity,
            SMALL.width,
            SMALL.height,
            f"{multiple.title}: {self.followed.value}",
            f"{self._told(multiple)} The table below lists every threshold.",
            *parts,
        )
        return DrawnPanel(title=multiple.title, image=image, table=self._table(multiple, thresholds))

    def _means(self, bundle: Bundle) -> dict[float | None, float]:
        """Over the seeds that were measured there, by threshold."""
        found: dict[float | None, list[float]] = {}
        for run in bundle.runs:
            for threshold, percent in self.followed.points(run):
                found.setdefault(threshold, []).append(percent)
        ordered = sorted(found, key=lambda threshold: -1.0 if threshold is None else threshold)
        return {threshold: statistics.fmean(found[threshold]) for threshold in ordered}

    def _told(self, multiple: Multiple) -> str:
        told = []
        for bundle in multiple.bundles:
            if means := self._means(bundle):
                at = tuple(means)
                ends = (f"{amounts.told(means[x], Unit.PERCENT)} at {self.followed.called(x)}" for x in (at[0], at[-1]))
                told.append(f"{bundle.style.label}: mean {' and '.join(ends)}.")
        return " ".join(told)

    def _table(self, multiple: Multiple, thresholds: Sequence[float | None]) -> Table:
        rows: list[tuple[str, ...]] = []
        for bundle in multiple.bundles:
            label, means = bundle.style.label, self._means(bundle)
            if means:
                rows.append((label, f"mean, n = {len(bundle.runs)}", *_cells(means, thresholds)))
            seeds = ((run.seed, dict(self.followed.points(run))) for run in bundle.runs)
            rows += [(label, f"seed {seed}", *_cells(points, thresholds)) for seed, points in seeds]
            rows += [(label, f"seed {run.seed}", *("diverged" for _ in thresholds)) for run in bundle.diverged]
        names = [self.followed.called(threshold) for threshold in thresholds]
        return Table(
            caption=f"{multiple.title}: {self.followed.up}, by threshold: {self.followed.across}",
            columns=(
                Column(title="Arm"),
                Column(title="Of what"),
                *(Column(title=name, numeric=True) for name in names),
            ),
            rows=tuple(rows),
        )


def _pairs(curve: Curve) -> tuple[tuple[float, float], ...]:
    return tuple(zip(curve.thresholds, curve.percents, strict=True))


def _thresholds(followed: Followed, multiple: Multiple) -> list[float | None]:
    found = {at for bundle in multiple.bundles for run in bundle.runs for at, _ in followed.points(run)}
    return sorted(found, key=lambda threshold: -1.0 if threshold is None else threshold)


def _places(followed: Followed, thresholds: Sequence[float | None]) -> dict[float | None, float]:
    places: dict[float | None, float] = {at: followed.place(at) for at in thresholds if at is not None}
    if None in thresholds:
        places[None] = min(places.values()) - math.log10(_BEFORE_THE_FIRST)
    return places


def _is_named(threshold: float | None) -> bool:
    """Whether there is room for a name: at powers of ten, at the half, and at the network as trained."""
    return threshold in {None, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999}


def _cells(found: dict[float | None, float], thresholds: Sequence[float | None]) -> list[str]:
    return [amounts.figure(found[at], Unit.PERCENT) if at in found else "none" for at in thresholds]
