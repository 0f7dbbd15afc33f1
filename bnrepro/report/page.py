"""What the template prints: the document, its figures, and the words that go with its scale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from bnrepro.report import amounts, curves, intervals, words
from bnrepro.report.arms import ArmStyle, arm_styles
from bnrepro.report.metric_figure import MetricFigure, metric_figures
from bnrepro.report.metric_names import MetricName, metric_name
from bnrepro.report.own_run import OwnRun, own_runs
from bnrepro.report.panels import FAMILY_NAMES
from bnrepro.report.parts import PartsView
from bnrepro.spec.arms import Arm
from bnrepro.spec.metrics import Metric
from bnrepro.spec.networks import Network
from bnrepro.spec.results import CheckResult, DataUsed, GroupSummary, PaperValue, RunRow, VerdictDocument
from bnrepro.spec.run import EpochRecord

_MOST_ROWS = 24
_MOST_ARMS_NAMED = 4


@dataclass(frozen=True, kw_only=True)
class NetworkRuns:
    """The runs of one network, their curves and the epochs that the table lists."""

    network: Network
    image: Markup
    runs: tuple[RunRow, ...]
    epochs: tuple[int, ...]


@dataclass(frozen=True)
class Page:
    """One document, ready for the template."""

    document: VerdictDocument

    @cached_property
    def parts(self) -> dict[str, PartsView]:
        """How the parts of each check are shown, by its name."""
        return {check.id: PartsView(check) for check in self.document.checks}

    @property
    def arithmetic(self) -> bool:
        """Whether the claim is judged by counting alone."""
        return not self.document.runs and any(parts.arithmetic for parts in self.parts.values())

    @property
    def evidence(self) -> str:
        """What the scale is, and what it cannot say."""
        return words.evidence(self.document, arithmetic=self.arithmetic)

    @property
    def preview(self) -> bool:
        """Whether this evidence can neither confirm nor refute."""
        return words.is_preview(self.document)

    @property
    def headline(self) -> CheckResult | None:
        """The check that settles the verdict."""
        return next((check for check in self.document.checks if check.id == self.document.headline_check), None)

    @property
    def headline_image(self) -> Markup:
        """Its estimate against its region."""
        return Markup() if self.headline is None else intervals.headline_figure(self.headline)

    @cached_property
    def arms(self) -> dict[Arm, ArmStyle]:
        """The look of every arm."""
        return arm_styles(self.document)

    @cached_property
    def figures(self) -> tuple[MetricFigure, ...]:
        """One figure for each metric that the claim reads."""
        return metric_figures(self.document, self.arms)

    @property
    def run_metrics(self) -> tuple[tuple[Metric, MetricName], ...]:
        """The metrics beside test accuracy that tables of runs list."""
        found = dict.fromkeys(figure.metric for figure in self.figures)
        return tuple((metric, metric_name(metric)) for metric in found if metric is not Metric.TEST_ACCURACY)

    @cached_property
    def training(self) -> tuple[NetworkRuns, ...]:
        """The training curves, network by network."""
        found = []
        for index, network in enumerate(dict.fromkeys(run.network for run in self.document.runs), start=1):
            runs = tuple(run for run in self.document.runs if run.network == network and run.curve)
            if runs:
                image = curves.draw_curves(network, runs, self.arms, f"curves-{index}")
                found.append(NetworkRuns(network=network, image=image, runs=runs, epochs=curves.shown_epochs(runs)))
        return tuple(found)

    @cached_property
    def any_drop(self) -> bool:
        """Whether some curve has a drop of the learning rate to mark."""
        return any(curves.drops(run.curve) for run in self.document.runs)

    @cached_property
    def diverged(self) -> bool:
        """Whether some run diverged."""
        return any(run.status == "diverged" for run in self.document.runs)

    @cached_property
    def runs(self) -> dict[str, RunRow]:
        """Runs by key."""
        return {run.key: run for run in self.document.runs}

    def runs_of(self, keys: Iterable[str]) -> tuple[RunRow, ...]:
        """The runs behind a number, in the document's order."""
        wanted = set(keys)
        return tuple(run for run in self.document.runs if run.key in wanted)

    def absent(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Keys that a check names and the document has no trained run for."""
        return tuple(key for key in keys if key not in self.runs)

    def arms_of(self, check: CheckResult) -> str:
        """The arms that a check read: ``A against B``, ``A, B and C``, ``20 arms``."""
        labels = tuple(dict.fromkeys(run.arm_label for run in self.runs_of(check.runs)))
        if len(labels) > _MOST_ARMS_NAMED:
            return f"{len(labels)} arms"
        if len(labels) == 2:
            return " against ".join(labels)
        return " and ".join(filter(None, [", ".join(labels[:-1]), *labels[-1:]]))

    @cached_property
    def environments(self) -> tuple[dict[str, str], ...]:
        """The different environments that runs were trained in, each once."""
        found: list[dict[str, str]] = []
        for run in self.document.runs:
            if run.environment not in found:
                found.append(run.environment)
        return tuple(found)

    @cached_property
    def own(self) -> tuple[tuple[Network, tuple[OwnRun, ...]], ...]:
        """Every run by itself, network by network."""
        runs = own_runs(self.document, self.arms)
        networks = dict.fromkeys(each.run.network for each in runs)
        return tuple((network, tuple(each for each in runs if each.run.network == network)) for network in networks)

    def environment_number(self, run: RunRow) -> int:
        """Place of a run's environment in :attr:`environments`, from 1."""
        return self.environments.index(run.environment) + 1

    def accuracy_at(self, run: RunRow, epoch: int) -> EpochRecord | None:
        """A run's epoch, where it got so far."""
        return next((point for point in run.curve if point.epoch == epoch), None)

    def runs_in(self, group: GroupSummary) -> tuple[RunRow, ...]:
        """The runs of one arm on one network."""
        return tuple(run for run in self.document.runs if (run.network, run.arm) == (group.network, group.arm))

    def spread(self, sd: float, metric: Metric) -> str:
        """A standard deviation, which has no sign."""
        return amounts.figure(sd, metric.unit)

    def metric_value(self, run: RunRow, metric: Metric) -> str:
        """One value of a run, where it was measured."""
        value = run.values.get(metric)
        return "–" if value is None else amounts.figure(value, metric_name(metric).unit)

    def metric_title(self, metric: Metric) -> str:
        """What a metric is called."""
        return metric_name(metric).title

    def paper_number(self, value: PaperValue) -> str:
        """The paper's number or range, as printed; a dash where the text has lost it."""
        if value.value is not None:
            return amounts.exact(value.value)
        if value.low is None or value.high is None:
            return "–"
        return f"{amounts.exact(value.low)} to {amounts.exact(value.high)}"

    @property
    def many_paper_values(self) -> bool:
        """Whether the paper's values are too many to stand open."""
        return len(self.document.paper_values) > _MOST_ROWS

    def trained_families(self, data: DataUsed) -> str:
        """The families that were trained on some data."""
        return ", ".join(FAMILY_NAMES[family] for family in data.families) or "none"
