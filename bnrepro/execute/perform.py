"""One run, wherever it is carried out: takes the run's lock, trains, measures, stores, and says what it does."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Protocol

from bnrepro.errors import BnreproError, DataError, DeviceError, StoreError
from bnrepro.execute.messages import Broken, Busy, Done, Hopeless, LastWord, Message, Note, OutOfMemory, Stopped, Stored
from bnrepro.identity import run_key
from bnrepro.spec.probe import Probe
from bnrepro.spec.run import RunRecord, RunSpec
from bnrepro.spec.trainer import Interrupted, Prober, Trainer
from bnrepro.spec.value import Value
from bnrepro.store import Store


class Job(Value):
    """One run and what is wanted of it."""

    spec: RunSpec
    data: Path
    """The prepared data set that its recipe names."""
    probes: tuple[Probe, ...]


class Line(Protocol):
    """The way back to whoever gave the job."""

    @property
    def stop_asked(self) -> bool:
        """Whether the run is to end at its next step."""

    def send(self, message: Message) -> None:
        """Say something about the run."""


def perform(trainer: Trainer, prober: Prober | None, job: Job, store_root: Path, line: Line) -> LastWord:
    """Carry out a job; its results go into the store, and what is to be said before the last word down the line."""
    try:
        store = Store(store_root, notify=lambda text: line.send(Note(text)))
        return _perform_locked(trainer, prober, job, store, line)
    except Interrupted:
        return Stopped()
    except (DataError, DeviceError, StoreError) as error:
        return Hopeless(error)
    except MemoryError as error:
        return OutOfMemory(str(error) or "MemoryError", traceback.format_exc())
    except Exception as error:  # noqa: BLE001 - whatever breaks this run must reach the user, not end the fleet
        told = str(error) if isinstance(error, BnreproError) else f"{type(error).__name__}: {error}"
        return Broken(told, traceback.format_exc())


def _perform_locked(trainer: Trainer, prober: Prober | None, job: Job, store: Store, line: Line) -> LastWord:
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
    prober: Prober | None, record: RunRecord, wanted: tuple[Probe, ...], job: Job, store: Store, line: Line
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
