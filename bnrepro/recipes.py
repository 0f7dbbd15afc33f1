"""Named training recipes, one for each data set and scale.

Every number that changes a trained network stands here and is part of a run's identity. The
``cifar10`` recipe is the paper's (Appendix B.1); ``reduced`` is the same with fewer epochs and the
milestones in proportion; ``digits`` is sized for a laptop.
"""

from __future__ import annotations

from bnrepro.errors import UsageError
from bnrepro.spec.networks import Family, Network
from bnrepro.spec.recipe import DatasetName, Recipe
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
