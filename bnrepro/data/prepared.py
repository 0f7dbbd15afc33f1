"""Prepared arrays on disk: written whole or not at all, and checked when read."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, StringConstraints, ValidationError

from bnrepro.data.images import ImageSet
from bnrepro.errors import DataError
from bnrepro.spec.value import Value

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

MANIFEST = "prepared.json"
"""The file of a prepared folder that is written last and describes the others."""
_UNFINISHED = ".preparing-"


@dataclass(frozen=True, kw_only=True)
class PreparedData:
    """What the other rooms need to know of a data set, without its pixels."""

    name: str
    """For people, such as ``cifar10 (JPEG re-encoding)``."""
    digest: str
    """Of pixels and labels: part of a run's identity."""
    published: bool
    """Whether these are the images that everyone has: the digits, or CIFAR-10 with its published checksums, or an image
    folder with ImageNet's counts."""
    directory: Path
    """What :func:`bnrepro.data.load` takes."""
    train_images: int
    test_images: int
    side: int
    """Height and width in pixels of what a network sees."""
    channels: int
    classes: int
    notes: tuple[str, ...] = ()
    """What was decoded anew or set aside, and why; empty when the cache had it."""


class ArrayFile(Value):
    """One array file as it was written."""

    bytes: int
    sha256: Digest


class Manifest(Value):
    """``prepared.json``."""

    format: Literal[1] = 1
    name: str
    digest: Digest
    train_images: int
    test_images: int
    side: int
    channels: int
    classes: int
    files: Annotated[
        dict[Literal["train_images", "train_labels", "test_images", "test_labels"], ArrayFile], Field(min_length=4)
    ]

    @classmethod
    def of(cls, images: ImageSet, files: dict[str, ArrayFile]) -> Self:
        """The manifest of an image set whose arrays were written as ``files``."""
        return cls.model_validate(
            {
                "name": images.name,
                "digest": images.digest,
                "train_images": len(images.train_images),
                "test_images": len(images.test_images),
                "side": images.train_images.shape[-1],
                "channels": images.train_images.shape[1],
                "classes": images.classes,
                "files": files,
            }
        )


def write(images: ImageSet, cache: Path) -> None:
    """Write ``<cache>/<digest>/``; if another process got there first, leave its arrays in place.

    Call it with the cache's lock held: what processes that were killed left unfinished is removed.
    """
    write_whole(images.arrays(), cache / images.digest, cache, lambda files: Manifest.of(images, files))


def write_whole(
    arrays: Mapping[str, np.ndarray], final: Path, cache: Path, describe: Callable[[dict[str, ArrayFile]], Value]
) -> None:
    """Write arrays and the manifest that describes their files as one folder; as :func:`write`."""
    for leftover in cache.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    unfinished = cache / f"{_UNFINISHED}{uuid.uuid4().hex}"
    unfinished.mkdir(parents=True)
    try:
        files = {}
        for name, array in arrays.items():
            file = unfinished / f"{name}.npy"
            np.save(file, array, allow_pickle=False)
            files[name] = ArrayFile(bytes=file.stat().st_size, sha256=_sha256(file))
        (unfinished / MANIFEST).write_text(describe(files).model_dump_json(indent=2))
        final.parent.mkdir(exist_ok=True)
        try:
            unfinished.replace(final)
        except OSError:
            # A folder cannot be moved onto a full one; its name says that it holds the same.
            if not (final / MANIFEST).is_file():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def read_manifest(directory: Path) -> Manifest:
    """The manifest of a prepared directory whose files all have the sizes that it says.

    Raises:
        FileNotFoundError: the directory does not exist.
        DataError: a file is missing or truncated, or the manifest is not one.
    """
    if not directory.is_dir():
        raise FileNotFoundError(directory)
    try:
        manifest = Manifest.model_validate_json((directory / MANIFEST).read_bytes())
    except (FileNotFoundError, ValidationError) as error:
        raise DataError(f"{directory / MANIFEST} is missing or not as it was written") from error
    if manifest.digest != directory.name:
        raise DataError(f"{directory / MANIFEST}: expected digest {directory.name}, found {manifest.digest}")
    check_sizes(directory, manifest.files.items())
    return manifest


def check_sizes(directory: Path, files: Iterable[tuple[str, ArrayFile]]) -> None:
    """Compare the size of every array file with what was written, without reading any.

    Raises:
        DataError: a file is missing or truncated; expected and found.
    """
    for name, expected in files:
        file = directory / f"{name}.npy"
        found = file.stat().st_size if file.is_file() else 0
        if found != expected.bytes:
            raise DataError(f"{file}: expected {expected.bytes:,} bytes, found {found:,}")


def check_arrays(directory: Path, files: Iterable[tuple[str, ArrayFile]]) -> None:
    """Compare every array file with its checksum.

    Raises:
        DataError: a file was altered; expected and found.
    """
    for name, expected in files:
        file = directory / f"{name}.npy"
        found = _sha256(file)
        if found != expected.sha256:
            raise DataError(f"{file}: expected SHA-256 {expected.sha256}, found {found}")


def read_arrays(directory: Path, manifest: Manifest) -> ImageSet:
    """The image set of a prepared directory.

    Raises:
        DataError: a file is not an array of the type and shape that it should be.
    """
    try:
        arrays = {name: np.load(directory / f"{name}.npy", allow_pickle=False) for name in manifest.files}
    except (ValueError, EOFError) as error:
        raise DataError(f"{directory} holds a file that is not an array: {error}") from error
    return ImageSet(name=manifest.name, **arrays)


def set_aside(directory: Path) -> Path:
    """Move a damaged prepared directory out of the way, for someone to look at; where it is now."""
    shelf = directory.parent / "set-aside"
    shelf.mkdir(exist_ok=True)
    aside = shelf / f"{directory.name[:12]}-{uuid.uuid4().hex[:8]}"
    with suppress(FileNotFoundError):  # another process met the same damage and was faster
        directory.replace(aside)
    return aside


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
