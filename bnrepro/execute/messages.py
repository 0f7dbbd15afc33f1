"""What a worker says about the run that it was given, whatever carries its words."""

from __future__ import annotations

from dataclasses import dataclass

from bnrepro.errors import DataError, DeviceError, StoreError
from bnrepro.spec.probe import Probe
from bnrepro.spec.trainer import Progress


@dataclass(frozen=True)
class Begun:
    """A worker that had to wait for its machine is at work. One that never waits does not say so."""


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
class OutOfMemory:
    """There was too little memory: another try, elsewhere or later, may find more, and goes on from the checkpoint."""

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


LastWord = Busy | Done | Stopped | Broken | OutOfMemory | Hopeless
"""What became of the run; nothing follows."""

Message = Begun | Progress | Stored | Note | LastWord
