"""A small image folder: JPEGs of unequal size, cut from the photographs that scikit-learn ships."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

from bnrepro.data import FolderImages, load
from bnrepro.data.image_folders import ImageFolders
from bnrepro.data.preparation import prepare_folder
from bnrepro.spec.recipe import DatasetName, Recipe, ResizedCrop
from tests.train.helpers import recipe

CLASSES = 3


@cache
def photographs() -> tuple[Image.Image, ...]:
    """china.jpg and flower.jpg, 640 by 427 pixels."""
    return tuple(Image.fromarray(pixels) for pixels in load_sample_images().images)


def write_folder(
    root: Path, *, train: int = 26, test: int = 7, test_split: str = "val", classes: int = CLASSES
) -> Path:
    """Patches of the photographs, of a tint for each class, as ``train/<class>/NN.jpeg`` and ``val/<class>/NN.jpeg``.

    ``train`` and ``test`` count images over all classes, as even as can be.
    """
    rng = np.random.default_rng(1)
    for split, number in (("train", train), (test_split, test)):
        for index in range(number):
            width, height = (int(side) for side in rng.integers(24, 60, size=2))
            left, upper = int(rng.integers(640 - width)), int(rng.integers(427 - height))
            patch = photographs()[index % 2].crop((left, upper, left + width, upper + height))
            label = index % classes
            tint = Image.new("RGB", patch.size, tuple(230 * (label % 3 == channel) for channel in range(3)))
            file = root / split / f"n{label:03}" / f"{index:03}.jpeg"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.blend(patch, tint, 0.4).save(file, quality=90)
    return root


def folder_recipe(**changes: object) -> Recipe:
    """ImageNet's form of recipe at 16 pixels: two epochs of batches of 8."""
    crop = ResizedCrop(side=16, test_resize=20)
    small = {"dataset": DatasetName.IMAGENET, "resized_crop": crop, "shift_pixels": 0, "batch_size": 8}
    return recipe(**(small | {"evaluation_batch_size": 4} | changes))


def prepared_folder(root: Path, cache: Path) -> tuple[Path, FolderImages]:
    """The prepared directory of a folder and what it loads to."""
    directory = prepare_folder(ImageFolders(path=root), cache).directory
    images = load(directory)
    assert isinstance(images, FolderImages)
    return directory, images
