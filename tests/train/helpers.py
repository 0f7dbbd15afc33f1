"""Small specs and image sets that train in a second."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnrepro.data import ImageSet
from bnrepro.recipes import RECIPE_VERSION, RECIPES
from bnrepro.spec.arms import Arm
from bnrepro.spec.networks import Family, Network
from bnrepro.spec.recipe import Recipe
from bnrepro.spec.run import DeviceKind, RunSpec
from bnrepro.spec.scale import Scale


def striped_images(*, train: int = 96, test: int = 40, side: int = 8, channels: int = 3) -> ImageSet:
    """Noise whose brightness tells the class: learnable, and made without any file."""
    rng = np.random.default_rng(0)

    def split(number: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(number, dtype=np.int64) % 10
        noise = rng.integers(0, 60, size=(number, channels, side, side))
        return (noise + 19 * labels[:, None, None, None]).astype(np.uint8), labels

    return ImageSet.in_canonical_order(name="striped", train=split(train), test=split(test))


def recipe(**changes: Any) -> Recipe:
    """The CIFAR-10 recipe, cut to two epochs of small batches."""
    base = RECIPES[Family.CIFAR, Scale.REDUCED]
    small = {"epochs": 2, "batch_size": 20, "milestones": (1,), "shift_pixels": 2, "evaluation_batch_size": 16}
    return Recipe.model_validate(base.model_dump() | small | changes)


def run_spec(
    images: ImageSet, *, arm: str = "batchnorm", network: str = "resnet-8", seed: int = 0, **more: Any
) -> RunSpec:
    """A run on the given images; ``more`` replaces fields of the spec."""
    fields = {
        "scale": Scale.REDUCED,
        "recipe": recipe(),
        "network": Network.parse(network),
        "arm": Arm.parse(arm),
        "seed": seed,
        "data_digest": images.digest,
        "device": DeviceKind.CPU,
        "recipe_version": RECIPE_VERSION,
    }
    return RunSpec(**(fields | more))


class MemorySlot:
    """A checkpoint slot in memory."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.rejected = ""

    def load(self) -> bytes | None:
        return self.content

    def save(self, content: bytes) -> None:
        self.content = content

    def reject(self, why: str) -> None:
        self.rejected = why
