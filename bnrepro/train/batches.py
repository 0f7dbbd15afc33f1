"""Batches fixed by the seed alone: of a set that lives on the device and is augmented there, or of any other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch.nn import functional

from bnrepro.spec.recipe import Recipe
from bnrepro.train.kernels import calls
from bnrepro.train.random import Purpose, generator
from bnrepro.train.team import ALONE, Team


class Images(Protocol):
    """One split of a data set, whatever form it has.

    ``places`` are the batches, as slices of positions in an order; what comes are their images (N, C, H, W), uint8,
    on the device of the labels.
    """

    @property
    def labels(self) -> torch.Tensor:
        """(N,) int64, on the device that trains."""
        ...

    def __len__(self) -> int: ...

    def augmented(
        self, recipe: Recipe, order: np.ndarray, places: Sequence[slice], *, seed: int, epoch: int
    ) -> Iterator[torch.Tensor]:
        """Batches of an epoch in its order (N,), augmented as the recipe says."""
        ...

    def plain(self, recipe: Recipe, places: Sequence[slice]) -> Iterator[torch.Tensor]:
        """Batches in the order of the data set, as they are evaluated."""
        ...


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

    def augmented(
        self, recipe: Recipe, order: np.ndarray, places: Sequence[slice], *, seed: int, epoch: int
    ) -> Iterator[torch.Tensor]:
        """Each image shifted by a whole number of pixels uniform on ±``shift_pixels`` along each axis, black coming
        in, then mirrored with probability one half. The draws belong to places in the order.
        """
        rng = generator(seed, Purpose.AUGMENTATION, epoch)
        shifts = rng.integers(0, 2 * recipe.shift_pixels, size=(2, len(self)), endpoint=True)
        mirrored = rng.random(len(self)) < (0.5 if recipe.flip else 0.0)
        drawn = [torch.from_numpy(array).to(self.images.device) for array in (order, *shifts, mirrored)]
        for place in places:
            chosen, down, right, mirror = (array[place] for array in drawn)
            if self.images.device.type == "cpu" and calls.available():
                yield calls.cropped(self.images, chosen, recipe.shift_pixels, down=down, right=right, mirror=mirror)
            else:
                yield shifted(self.images[chosen], recipe.shift_pixels, down=down, right=right, mirror=mirror)

    def plain(self, recipe: Recipe, places: Sequence[slice]) -> Iterator[torch.Tensor]:  # noqa: ARG002 - needs no crop
        """The images as they are."""
        for place in places:
            yield self.images[place]


def training_batches(
    split: Images, recipe: Recipe, *, seed: int, epoch: int, first_step: int = 0, team: Team = ALONE
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The augmented, normalised batches of one epoch (counted from 0), from ``first_step`` on.

    Of each batch, this process's share alone. Order and augmentation are drawn for the whole epoch, so that a step's
    batch depends neither on where a run resumed nor on the number of processes.
    """
    count, device = len(split), split.labels.device
    order = generator(seed, Purpose.ORDER, epoch).permutation(count)
    places = [
        team.share(start, min(start + recipe.batch_size, count), recipe.batch_parts)
        for start in range(first_step * recipe.batch_size, count, recipe.batch_size)
    ]
    chosen, normaliser = torch.from_numpy(order).to(device), Normaliser(recipe, device)
    for place, pixels in zip(places, split.augmented(recipe, order, places, seed=seed, epoch=epoch), strict=True):
        yield normaliser(pixels), split.labels[chosen[place]]


def evaluation_batches(split: Images, recipe: Recipe) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Every image once, in order, normalised and otherwise as the recipe shows it to a trained network."""
    size = recipe.evaluation_batch_size
    places = [slice(start, min(start + size, len(split))) for start in range(0, len(split), size)]
    normaliser = Normaliser(recipe, split.labels.device)
    for place, pixels in zip(places, split.plain(recipe, places), strict=True):
        yield normaliser(pixels), split.labels[place]


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
    return _scaled(pixels, *_statistics(recipe, pixels.device))


class Normaliser:
    """:func:`normalised` for many batches: on the CPU by a table of what becomes of each value, to the same bits."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        # Once: what is put on a device batch by batch would make each batch wait for the one before.
        self._mean, self._std = _statistics(recipe, device)
        self._table: torch.Tensor | None = None
        if device.type == "cpu" and calls.available():
            values = torch.arange(256, dtype=torch.uint8).expand(len(recipe.channel_mean), 256)
            self._table = normalised(values[None, :, None, :], recipe)[0, :, 0, :].contiguous()

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """As :func:`normalised`."""
        if self._table is None:
            return _scaled(pixels, self._mean, self._std)
        return calls.looked_up(pixels.contiguous(memory_format=torch.channels_last), self._table)


def _statistics(recipe: Recipe, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of the channels, both (1, C, 1, 1)."""
    mean, std = (torch.tensor(values, device=device) for values in (recipe.channel_mean, recipe.channel_std))
    return mean.view(1, -1, 1, 1), std.view(1, -1, 1, 1)


def _scaled(pixels: torch.Tensor, mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    scaled = pixels.to(torch.float32, memory_format=torch.channels_last)
    return scaled.div_(255).sub_(mean).div_(std)
