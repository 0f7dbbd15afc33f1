"""What each metric is called on a page, and what it means."""

from __future__ import annotations

from dataclasses import dataclass

from bnrepro.report.amounts import unit_name
from bnrepro.spec.metrics import Metric, Unit

_SHARE_OF_GAMMA = "share of all γ"
_SHARE_OF_UNITS = "share of ReLU units"


@dataclass(frozen=True, kw_only=True)
class MetricName:
    """The names of one metric."""

    title: str
    """Of a figure and of a column."""
    axis: str
    """Of an axis, without its unit."""
    meaning: str
    """In a sentence."""
    unit: Unit
    """Of its values, in which a change within one run is in points."""

    @property
    def axis_title(self) -> str:
        """With its unit: ``test accuracy (%)``."""
        name = unit_name(self.unit)
        return self.axis if name in self.axis else f"{self.axis} ({name})"

    @property
    def column(self) -> str:
        """The heading of a column: ``Test accuracy (%)``."""
        name = unit_name(self.unit)
        return self.title if name in self.title and self.unit is Unit.GAMMA else f"{self.title} ({name})"


def metric_name(metric: Metric) -> MetricName:
    """How a page calls a metric."""
    title, axis, meaning = _NAMES[metric]
    unit = Unit.POINTS if metric.is_change else metric.unit
    return MetricName(title=title, axis=axis, meaning=meaning, unit=unit)


_NAMES = {
    Metric.TEST_ACCURACY: ("Test accuracy", "test accuracy", "Test images classified rightly (top-1)."),
    Metric.TOP5_ACCURACY: (
        "Top-5 test accuracy",
        "top-5 test accuracy",
        "Test images whose class is among the five likeliest.",
    ),
    Metric.GAMMA_MEAN: ("Mean of γ", "mean of γ", "Mean over all BatchNorm channels of a network."),
    Metric.GAMMA_SD: (
        "Standard deviation of γ",
        "standard deviation of γ",
        "Standard deviation over all BatchNorm channels of a network.",
    ),
    Metric.GAMMA_POSITIVE: ("γ above 0", _SHARE_OF_GAMMA, "Share of all γ of a network that are above 0."),
    Metric.GAMMA_NEGATIVE: ("γ below 0", _SHARE_OF_GAMMA, "Share of all γ of a network that are below 0."),
    Metric.GAMMA_BELOW_001: ("|γ| below 0.01", _SHARE_OF_GAMMA, "Share of all γ with a magnitude below 0.01."),
    Metric.GAMMA_BELOW_005: ("|γ| below 0.05", _SHARE_OF_GAMMA, "Share of all γ with a magnitude below 0.05."),
    Metric.CLAMPED_CHANGE_001: (
        "Change when |γ| below 0.01 is set to 0",
        "change of accuracy",
        "Test accuracy with every γ of magnitude below 0.01 set to 0, less the accuracy as trained.",
    ),
    Metric.CLAMPED_CHANGE_005: (
        "Change when |γ| below 0.05 is set to 0",
        "change of accuracy",
        "Test accuracy with every γ of magnitude below 0.05 set to 0, less the accuracy as trained.",
    ),
    Metric.UNITS_OFF: (
        "ReLU units that are off",
        _SHARE_OF_UNITS,
        "Units whose output is 0 on more than 99 % of test images and pixels.",
    ),
    Metric.UNITS_EXTREME: (
        "ReLU units nearly always on or off",
        _SHARE_OF_UNITS,
        "Units that are on less than 1 % or more than 99 % of the time.",
    ),
    Metric.UNITS_SOMETIMES: (
        "ReLU units on 10 to 70 % of the time",
        _SHARE_OF_UNITS,
        "Units that are on 10 % to 70 % of the time, over test images and pixels.",
    ),
}
