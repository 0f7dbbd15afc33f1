"""Losses as they were when this was written: what tells that training changed and RECIPE_VERSION did not."""

from __future__ import annotations

import pytest
import torch

from bnrepro.recipes import RECIPE_VERSION
from bnrepro.train.batches import Split, training_batches
from bnrepro.train.model import TrainedModel
from tests.train.helpers import recipe, run_spec, striped_images

VERSION = 1
LOSSES = {
    "batchnorm": [2.3277812, 2.4285276, 2.3293443, 2.2336180, 2.2889795],
    "random_2": [2.3277812, 2.4309473, 2.3338761, 2.2420182, 2.3288367],
    "all": [2.3277812, 2.3497539, 2.1796348, 2.0007229, 1.8860393],
}
"""From double precision. float32 with AVX-512, AVX2, SSE or without oneDNN strays from them by up to 5e-7."""
TOLERANCE = 1e-5

CHANGED = f"""training results changed: raise RECIPE_VERSION ({RECIPE_VERSION} now), then put the new version and
losses here. Stored runs of the old version are trained again and never pooled with new ones."""


@pytest.mark.parametrize("arm", LOSSES)
def test_five_steps_lose_what_they_lost_at_this_recipe_version(arm: str) -> None:
    images = striped_images()
    # A strong weight decay, so that a change of it shows within five steps.
    spec = run_spec(images, arm=arm, recipe=recipe(weight_decay=0.01))
    model = TrainedModel(spec, in_channels=3, classes=10, device=torch.device("cpu"))
    split = Split.on_device(images.train_images, images.train_labels, torch.device("cpu"))
    batches = training_batches(split, spec.recipe, seed=spec.seed, epoch=0)
    losses = [model.step(inputs, labels)[0].item() for inputs, labels in batches]
    assert (RECIPE_VERSION, losses) == (VERSION, pytest.approx(LOSSES[arm], rel=TOLERANCE)), CHANGED
