"""CIFAR-10 as folders of image files: ``train/<class>/*`` and ``test/<class>/*``, PNG or JPEG."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from bnrepro.data.fingerprint import fingerprint, stamps_below
from bnrepro.data.images import ImageSet, Pixels, Split
from bnrepro.errors import DataError

# Alphabetical, which is also the order of the labels in the published batches.
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

_SIDE = 32
_PROBLEMS_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class ClassFolders:
    """A folder with ``train/<class>/`` and ``test/<class>/`` for the ten classes of CIFAR-10."""

    path: Path
    train_per_class: int = 5000
    test_per_class: int = 1000

    @property
    def published(self) -> bool:
        """Nothing proves that these are the published pixels, and a JPEG never has them."""
        return False

    def fingerprint(self) -> str:
        """Changes whenever an image file does."""
        stamps = chain.from_iterable(stamps_below(self.path, split) for split in ("train", "test"))
        return fingerprint("class folders", self.path, stamps)

    def read(self) -> ImageSet:
        """Decode every image; any JPEG among them makes it a re-encoding.

        Raises:
            DataError: says everything that is wrong: classes, counts, sizes, files that do not decode.
        """
        reader = _Reader()
        train = reader.split(self.path / "train", self.train_per_class)
        test = reader.split(self.path / "test", self.test_per_class)
        if reader.problems:
            shown = reader.problems[:_PROBLEMS_SHOWN]
            if len(reader.problems) > len(shown):
                shown.append(f"and {len(reader.problems) - len(shown):,} more")
            raise DataError(f"{self.path} is not CIFAR-10 as class folders:\n  " + "\n  ".join(shown))
        origin = "JPEG re-encoding" if "JPEG" in reader.formats else "class folders"
        return ImageSet.in_canonical_order(name=f"cifar10 ({origin})", train=train, test=test)


class _Reader:
    """Decodes splits and gathers what is wrong, so that the user sees all of it at once."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.formats: set[str] = set()

    def split(self, folder: Path, per_class: int) -> Split:
        images: list[Pixels] = []
        labels: list[int] = []
        found = {entry.name for entry in _visible(folder)}
        self.problems += [f"{folder / name}: expected a class of CIFAR-10" for name in sorted(found - set(CLASSES))]
        for label, name in enumerate(CLASSES):
            files = list(_visible(folder / name))
            if name not in found:
                self.problems.append(f"{folder / name}: expected a folder of {per_class:,} images, found none")
            elif len(files) != per_class:
                self.problems.append(f"{folder / name}: expected {per_class:,} images, found {len(files):,}")
            decoded = [image for image in map(self._decode, files) if image is not None]
            images += decoded
            labels += [label] * len(decoded)
        pixels = np.stack(images) if images else np.empty((0, 3, _SIDE, _SIDE), dtype=np.uint8)
        return pixels, np.array(labels, dtype=np.int64)

    def _decode(self, file: Path) -> Pixels | None:
        """A (3, 32, 32) image, or nothing and a problem."""
        from PIL import Image  # here, because a warm start that decodes nothing should not wait for it

        try:
            # verify() finds bad checksums but leaves the image unusable; hence two openings.
            with Image.open(file, formats=("PNG", "JPEG")) as image:
                size, form = image.size, str(image.format)
                image.verify()
            if size == (_SIDE, _SIDE):
                with Image.open(file, formats=(form,)) as image:
                    rgb = np.asarray(image.convert("RGB"))
        except Exception as error:  # noqa: BLE001 - what Pillow raises depends on the codec; each means "not an image"
            self.problems.append(f"{file}: expected a PNG or JPEG image, found one that does not decode: {error}")
            return None
        if size != (_SIDE, _SIDE):
            self.problems.append(f"{file}: expected {_SIDE}x{_SIDE} pixels, found {size[0]}x{size[1]}")
            return None
        self.formats.add(form)
        return rgb.transpose(2, 0, 1)


def _visible(folder: Path) -> Iterator[Path]:
    """The entries of a folder by name, without those that desktops leave there (``.DS_Store``)."""
    if folder.is_dir():
        yield from sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
