"""One process, one run: takes the run's lock, trains, measures, stores, and tells the pool by a pipe."""

from __future__ import annotations

import signal
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from bnrepro.errors import BnreproError, DataError, DeviceError, StoreError
from bnrepro.identity import run_key
from bnrepro.signals import STOP_SIGNALS
from bnrepro.spec.probe import Probe
from bnrepro.spec.run import RunRecord, RunSpec
from bnrepro.spec.trainer import Interrupted, Prober, Progress, Trainer
from bnrepro.store import Store


@dataclass(frozen=True)
class Busy:
    """Another process holds the run's lock."""


@dataclass(frozen=True)
class Stored:
    """This process has put the trained run into the store, or one measurement of it."""

    probe: Probe | None
    """What was measured; ``None`` after training."""


@dataclass(frozen=True)
class Done:
    """The run is in the store, and so is all that was wanted of it."""


@dataclass(frozen=True)
class Stopped:
    """The run was interrupted: its checkpoint, or what was measured so far, is written."""


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


Message = Progress | Stored | Busy | Done | Stopped | Broken | Hopeless | Note


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run and what is wanted of it."""

    spec: RunSpec
    data: Path
    """The prepared data set that its recipe names."""
    probes: tuple[Probe, ...]


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


def work(trainer: Trainer, prober: Prober | None, job: Job, store_root: Path, connection: Connection) -> None:
    """The worker's whole life. Signals end it at the next step, checkpoint written."""
    line = _Line(connection)
    for number in STOP_SIGNALS:
        signal.signal(number, line.ask_stop)
    if hasattr(signal, "pthread_sigmask"):
        # The pool held these back until somebody here would listen.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    try:
        store = Store(store_root, notify=lambda text: line.send(Note(text)))
        line.send(_work_locked(trainer, prober, job, store, line))
    except Interrupted:
        line.send(Stopped())
    except (DataError, DeviceError, StoreError) as error:
        line.send(Hopeless(error))
    except Exception as error:  # noqa: BLE001 - whatever breaks this run must reach the user, not end the fleet
        told = str(error) if isinstance(error, BnreproError) else f"{type(error).__name__}: {error}"
        line.send(Broken(told, traceback.format_exc()))
    finally:
        connection.close()


def _work_locked(trainer: Trainer, prober: Prober | None, job: Job, store: Store, line: _Line) -> Message:
    key = run_key(job.spec)
    with store.lock(key) as held:
        if not held:
            return Busy()
        record = store.find(key)
        if record is None:
            record, tensors = trainer(
                job.spec, job.data, slot=store.checkpoint(key), stop=lambda: line.stop_asked, report=line.send
            )
            store.save(record, tensors)
            line.send(Stored(None))
        wanted = store.lacking(record, job.probes)
        if wanted:
            _measure(prober, record, wanted, job, store, line)
        return Done()


def _measure(
    prober: Prober | None, record: RunRecord, wanted: tuple[Probe, ...], job: Job, store: Store, line: _Line
) -> None:
    """Measure what is stored, also when it was trained just now: that is what anybody can measure again."""
    assert prober is not None  # noqa: S101 - the pool takes no wish that it cannot grant
    if line.stop_asked:
        raise Interrupted
    # The stored spec says how the run was trained, perhaps on another machine; what is identity is the same in both.
    here = record.model_copy(update={"spec": job.spec})
    for done, (probe, value) in enumerate(prober(here, store.tensors(record.key), job.data, wanted), start=1):
        store.save_measured(record.key, probe, value)
        line.send(Stored(probe))
        if line.stop_asked and done < len(wanted):
            raise Interrupted
