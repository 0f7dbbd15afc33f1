"""The processes of a benchmark: started once, told by a pipe when to train, ended whatever happens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TypeVar

from bnrepro.errors import TrainingError
from bnrepro.processes import fresh_context
from bnrepro.spec.bench import Broken, Contender, Entry, Go, Halt, Halted, Ready, Timed, Window, Workload

_ENDING_SECONDS = 2.0
"""How long a process whose pipe is closed may take to end by itself."""

Said = TypeVar("Said", Ready, Timed, Halted)


@dataclass(frozen=True, kw_only=True)
class Member:
    """A process that trains when it is told to."""

    contender: Contender
    process: BaseProcess
    pipe: Connection

    def tell(self, word: Go | Halt) -> None:
        """Give it a word; that it has ended is found when it should answer."""
        with suppress(OSError):
            self.pipe.send(word)

    def hear(self, kind: type[Said]) -> Said:
        """Its next word.

        Raises:
            TrainingError: it broke, or ended without a word.
        """
        try:
            said = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(_ENDING_SECONDS)
            raise TrainingError(
                f"the process of '{self.contender}' ended (exit code {self.process.exitcode}); was memory short?"
            ) from None
        if isinstance(said, Broken):
            raise TrainingError(f"'{self.contender}' cannot be timed: {said.error}\n{said.details}")
        if not isinstance(said, kind):
            raise TrainingError(f"'{self.contender}' said {said!r} where {kind.__name__} was expected")
        return said


@dataclass(frozen=True, kw_only=True)
class Crew:
    """One plain loop; as many runs of ours and as many floors as fill the machine."""

    plain: Member
    ours: tuple[Member, ...]
    floor: tuple[Member, ...]
    ready: tuple[Ready, ...]
    """What each said when it was warm, in the order plain, ours, floor."""


@contextmanager
def crew(workload: Workload, entry: Entry, *, preload: Sequence[str], runs: int) -> Iterator[Crew]:
    """Start every process and wait until all are warm; end them at the end.

    Raises:
        TrainingError: a process broke or ended.
    """
    members: list[Member] = []
    context = fresh_context(preload)
    try:
        for contender in (Contender.PLAIN, *[Contender.OURS] * runs, *[Contender.FLOOR] * runs):
            ours, theirs = context.Pipe()
            process = context.Process(  # type: ignore[attr-defined]
                target=entry, args=(contender, workload, theirs), name=f"bench {contender}"
            )
            members.append(Member(contender=contender, process=process, pipe=ours))
            process.start()
            theirs.close()
        ready = tuple(member.hear(Ready) for member in members)
        yield Crew(plain=members[0], ours=tuple(members[1 : 1 + runs]), floor=tuple(members[1 + runs :]), ready=ready)
    finally:
        _end(members)


def timed_together(members: Sequence[Member], window: Window) -> tuple[Timed, ...]:
    """What some processes do in a window each, all of them at work until the last one's is over.

    Raises:
        TrainingError: a process broke or ended.
    """
    for member in members:
        member.tell(Go(window=window))
    timed = tuple(member.hear(Timed) for member in members)
    for member in members:
        member.tell(Halt())
    for member in members:
        member.hear(Halted)
    return timed


def _end(members: Sequence[Member]) -> None:
    for member in members:
        member.pipe.close()  # which is what it waits for
    for member in members:
        if member.process.pid is not None:
            # It keeps nothing that could be lost, and a step of a deep network may take long.
            member.process.kill()
            member.process.join()
