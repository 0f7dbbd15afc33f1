"""The worker processes of a pool: how each run fares over its tries, and how processes are born and ended."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from bnrepro.execute.events import Finished, Left
from bnrepro.execute.worker import Message, Stopped, Stored
from bnrepro.signals import STOP_SIGNALS
from bnrepro.spec.probe import Probe
from bnrepro.spec.run import RunSpec

STOP_SECONDS = 60.0
"""How long workers may take to write their checkpoints when asked to stop."""


@dataclass(kw_only=True)
class Tries:
    """What became so far of all workers that one run was given to."""

    trained: bool = False
    measured: list[Probe] = field(default_factory=list)
    deaths: int = 0

    def took(self, stored: Stored) -> None:
        """Count what a worker has put into the store."""
        if stored.probe is None:
            self.trained = True
        else:
            self.measured.append(stored.probe)

    def finished(self, spec: RunSpec) -> Finished:
        """All is done."""
        return Finished(spec=spec, trained=self.trained, measured=tuple(self.measured))

    def left(self, spec: RunSpec) -> Left:
        """The time is over first."""
        return Left(spec=spec, trained=self.trained)


@dataclass(kw_only=True)
class WorkerProcess:
    """A process at work on one run."""

    spec: RunSpec
    tries: Tries
    process: BaseProcess
    connection: Connection
    ended: Message | None = None
    """Its last word about the run."""


def is_over(worker: WorkerProcess) -> bool:
    """Its process has ended and everything that it said has been read."""
    return not worker.process.is_alive() and (worker.connection.closed or not worker.connection.poll())


def was_cut_short(worker: WorkerProcess) -> bool:
    """Whether it ended without a word about its run, or with the word that it was asked to."""
    return worker.ended is None or isinstance(worker.ended, Stopped)


def how_it_died(process: BaseProcess) -> str:
    """In words, after ``its process``."""
    code = process.exitcode
    return f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with exit code {code}"


def hurry(workers: Sequence[WorkerProcess], asked: float | None) -> float:
    """Ask all to end, or insist where they were asked long ago.

    Args:
        workers: those that are still at work.
        asked: when they were asked, in seconds of the monotonic clock; ``None`` where they were not yet.

    Returns:
        When they were asked.
    """
    now = time.monotonic()
    for worker in workers:
        if asked is None:
            worker.process.terminate()
        elif now - asked >= STOP_SECONDS:
            worker.process.kill()
    return now if asked is None else asked


def stop_all(workers: Sequence[WorkerProcess]) -> None:
    """Ask all to end, give them time for their checkpoints, then insist."""
    for worker in workers:
        worker.process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for worker in workers:
        worker.process.join(max(0.0, deadline - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.connection.close()


@contextmanager
def stop_signals_held() -> Iterator[None]:
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
