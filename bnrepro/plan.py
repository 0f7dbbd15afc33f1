"""Claims to trainings: every RunSpec once, however many claims share it, with why it must be trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from bnrepro.cost import CostModel, DataShape
from bnrepro.identity import differences, run_key
from bnrepro.recipes import RECIPE_VERSION, recipe_for
from bnrepro.spec.arms import Arm
from bnrepro.spec.checks import Cell
from bnrepro.spec.networks import Network
from bnrepro.spec.probe import Probe
from bnrepro.spec.recipe import DatasetName, Precision
from bnrepro.spec.run import DeviceKind, RunRecord, RunSpec
from bnrepro.spec.scale import Scale
from bnrepro.store import Store

NOT_AT_HAND = "not at hand"
"""Stands for the digest of data that a plan counts on and that are not here: no run has it."""


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """What a plan needs to know of a data set."""

    digest: str
    """Of pixels and labels: part of a run's identity."""
    shape: DataShape


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all runs of one invocation share."""

    scale: Scale
    device: DeviceKind
    data: Mapping[DatasetName, DataFacts]
    precision: Precision = Precision.FLOAT32
    checkpoint_seconds: float = 60.0
    processes: int = 1
    """Of one run whose recipe cuts its batches into parts."""
    decoders: int | None = None
    """Processes that decode an image folder for one run; ``None``: as many as there are cores."""

    def spec(self, network: Network, arm: Arm, seed: int) -> RunSpec:
        """The run of one network, arm and seed under this setting."""
        recipe = recipe_for(network, self.scale)
        return RunSpec(
            scale=self.scale,
            recipe=recipe.model_copy(update={"precision": self.precision}),
            network=network,
            arm=arm.trains,
            feature_init=arm.feature_init,
            affine_init=arm.affine_init,
            frozen_affine=arm.frozen_affine,
            seed=seed,
            data_digest=self.data[recipe.dataset].digest,
            device=self.device,
            recipe_version=RECIPE_VERSION,
            checkpoint_seconds=self.checkpoint_seconds,
            processes=self.processes if recipe.batch_parts > 1 else 1,
            decoders=self.decoders,
        )

    @property
    def shapes(self) -> dict[DatasetName, DataShape]:
        """Shapes of the data sets."""
        return {name: facts.shape for name, facts in self.data.items()}


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a check reads of one arm on one network: the runs of seeds 0 … ``seeds`` - 1."""

    cell: Cell
    seeds: int
    probe: Probe | None = None
    """What must be measured on each trained network."""


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One training: its record where the store has it, else why it must run."""

    spec: RunSpec
    key: str
    record: RunRecord | None
    reason: str
    probes: tuple[Probe, ...] = ()
    """What is to be measured on the trained network."""
    to_measure: tuple[Probe, ...] = ()
    """What the store lacks of that."""

    @property
    def cached(self) -> bool:
        """Whether the store has the training."""
        return self.record is not None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The trainings that some claims need, longest first."""

    runs: tuple[PlannedRun, ...]
    cost: CostModel

    @property
    def missing(self) -> tuple[RunSpec, ...]:
        """What must be trained."""
        return tuple(run.spec for run in self.runs if not run.cached)

    @property
    def work(self) -> tuple[RunSpec, ...]:
        """What must be trained or measured."""
        return tuple(run.spec for run in self.runs if not run.cached or run.to_measure)

    @property
    def to_measure(self) -> dict[str, tuple[Probe, ...]]:
        """What must be measured, by key of the run."""
        return {run.key: run.to_measure for run in self.runs if run.to_measure}

    @property
    def cached(self) -> int:
        """How many trainings the store already has."""
        return len(self.runs) - len(self.missing)

    def wall_seconds(self, jobs: int) -> float:
        """Expected time to train what is missing."""
        return self.cost.wall_seconds(self.missing, jobs)

    @property
    def disk_bytes(self) -> int:
        """Expected size of what is missing, measurements included."""
        measured = sum(self.cost.measured_bytes(run.spec, run.to_measure) for run in self.runs)
        return measured + sum(map(self.cost.disk_bytes, self.missing))


def make_plan(
    needs: Iterable[Need], setting: Setting, store: Store, *, known: Mapping[str, RunRecord] = MappingProxyType({})
) -> Plan:
    """Plan the trainings and measurements of some needs, each once.

    ``known`` are records by key that an earlier look has read; the store is not asked for them again.
    """
    specs, probes = resolved(needs, setting)
    found = {key: known.get(key) or store.find(key) for key in specs}
    # Other runs are only worth reading where something must be trained: for its reason and its cost.
    others = list(store.records()) if None in found.values() else [r for r in found.values() if r is not None]
    cost = CostModel.fitted(setting.shapes, specs.values(), others)
    runs = [
        PlannedRun(
            spec=spec,
            key=key,
            record=found[key],
            reason="" if found[key] else _why_missing(spec, others),
            probes=probes[key],
            to_measure=probes[key] if (record := found[key]) is None else store.lacking(record, probes[key]),
        )
        for key, spec in specs.items()
    ]
    return Plan(runs=tuple(sorted(runs, key=lambda run: -cost.seconds(run.spec))), cost=cost)


def resolved(needs: Iterable[Need], setting: Setting) -> tuple[dict[str, RunSpec], dict[str, tuple[Probe, ...]]]:
    """Every RunSpec of some needs once, by key, and what is to be measured on each."""
    seeds: dict[Cell, int] = {}
    probes: dict[Cell, dict[Probe, int]] = {}
    for need in needs:
        seeds[need.cell] = max(need.seeds, seeds.get(need.cell, 0))
        wanted = probes.setdefault(need.cell, {})
        if need.probe is not None:
            wanted[need.probe] = max(need.seeds, wanted.get(need.probe, 0))
    specs: dict[str, RunSpec] = {}
    measured: dict[str, tuple[Probe, ...]] = {}
    for (network, arm), number in seeds.items():
        for seed in range(number):
            spec = setting.spec(network, arm, seed)
            key = run_key(spec)
            specs[key] = spec
            measured[key] = tuple(probe for probe, needed in probes[network, arm].items() if seed < needed)
    return specs, measured


def _why_missing(spec: RunSpec, records: Sequence[RunRecord]) -> str:
    """Say what is new about a run, against the nearest that the store has."""
    alike = [
        differences(spec, record.spec)
        for record in records
        if (record.spec.network, record.spec.arm, record.spec.seed) == (spec.network, spec.arm, spec.seed)
    ]
    if not alike:
        return "the store has no run of their network, arm and seed"
    nearest = sorted(alike, key=len)[0]
    return f"the nearest stored run differs in {', '.join(nearest)}"
