"""Batches from an image folder: read, checked, decoded, cropped and resized in processes of their own."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from bnrepro.data import FolderSplit
from bnrepro.errors import DataError
from bnrepro.spec.recipe import Recipe, ResizedCrop
from bnrepro.train.processes import process_context, serve_parent
from bnrepro.train.random import Purpose, generator

_CHUNK = 32
"""Images that a decoder hands over at once: several decoders then work on one batch, and little memory is shared."""
_TRIES = 10
"""Rectangles drawn before the largest centred one is taken, as in torchvision's RandomResizedCrop."""

Box = tuple[int, int, int, int]
"""Left, upper, right and lower edge of a rectangle, in pixels."""


@dataclass(frozen=True, kw_only=True)
class EncodedSplit:
    """One split of an image folder; see :class:`bnrepro.train.batches.Images`."""

    files: FolderSplit
    labels: torch.Tensor
    """(N,) int64, on the device that trains."""
    decoders: int
    """Processes that decode; 0 decodes in this one."""

    @classmethod
    def on_device(cls, files: FolderSplit, device: torch.device, *, decoders: int) -> EncodedSplit:
        """The labels on a device; the images come there batch by batch."""
        return cls(files=files, labels=torch.from_numpy(np.array(files.labels)).to(device), decoders=decoders)

    def __len__(self) -> int:
        return len(self.files)

    def augmented(
        self, recipe: Recipe, order: np.ndarray, places: Sequence[slice], *, seed: int, epoch: int
    ) -> Iterator[torch.Tensor]:
        """Each image cut at random, resized and mirrored with probability one half.

        The draws belong to the image and the epoch, whoever decodes it and in whichever batch.

        Raises:
            DataError: a file is not what it was when the folder was listed, or does not decode.
        """
        view = RandomView(crop=_crop_of(recipe), flip=recipe.flip, seed=seed, epoch=epoch)
        return self._decoded(view, [order[place] for place in places])

    def plain(self, recipe: Recipe, places: Sequence[slice]) -> Iterator[torch.Tensor]:
        """Each image resized, its centre cut; raises as :meth:`augmented`."""
        return self._decoded(
            CentreView(crop=_crop_of(recipe)), [np.arange(place.start, place.stop) for place in places]
        )

    def _decoded(self, view: View, batches: Sequence[np.ndarray]) -> Iterator[torch.Tensor]:
        chunks = [batch[start : start + _CHUNK] for batch in batches for start in range(0, len(batch), _CHUNK)]
        arriving = iter(
            DataLoader(
                _Decoded(self.files, view),
                batch_sampler=[chunk.tolist() for chunk in chunks],
                collate_fn=_as_it_is,
                num_workers=self.decoders,
                worker_init_fn=serve_parent,
                multiprocessing_context=process_context() if self.decoders else None,
                generator=torch.Generator(),
            )
        )
        for batch in batches:
            parts = []
            for _ in range(0, len(batch), _CHUNK):
                pixels = next(arriving)
                if isinstance(pixels, DataError):
                    raise pixels
                parts.append(pixels)
            yield torch.cat(parts).to(self.labels.device)


class View(Protocol):
    """How a decoded image becomes a square."""

    def __call__(self, image: Image.Image, index: int) -> Image.Image:
        """The square of the image at a position of its split."""
        ...


@dataclass(frozen=True, kw_only=True)
class RandomView:
    """What training sees of an image in one epoch."""

    crop: ResizedCrop
    flip: bool
    seed: int
    epoch: int

    def __call__(self, image: Image.Image, index: int) -> Image.Image:
        """A random rectangle, resized with bilinear interpolation and perhaps mirrored."""
        rng = generator(self.seed, Purpose.AUGMENTATION, f"{self.epoch}/{index}")
        box = random_box(rng, width=image.width, height=image.height, crop=self.crop)
        side = self.crop.side
        square = image.crop(box).resize((side, side), Image.Resampling.BILINEAR)
        mirrored = self.flip and rng.random() < 0.5
        return square.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else square


@dataclass(frozen=True, kw_only=True)
class CentreView:
    """What evaluation sees of an image."""

    crop: ResizedCrop

    def __call__(self, image: Image.Image, index: int) -> Image.Image:  # noqa: ARG002 - the same for every image
        """The centre of the image after its shorter side was resized, as torchvision's Resize and CenterCrop do."""
        shorter, side = min(image.size), self.crop.side
        width, height = (int(self.crop.test_resize * length / shorter) for length in image.size)
        left, upper = (round((length - side) / 2) for length in (width, height))
        resized = image.resize((width, height), Image.Resampling.BILINEAR)
        return resized.crop((left, upper, left + side, upper + side))


def random_box(rng: np.random.Generator, *, width: int, height: int, crop: ResizedCrop) -> Box:
    """A rectangle of random area and shape inside an image, as torchvision's RandomResizedCrop draws it.

    Area: uniform between shares of the image's. Width by height: its logarithm uniform. Place: uniform over the whole
    pixels where it fits. After ten rectangles that fit nowhere, the largest centred one of an allowed shape.
    """
    low, high = crop.ratio
    for _ in range(_TRIES):
        area = width * height * rng.uniform(*crop.scale)
        ratio = math.exp(rng.uniform(math.log(low), math.log(high)))
        across, down = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < across <= width and 0 < down <= height:
            upper, left = int(rng.integers(height - down + 1)), int(rng.integers(width - across + 1))
            return left, upper, left + across, upper + down
    across = min(width, round(height * high))
    down = min(height, round(width / low))
    left, upper = (width - across) // 2, (height - down) // 2
    return left, upper, left + across, upper + down


class _Decoded(Dataset[torch.Tensor]):
    """Squares of an image folder by position."""

    def __init__(self, files: FolderSplit, view: View) -> None:
        self._files = files
        self._view = view

    def __getitem__(self, index: int) -> torch.Tensor:
        """(3, side, side) uint8."""
        try:
            with Image.open(io.BytesIO(self._files.content(index)), formats=("JPEG", "PNG")) as image:
                square = self._view(image.convert("RGB"), index)
        except OSError as error:
            raise DataError(f"{self._files.path(index)}: expected an image that decodes: {error}") from error
        return torch.from_numpy(np.asarray(square).transpose(2, 0, 1).copy())

    def __getitems__(self, indices: Sequence[int]) -> torch.Tensor | DataError:
        """(N, 3, side, side) uint8. An error is handed over as it is: raised in a decoder, it would lose its words."""
        try:
            return torch.stack([self[index] for index in indices])
        except DataError as error:
            return error


def _as_it_is(chunk: Any) -> Any:
    return chunk


def _crop_of(recipe: Recipe) -> ResizedCrop:
    if recipe.resized_crop is None:
        raise DataError(f"the recipe for {recipe.dataset} does not say how images of an image folder become squares")
    return recipe.resized_crop
