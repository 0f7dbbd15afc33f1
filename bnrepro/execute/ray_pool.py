"""Runs as tasks of a Ray cluster: one task a run, in worker processes that Ray keeps between tasks.

Ray moves two short texts a run: the order, and what became of it. A task whose worker or machine is lost is retried by
us, not by Ray, so that tries are counted and told as everywhere.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from bnrepro.errors import UsageError
from bnrepro.execute.crew import Worker
from bnrepro.execute.dispatch import Dispatcher
from bnrepro.execute.messages import Broken, Message, Stopped
from bnrepro.execute.perform import Job
from bnrepro.execute.ray_cluster import Share, connect, refuse_too_much, slots
from bnrepro.execute.ray_task import perform_in_ray
from bnrepro.execute.remote import Order, Outcome, last_line, name_of
from bnrepro.execute.window import ALWAYS_OPEN, Window
from bnrepro.spec.recipe import DatasetName
from bnrepro.spec.run import DeviceKind, RunSpec
from bnrepro.spec.trainer import Prober, Trainer
from bnrepro.store import Store

LOOK_SECONDS = 5.0
"""How often the cluster is asked how large it is."""

EMPTY_SECONDS = 120.0
"""How long a cluster may have no machine for our runs, as when all are replaced, before we give up."""


class RayPool(Dispatcher):
    """Trains and measures runs on a Ray cluster.

    Usage:
        pool = RayPool(store, train_prepared, measure_prepared, data={DatasetName.DIGITS: folder}, address=None)
        for event in pool.run(specs):
            print(event)

    ``address`` is the cluster's, ``None`` starts one on this machine; ``jobs`` is the most runs at once, ``None`` as
    many as the cluster has room for; ``gpus`` and ``cpus`` are what one process of a run asks for, GPUs only of runs on
    CUDA. ``trainer`` and ``prober`` are found by their names elsewhere.
    """

    def __init__(
        self,
        store: Store,
        trainer: Trainer,
        prober: Prober | None = None,
        *,
        data: Mapping[DatasetName, Path],
        address: str | None = None,
        jobs: int | None = None,
        gpus: float = 1.0,
        cpus: float = 1.0,
        retries: int = 1,
        window: Window = ALWAYS_OPEN,
    ) -> None:
        crew = RayCrew(trainer, prober, store.root, address=address, jobs=jobs, gpus=gpus, cpus=cpus)
        super().__init__(store, crew, data=data, can_measure=prober is not None, retries=retries, window=window)


@dataclass(kw_only=True, eq=False)
class RayWorker:
    """A task that is queued or running."""

    ray: ModuleType
    reference: Any
    future: Future[str]
    begun: bool = True
    """Nearly: no more tasks are started than the cluster has room for."""
    over: bool = False
    lost_how: str = ""

    def close(self) -> None:
        """Ray forgets a task that nobody refers to."""

    def cancel(self, *, force: bool) -> None:
        """Take back a task that has not begun; ask one at work to end, or with ``force`` end its process."""
        from ray.exceptions import RayError

        with contextlib.suppress(RayError):  # the cluster is gone, and so is the task
            self.ray.cancel(self.reference, force=force)


class RayCrew:
    """Tasks of a Ray cluster, which is connected to when the first run is to begin."""

    elsewhere = True

    def __init__(
        self,
        trainer: Trainer,
        prober: Prober | None,
        store_root: Path,
        *,
        address: str | None,
        jobs: int | None,
        gpus: float,
        cpus: float,
    ) -> None:
        self._trainer = name_of(trainer)
        self._prober = None if prober is None else name_of(prober)
        self._store_root = store_root.resolve()
        self._address = address
        self._jobs = jobs
        self._share = Share(cpus=cpus, gpus=gpus)
        self._ray: ModuleType | None = None
        self._tasks: dict[Share, Any] = {}
        self._asked: Share | None = None
        """By the last run that there was to begin."""
        self._slots = 0
        """How many runs like that the cluster has room for, when it was looked at."""
        self._looked = -math.inf
        self._had_room = -math.inf

    def room(self, busy: int, spec: RunSpec) -> int:
        """What the cluster has now, or less where fewer jobs are asked for."""
        self._look(self._asked_by(spec))
        return min(self._slots, self._jobs or self._slots) - busy

    def start(self, jobs: Sequence[Job]) -> Iterator[RayWorker]:
        """One task each, which Ray begins where there is room."""
        for job in jobs:
            ray, share = self._connected(), self._asked_by(job.spec)
            if share != self._asked:  # else whoever asked for room has looked, and a cluster may be empty for a while
                refuse_too_much(ray, share)
            order = Order(
                job=job.model_copy(update={"data": job.data.resolve()}),
                store=self._store_root,
                trainer=self._trainer,
                prober=self._prober,
            )
            reference = self._task(ray, share).remote(order.model_dump_json())
            yield RayWorker(ray=ray, reference=reference, future=reference.future())

    def news(self, workers: Sequence[Worker], seconds: float) -> Iterator[tuple[Worker, Message]]:
        """What became of the tasks that have ended."""
        self._look()
        by_future = {worker.future: worker for worker in workers if isinstance(worker, RayWorker)}
        done, _ = wait([future for future, each in by_future.items() if not each.over], seconds, FIRST_COMPLETED)
        for future in done:
            worker = by_future[future]
            for message in self._said(worker):
                yield worker, message
            worker.over = True

    def ask(self, workers: Sequence[Worker]) -> None:
        """By ``ray.cancel``, which is SIGINT to a task at work."""
        for worker in workers:
            if isinstance(worker, RayWorker):
                worker.cancel(force=False)

    def insist(self, workers: Sequence[Worker]) -> None:
        """By the end of their processes."""
        for worker in workers:
            if isinstance(worker, RayWorker):
                worker.cancel(force=True)

    def dismiss(self) -> None:
        """The cluster stays connected, for the next stage; one that was started here ends with this process."""

    def _said(self, worker: RayWorker) -> Iterator[Message]:
        from ray.exceptions import RayError, RayTaskError, TaskCancelledError

        try:
            outcome = Outcome.read(worker.future.result())
        except TaskCancelledError:
            yield Stopped()
        except RayTaskError as error:  # before or after our own code: such as a machine that lacks a module
            yield Broken(f"its Ray task raised {last_line(str(error))}", str(error))
        except RayError as error:  # WorkerCrashedError, NodeDiedError, OutOfMemoryError …
            worker.lost_how = f"its Ray worker was lost ({type(error).__name__})"
        else:
            yield from outcome.messages()

    def _asked_by(self, spec: RunSpec) -> Share:
        """What a run takes.

        Raises:
            UsageError: parts of GPUs for processes that need one each.
        """
        if spec.device is DeviceKind.CUDA and spec.processes > 1 and self._share.gpus < 1:
            raise UsageError(
                f"--gpus-per-run {self._share.gpus:g}: each of the {spec.processes} processes of a run needs a GPU of "
                "its own"
            )
        share = self._share if spec.device is DeviceKind.CUDA else Share(cpus=self._share.cpus, gpus=0)
        return share.times(spec.processes)

    def _task(self, ray: ModuleType, share: Share) -> Any:
        if share not in self._tasks:
            # A process keeps the GPU that it began with, and Ray may give its next task another one. On the CPU there
            # is nothing to keep apart, and importing torch anew for each run would cost seconds.
            calls = 1 if share.gpus else 0
            remote = ray.remote(max_retries=0, max_calls=calls, num_cpus=share.cpus, num_gpus=share.gpus)
            self._tasks[share] = remote(perform_in_ray)
        return self._tasks[share]

    def _connected(self) -> ModuleType:
        if self._ray is None:
            cores = math.ceil(self._jobs * self._asked.cpus) if self._jobs and self._asked else None
            self._ray = connect(self._address, cores=cores)
        return self._ray

    def _look(self, asked: Share | None = None) -> None:
        """Clusters grow and shrink; one without room for our runs is an error, not a wait without end."""
        changed = asked not in {None, self._asked}
        self._asked = asked or self._asked
        now = time.monotonic()
        if self._asked is None or (not changed and now - self._looked < LOOK_SECONDS):
            return
        ray = self._connected()
        self._slots, self._looked = slots(ray, self._asked), now
        if self._slots:
            self._had_room = now
        elif now - self._had_room >= EMPTY_SECONDS:
            refuse_too_much(ray, self._asked)
