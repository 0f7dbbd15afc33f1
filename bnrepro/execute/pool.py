"""A pool of single-threaded processes on this machine, one run each.

On a CPU, cores are better spent on one single-threaded run each than together on one run. A worker that
dies takes only its own run with it.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import MappingProxyType

from bnrepro.execute.crew import (
    Tries,
    WorkerProcess,
    how_it_died,
    hurry,
    is_over,
    stop_all,
    stop_signals_held,
    was_cut_short,
)
from bnrepro.execute.events import Advanced, Event, Failed, Noted, Retried, Started, Waiting
from bnrepro.execute.window import ALWAYS_OPEN, Window
from bnrepro.execute.worker import Broken, Busy, Done, Hopeless, Job, Message, Note, Stopped, Stored, work
from bnrepro.identity import run_key
from bnrepro.processes import fresh_context
from bnrepro.spec.probe import Probe
from bnrepro.spec.recipe import DatasetName
from bnrepro.spec.run import RunSpec
from bnrepro.spec.trainer import Prober, Progress, Trainer
from bnrepro.store import Store

POLL_SECONDS = 0.5
"""How often a run that another process works on is looked at."""

Wanted = Mapping[str, tuple[Probe, ...]]
"""What is to be measured on a run, by the run's key."""

_NOTHING: Wanted = MappingProxyType({})


class LocalPool:
    """Trains and measures runs in worker processes; iterate over :meth:`run` to make it work.

    Usage:
        pool = LocalPool(store, train_prepared, measure_prepared, data={DatasetName.DIGITS: folder}, jobs=2)
        for event in pool.run(specs, {run_key(specs[0]): (Probe.CLAMPING,)}):
            print(event)

    Leaving the loop early, also by an exception, asks the workers to write their checkpoints and end.

    ``data`` is where each data set that a recipe may name lies prepared; without a ``prober`` nothing can be
    measured. ``retries`` counts the times that a run whose worker died is started again; ``preload`` names modules
    that all workers need and that are slow to import; ``window`` says until when there is time.
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
        self._store = store
        self._trainer = trainer
        self._prober = prober
        self._data = data
        self._jobs = jobs
        self._retries = retries
        self._window = window
        self._context = fresh_context(preload)

    def run(self, specs: Iterable[RunSpec], probes: Wanted = _NOTHING) -> Generator[Event, None, None]:
        """Train every run once, in this order, and measure on it what is wanted; what the store has is not done again.

        A run that another process works on is waited for. A run that diverged is not measured. When the window closes,
        workers are asked to write their checkpoints and end; runs that are not done then, or that the window does not
        let begin, are told last, as left.

        Raises:
            DataError, DeviceError, StoreError: what all runs need failed under one; the others are asked to stop.
            ValueError: something is to be measured, and the pool has no prober.
        """
        if self._prober is None and any(probes.values()):
            raise ValueError("a pool without a prober cannot measure")
        queue = deque(specs)
        elsewhere: dict[str, RunSpec] = {}
        tries: defaultdict[str, Tries] = defaultdict(Tries)
        workers: list[WorkerProcess] = []
        looked = 0.0
        closing: float | None = None
        try:
            while True:
                while len(workers) < self._jobs and (spec := self._window.next_of(queue)) is not None:
                    queue.remove(spec)
                    workers.append(self._start(spec, probes, tries[run_key(spec)]))
                    yield Started(spec=spec)
                if not workers and (self._window.closed or not elsewhere):
                    break
                if self._window.closed:
                    closing = hurry(workers, closing)
                for worker, message in self._messages(workers):
                    if isinstance(message, Progress):
                        yield Advanced(spec=worker.spec, progress=message)
                    elif isinstance(message, Note):
                        yield Noted(text=message.text)
                    elif isinstance(message, Stored):
                        worker.tries.took(message)
                    else:
                        worker.ended = message
                for worker in [worker for worker in workers if is_over(worker)]:
                    workers.remove(worker)
                    if closing is not None and was_cut_short(worker):
                        worker.connection.close()
                        queue.append(worker.spec)
                        continue
                    event = self._outcome(worker)
                    if isinstance(event, Retried):
                        queue.append(worker.spec)
                    elif isinstance(event, Waiting):
                        elsewhere[run_key(worker.spec)] = worker.spec
                    yield event
                if elsewhere and time.monotonic() - looked >= POLL_SECONDS:
                    looked = time.monotonic()
                    for key, spec in list(elsewhere.items()):
                        if self._is_done(key, probes):
                            del elsewhere[key]
                            yield tries[key].finished(spec)
                        elif self._is_free(key):
                            del elsewhere[key]
                            queue.append(spec)
            for spec in (*queue, *elsewhere.values()):
                yield tries[run_key(spec)].left(spec)
        finally:
            stop_all(workers)

    def _start(self, spec: RunSpec, probes: Wanted, tries: Tries) -> WorkerProcess:
        job = Job(spec=spec, data=self._data[spec.recipe.dataset], probes=probes.get(run_key(spec), ()))
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(  # type: ignore[attr-defined]
            target=work, args=(self._trainer, self._prober, job, self._store.root, theirs), name=str(spec)
        )
        with stop_signals_held():
            process.start()
        theirs.close()
        return WorkerProcess(spec=spec, tries=tries, process=process, connection=ours)

    def _messages(self, workers: list[WorkerProcess]) -> Iterator[tuple[WorkerProcess, Message]]:
        """Wait a moment for news, then everything that has come."""
        if not workers:
            time.sleep(POLL_SECONDS / 5)
            return
        by_handle = {worker.connection: worker for worker in workers if not worker.connection.closed}
        sentinels = [worker.process.sentinel for worker in workers]
        for ready in wait([*by_handle, *sentinels], timeout=POLL_SECONDS):
            if isinstance(ready, Connection):
                worker = by_handle[ready]
                try:
                    while ready.poll():
                        yield worker, ready.recv()
                except (EOFError, OSError):
                    ready.close()

    def _outcome(self, worker: WorkerProcess) -> Event:
        worker.process.join()
        worker.connection.close()
        match worker.ended:
            case Done():
                return worker.tries.finished(worker.spec)
            case Busy():
                return Waiting(spec=worker.spec)
            case Broken(error=error, details=details):
                return Failed(spec=worker.spec, error=error, details=details, trained=worker.tries.trained)
            case Hopeless(error=hopeless):
                raise hopeless
        how = "was asked to stop" if isinstance(worker.ended, Stopped) else how_it_died(worker.process)
        tries = worker.tries
        tries.deaths += 1
        if tries.deaths <= self._retries:
            return Retried(spec=worker.spec, error=f"its process {how}")
        error = f"its process {how}, {tries.deaths} times"
        return Failed(spec=worker.spec, error=error, trained=tries.trained)

    def _is_done(self, key: str, probes: Wanted) -> bool:
        record = self._store.find(key)
        return record is not None and not self._store.lacking(record, probes.get(key, ()))

    def _is_free(self, key: str) -> bool:
        with self._store.lock(key) as held:
            return held
