"""Run records and what was measured on their networks, arranged as samples: arm × network × seed.

Only runs that differ in nothing else are put together. A run that the table lacks is named by its
seed, so that a check can say which evidence is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from bnrepro.errors import UnknownName
from bnrepro.spec.arms import Arm
from bnrepro.spec.checks import Cell
from bnrepro.spec.metrics import Metric
from bnrepro.spec.networks import Family, Network
from bnrepro.spec.probe import Measured, Probe
from bnrepro.spec.run import Part, RunRecord, RunSpec
from bnrepro.spec.scale import Scale

_AXES = frozenset({"network", "arm", "feature_init", "affine_init", "frozen_affine", "seed"})
"""The fields of a RunSpec that index a table; runs on one data set agree on every other identity field."""

_SHARED = tuple(
    name for name, field in RunSpec.model_fields.items() if Part.IDENTITY in field.metadata and name not in _AXES
)

UNIT_IS_OFF = 99.0
"""Percent of images and pixels on which a ReLU unit must give 0 to count as off. The paper's cut-off was lost in our
copy of its text; this is a guess, which is why no check against the paper rests on it."""

_PROBED: dict[Metric, tuple[Probe, Callable[[Any], float]]] = {
    Metric.GAMMA_MEAN: (Probe.AFFINE, lambda values: values.mean()),
    Metric.GAMMA_SD: (Probe.AFFINE, lambda values: values.standard_deviation()),
    Metric.GAMMA_POSITIVE: (Probe.AFFINE, lambda values: values.share_positive()),
    Metric.GAMMA_NEGATIVE: (Probe.AFFINE, lambda values: values.share_negative()),
    Metric.GAMMA_BELOW_001: (Probe.AFFINE, lambda values: values.share_below(0.01)),
    Metric.GAMMA_BELOW_005: (Probe.AFFINE, lambda values: values.share_below(0.05)),
    Metric.CLAMPED_CHANGE_001: (Probe.CLAMPING, lambda curve: curve.change_at(0.01)),
    Metric.CLAMPED_CHANGE_005: (Probe.CLAMPING, lambda curve: curve.change_at(0.05)),
    Metric.UNITS_OFF: (Probe.ACTIVITY, lambda activity: activity.share_inactive(UNIT_IS_OFF / 100)),
    Metric.UNITS_EXTREME: (Probe.ACTIVITY, lambda activity: activity.share_always_on_or_off(edge=0.01)),
    Metric.UNITS_SOMETIMES: (Probe.ACTIVITY, lambda activity: activity.share_between(0.1, 0.7)),
}
"""Metrics that are measured on the trained network afterwards, and what each takes from its probe."""


class PoolingError(ValueError):
    """Runs that may not be compared were put together: a mistake of the caller, not of the user."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One run's measurement."""

    key: str
    """Key of the run."""
    seed: int
    value: float | None
    """In the metric's unit; of a diverged run, wherever it ended; ``None`` where that was not measured."""
    diverged: bool = False


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What the first seeds of one arm on one network gave."""

    network: Network
    arm: Arm
    observations: tuple[Observation, ...]
    """In the order of seeds."""
    missing: tuple[int, ...]
    """Seeds asked for that have no run, or on whose network the metric was not measured."""
    chance: float | None
    """What a diverged run counts as; ``None`` where guessing says nothing about the metric."""
    resolution: float = 0.0
    """The step in which values of a change within a run come, one test image; 0 for other metrics."""

    def completed(self) -> npt.NDArray[np.float64]:
        """Values of the runs that did not diverge, shape (n,)."""
        return np.array([each.value for each in self.observations if not each.diverged], dtype=np.float64)

    def with_diverged_at_chance(self) -> npt.NDArray[np.float64] | None:
        """Values of all runs, shape (n,), a diverged run counted at chance level; ``None`` where there is none."""
        if self.chance is None and any(each.diverged for each in self.observations):
            return None
        return np.array([self.chance if each.diverged else each.value for each in self.observations], dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """All runs at one scale that one verdict may put together.

    Usage:
        table = Measurements.from_records(records, scale=Scale.DIGITS, classes={Family.CIFAR: 10})
        table.sample(Metric.TEST_ACCURACY, (network, arm), seeds=3).missing     # () when all three are there
    """

    scale: Scale
    values: Mapping[Metric, Mapping[Cell, Mapping[int, Observation]]]
    """By metric, by network and arm, by seed."""
    classes: Mapping[Family, int]
    """Classes of the data that each family of networks is trained on."""
    test_images: Mapping[Family, int] = field(default_factory=dict)
    """Images that each family of networks is tested on; a family that is not here has no known resolution."""

    @classmethod
    def from_records(
        cls,
        records: Iterable[RunRecord],
        *,
        scale: Scale,
        classes: Mapping[Family, int],
        test_images: Mapping[Family, int] = MappingProxyType({}),
        metrics: Collection[Metric] = (Metric.TEST_ACCURACY,),
        measured: Mapping[str, Mapping[Probe, Measured]] = MappingProxyType({}),
    ) -> Measurements:
        """Arrange records by network, arm and seed, whatever their order.

        Args:
            records: finished runs.
            scale: of all of them.
            classes: of the data of each family among them.
            test_images: likewise, the images that accuracies are over.
            metrics: what to arrange.
            measured: what was measured on trained networks, by key; a run that lacks what a metric needs has no
                value there.

        Raises:
            PoolingError: records of another scale; records on one data set that differ in recipe, data, kind of
                device or recipe version; or two records of the same network, arm and seed.
        """
        records = tuple(records)
        _refuse_to_pool(records, scale)
        values: dict[Metric, dict[Cell, dict[int, Observation]]] = {metric: {} for metric in metrics}
        for record in records:
            spec = record.spec
            diverged = record.status == "diverged"
            for metric, cells in values.items():
                value = value_of(metric, record, measured.get(record.key, {}))
                if value is None and not diverged:
                    continue
                seeds = cells.setdefault((spec.network, spec.full_arm), {})
                if spec.seed in seeds:
                    raise PoolingError(f"two runs of {spec}: {seeds[spec.seed].key} and {record.key}")
                seeds[spec.seed] = Observation(key=record.key, seed=spec.seed, value=value, diverged=diverged)
        return cls(scale=scale, values=values, classes=classes, test_images=test_images)

    def sample(self, metric: Metric, cell: Cell, *, seeds: int) -> Sample:
        """What is there of seeds 0 to ``seeds`` - 1, and which of them are missing.

        Raises:
            UnknownName: the metric was not arranged.
        """
        if metric not in self.values:
            raise UnknownName("measured metric", metric, self.values)
        network, arm = cell
        found = self.values[metric].get(cell, {})
        return Sample(
            network=network,
            arm=arm,
            observations=tuple(found[seed] for seed in range(seeds) if seed in found),
            missing=tuple(seed for seed in range(seeds) if seed not in found),
            chance=self.chance(metric, network),
            resolution=100 / self.test_images[network.family]
            if metric.is_change and network.family in self.test_images
            else 0.0,
        )

    def chance(self, metric: Metric, network: Network) -> float | None:
        """What guessing scores on the data of a network, in percent; ``None`` where it says nothing."""
        return metric.chance(self.classes[network.family])


def probe_of(metric: Metric) -> Probe | None:
    """What must be measured on a trained network for a metric; ``None`` where the training itself tells."""
    return _PROBED[metric][0] if metric in _PROBED else None


def value_of(metric: Metric, record: RunRecord, measured: Mapping[Probe, Measured]) -> float | None:
    """A metric of one run, in its unit; ``None`` where what it takes was not measured."""
    match metric:
        case Metric.TEST_ACCURACY:
            return record.test_accuracy
        case Metric.TOP5_ACCURACY:
            return record.top5_accuracy
    probe, value = _PROBED[metric]
    return float(value(measured[probe])) if probe in measured else None


def _refuse_to_pool(records: tuple[RunRecord, ...], scale: Scale) -> None:
    first: dict[str, RunRecord] = {}
    for record in records:
        if record.spec.scale is not scale:
            raise PoolingError(f"{record.spec} ran at scale {record.spec.scale}, which is never pooled with {scale}")
        reference = first.setdefault(record.spec.recipe.dataset, record).spec
        if record.spec.recipe == reference.recipe and _same(record.spec, reference):
            continue
        theirs = _shared_settings(reference)
        for name, value in _shared_settings(record.spec).items():
            if value != theirs[name]:
                raise PoolingError(
                    f"{record.spec} and {reference} differ in {name} ({value} and {theirs[name]}): not pooled"
                )


def _same(one: RunSpec, other: RunSpec) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in _SHARED)


def _shared_settings(spec: RunSpec) -> dict[str, object]:
    """All that runs of one table share, the recipe's settings one by one so that an error can name the culprit."""
    return {name: getattr(spec, name) for name in _SHARED if name != "recipe"} | dict(spec.recipe)
