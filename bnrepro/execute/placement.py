"""Where an invocation's runs are carried out, and how much of that place a run may take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bnrepro.errors import UsageError
from bnrepro.execute.executor import Executor
from bnrepro.execute.window import ALWAYS_OPEN, Window
from bnrepro.processes import available_cores
from bnrepro.spec.recipe import DatasetName
from bnrepro.spec.run import DeviceKind
from bnrepro.spec.trainer import Prober, Trainer
from bnrepro.store import Store

_LEAST_SHARE = 0.0001
"""Of a GPU: Ray counts in ten-thousandths."""


class ExecutorKind(StrEnum):
    """As ``--executor`` names it."""

    LOCAL = "local"
    RAY = "ray"
    SLURM = "slurm"


@dataclass(frozen=True, kw_only=True)
class Placement:
    """What ``--executor`` and its options say.

    Raises:
        UsageError: an option is another executor's, or cannot be had of this one.
    """

    kind: ExecutorKind = ExecutorKind.LOCAL
    device: DeviceKind
    asked_jobs: int | None = None
    """The most runs at once; ``None`` leaves it to the place."""
    ray_address: str | None = None
    """Of a cluster; ``None`` starts one on this machine."""
    gpus_per_run: float | None = None
    """Of one process of a run on CUDA; ``None`` is one."""
    cpus_per_run: int | None = None
    """Of one process of a run; ``None`` is one."""
    slurm: Mapping[str, str] | None = None
    """Parameters of submitit, such as ``partition``."""

    def __post_init__(self) -> None:
        clusters = (ExecutorKind.RAY, ExecutorKind.SLURM)
        for option, given, kinds in (
            ("--gpus-per-run", self.gpus_per_run, clusters),
            ("--cpus-per-run", self.cpus_per_run, clusters),
            ("--slurm", self.slurm, clusters[1:]),
        ):
            if given and self.kind not in kinds:
                raise UsageError(f"{option} is for --executor {' or '.join(kinds)}, not {self.kind}")
        gpus = self.gpus_per_run or 1.0
        if self.kind is ExecutorKind.SLURM and not gpus.is_integer():
            raise UsageError(
                f"--gpus-per-run {gpus:g}: SLURM gives whole GPUs; where yours shares them, ask in its own words, such "
                "as --slurm gres=shard:1"
            )
        if gpus < _LEAST_SHARE or (gpus > 1 and not gpus.is_integer()):
            raise UsageError(
                f"--gpus-per-run {gpus:g}: a part of one GPU, or a whole number of them; no less than {_LEAST_SHARE:g}"
            )

    @property
    def jobs(self) -> int:
        """Runs at once, as far as it is known before a place is asked: what estimates of time count on."""
        if self.asked_jobs:
            return self.asked_jobs
        if self.kind is ExecutorKind.LOCAL:
            return available_cores() if self.device is DeviceKind.CPU else 1
        if self.is_here and self.device is DeviceKind.CPU:
            return max(1, available_cores() // (self.cpus_per_run or 1))
        return 1

    @property
    def is_here(self) -> bool:
        """Whether runs are carried out on this machine alone."""
        return self.kind is ExecutorKind.LOCAL or (self.kind is ExecutorKind.RAY and self.ray_address is None)

    @property
    def decoders(self) -> int:
        """Further processes that may decode images for one run."""
        if self.kind is ExecutorKind.LOCAL:
            return max(1, available_cores() // self.jobs)
        return (self.cpus_per_run or 1) - 1

    @property
    def told(self) -> str | None:
        """What the user should know of it; ``None`` for this machine's processes."""
        match self.kind:
            case ExecutorKind.LOCAL:
                return None
            case ExecutorKind.RAY:
                where = "a Ray cluster on this machine" if self.is_here else f"the Ray cluster at {self.ray_address}"
            case ExecutorKind.SLURM:
                where = "jobs of SLURM"
        unknown = "" if self.is_here or self.asked_jobs else "; estimates are for one run at a time without --jobs"
        return f"runs are trained by {where}{unknown}"

    def executor(
        self,
        store: Store,
        trainer: Trainer,
        prober: Prober | None,
        *,
        data: Mapping[DatasetName, Path],
        preload: Sequence[str] = (),
        window: Window = ALWAYS_OPEN,
    ) -> Executor:
        """Whoever carries out runs there.

        Args:
            store: seen by all machines under the same path.
            trainer: found by its name elsewhere.
            prober: likewise; without one nothing can be measured.
            data: where each data set lies prepared, likewise.
            preload: modules that local workers need and that are slow to import.
            window: until when there is time.

        Raises:
            UsageError: a package or a command that this executor needs is not installed.
        """
        match self.kind:
            case ExecutorKind.LOCAL:
                from bnrepro.execute.pool import LocalPool

                return LocalPool(store, trainer, prober, data=data, jobs=self.jobs, preload=preload, window=window)
            case ExecutorKind.RAY:
                from bnrepro.execute.ray_pool import RayPool

                return RayPool(
                    store,
                    trainer,
                    prober,
                    data=data,
                    address=self.ray_address,
                    jobs=self.asked_jobs,
                    gpus=self.gpus_per_run or 1.0,
                    cpus=self.cpus_per_run or 1,
                    window=window,
                )
            case ExecutorKind.SLURM:
                from bnrepro.execute.slurm_pool import SlurmPool

                return SlurmPool(
                    store,
                    trainer,
                    prober,
                    data=data,
                    jobs=self.asked_jobs,
                    gpus=int(self.gpus_per_run or 1),
                    cpus=self.cpus_per_run or 1,
                    parameters=self.slurm or {},
                    window=window,
                )
