"""A finished run's network back from its seed and what it learned."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bnrepro.errors import TrainingError
from bnrepro.spec.run import RunRecord
from bnrepro.train.environment import torch_device
from bnrepro.train.model import TrainedModel


def restore(record: RunRecord, learned: Mapping[str, np.ndarray], *, in_channels: int, classes: int) -> TrainedModel:
    """Draw the frozen tensors again, check them against the record's digest, and put the learned ones in.

    Usage:
        model = restore(record, store.tensors(record.key), in_channels=3, classes=10)
        model.evaluate(split)

    Raises:
        TrainingError: this machine draws other initial tensors, or the learned ones do not fit.
    """
    device = torch_device(record.spec.device, record.spec.recipe.precision)
    model = TrainedModel(record.spec, in_channels=in_channels, classes=classes, device=device)
    if model.initial_digest != record.initial_digest:
        raise TrainingError(
            f"{record.spec}: the seed draws tensors of digest {model.initial_digest[:12]} here, the run had "
            f"{record.initial_digest[:12]}; it was trained with numpy {record.environment.get('numpy', 'unknown')}"
        )
    model.load(learned)
    return model
