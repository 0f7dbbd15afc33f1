"""What can be measured on a trained network: names, units, and which values stand for guessing."""

from __future__ import annotations

from enum import StrEnum


class Unit(StrEnum):
    """Units of metrics and of the numbers that are held against them."""

    PERCENT = "percent"
    """Of test images, channels or units."""
    POINTS = "points"
    """Differences of percentages."""
    GAMMA = "gamma"
    """Values of γ, which have no unit."""
    PARAMETERS = "parameters"
    RATIO = "ratio"


class Metric(StrEnum):
    """What is measured on a trained network, on the whole test set where images are involved."""

    TEST_ACCURACY = "test_accuracy"
    """Percent of test images classified rightly; top-1 on ImageNet."""
    TOP5_ACCURACY = "top5_accuracy"
    """Percent of test images whose class is among the five likeliest."""
    GAMMA_MEAN = "gamma_mean"
    GAMMA_SD = "gamma_sd"
    """Standard deviation of γ over all BatchNorm channels."""
    GAMMA_POSITIVE = "gamma_positive"
    """Percent of γ above 0."""
    GAMMA_NEGATIVE = "gamma_negative"
    """Percent of γ below 0."""
    GAMMA_BELOW_001 = "gamma_below_0.01"
    """Percent of γ with a magnitude below 0.01."""
    GAMMA_BELOW_005 = "gamma_below_0.05"
    """Percent of γ with a magnitude below 0.05."""
    CLAMPED_CHANGE_001 = "clamped_change_0.01"
    """Accuracy with every γ of magnitude below 0.01 set to 0, less the accuracy as trained, in points."""
    CLAMPED_CHANGE_005 = "clamped_change_0.05"
    """The same for magnitudes below 0.05."""
    UNITS_OFF = "units_off"
    """Percent of ReLU units whose output is 0 on more than 99 % of test images and pixels."""
    UNITS_EXTREME = "units_extreme"
    """Percent of ReLU units that are on less than 1 % or more than 99 % of the time."""
    UNITS_SOMETIMES = "units_sometimes"
    """Percent of ReLU units that are on 10 % to 70 % of the time."""

    @property
    def unit(self) -> Unit:
        """Of the metric's values."""
        return Unit.GAMMA if self in {Metric.GAMMA_MEAN, Metric.GAMMA_SD} else Unit.PERCENT

    @property
    def is_change(self) -> bool:
        """Whether a value is itself a difference within one run."""
        return self in {Metric.CLAMPED_CHANGE_001, Metric.CLAMPED_CHANGE_005}

    def chance(self, classes: int) -> float | None:
        """What guessing scores, in percent; ``None`` where guessing says nothing about the metric."""
        match self:
            case Metric.TEST_ACCURACY:
                return 100 / classes
            case Metric.TOP5_ACCURACY:
                return 100 * min(5, classes) / classes
        return None
