"""The values of one metric of one arm on one network: what its marks, its mean and its row in a table are made of."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from bnrepro.report import amounts
from bnrepro.report.arms import ArmStyle
from bnrepro.report.figures.drawn import Column, Table
from bnrepro.report.figures.pool import metric_of
from bnrepro.report.metric_names import MetricName
from bnrepro.spec.metrics import Metric
from bnrepro.spec.networks import Network
from bnrepro.spec.results import PaperValue, RunRow

NONE = "none"
"""What a cell says where there is no number."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The seeds of one arm on one network."""

    network: Network
    metric: Metric
    runs: tuple[RunRow, ...]
    """Those that diverged and those that have a value, by seed."""
    paper: tuple[PaperValue, ...]

    @cached_property
    def values(self) -> tuple[float, ...]:
        """Of each seed that did not diverge."""
        found = (metric_of(run, self.metric) for run in self.runs if run.status == "completed")
        return tuple(value for value in found if value is not None)

    @property
    def diverged(self) -> int:
        """Runs that diverged: they are shown and never averaged in."""
        return sum(run.status == "diverged" for run in self.runs)

    @cached_property
    def mean(self) -> float | None:
        """Over the seeds that did not diverge; ``None`` where all did."""
        return statistics.fmean(self.values) if self.values else None

    @cached_property
    def sd(self) -> float | None:
        """Sample standard deviation over the same seeds; ``None`` below two of them."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    def seeds_text(self, unit: str) -> str:
        """Each seed and its value: ``0: 48.12, 1: diverged``."""
        return ", ".join(f"{run.seed}: {self._told(run, unit)}" for run in self.runs)

    def _told(self, run: RunRow, unit: str) -> str:
        value = metric_of(run, self.metric)
        return "diverged" if run.status == "diverged" or value is None else amounts.figure(value, unit)


def sample_of(network: Network, metric: Metric, runs: Iterable[RunRow], paper: tuple[PaperValue, ...]) -> Sample | None:
    """A sample of the runs that have something to show; ``None`` where none has."""
    shown = tuple(run for run in runs if run.status == "diverged" or metric_of(run, metric) is not None)
    return Sample(network=network, metric=metric, runs=shown, paper=paper) if shown else None


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a panel: samples from left to right."""

    style: ArmStyle
    samples: tuple[Sample, ...]
    places: tuple[float, ...]
    """Of each sample on the horizontal axis, in its own unit."""


def samples_table(title: str, name: MetricName, place_name: str, lines: Iterable[Line]) -> Table:
    """Means, standard deviations, every seed and the paper's value, line by line."""
    rows = []
    for line in lines:
        for sample, place in zip(line.samples, line.places, strict=True):
            rows.append(
                (
                    line.style.label,
                    str(sample.network),
                    amounts.exact(place),
                    str(len(sample.values)),
                    NONE if sample.mean is None else amounts.figure(sample.mean, name.unit),
                    NONE if sample.sd is None else amounts.figure(sample.sd, sample.metric.unit),
                    sample.seeds_text(name.unit),
                    "; ".join(map(paper_number, sample.paper)) or NONE,
                )
            )
    headings = (
        Column(title="Series"),
        Column(title="Network"),
        Column(title=place_name, numeric=True),
        Column(title="n", numeric=True),
        Column(title="Mean", numeric=True),
        Column(title="sd", numeric=True),
        Column(title="Seed and value"),
        Column(title="Paper", numeric=True),
    )
    return Table(
        caption=f"{title}: {name.column}; n, mean and sd leave out runs that diverged",
        columns=headings,
        rows=tuple(rows),
    )


def paper_number(value: PaperValue) -> str:
    """The paper's number or range, as printed."""
    numbers = (number for number in (value.value, value.low, value.high) if number is not None)
    return " to ".join(map(amounts.exact, numbers)) or NONE


def paper_ends(value: PaperValue) -> tuple[float, ...]:
    """The paper's number, or the lower and the upper end of its range."""
    return tuple(number for number in (value.value, value.low, value.high) if number is not None)
