"""One run in several processes, one device each: started, served and ended by the process that has the run.

    the run's own process                       its ranks, one a device
    slot, stop, report  ←─ pipe to each ─→  train(..., team): parts of each batch, gradients averaged

The ranks find each other through a file and talk over gloo, on CUDA over nccl; only the loop itself speaks there.
All that a rank cannot do alone (keep a checkpoint, hear that it should stop) goes through its pipe.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import torch
from torch import distributed

from bnrepro.data import load
from bnrepro.errors import BnreproError, DeviceError, TrainingError
from bnrepro.spec.run import DeviceKind, RunRecord, RunSpec
from bnrepro.spec.trainer import Interrupted, Progress, Slot
from bnrepro.train.memory import memory_errors
from bnrepro.train.processes import process_context, serve_parent
from bnrepro.train.run import train
from bnrepro.train.team import Team

_POLL_SECONDS = 0.1
"""How often it is asked whether to stop."""
_ENDING_SECONDS = 10.0
"""How long the ranks of a finished run may take to end by themselves."""
_TELLING_SECONDS = 1.0
"""How long after one rank lost another it may take until we know how that one ended."""


@dataclass(frozen=True)
class _Saved:
    checkpoint: bytes


@dataclass(frozen=True)
class _Rejected:
    why: str


@dataclass(frozen=True)
class _Stopped:
    """The run was interrupted and its checkpoint sent."""


@dataclass(frozen=True)
class _Finished:
    record: RunRecord
    learned: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class _Failed:
    error: BnreproError | MemoryError | None
    """What the run is to raise too; ``None`` for what happened to a rank, such as losing another."""
    details: str
    """The traceback."""


@dataclass(frozen=True, kw_only=True)
class _Rank:
    process: BaseProcess
    pipe: Connection

    def messages(self) -> Iterator[object]:
        """Everything that it has said and nobody has read."""
        try:
            while not self.pipe.closed and self.pipe.poll():
                yield self.pipe.recv()
        except (EOFError, OSError):
            self.pipe.close()


def train_together(
    spec: RunSpec, data: Path, *, slot: Slot, stop: Callable[[], bool], report: Callable[[Progress], None]
) -> tuple[RunRecord, Mapping[str, np.ndarray]]:
    """As :func:`bnrepro.train.run.train`, in ``spec.processes`` processes; ``data`` is a prepared directory.

    The parts of a batch are those that a single process would take in turn. On the CPU two processes end bit for bit
    as one does; more of them add their gradients in another order, which rounds differently.

    Raises:
        TrainingError: a rank died or broke; the others are ended too.
        DataError, DeviceError, Interrupted: as from a run in one process.
        MemoryError: there is too little memory for a rank, also on a GPU.
    """
    asked = False
    with tempfile.TemporaryDirectory(prefix="bnrepro-") as folder, _started(spec, data, Path(folder)) as ranks:
        with contextlib.suppress(OSError):  # it has died already; the loop says how
            ranks[0].pipe.send(slot.load())
        while True:
            _await_news(ranks)
            messages = [message for rank in ranks for message in rank.messages()]
            for message in messages:
                if isinstance(message, Progress):
                    report(message)
                elif isinstance(message, _Saved):
                    slot.save(message.checkpoint)
                elif isinstance(message, _Rejected):
                    slot.reject(message.why)
                elif isinstance(message, _Stopped):
                    raise Interrupted
                elif isinstance(message, _Finished):
                    return message.record, message.learned
            _raise_failure(spec, ranks, [message for message in messages if isinstance(message, _Failed)])
            if not asked and stop():
                asked = True
                with contextlib.suppress(OSError):
                    ranks[0].pipe.send("stop")


@contextlib.contextmanager
def _started(spec: RunSpec, data: Path, folder: Path) -> Iterator[Sequence[_Rank]]:
    """The ranks of a run; none is left when this ends, however it does."""
    context = process_context()
    ranks: list[_Rank] = []
    try:
        for number in range(spec.processes):
            ours, theirs = context.Pipe()
            process = context.Process(  # type: ignore[attr-defined]
                target=_work, args=(number, spec, data, folder, theirs), name=f"{spec}, rank {number}"
            )
            ranks.append(_Rank(process=process, pipe=ours))
            process.start()
            theirs.close()
        yield ranks
        for rank in ranks:
            rank.pipe.close()  # which is what it waits for
        for rank in ranks:
            rank.process.join(_ENDING_SECONDS)
    finally:
        for rank in ranks:
            if rank.process.pid is not None:
                rank.process.kill()
                rank.process.join()
            rank.pipe.close()


def _await_news(ranks: Sequence[_Rank]) -> None:
    """Wait until a rank says something or ends, or it is time to ask again whether to stop."""
    pipes = [rank.pipe for rank in ranks if not rank.pipe.closed]
    wait([*pipes, *(rank.process.sentinel for rank in ranks if rank.process.is_alive())], _POLL_SECONDS)


def _raise_failure(spec: RunSpec, ranks: Sequence[_Rank], failures: Sequence[_Failed]) -> None:
    """Raise what went wrong, causes before consequences: an error, a death, then that a rank lost another."""
    for failure in failures:
        if failure.error is not None:
            raise failure.error
    if failures:
        wait([rank.process.sentinel for rank in ranks], _TELLING_SECONDS)
    for number, rank in enumerate(ranks, start=1):
        if rank.process.exitcode is not None:
            code = rank.process.exitcode
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            raise TrainingError(f"{spec}: process {number} of {len(ranks)} {how}")
    for failure in failures:
        raise TrainingError(f"{spec}: one of its {len(ranks)} processes broke:\n{failure.details}")


def _work(number: int, spec: RunSpec, data: Path, folder: Path, pipe: Connection) -> None:
    """A rank's whole life."""
    serve_parent()
    team = Team(rank=number, size=spec.processes)
    try:
        slot = _PipeSlot(pipe, team)
        _meet(spec, team, folder)
        with memory_errors():
            record, learned = train(
                spec,
                load(data),
                slot=slot,
                stop=pipe.poll if team.leads else lambda: False,
                report=pipe.send if team.leads else lambda _: None,
                team=team,
            )
        if team.leads:
            pipe.send(_Finished(record, learned))
    except Interrupted:
        if team.leads:
            pipe.send(_Stopped())
    except Exception as error:  # noqa: BLE001 - whatever it is must reach the run's own process
        pipe.send(_Failed(error if isinstance(error, BnreproError | MemoryError) else None, traceback.format_exc()))
    with contextlib.suppress(EOFError):
        while True:
            pipe.recv()  # until it is closed: the others may still be listening to us


