"""How much of a run a checkpoint holds, without torch: for whoever plans what is left of it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from bnrepro.spec.recipe import Recipe

CHECKPOINT_FORMAT = 3
"""Of the state that a checkpoint holds; one of another format is not gone on from."""


def read(checkpoint: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """The fields and the arrays of a checkpoint of this version; ``None`` if it is none."""
    try:
        arrays = safetensors.numpy.load(checkpoint)
        fields: dict[str, Any] = json.loads(arrays.pop("state").tobytes())
    except (safetensors.SafetensorError, KeyError, ValueError):
        return None
    return (fields, arrays) if fields.pop("format", None) == CHECKPOINT_FORMAT else None


def share_done(checkpoint: bytes, recipe: Recipe, train_images: int) -> float:
    """The share of a run's steps that its checkpoint holds, from 0 to 1; 0 where the run would start again.

    What is no checkpoint of this version counts as nothing: the run that finds it says so.

    Args:
        checkpoint: as :class:`bnrepro.train.state.State` saved it.
        recipe: of the run.
        train_images: in its data set.
    """
    held = read(checkpoint)
    if held is None:
        return 0.0
    fields, _ = held
    epochs: float = fields["epoch"] + fields["step"] / recipe.steps_per_epoch(train_images)
    return min(1.0, epochs / recipe.epochs)
