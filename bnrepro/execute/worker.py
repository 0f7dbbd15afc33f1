"""One process, one run: takes the run's lock, trains, stores, and tells the pool by a pipe."""

from __future__ import annotations

import signal
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from bnrepro.errors import BnreproError, DataError, DeviceError, StoreError
from bnrepro.identity import run_key
from bnrepro.signals import STOP_SIGNALS
from bnrepro.spec.run import RunSpec
from bnrepro.spec.trainer import Interrupted, Progress, Trainer
from bnrepro.store import Store


@dataclass(frozen=True)
class Busy:
    """Another process holds the run's lock."""


@dataclass(frozen=True)
class Done:
    """The run is in the store."""

    trained: bool


@dataclass(frozen=True)
class Stopped:
    """The run was interrupted and its checkpoint written."""


@dataclass(frozen=True)
class Broken:
    """The run raised; trying again would raise again."""

    error: str
    details: str
    """The traceback."""


@dataclass(frozen=True)
class Hopeless:
    """Data, device or store failed: no other run would fare better."""

    error: DataError | DeviceError | StoreError


@dataclass(frozen=True)
class Note:
    """Words for the user."""

    text: str


Message = Progress | Busy | Done | Stopped | Broken | Hopeless | Note


class _Line:
    """The pipe to the pool. A pool that died is a request to stop: nobody waits for this run any more."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.stop_asked = False

    def send(self, message: Message) -> None:
        try:
            self._connection.send(message)
        except OSError:
            self.stop_asked = True

    def ask_stop(self, *_: object) -> None:
        self.stop_asked = True


def work(trainer: Trainer, spec: RunSpec, store_root: Path, data: Path, connection: Connection) -> None:
    """The worker's whole life. Signals end it at the next step, checkpoint written."""
    line = _Line(connection)
    for number in STOP_SIGNALS:
        signal.signal(number, line.ask_stop)
    if hasattr(signal, "pthread_sigmask"):
        # The pool held these back until somebody here would listen.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    try:
        line.send(
            _train_locked(trainer, spec, Store(store_root, notify=lambda text: line.send(Note(text))), data, line)
        )
    except Interrupted:
        line.send(Stopped())
    except (DataError, DeviceError, StoreError) as error:
        line.send(Hopeless(error))
    except Exception as error:  # noqa: BLE001 - whatever breaks this run must reach the user, not end the fleet
        told = str(error) if isinstance(error, BnreproError) else f"{type(error).__name__}: {error}"
        line.send(Broken(told, traceback.format_exc()))
    finally:
        connection.close()


def _train_locked(trainer: Trainer, spec: RunSpec, store: Store, data: Path, line: _Line) -> Message:
    key = run_key(spec)
    with store.lock(key) as held:
        if not held:
            return Busy()
        if store.find(key) is not None:
            return Done(trained=False)
        record, tensors = trainer(
            spec, data, slot=store.checkpoint(key), stop=lambda: line.stop_asked, report=line.send
        )
        store.save(record, tensors)
        return Done(trained=True)
