"""A labelled image set in one canonical order, so that the same pixels always have the same digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bnrepro.errors import DataError

Pixels = NDArray[np.uint8]
"""Images, (N, C, H, W)."""

Labels = NDArray[np.int64]
"""Class indices from 0, (N,)."""

Split = tuple[Pixels, Labels]


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSet:
    """Training and test images with their labels.

    Usage:
        ImageSet.in_canonical_order(name="digits", train=(pixels, labels), test=(pixels, labels)).digest

    Raises:
        DataError: an array has another type or shape than its field says, or the splits disagree in shape.
    """

    name: str
    """For people: where the pixels came from. No part of the digest."""
    train_images: Pixels
    train_labels: Labels
    test_images: Pixels
    test_labels: Labels

    def __post_init__(self) -> None:
        for split, (images, labels) in {"training": self._train, "test": self._test}.items():
            if images.dtype != np.uint8 or images.ndim != 4 or labels.dtype != np.int64:
                raise DataError(
                    f"{self.name}, {split} set: expected uint8 images (N, C, H, W) and int64 labels, "
                    f"found {images.dtype} {images.shape} and {labels.dtype}"
                )
            if len(images) == 0 or labels.shape != (len(images),):
                raise DataError(f"{self.name}, {split} set: {len(images)} images with labels of shape {labels.shape}")
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            raise DataError(
                f"{self.name}: training images {self.train_images.shape[1:]}, test images {self.test_images.shape[1:]}"
            )

    @classmethod
    def in_canonical_order(cls, *, name: str, train: Split, test: Split) -> Self:
        """Sort each split by label, then by the SHA-256 of the image's bytes.

        A seed draws its batches as positions; this order makes them the same images whichever source they came from.
        """
        train_images, train_labels = _sorted(*train)
        test_images, test_labels = _sorted(*test)
        return cls(
            name=name,
            train_images=train_images,
            train_labels=train_labels,
            test_images=test_images,
            test_labels=test_labels,
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 over name, shape, type and bytes of the four arrays: 64 hexadecimal digits."""
        digest = hashlib.sha256()
        for name, array in self.arrays().items():
            digest.update(f"{name} {array.shape} {array.dtype.name}\n".encode())
            # Little-endian on every machine: the digest must not depend on who computes it.
            digest.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).data)
        return digest.hexdigest()

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.train_labels.max()) + 1

    @property
    def channels(self) -> int:
        """Number of colour channels."""
        return int(self.train_images.shape[1])

    def arrays(self) -> dict[str, Pixels | Labels]:
        """The four arrays by field name, in the order in which the digest takes them."""
        return {
            "train_images": self.train_images,
            "train_labels": self.train_labels,
            "test_images": self.test_images,
            "test_labels": self.test_labels,
        }

    @property
    def _train(self) -> Split:
        return self.train_images, self.train_labels

    @property
    def _test(self) -> Split:
        return self.test_images, self.test_labels


def _sorted(images: Pixels, labels: Labels) -> Split:
    keys = [
        (label, hashlib.sha256(image.tobytes()).digest()) for image, label in zip(images, labels.tolist(), strict=True)
    ]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return np.ascontiguousarray(images[order]), labels[order]
