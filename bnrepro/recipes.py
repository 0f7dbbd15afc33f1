"""Named training recipes, one for each data set and scale.

Every number that changes a trained network stands here and is part of a run's identity. The
``cifar10`` recipe is the paper's (Appendix B.1); ``reduced`` is the same with fewer epochs and the
milestones in proportion; ``digits`` is sized for a laptop.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from bnrepro.errors import UsageError
from bnrepro.spec.networks import Family, Network
from bnrepro.spec.scale import Scale
from bnrepro.spec.value import Value

RECIPE_VERSION = 1
"""Raised whenever the same RunSpec would train to different numbers."""


class DatasetName(StrEnum):
    """The data sets that a recipe can name."""

    DIGITS = "digits"
    CIFAR10 = "cifar10"


class Precision(StrEnum):
    """Arithmetic of the forward and backward pass; learned values are always float32."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Recipe(Value):
    """Everything about training that is not the network, the arm or the seed.

    Learning rate at epoch e (from 0): ``peak_lr * lr_drop ** (number of milestones <= e)``.
    """

    dataset: DatasetName
    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=2)]
    peak_lr: Annotated[float, Field(gt=0)]
    milestones: tuple[int, ...]
    """Epochs, counted from 0, at whose first step the learning rate drops."""
    lr_drop: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    """On every trainable entry, γ and β included; never on a frozen one."""
    flip: bool
    """Mirror each training image left-right with probability one half."""
    shift_pixels: Annotated[int, Field(ge=0)]
    """Move each training image by up to this many pixels a direction, zeros (black) coming in."""
    channel_mean: tuple[float, ...]
    """Subtracted after scaling pixels to [0, 1] and after the shift's padding."""
    channel_std: tuple[float, ...]
    precision: Precision = Precision.FLOAT32
    evaluation_batch_size: Annotated[int, Field(ge=1)]

    def lr_at(self, epoch: int) -> float:
        """Learning rate of every step of an epoch counted from 0."""
        return float(self.peak_lr * self.lr_drop ** sum(epoch >= milestone for milestone in self.milestones))

    def steps_per_epoch(self, images: int) -> int:
        """Steps an epoch, the short last batch kept: 391 for 50,000 images at batch 128."""
        return -(-images // self.batch_size)


_CIFAR10 = Recipe(
    dataset=DatasetName.CIFAR10,
    epochs=160,
    batch_size=128,
    peak_lr=0.1,
    milestones=(80, 120),
    flip=True,
    shift_pixels=4,
    # ImageNet's channel statistics, as in the authors' framework; the paper only says "per pixel".
    channel_mean=(0.485, 0.456, 0.406),
    channel_std=(0.229, 0.224, 0.225),
    evaluation_batch_size=500,
)

RECIPES: dict[tuple[Family, Scale], Recipe] = {
    (Family.CIFAR, Scale.PAPER): _CIFAR10,
    (Family.CIFAR, Scale.REDUCED): _CIFAR10.model_copy(update={"epochs": 8, "milestones": (4, 6)}),
    (Family.CIFAR, Scale.DIGITS): Recipe(
        dataset=DatasetName.DIGITS,
        epochs=16,
        batch_size=64,
        peak_lr=0.1,
        milestones=(8, 12),
        flip=False,
        shift_pixels=1,
        channel_mean=(0.305,),
        channel_std=(0.376,),
        evaluation_batch_size=500,
    ),
}
"""The recipe of each family of networks at each scale."""


def recipe_for(network: Network, scale: Scale) -> Recipe:
    """The recipe that trains a network at a scale.

    Raises:
        UsageError: no recipe trains this family at this scale.
    """
    recipe = RECIPES.get((network.family, scale))
    if recipe is None:
        raise UsageError(f"no recipe trains {network.family} networks at scale {scale} in this version")
    return recipe
