"""Run records arranged as measurements: arm × network × seed.

Only runs that differ in nothing else are put together. A run that the table lacks is named by its
seed, so that a check can say which evidence is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from bnrepro.errors import UnknownName
from bnrepro.spec.arms import Arm
from bnrepro.spec.claim import Metric
from bnrepro.spec.networks import Network
from bnrepro.spec.run import Part, RunRecord, RunSpec
from bnrepro.spec.scale import Scale

_AXES = frozenset({"network", "arm", "seed"})
"""The fields of a RunSpec that index a table; runs in one table agree on every other identity field."""

_SHARED = tuple(
    name for name, field in RunSpec.model_fields.items() if Part.IDENTITY in field.metadata and name not in _AXES
)

_VALUES: dict[Metric, Callable[[RunRecord], float]] = {Metric.TEST_ACCURACY: attrgetter("test_accuracy")}
"""What this version's records hold of each metric, in points."""

MEASURED = frozenset(_VALUES)
"""The metrics that can be asked for; a check of another is not assessed."""

CHANCE_POINTS: dict[Metric, float] = {Metric.TEST_ACCURACY: 10.0}
"""What guessing scores: both CIFAR-10 and the digits have ten classes."""


class PoolingError(ValueError):
    """Runs that may not be compared were put together: a mistake of the caller, not of the user."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One run's measurement."""

    key: str
    """Key of the run."""
    seed: int
    value: float
    """Points; of a diverged run, wherever it ended."""
    diverged: bool = False


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What the first seeds of one arm on one network gave."""

    network: Network
    arm: Arm
    observations: tuple[Observation, ...]
    """In the order of seeds."""
    missing: tuple[int, ...]
    """Seeds asked for that have no run."""

    def completed(self) -> npt.NDArray[np.float64]:
        """Points of the runs that did not diverge, shape (n,)."""
        return np.array([each.value for each in self.observations if not each.diverged], dtype=np.float64)

    def with_diverged_at(self, chance: float) -> npt.NDArray[np.float64]:
        """Points of all runs, shape (n,), a diverged run counted at ``chance`` points."""
        return np.array([chance if each.diverged else each.value for each in self.observations], dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """All runs at one scale that one verdict may put together.

    Usage:
        table = Measurements.from_records(records, scale=Scale.DIGITS)
        table.sample(Metric.TEST_ACCURACY, network, arm, seeds=3).missing     # () when all three are there
    """

    scale: Scale
    values: Mapping[Metric, Mapping[tuple[Network, Arm], Mapping[int, Observation]]]
    """By metric, by network and arm, by seed."""

    @classmethod
    def from_records(cls, records: Iterable[RunRecord], *, scale: Scale) -> Measurements:
        """Arrange records by network, arm and seed, whatever their order.

        Raises:
            PoolingError: records of another scale; records that differ in recipe, initialisation, data, kind of
                device or recipe version; or two records of the same network, arm and seed.
        """
        records = tuple(records)
        _refuse_to_pool(records, scale)
        values: dict[Metric, dict[tuple[Network, Arm], dict[int, Observation]]] = {metric: {} for metric in _VALUES}
        for record in records:
            spec = record.spec
            for metric, value in _VALUES.items():
                seeds = values[metric].setdefault((spec.network, spec.arm), {})
                if spec.seed in seeds:
                    raise PoolingError(f"two runs of {spec}: {seeds[spec.seed].key} and {record.key}")
                seeds[spec.seed] = Observation(
                    key=record.key, seed=spec.seed, value=value(record), diverged=record.status == "diverged"
                )
        return cls(scale=scale, values=values)

    def sample(self, metric: Metric, network: Network, arm: Arm, *, seeds: int) -> Sample:
        """What is there of seeds 0 to ``seeds`` - 1, and which of them are missing.

        Raises:
            UnknownName: the metric is not one of ``MEASURED``.
        """
        if metric not in self.values:
            raise UnknownName("measured metric", metric, self.values)
        found = self.values[metric].get((network, arm), {})
        return Sample(
            network=network,
            arm=arm,
            observations=tuple(found[seed] for seed in range(seeds) if seed in found),
            missing=tuple(seed for seed in range(seeds) if seed not in found),
        )


def _refuse_to_pool(records: tuple[RunRecord, ...], scale: Scale) -> None:
    for record in records:
        if record.spec.scale is not scale:
            raise PoolingError(f"{record.spec} ran at scale {record.spec.scale}, which is never pooled with {scale}")
        first = _shared_settings(records[0].spec)
        for name, value in _shared_settings(record.spec).items():
            if value != first[name]:
                raise PoolingError(
                    f"{record.spec} and {records[0].spec} differ in {name} ({value} and {first[name]}): not pooled"
                )


def _shared_settings(spec: RunSpec) -> dict[str, object]:
    """All that runs of one table share, the recipe's settings one by one so that an error can name the culprit."""
    return {name: getattr(spec, name) for name in _SHARED if name != "recipe"} | dict(spec.recipe)
