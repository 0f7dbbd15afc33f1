"""The :class:`~bnrepro.spec.trainer.Trainer` and the :class:`~bnrepro.spec.trainer.Prober` that workers run.

Importing this module does not import torch: the process that hands it to a pool never needs it, only the
workers do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from bnrepro.data import load
from bnrepro.errors import DeviceError
from bnrepro.spec.probe import Measured, Probe
from bnrepro.spec.run import RunRecord, RunSpec
from bnrepro.spec.trainer import Progress, Slot

TRAINER_MODULE = "bnrepro.train.run"
"""What a fork server imports once, so that its workers start with torch in memory."""


def compile_ahead() -> None:
    """Have the kernels compiled and kept for the workers; they say themselves if they cannot be."""
    from bnrepro.train.kernels.build import NotCompiled, library

    with suppress(NotCompiled, DeviceError):
        library()


def train_prepared(
    spec: RunSpec, data: Path, *, slot: Slot, stop: Callable[[], bool], report: Callable[[Progress], None]
) -> tuple[RunRecord, Mapping[str, np.ndarray]]:
    """Train a run on a prepared data set; see :func:`bnrepro.train.run.train`.

    A run in several processes is started by :func:`bnrepro.train.distributed.train_together`.

    Raises:
        MemoryError: there is too little memory, also on a GPU; and what :func:`~bnrepro.train.run.train` raises.
    """
    if spec.processes > 1:
        from bnrepro.train.distributed import train_together

        return train_together(spec, data, slot=slot, stop=stop, report=report)
    from bnrepro.train.memory import memory_errors
    from bnrepro.train.run import train

    with memory_errors():
        return train(spec, load(data), slot=slot, stop=stop, report=report)


def measure_prepared(
    record: RunRecord, learned: Mapping[str, np.ndarray], data: Path, probes: Iterable[Probe]
) -> Iterator[tuple[Probe, Measured]]:
    """Measure a finished run on a prepared data set; see :func:`bnrepro.train.probes.measure`.

    Raises:
        MemoryError: there is too little memory, also on a GPU.
    """
    from bnrepro.train.memory import memory_errors
    from bnrepro.train.probes import measure

    with memory_errors():
        yield from measure(record, learned, load(data), probes)
