"""A run that is carried out elsewhere: what is sent there and what comes back, both as JSON.

The results themselves go through the store alone. Trainer and prober travel as names, so that nothing of the sender's
memory is needed where the run is trained.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from bnrepro.errors import DataError, DeviceError, StoreError, StoreFull
from bnrepro.execute.messages import Broken, Busy, Done, Hopeless, LastWord, Message, Note, OutOfMemory, Stopped, Stored
from bnrepro.execute.perform import Job, perform
from bnrepro.spec.probe import Probe
from bnrepro.spec.trainer import Progress
from bnrepro.spec.value import Value

_FAULTS = {kind.__name__: kind for kind in (DataError, DeviceError, StoreError, StoreFull)}

_ENDS = {
    Done: "done",
    Busy: "busy",
    Stopped: "stopped",
    Broken: "broken",
    OutOfMemory: "out of memory",
    Hopeless: "hopeless",
}


class Order(Value):
    """All that a worker elsewhere needs to know."""

    job: Job
    store: Path
    """The same folder on every machine, and so the same path."""
    trainer: str
    """``module:function``."""
    prober: str | None


class Outcome(Value):
    """What a worker elsewhere says when it ends."""

    end: Literal["done", "busy", "stopped", "broken", "out of memory", "hopeless"]
    error: str = ""
    fault: Literal["", "DataError", "DeviceError", "StoreError", "StoreFull"] = ""
    """The class of the error, where nothing else would fare better."""
    details: str = ""
    stored: tuple[Probe | None, ...] = ()
    notes: tuple[str, ...] = ()
    steps_done: int = 0
    steps: int = 0
    """0 where the run told no progress."""
    test_accuracy: float | None = None
    """Percent, as it was told last."""

    @classmethod
    def read(cls, text: str) -> Outcome:
        """Of a worker's own words. It may run another bnrepro, whose words cannot be understood here."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            why = "its worker's words cannot be read here: another version of bnrepro runs there; install the same on "
            return cls(end="broken", error=f"{why}every machine", details=f"{error}\n\nThe worker said: {text}")

    def messages(self) -> Iterator[Message]:
        """The same as a worker of this machine would have said it, of its progress the last alone."""
        yield from (Note(text) for text in self.notes)
        yield from (Stored(what) for what in self.stored)
        if self.steps:
            yield Progress(steps_done=self.steps_done, steps=self.steps, test_accuracy=self.test_accuracy)
        match self.end:
            case "done":
                yield Done()
            case "busy":
                yield Busy()
            case "stopped":
                yield Stopped()
            case "broken":
                yield Broken(self.error, self.details)
            case "out of memory":
                yield OutOfMemory(self.error, self.details)
            case "hopeless":
                yield Hopeless(_FAULTS[self.fault](self.error))


class _Notebook:
    """A line to nobody: what is said is kept until the end."""

    def __init__(self, stop_asked: Callable[[], bool]) -> None:
        self._stop_asked = stop_asked
        self._said: dict[str, Any] = {}
        self._stored: list[Probe | None] = []
        self._notes: list[str] = []

    @property
    def stop_asked(self) -> bool:
        return self._stop_asked()

    def send(self, message: Message) -> None:
        if isinstance(message, Stored):
            self._stored.append(message.probe)
        elif isinstance(message, Note):
            self._notes.append(message.text)
        elif isinstance(message, Progress):
            self._said["steps_done"], self._said["steps"] = message.steps_done, message.steps
            self._said["test_accuracy"] = message.test_accuracy

    def closed_with(self, word: LastWord) -> Outcome:
        told = dict(self._said)
        if isinstance(word, Broken | OutOfMemory):
            told |= {"error": word.error, "details": word.details}
        elif isinstance(word, Hopeless):
            told |= {"error": str(word.error), "fault": _kind_of(word.error)}
        end: Any = _ENDS[type(word)]
        return Outcome(end=end, stored=tuple(self._stored), notes=tuple(self._notes), **told)


def perform_order(order_json: str, stop_asked: Callable[[], bool]) -> Outcome:
    """Carry out an order on this machine."""
    order = Order.model_validate_json(order_json)
    line = _Notebook(stop_asked)
    if not (order.store / "store.json").exists():
        why = f"there is no store at {order.store} on {socket.gethostname()}; all machines must see the same folder"
        return line.closed_with(Hopeless(StoreError(f"{why} under this path: name a shared one with --store")))
    trainer = named(order.trainer)
    prober = None if order.prober is None else named(order.prober)
    return line.closed_with(perform(trainer, prober, order.job, order.store, line))


def name_of(function: Callable[..., object]) -> str:
    """``module:function``, by which another machine finds a function.

    Raises:
        ValueError: it cannot be found by a name.
    """
    name = f"{function.__module__}:{function.__qualname__}"
    try:
        found = None if function.__module__ == "__main__" else named(name)
    except (ImportError, AttributeError):
        found = None
    if found is not function:
        raise ValueError(f"{name} is not a function that another process could import")
    return name


def named(name: str) -> Any:
    """The function of this name.

    Raises:
        ImportError, AttributeError: there is none here.
    """
    module, _, function = name.partition(":")
    return getattr(import_module(module), function)


def last_line(report: str) -> str:
    """Of a traceback: the error itself."""
    return report.strip().rpartition("\n")[2]


def _kind_of(error: Exception) -> str:
    """The nearest class that the other side knows."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _FAULTS)
