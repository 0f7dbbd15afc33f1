"""Who carries out runs for a dispatcher, and how each run fares over its tries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bnrepro.execute.events import Finished, Left, Started
from bnrepro.execute.messages import Message, OutOfMemory, Stopped, Stored
from bnrepro.execute.perform import Job
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
        elif stored.probe not in self.measured:
            self.measured.append(stored.probe)

    def finished(self, spec: RunSpec) -> Finished:
        """All is done."""
        return Finished(spec=spec, trained=self.trained, measured=tuple(self.measured))

    def left(self, spec: RunSpec) -> Left:
        """The time is over first."""
        return Left(spec=spec, trained=self.trained)


class Worker(Protocol):
    """A process of this machine or of another, at work on one run."""

    @property
    def begun(self) -> bool:
        """Whether it is at work, and no longer waiting in a queue."""

    @property
    def over(self) -> bool:
        """Whether it has ended and everything that it said has been read."""

    @property
    def lost_how(self) -> str:
        """How it ended, of one that ended without a word: ``its process was killed by signal 9``."""

    def close(self) -> None:
        """Let go of what it holds here; it is over."""


class Crew(Protocol):
    """Where workers come from."""

    @property
    def elsewhere(self) -> bool:
        """Whether workers may be on other machines: then the store alone tells what they have done."""

    def room(self, busy: int, spec: RunSpec) -> int:
        """How many more may be started where so many are at work, for runs like this one.

        Raises:
            DeviceError: there is no room at all, and no prospect of any.
        """

    def start(self, jobs: Sequence[Job]) -> Iterator[Worker]:
        """Give each job to a worker, in this order, one worker for each step of the iterator.

        Raises:
            DeviceError: no worker could ever take such a job.
        """

    def news(self, workers: Sequence[Worker], seconds: float) -> Iterator[tuple[Worker, Message]]:
        """Wait until something comes, at most so long; then everything that has come."""

    def ask(self, workers: Sequence[Worker]) -> None:
        """Ask some to write their checkpoints and end."""

    def insist(self, workers: Sequence[Worker]) -> None:
        """End some now."""

    def dismiss(self) -> None:
        """No worker is needed any more; all have ended, or are out of reach."""


@dataclass(kw_only=True)
class Assignment:
    """One try: a run, and the worker that it was given to."""

    spec: RunSpec
    tries: Tries
    worker: Worker
    stored: frozenset[Probe | None] = frozenset()
    """What the store held before; told only where workers are elsewhere."""
    told_begun: bool = False
    ended: Message | None = None
    """The worker's last word about the run."""

    def started(self, *, late: bool = False) -> Started:
        """It is at work, or was when nobody looked, which is told once."""
        self.told_begun = True
        return Started(spec=self.spec, late=late)

    @property
    def cut_short(self) -> bool:
        """Whether it ended without a word about its run, or with one that leaves the run to another try."""
        return self.ended is None or isinstance(self.ended, Stopped | OutOfMemory)
