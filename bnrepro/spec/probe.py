"""What is measured on a trained network beside its accuracy: one typed value for each measurement. No torch.

A value is arrays and goes to and from a mapping of arrays, which is how the store keeps it. Shares are in percent;
all arithmetic is in float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bnrepro.errors import UsageError


class Probe(StrEnum):
    """The measurements that a finished run can be asked for."""

    AFFINE = "affine"
    CLAMPING = "clamping"
    ACTIVITY = "activity"
    CORRECTNESS = "correctness"


PROBE_VERSIONS: dict[Probe, int] = {
    Probe.AFFINE: 1,
    Probe.CLAMPING: 1,
    Probe.ACTIVITY: 1,
    Probe.CORRECTNESS: 1,
}
"""Raised when a measurement would give other numbers for the same network; part of the stored file's name."""

CLAMPING_THRESHOLDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""Where accuracy is measured with small γ set to 0; the text of Section 5 speaks of 0.01 and 0.05."""


class _Arrays:
    """To and from arrays by field name, their types and shapes checked."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Every field as an array, by its name."""
        return {name: np.asarray(getattr(self, name)) for name in self._names()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """What :meth:`arrays` gave, as a value again.

        Raises:
            ValueError: the names, types or shapes are others.
        """
        if set(arrays) != cls._names():
            raise ValueError(f"{cls.__name__} has {', '.join(sorted(cls._names()))}, not {', '.join(sorted(arrays))}")
        return cls(**{name: array if array.ndim else array.item() for name, array in arrays.items()})

    @classmethod
    def _names(cls) -> set[str]:
        return {field.name for field in fields(cls)}  # type: ignore[arg-type]

    def _expect(self, **dtypes: type[np.generic]) -> None:
        """Check that the named fields are arrays of these types and of one common length, not 0."""
        lengths = set()
        for name, dtype in dtypes.items():
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != 1:
                raise ValueError(f"{type(self).__name__}.{name}: expected a row of {np.dtype(dtype).name}")
            lengths.add(len(array))
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError(f"{type(self).__name__}: arrays of lengths {', '.join(map(str, sorted(lengths)))}")


@dataclass(frozen=True, kw_only=True, eq=False)
class AffineValues(_Arrays):
    """γ and β of every BatchNorm channel (Section 5, Figures 4 and 5; Appendix H).

    The statistics are those of γ, which has no unit.
    """

    gamma: NDArray[np.float32]
    """(channels,), in the order of the forward pass, a block's shortcut after its body."""
    beta: NDArray[np.float32]
    """(channels,), likewise."""

    def __post_init__(self) -> None:
        self._expect(gamma=np.float32, beta=np.float32)

    def mean(self) -> float:
        """Mean of γ."""
        return float(np.mean(self.gamma, dtype=np.float64))

    def standard_deviation(self) -> float:
        """Standard deviation of γ; a population's (divided by n), for these are all channels and no sample of them."""
        return float(np.std(self.gamma, dtype=np.float64))

    def share_negative(self) -> float:
        """Percent of γ below 0."""
        return _percent(self.gamma < 0)

    def share_positive(self) -> float:
        """Percent of γ above 0."""
        return _percent(self.gamma > 0)

    def share_below(self, threshold: float) -> float:
        """Percent of γ of a magnitude below the threshold (Section 5, Figure 5)."""
        return _percent(self.below(threshold))

    def below(self, threshold: float) -> NDArray[np.bool_]:
        """(channels,) bool: which |γ| are below the threshold.

        Compared in float64: at float32 a threshold such as 0.01 would be another number.
        """
        return np.abs(self.gamma.astype(np.float64)) < threshold

    def histogram(self, edges: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many γ and how many β lie in each bin: two arrays (bins,) for edges (bins + 1,).

        A bin takes its left edge, the last one its right edge too. What lies outside of all counts nowhere.
        """
        gamma, beta = (np.histogram(values.astype(np.float64), edges)[0] for values in (self.gamma, self.beta))
        return gamma.astype(np.int64), beta.astype(np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class ClampingCurve(_Arrays):
    """Accuracy on the whole test set with every small γ set to 0 and its β kept (Section 5, Figure 6)."""

    thresholds: NDArray[np.float64]
    """(t,): γ is set to 0 where its magnitude is below."""
    accuracies: NDArray[np.float64]
    """(t,), percent of test images, after clamping."""
    shares_clamped: NDArray[np.float64]
    """(t,), percent of all γ."""
    unclamped_accuracy: float
    """Percent of test images, of the network as trained."""

    def __post_init__(self) -> None:
        self._expect(thresholds=np.float64, accuracies=np.float64, shares_clamped=np.float64)
        if not isinstance(self.unclamped_accuracy, float):
            raise ValueError("ClampingCurve.unclamped_accuracy: expected one float")  # noqa: TRY004 - as for arrays

    def change_at(self, threshold: float) -> float:
        """Accuracy after clamping at a threshold less the accuracy as trained, in points.

        Raises:
            UsageError: nothing was measured at this threshold.
        """
        found = np.flatnonzero(self.thresholds == threshold)
        if len(found) == 0:
            known = ", ".join(f"{measured:g}" for measured in self.thresholds)
            raise UsageError(f"γ was not clamped at {threshold:g}; choose from {known}")
        return float(self.accuracies[found[0]]) - self.unclamped_accuracy


@dataclass(frozen=True, kw_only=True, eq=False)
class UnitActivity(_Arrays):
    """How often the output of each ReLU unit is exactly 0 (Section 5, Figure 7; Appendix I).

    A unit is one channel of the output of one ReLU, looked at on every test image and pixel. It is on where its
    output is not 0.
    """

    zeros: NDArray[np.int64]
    """(units,), in the order of the forward pass: outputs that were 0."""
    totals: NDArray[np.int64]
    """(units,): outputs that were looked at, test images times pixels of the unit's map."""

    def __post_init__(self) -> None:
        self._expect(zeros=np.int64, totals=np.int64)
        if np.any(self.zeros < 0) or np.any(self.zeros > self.totals) or np.any(self.totals < 1):
            raise ValueError("UnitActivity: a unit is 0 between 0 and all of the times it was looked at")

    def zero_share(self) -> NDArray[np.float64]:
        """(units,), from 0 to 1: how often a unit's output is 0."""
        return self.zeros / self.totals

    def on_share(self) -> NDArray[np.float64]:
        """(units,), from 0 to 1: how often a unit's output is not 0."""
        # Not 1 - zero_share: a unit that is on 10 times of 100 must compare equal to 0.1.
        return (self.totals - self.zeros) / self.totals

    def share_inactive(self, cut_off: float) -> float:
        """Percent of units whose zero share exceeds the cut-off (Figure 7).

        The paper's own cut-off is not known to us, so there is no default.

        Raises:
            ValueError: the cut-off is not from 0 to 1.
        """
        _check_fractions(cut_off)
        return _percent(self.zero_share() > cut_off)

    def share_always_on_or_off(self, edge: float = 0.01) -> float:
        """Percent of units that are 0 less than this share of the time, or on less than it (Appendix I).

        Raises:
            ValueError: the edge is not from 0 to 1.
        """
        _check_fractions(edge)
        return _percent((self.zero_share() < edge) | (self.on_share() < edge))

    def share_between(self, low: float, high: float) -> float:
        """Percent of units that are on from ``low`` to ``high`` of the time, both included (Appendix I: 0.1 to 0.7).

        Raises:
            ValueError: a bound is not from 0 to 1.
        """
        _check_fractions(low, high)
        on_share = self.on_share()
        return _percent((low <= on_share) & (on_share <= high))


@dataclass(frozen=True, kw_only=True, eq=False)
class Correctness(_Arrays):
    """Which test images are classified rightly (top-1), for tests that pair two networks image by image."""

    correct: NDArray[np.bool_]
    """(test images,), in the data set's canonical order."""

    def __post_init__(self) -> None:
        self._expect(correct=np.bool_)


Measured = AffineValues | ClampingCurve | UnitActivity | Correctness
"""What a probe gives."""

MEASURED_TYPES: dict[Probe, type[Measured]] = {
    Probe.AFFINE: AffineValues,
    Probe.CLAMPING: ClampingCurve,
    Probe.ACTIVITY: UnitActivity,
    Probe.CORRECTNESS: Correctness,
}
"""The type of each probe's value."""


def _percent(chosen: NDArray[np.bool_]) -> float:
    return 100 * int(np.count_nonzero(chosen)) / chosen.size


def _check_fractions(*values: float) -> None:
    for value in values:
        if not 0 <= value <= 1:
            raise ValueError(f"{value} is not a share from 0 to 1")
