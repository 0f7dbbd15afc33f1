"""Runs as jobs of SLURM, submitted through submitit: one job a run, packed into arrays.

Jobs outlive us where we are killed: their results are in the store when the same command is given again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bnrepro.execute.dispatch import Dispatcher
from bnrepro.execute.slurm_crew import SlurmCrew
from bnrepro.execute.window import ALWAYS_OPEN, Window
from bnrepro.spec.recipe import DatasetName
from bnrepro.spec.trainer import Prober, Trainer
from bnrepro.store import Store


class SlurmPool(Dispatcher):
    """Trains and measures runs as jobs of SLURM.

    Usage:
        pool = SlurmPool(store, train_prepared, measure_prepared, data={DatasetName.DIGITS: folder}, parameters={})
        for event in pool.run(specs):
            print(event)

    ``jobs`` is the most runs in the queue at once, ``None`` submits all; ``gpus`` and ``cpus`` are what one process of
    a run asks for, GPUs only of runs on CUDA; ``parameters`` is said in :mod:`bnrepro.execute.slurm_parameters`.
    ``trainer`` and ``prober`` are found by their names elsewhere.

    Raises:
        UsageError: submitit or SLURM's commands are not here, or a parameter cannot be.
    """

    def __init__(
        self,
        store: Store,
        trainer: Trainer,
        prober: Prober | None = None,
        *,
        data: Mapping[DatasetName, Path],
        jobs: int | None = None,
        gpus: int = 1,
        cpus: int = 1,
        parameters: Mapping[str, str],
        retries: int = 1,
        window: Window = ALWAYS_OPEN,
    ) -> None:
        crew = SlurmCrew(trainer, prober, store.root, jobs=jobs, gpus=gpus, cpus=cpus, parameters=parameters)
        super().__init__(store, crew, data=data, can_measure=prober is not None, retries=retries, window=window)
