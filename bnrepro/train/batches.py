"""Batches from a set that lives on the device, augmented there, fixed by the seed alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from bnrepro.spec.recipe import Recipe
from bnrepro.train.random import Purpose, generator


@dataclass(frozen=True, kw_only=True)
class Split:
    """Images (N, C, H, W) uint8 and labels (N,) int64 on one device."""

    images: torch.Tensor
    labels: torch.Tensor

    @classmethod
    def on_device(cls, images: np.ndarray, labels: np.ndarray, device: torch.device) -> Split:
        """Put one split of a data set on a device, whole."""
        return cls(images=torch.from_numpy(images).to(device), labels=torch.from_numpy(labels).to(device))

    def __len__(self) -> int:
        return len(self.labels)


def training_batches(
    split: Split, recipe: Recipe, *, seed: int, epoch: int, first_step: int = 0
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The augmented, normalised batches of one epoch (counted from 0), from ``first_step`` on.

    Each image is shifted by a whole number of pixels uniform on ±``shift_pixels`` along each axis, black
    coming in, then mirrored with probability one half, then normalised. Order and augmentation are drawn
    for the whole epoch, so that a step's batch does not depend on where a run resumed.
    """
    count, device = len(split), split.images.device
    order = generator(seed, Purpose.ORDER, epoch).permutation(count)
    rng = generator(seed, Purpose.AUGMENTATION, epoch)
    shifts = rng.integers(0, 2 * recipe.shift_pixels, size=(2, count), endpoint=True)
    mirrored = rng.random(count) < (0.5 if recipe.flip else 0.0)
    drawn = [torch.from_numpy(array).to(device) for array in (order, *shifts, mirrored)]
    for start in range(first_step * recipe.batch_size, count, recipe.batch_size):
        chosen, down, right, mirror = (array[start : start + recipe.batch_size] for array in drawn)
        pixels = shifted(split.images[chosen], recipe.shift_pixels, down=down, right=right, mirror=mirror)
        yield normalised(pixels, recipe), split.labels[chosen]


def evaluation_batches(split: Split, recipe: Recipe) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Every image once, in order, normalised and otherwise as it is."""
    for start in range(0, len(split), recipe.evaluation_batch_size):
        part = slice(start, start + recipe.evaluation_batch_size)
        yield normalised(split.images[part], recipe), split.labels[part]


def shifted(
    images: torch.Tensor, pad: int, *, down: torch.Tensor, right: torch.Tensor, mirror: torch.Tensor
) -> torch.Tensor:
    """Cut a window of the original size out of each zero-padded image, then mirror some of them.

    ``images`` (N, C, H, W) uint8; ``down``, ``right`` (N,) window corners in 0 … 2·pad; ``mirror`` (N,) bool.
    """
    number, _, height, width = images.shape
    padded = functional.pad(images, (pad, pad, pad, pad))
    rows = down[:, None] + torch.arange(height, device=images.device)
    columns = torch.arange(width, device=images.device)
    columns = right[:, None] + torch.where(mirror[:, None], columns.flip(0), columns)
    index = torch.arange(number, device=images.device)[:, None, None]
    # Advanced indexing around a slice gives (N, H, W, C): already the memory order of channels-last.
    return padded[index, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def normalised(pixels: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    """(N, C, H, W) uint8 to float32 in channels-last order: scaled to [0, 1], mean and deviation taken out."""
    mean = torch.tensor(recipe.channel_mean, device=pixels.device).view(1, -1, 1, 1)
    std = torch.tensor(recipe.channel_std, device=pixels.device).view(1, -1, 1, 1)
    scaled = pixels.to(torch.float32, memory_format=torch.channels_last)
    return scaled.div_(255).sub_(mean).div_(std)
