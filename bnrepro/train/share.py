"""How much of a run a checkpoint holds, without torch: for whoever plans what is left of it."""

from __future__ import annotations

import json

import safetensors.numpy

from bnrepro.spec.recipe import Recipe

CHECKPOINT_FORMAT = 3
"""Of the state that a checkpoint holds; one of another format is not gone on from."""


def share_done(checkpoint: bytes, recipe: Recipe, train_images: int) -> float:
    """The share of a run's steps that its checkpoint holds, from 0 to 1; 0 where the run would start again.

    Args:
        checkpoint: as :class:`bnrepro.train.state.State` saved it.
        recipe: of the run.
        train_images: in its data set.
    """
    fields = json.loads(safetensors.numpy.load(checkpoint)["state"].tobytes())
    if fields["format"] != CHECKPOINT_FORMAT:
        return 0.0
    epochs: float = fields["epoch"] + fields["step"] / recipe.steps_per_epoch(train_images)
    return min(1.0, epochs / recipe.epochs)
