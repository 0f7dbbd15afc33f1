"""Named training recipes, one for each data set and scale.

Every number that changes a trained network stands here and is part of a run's identity. The
``cifar10`` and ``imagenet`` recipes are the paper's (Appendix B); ``reduced`` is the first with fewer epochs
and the milestones in proportion; ``digits`` is sized for a laptop.
"""

from __future__ import annotations

from bnrepro.errors import UsageError
from bnrepro.spec.networks import Family, Network
from bnrepro.spec.recipe import DatasetName, Recipe, ResizedCrop
from bnrepro.spec.scale import Scale

RECIPE_VERSION = 1
"""Raised whenever the same RunSpec would train to different numbers."""

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

_REDUCED = _CIFAR10.model_copy(update={"epochs": 8, "milestones": (4, 6)})

_DIGITS = Recipe(
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
)

_IMAGENET = Recipe(
    dataset=DatasetName.IMAGENET,
    epochs=90,
    batch_size=1024,
    peak_lr=0.4,
    milestones=(30, 60, 80),
    warmup_epochs=5,
    flip=True,
    shift_pixels=0,
    resized_crop=ResizedCrop(),
    channel_mean=(0.485, 0.456, 0.406),
    channel_std=(0.229, 0.224, 0.225),
    # The paper does not say over how many GPUs a batch was spread. Eight parts of 128 images fit one GPU's memory.
    batch_parts=8,
    evaluation_batch_size=256,
)

RECIPES: dict[tuple[Family, Scale], Recipe] = {
    (Family.CIFAR, Scale.PAPER): _CIFAR10,
    (Family.CIFAR, Scale.REDUCED): _REDUCED,
    (Family.CIFAR, Scale.DIGITS): _DIGITS,
    # Appendix C.1 trains the VGG networks exactly as Appendix B.1 does the ResNets.
    (Family.VGG, Scale.PAPER): _CIFAR10,
    (Family.VGG, Scale.REDUCED): _REDUCED,
    (Family.VGG, Scale.DIGITS): _DIGITS,
    (Family.IMAGENET, Scale.PAPER): _IMAGENET,
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
