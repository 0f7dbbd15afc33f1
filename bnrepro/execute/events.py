"""What a pool says while it works; the terminal and the tests listen."""

from __future__ import annotations

from dataclasses import dataclass

from bnrepro.spec.probe import Probe
from bnrepro.spec.run import RunSpec
from bnrepro.spec.trainer import Progress


@dataclass(frozen=True, kw_only=True)
class Started:
    """A worker has begun a run."""

    spec: RunSpec
    late: bool = False
    """It was noticed only by what it said later, so that how long the run took is not known."""


@dataclass(frozen=True, kw_only=True)
class Advanced:
    """A run has got further."""

    spec: RunSpec
    progress: Progress


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Another process is training or measuring this run; its result will be used."""

    spec: RunSpec


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run is in the store with all that was wanted of it; what this pool did for that, over all its tries."""

    spec: RunSpec
    trained: bool
    """False where it was there before, or another process put it there."""
    measured: tuple[Probe, ...] = ()
    """What was measured now."""


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A run could not be trained or measured, its retries included; what was done before stays in the store."""

    spec: RunSpec
    error: str
    details: str = ""
    """The traceback, where there is one."""
    trained: bool = False
    """Whether this pool did train it, and only measuring failed."""


@dataclass(frozen=True, kw_only=True)
class Retried:
    """A worker died; its run goes on from its last checkpoint."""

    spec: RunSpec
    error: str


@dataclass(frozen=True, kw_only=True)
class Left:
    """A run that is not done because the time is over; what it has done is in its checkpoint."""

    spec: RunSpec
    trained: bool = False
    """Whether this pool did train it, and only measuring is left."""


@dataclass(frozen=True, kw_only=True)
class Noted:
    """Something that the user should read."""

    text: str


Event = Started | Advanced | Waiting | Finished | Failed | Retried | Left | Noted