def _meet(spec: RunSpec, team: Team, folder: Path) -> None:
    """Take a device and join the other ranks."""
    backend = "gloo"
    if spec.device is DeviceKind.CUDA:
        backend = "cpu:gloo,cuda:nccl"
        if torch.cuda.device_count() < team.size:
            raise DeviceError(f"{spec}: {team.size} processes need as many GPUs, found {torch.cuda.device_count()}")
        torch.cuda.set_device(team.rank)
    if sys.platform == "linux":
        # All are on this machine; its name need not resolve to an address.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    meeting = Path(folder, "ranks").as_uri()
    distributed.init_process_group(backend, init_method=meeting, rank=team.rank, world_size=team.size)


class _PipeSlot:
    """The run's checkpoint, seen from a rank: the leader reads and writes it, all go on from it."""

    def __init__(self, pipe: Connection, team: Team) -> None:
        self._pipe = pipe
        self._team = team
        # Before anything that can fail, so that who sends it never waits for a rank that does not read.
        self._found: bytes | None = pipe.recv() if team.leads else None

    def load(self) -> bytes | None:
        found, self._found = [self._found], None
        distributed.broadcast_object_list(found, src=0, device=torch.device("cpu"))
        return found[0]

    def save(self, content: bytes) -> None:
        self._pipe.send(_Saved(content))

    def reject(self, why: str) -> None:
        if self._team.leads:
            self._pipe.send(_Rejected(why))
