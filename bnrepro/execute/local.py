"""Worker processes of this machine: how they are born, heard and ended."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from bnrepro.execute.crew import Worker
from bnrepro.execute.messages import Message
from bnrepro.execute.perform import Job
from bnrepro.execute.worker import work
from bnrepro.processes import fresh_context
from bnrepro.signals import STOP_SIGNALS
from bnrepro.spec.run import RunSpec
from bnrepro.spec.trainer import Prober, Trainer


@dataclass(kw_only=True, eq=False)
class LocalWorker:
    """A process at work on one run, and the pipe that it speaks through."""

    process: BaseProcess
    connection: Connection
    begun: bool = True

    @property
    def over(self) -> bool:
        """It has ended, and all that it said has been read."""
        return not self.process.is_alive() and (self.connection.closed or not self.connection.poll())

    @property
    def lost_how(self) -> str:
        """By its exit code."""
        code = self.process.exitcode
        how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with exit code {code}"
        return f"its process {how}"

    def close(self) -> None:
        """Let go of the process and the pipe."""
        self.process.join()
        self.connection.close()


class LocalCrew:
    """Up to so many processes; ``preload`` names modules that all need and that are slow to import."""

    elsewhere = False

    def __init__(
        self, trainer: Trainer, prober: Prober | None, store_root: Path, *, jobs: int, preload: Sequence[str]
    ) -> None:
        self._trainer = trainer
        self._prober = prober
        self._store_root = store_root
        self._jobs = jobs
        self._context = fresh_context(preload)

    def room(self, busy: int, spec: RunSpec) -> int:  # noqa: ARG002 - every run takes one process of ours
        """Up to the number of jobs."""
        return self._jobs - busy

    def start(self, jobs: Sequence[Job]) -> Iterator[LocalWorker]:
        """One process each."""
        for job in jobs:
            ours, theirs = self._context.Pipe(duplex=False)
            process = self._context.Process(  # type: ignore[attr-defined]
                target=work, args=(self._trainer, self._prober, job, self._store_root, theirs), name=str(job.spec)
            )
            with _stop_signals_held():
                process.start()
            theirs.close()
            yield LocalWorker(process=process, connection=ours)

    def news(self, workers: Sequence[Worker], seconds: float) -> Iterator[tuple[Worker, Message]]:
        """What came through the pipes."""
        ours = [worker for worker in workers if isinstance(worker, LocalWorker)]
        if not ours:
            time.sleep(seconds)
            return
        by_handle = {worker.connection: worker for worker in ours if not worker.connection.closed}
        sentinels = [worker.process.sentinel for worker in ours]
        for ready in wait([*by_handle, *sentinels], timeout=seconds):
            if isinstance(ready, Connection):
                worker = by_handle[ready]
                try:
                    while ready.poll():
                        yield worker, ready.recv()
                except (EOFError, OSError):
                    ready.close()

    def ask(self, workers: Sequence[Worker]) -> None:
        """By SIGTERM."""
        for worker in workers:
            if isinstance(worker, LocalWorker):
                worker.process.terminate()

    def insist(self, workers: Sequence[Worker]) -> None:
        """By SIGKILL."""
        for worker in workers:
            if isinstance(worker, LocalWorker):
                worker.process.kill()

    def dismiss(self) -> None:
        """The fork server stays, for the next stage."""


@contextmanager
def _stop_signals_held() -> Iterator[None]:
    """A process that is being born has no handler yet: what arrives now waits until it has."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # It unblocks signals after its own start, so it has to be there before we block them.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
