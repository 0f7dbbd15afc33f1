"""What is timed side by side, and the words between the process that times and those that train."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.connection import Connection

import numpy as np

from bnrepro.spec.run import RunSpec


class Contender(StrEnum):
    """What a process of a benchmark does with the images."""

    PLAIN = "plain"
    """The loop that most people would write: float32, torch's defaults."""
    OURS = "ours"
    """One run of ours."""
    FLOOR = "floor"
    """The convolutions and matrix products of a run, nothing else."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The same training for every contender."""

    spec: RunSpec
    """Its recipe's precision is that of ours and of the floor; the plain loop has float32 always."""
    images: np.ndarray
    """(N, C, H, H) uint8, whole batches of them."""
    labels: np.ndarray
    """(N,) int64."""
    classes: int
    warmup_steps: int
    """Steps that are not measured, when a process starts."""
    memory_steps: int
    """Steps over which peak memory is read, after those."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Memory of one process that trains: resident in the machine's on the CPU, allocated on the device on CUDA."""

    before_bytes: int
    """Held before the network was built: interpreter, torch and images."""
    peak_bytes: int
    """The most that was held while training, what was held before included."""


@dataclass(frozen=True, kw_only=True)
class Ready:
    """The process is warm and waits."""

    memory: Memory | None
    """``None`` where the machine does not tell."""
    environment: dict[str, str]
    """Versions, device, threads."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """How long to train when told to: so many steps, or until so many seconds are over."""

    steps: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.seconds is None):
            raise ValueError("a window is so many steps or so many seconds, not both")

    def is_over(self, steps: int, seconds: float) -> bool:
        """Whether it is, after so many steps in so many seconds; never before the first step."""
        if self.steps is not None:
            return steps >= self.steps
        return steps >= 1 and self.seconds is not None and seconds >= self.seconds


@dataclass(frozen=True, kw_only=True)
class Go:
    """Train for a window, tell how it went, and go on until told to halt: the machine stays as full as it was."""

    window: Window


@dataclass(frozen=True)
class Halt:
    """Stop at the next step and wait."""


@dataclass(frozen=True, kw_only=True)
class Timed:
    """What was done in a window."""

    images: int
    seconds: float
    """From being told to the end of the last step, the device's work included."""
    cpu_seconds: float
    """Of processors' time that all threads of the process got meanwhile."""


@dataclass(frozen=True)
class Halted:
    """It waits."""


@dataclass(frozen=True, kw_only=True)
class Broken:
    """The process raised and ends."""

    error: str
    details: str
    """The traceback."""


Message = Ready | Timed | Halted | Broken

Entry = Callable[[Contender, Workload, Connection], None]
"""The whole life of a contender's process: build, warm up, say :class:`Ready`, then :class:`Go` and :class:`Halt`
by turns until the pipe is closed."""
