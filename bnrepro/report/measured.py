"""What there is to draw of one metric: means, seeds, the paper's values, chance, and the axis that holds them all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bnrepro.report.metric_names import metric_name
from bnrepro.report.panels import Panel, panels_of
from bnrepro.report.value_axis import ValueAxis, value_axis
from bnrepro.spec.metrics import Metric
from bnrepro.spec.networks import Family
from bnrepro.spec.results import GroupSummary, PaperValue, VerdictDocument

_DATA_NAMES = {Family.CIFAR: "CIFAR-10", Family.VGG: "CIFAR-10", Family.IMAGENET: "ImageNet"}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One metric of a document, and what its figure draws of it."""

    document: VerdictDocument
    metric: Metric

    @property
    def groups(self) -> tuple[GroupSummary, ...]:
        """The metric's means."""
        return tuple(group for group in self.document.groups if group.metric is self.metric)

    @property
    def panels(self) -> tuple[Panel, ...]:
        """The panels that its networks fill."""
        return panels_of(group.network for group in self.groups)

    @property
    def paper_marks(self) -> tuple[PaperValue, ...]:
        """The paper's values that have a place in the figure: of this metric, of one arm on one network that ran.

        What a value costs or gains, a difference in points, is left out, and so is what nothing can be held against.
        """
        drawn = {(group.network, group.arm) for group in self.groups}
        units = {self.metric.unit, metric_name(self.metric).unit}
        return tuple(
            value
            for value in self.document.paper_values
            if value.metric is self.metric
            and value.missing is None
            and value.unit in units
            and ends(value)
            and (value.network, value.arm) in drawn
        )

    def chance(self, family: Family) -> float | None:
        """What guessing scores on the data that a family was trained on, where that says something."""
        used = (data for data in self.document.data if family in data.families)
        return next((self.metric.chance(data.classes) for data in used), None)

    def seeds(self, group: GroupSummary) -> Iterable[tuple[float, bool]]:
        """The value of each seed of a group that has one, and whether its run diverged."""
        for run in self.document.runs:
            if run.network == group.network and run.arm == group.arm and self.metric in run.values:
                yield run.values[self.metric], run.status == "diverged"

    @property
    def axis(self) -> ValueAxis:
        """The axis of values, which all panels share."""
        values = [value for group in self.groups for value, _ in self.seeds(group)]
        values += [bound for group in self.groups for bound in _spread(group)]
        values += [value for mark in self.paper_marks for value in ends(mark)]
        return value_axis(self.metric, values)


def measured(document: VerdictDocument) -> tuple[Measured, ...]:
    """Every metric that some group has a value of, in the document's order."""
    metrics = dict.fromkeys(group.metric for group in document.groups)
    return tuple(Measured(document=document, metric=metric) for metric in metrics)


def paper_data(values: Iterable[PaperValue]) -> str:
    """What the paper measured these values on: ``CIFAR-10``."""
    families = {value.network.family for value in values if value.network is not None}
    return " and ".join(sorted({_DATA_NAMES[family] for family in families}))


def _spread(group: GroupSummary) -> tuple[float, ...]:
    """The mean and the ends of its bar."""
    if group.mean is None:
        return ()
    sd = group.sd or 0.0
    return (group.mean - sd, group.mean, group.mean + sd)


def ends(mark: PaperValue) -> tuple[float, ...]:
    """A number of the paper, or the lower and the upper end of a range."""
    return tuple(value for value in (mark.value, mark.low, mark.high) if value is not None)
