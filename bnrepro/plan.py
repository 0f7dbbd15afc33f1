"""Claims to trainings: every RunSpec once, however many claims share it, with why it must be trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from bnrepro.cost import CostModel, DataShape
from bnrepro.identity import differences, run_key
from bnrepro.recipes import RECIPE_VERSION, recipe_for
from bnrepro.spec.arms import Arm
from bnrepro.spec.networks import Network
from bnrepro.spec.recipe import Precision
from bnrepro.spec.run import DeviceKind, RunRecord, RunSpec
from bnrepro.spec.scale import Scale
from bnrepro.store import Store


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all runs of one invocation share."""

    scale: Scale
    device: DeviceKind
    data_digest: str
    data_shape: DataShape
    precision: Precision = Precision.FLOAT32
    checkpoint_seconds: float = 60.0

    def spec(self, network: Network, arm: Arm, seed: int) -> RunSpec:
        """The run of one network, arm and seed under this setting."""
        recipe = recipe_for(network, self.scale)
        return RunSpec(
            scale=self.scale,
            recipe=recipe.model_copy(update={"precision": self.precision}),
            network=network,
            arm=arm,
            seed=seed,
            data_digest=self.data_digest,
            device=self.device,
            recipe_version=RECIPE_VERSION,
            checkpoint_seconds=self.checkpoint_seconds,
        )


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One training: its record where the store has it, else why it must run."""

    spec: RunSpec
    key: str
    record: RunRecord | None
    reason: str

    @property
    def cached(self) -> bool:
        """Whether the store has it."""
        return self.record is not None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The trainings that some claims need, longest first."""

    runs: tuple[PlannedRun, ...]
    cost: CostModel | None
    """``None`` for an empty plan."""

    @property
    def missing(self) -> tuple[RunSpec, ...]:
        """What must be trained."""
        return tuple(run.spec for run in self.runs if not run.cached)

    @property
    def cached(self) -> int:
        """How many trainings the store already has."""
        return len(self.runs) - len(self.missing)

    def wall_seconds(self, jobs: int) -> float:
        """Expected time to train what is missing."""
        return self.cost.wall_seconds(self.missing, jobs) if self.cost else 0.0

    @property
    def disk_bytes(self) -> int:
        """Expected size of what is missing."""
        return sum(map(self.cost.disk_bytes, self.missing)) if self.cost else 0


def make_plan(
    needs: Iterable[tuple[Network, Arm, int]],
    setting: Setting,
    store: Store,
    *,
    known: Mapping[str, RunRecord] = MappingProxyType({}),
) -> Plan:
    """Plan the trainings of every (network, arm, seeds 0 … n - 1) in ``needs``, each once.

    ``known`` are records by key that an earlier look has read; the store is not asked for them again.
    """
    specs = {
        run_key(spec): spec
        for network, arm, seeds in needs
        for spec in (setting.spec(network, arm, seed) for seed in range(seeds))
    }
    if not specs:
        return Plan(runs=(), cost=None)
    found = {key: known.get(key) or store.find(key) for key in specs}
    # Other runs are only worth reading where something must be trained: for its reason and its cost.
    others = list(store.records()) if None in found.values() else [r for r in found.values() if r is not None]
    cost = CostModel.fitted(setting.data_shape, next(iter(specs.values())), others)
    runs = [
        PlannedRun(spec=spec, key=key, record=found[key], reason="" if found[key] else _why_missing(spec, others))
        for key, spec in specs.items()
    ]
    return Plan(runs=tuple(sorted(runs, key=lambda run: -cost.seconds(run.spec))), cost=cost)


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
