"""ImageNet, or any image set, as folders: ``train/<class>/*`` and ``val/<class>/*``, JPEG or PNG."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from multiprocessing.pool import ThreadPool
from pathlib import Path

from bnrepro.data.fingerprint import FileStamp, fingerprint, stamps_below
from bnrepro.data.folder_images import FolderImages, FolderSplit
from bnrepro.errors import DataError

FORMATS = ("JPEG", "PNG")

HOW_TO_GET_IMAGENET = (
    "ImageNet is free for research from https://image-net.org after registration: unpack ILSVRC2012_img_train.tar "
    "into train/<class>/ and ILSVRC2012_img_val.tar into val/<class>/, and point --imagenet-root at the folder of both"
)

_PROBLEMS_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class ImageFolders:
    """A folder with ``train/<class>/`` and ``val/<class>/`` (or ``test/<class>/``), the same classes in both."""

    path: Path

    @cached_property
    def splits(self) -> tuple[str, str]:
        """Names of the training and the test folder; ImageNet's ``val``, which has labels, before its ``test``."""
        test = "test" if (self.path / "test").is_dir() and not (self.path / "val").is_dir() else "val"
        return "train", test

    def fingerprint(self) -> str:
        """Changes whenever an image file does."""
        return fingerprint("image folder", self.path, [stamp for split in self.splits for stamp in self._stamps(split)])

    def read(self) -> FolderImages:
        """Hash every file, and decode it once at the least size that its format allows. Takes all cores.

        Decoding finds what was damaged before there was a hash to compare with: a truncated JPEG has a sound header.

        Raises:
            DataError: says everything that is wrong: folders, classes, files that do not decode.
        """
        problems = self._misfits()
        if problems:
            raise self._refusal(problems)
        train, test = (self._stamps(split) for split in self.splits)
        outcomes = self._examine([*train, *test])
        problems = [outcome for outcome in outcomes if isinstance(outcome, str)]
        if problems:
            raise self._refusal(problems)
        hashes = [outcome for outcome in outcomes if isinstance(outcome, bytes)]
        return FolderImages(
            train=self._split(train, hashes[: len(train)]), test=self._split(test, hashes[len(train) :])
        )

    def _stamps(self, split: str) -> list[FileStamp]:
        """Files of a split, less those that desktops leave behind (``.DS_Store``)."""
        return [
            stamp
            for stamp in stamps_below(self.path, split)
            if not any(part.startswith(".") for part in stamp.name.split("/"))
        ]

    def _misfits(self) -> list[str]:
        """What is wrong with the folders, before any file is read."""
        train, test = (self.path / split for split in self.splits)
        absent = [folder for folder in (train, test) if not folder.is_dir()]
        if absent:
            return [f"{folder}: expected a folder of classes, found none" for folder in absent]
        expected, found = set(_folders(train)), set(_folders(test))
        if not found:
            return [f"{test}: expected images sorted into folders of classes, found no folder"]
        problems = [f"{test / name}: expected only the classes of {train.name}/" for name in sorted(found - expected)]
        problems += [f"{test / name}: expected a folder, as in {train.name}/" for name in sorted(expected - found)]
        if len(expected) < 2:
            problems.append(f"{train}: expected at least two classes, found {len(expected)}")
        for split in self.splits:
            filled = {_class_of(stamp) for stamp in self._stamps(split)}
            empty = sorted(set(_folders(self.path / split)) - filled)
            problems += [f"{self.path / split / name}: expected images, found none" for name in empty]
        return problems

    def _examine(self, stamps: Sequence[FileStamp]) -> list[bytes | str]:
        """The SHA-256 of each file, or what is wrong with it."""
        # Threads, since reading, hashing and decoding all let go of Python's lock.
        with ThreadPool(os.cpu_count()) as pool:
            return pool.map(_examine, [self.path / stamp.name for stamp in stamps], chunksize=64)

    def _split(self, stamps: Sequence[FileStamp], hashes: Sequence[bytes]) -> FolderSplit:
        labels = {name: label for label, name in enumerate(_folders(self.path / self.splits[0]))}
        return FolderSplit.in_canonical_order(
            self.path.resolve(),
            paths=[stamp.name for stamp in stamps],
            sizes=[stamp.size for stamp in stamps],
            sha256=hashes,
            labels=[labels[_class_of(stamp)] for stamp in stamps],
        )

    def _refusal(self, problems: list[str]) -> DataError:
        shown = problems[:_PROBLEMS_SHOWN]
        if len(problems) > len(shown):
            shown.append(f"and {len(problems) - len(shown):,} more")
        listed = "\n  ".join(shown)
        return DataError(f"{self.path} is not a folder of images to train on:\n  {listed}\n{HOW_TO_GET_IMAGENET}")


def _class_of(stamp: FileStamp) -> str:
    return stamp.name.split("/")[1]


def _folders(split: Path) -> list[str]:
    return sorted(entry.name for entry in split.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _examine(file: Path) -> bytes | str:
    """SHA-256 of a file that decodes, or what is wrong with it."""
    from PIL import Image  # here, because a warm start that decodes nothing should not wait for it

    try:
        content = file.read_bytes()
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            image.draft("RGB", (1, 1))  # a JPEG then decodes at an eighth of its size, every byte of it read
            image.load()
    except Exception as error:  # noqa: BLE001 - what Pillow raises depends on the codec; each means "not an image"
        return f"{file}: expected a JPEG or PNG image, found one that does not decode: {error}"
    return hashlib.sha256(content).digest()
