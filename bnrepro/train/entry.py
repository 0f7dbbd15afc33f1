"""The :class:`~bnrepro.spec.trainer.Trainer` that workers run.

Importing this module does not import torch: the process that hands it to a pool never needs it, only the
workers do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from bnrepro.data import load
from bnrepro.spec.run import RunRecord, RunSpec
from bnrepro.spec.trainer import Progress, Slot

TRAINER_MODULE = "bnrepro.train.run"
"""What a fork server imports once, so that its workers start with torch in memory."""


def train_prepared(
    spec: RunSpec, data: Path, *, slot: Slot, stop: Callable[[], bool], report: Callable[[Progress], None]
) -> tuple[RunRecord, Mapping[str, np.ndarray]]:
    """Train a run on a prepared data set; see :func:`bnrepro.train.run.train`."""
    from bnrepro.train.run import train

    return train(spec, load(data), slot=slot, stop=stop, report=report)
