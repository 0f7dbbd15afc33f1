"""A pool of single-threaded processes on this machine, one run each.

On a CPU, cores are better spent on one single-threaded run each than together on one run. A worker that
dies takes only its own run with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bnrepro.execute.dispatch import Dispatcher
from bnrepro.execute.local import LocalCrew
from bnrepro.execute.window import ALWAYS_OPEN, Window
from bnrepro.spec.recipe import DatasetName
from bnrepro.spec.trainer import Prober, Trainer
from bnrepro.store import Store


class LocalPool(Dispatcher):
    """Trains and measures runs in worker processes; iterate over :meth:`run` to make it work.

    Usage:
        pool = LocalPool(store, train_prepared, measure_prepared, data={DatasetName.DIGITS: folder}, jobs=2)
        for event in pool.run(specs, {run_key(specs[0]): (Probe.CLAMPING,)}):
            print(event)

    Without a ``prober`` nothing can be measured; ``preload`` names modules that all workers need and that are slow to
    import. The rest is said in :class:`~bnrepro.execute.dispatch.Dispatcher`.
    """

    def __init__(
        self,
        store: Store,
        trainer: Trainer,
        prober: Prober | None = None,
        *,
        data: Mapping[DatasetName, Path],
        jobs: int,
        retries: int = 1,
        preload: Sequence[str] = (),
        window: Window = ALWAYS_OPEN,
    ) -> None:
        crew = LocalCrew(trainer, prober, store.root, jobs=jobs, preload=preload)
        super().__init__(store, crew, data=data, can_measure=prober is not None, retries=retries, window=window)
