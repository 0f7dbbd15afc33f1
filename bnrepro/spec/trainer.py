"""Where execution meets training: two calls, in values that neither side owns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from bnrepro.spec.probe import Measured, Probe
from bnrepro.spec.run import RunRecord, RunSpec


class Interrupted(Exception):
    """The run was asked to stop; its checkpoint is written."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is."""

    steps_done: int
    steps: int
    test_accuracy: float | None
    """Percent after the last full epoch."""


class Slot(Protocol):
    """Where one checkpoint is kept."""

    def load(self) -> bytes | None:
        """What was saved last; ``None`` where nothing was."""

    def save(self, content: bytes) -> None:
        """Replace what was saved."""

    def reject(self, why: str) -> None:
        """Say that what was loaded cannot be used, so that the run starts again from its seed."""


class Trainer(Protocol):
    """Trains one run to its end, or raises :class:`Interrupted` with the checkpoint in its slot."""

    def __call__(
        self, spec: RunSpec, data: Path, *, slot: Slot, stop: Callable[[], bool], report: Callable[[Progress], None]
    ) -> tuple[RunRecord, Mapping[str, np.ndarray]]:
        """Train ``spec`` on the prepared data in ``data``."""


class Prober(Protocol):
    """Measures one finished run; gives each measurement when it is done, so that none is lost to a later one."""

    def __call__(
        self, record: RunRecord, learned: Mapping[str, np.ndarray], data: Path, probes: Iterable[Probe]
    ) -> Iterator[tuple[Probe, Measured]]:
        """Measure the run of ``record`` on the prepared data in ``data``."""
