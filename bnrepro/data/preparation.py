"""From whatever the user has to one prepared array set: decoded once, found again by a fingerprint."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from pydantic import ValidationError

from bnrepro.data import digits
from bnrepro.data.folder_images import FolderImages
from bnrepro.data.image_folders import HOW_TO_GET_IMAGENET, ImageFolders
from bnrepro.data.images import ImageSet
from bnrepro.data.prepared import (
    Digest,
    Manifest,
    PreparedData,
    check_arrays,
    read_arrays,
    read_manifest,
    set_aside,
    write,
)
from bnrepro.data.sources import Source, find_cifar10
from bnrepro.errors import DataError
from bnrepro.spec.recipe import DatasetName, ResizedCrop
from bnrepro.spec.value import Value


class _SourceRecord(Value):
    """``sources/<fingerprint>.json``: what a source was found to hold."""

    name: str
    digest: Digest
    published: bool


FOLDERS = "folders"
"""Where the cache keeps the lists of image folders, each under its fingerprint."""


def prepare(
    dataset: DatasetName, *, data_root: Path | None, imagenet_root: Path | None = None, cache: Path
) -> PreparedData:
    """Make a data set ready for :func:`load` and tell what it is.

    Digits are not touched before they are loaded: their digest is pinned. Another source is decoded when the cache
    does not know its fingerprint; a changed source is a new one, with its own digest. ImageNet's files are listed
    with their hashes, and decoded only in training.

    Raises:
        DataError: the data are absent, incomplete or altered, or the cache cannot be written.
    """
    if dataset is DatasetName.DIGITS:
        return PreparedData(
            name="digits",
            digest=digits.DIGEST,
            published=True,
            directory=cache / digits.DIGEST,
            train_images=digits.TRAIN_IMAGES,
            test_images=digits.TEST_IMAGES,
            side=digits.SIDE,
            channels=1,
            classes=digits.CLASSES,
        )
    if dataset is DatasetName.IMAGENET:
        if imagenet_root is None:
            raise DataError(f"ImageNet is needed and no --imagenet-root was given; {HOW_TO_GET_IMAGENET}")
        with _explained(f"the images in {imagenet_root} could not be listed in {cache}"):
            return prepare_folder(ImageFolders(path=imagenet_root), cache)
    with _explained(f"CIFAR-10 from {data_root} could not be prepared in {cache}"):
        return prepare_source(find_cifar10(data_root)[0], cache)


def prepare_source(source: Source, cache: Path) -> PreparedData:
    """As :func:`prepare`, for one source; what the file system refuses stays an ``OSError``."""
    notes: list[str] = []
    fingerprint = source.fingerprint()
    record = cache / "sources" / f"{fingerprint}.json"
    ready = _recall(record, cache, notes)
    if ready is None:
        with _locked(cache):
            # Whoever held the lock before may have decoded this very source.
            ready = _recall(record, cache, notes) or _decode(source, fingerprint, record, cache, notes)
    return ready


def prepare_folder(source: ImageFolders, cache: Path) -> PreparedData:
    """As :func:`prepare`, for one image folder; what the file system refuses stays an ``OSError``."""
    notes: list[str] = []
    fingerprint = source.fingerprint()
    directory = cache / FOLDERS / fingerprint
    images = _recall_folder(directory, notes)
    if images is None:
        with _locked(cache):
            # Whoever held the lock before may have listed this very folder.
            images = _recall_folder(directory, notes)
            if images is None:
                images = source.read()
                if source.fingerprint() != fingerprint:
                    raise DataError(f"{source.path} changed while it was read; run the command again once it is still")
                images.write(directory, cache)
                notes.append(f"read and hashed {len(images.train) + len(images.test):,} images in {source.path}")
    return PreparedData(
        name=images.name,
        digest=images.digest,
        published=images.published,
        directory=directory,
        train_images=len(images.train),
        test_images=len(images.test),
        side=ResizedCrop().side,
        channels=images.channels,
        classes=images.classes,
        notes=tuple(notes),
    )


def load(prepared_directory: Path) -> ImageSet | FolderImages:
    """Read prepared arrays; digits that no one has loaded before are prepared first.

    Every file is compared with its checksum. Of an image folder it is the list of files: the images themselves are
    compared when they are read.

    Raises:
        DataError: nothing is there, or it was damaged; then it is set aside, and the next :func:`prepare` renews it.
    """
    with _explained(f"{prepared_directory} could not be read or prepared"):
        if prepared_directory.name == digits.DIGEST and not prepared_directory.exists():
            _prepare_digits(prepared_directory)
        return _load(prepared_directory)


def _load(directory: Path) -> ImageSet | FolderImages:
    try:
        if directory.parent.name == FOLDERS:
            return FolderImages.read(directory)
        manifest = read_manifest(directory)
        check_arrays(directory, manifest.files.items())
        return read_arrays(directory, manifest)
    except FileNotFoundError:
        raise DataError(f"{directory}: no prepared data; run the command again to prepare them") from None
    except DataError as damage:
        aside = set_aside(directory)
        raise DataError(f"{damage}; set aside as {aside}, run the command again to prepare the data anew") from damage


def _prepare_digits(directory: Path) -> None:
    cache = directory.parent
    with _locked(cache):
        if not directory.exists():  # whoever held the lock before may have written them
            write(digits.read_digits(), cache)


@contextmanager
def _explained(failure: str) -> Iterator[None]:
    """Turn what the file system refuses into an error that says what was tried."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{failure}: {error}; check the space and the rights there") from error


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """Hold the cache's lock, so that several processes decode a source once."""
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "prepare.lock", fallback_to_soft=False):
        yield


def _recall(record: Path, cache: Path, notes: list[str]) -> PreparedData | None:
    """What the cache holds for a source; damaged arrays are set aside and noted."""
    try:
        known = _SourceRecord.model_validate_json(record.read_bytes())
        manifest = read_manifest(cache / known.digest)
    except (FileNotFoundError, ValidationError):
        return None
    except DataError as damage:
        notes.append(f"{damage}; set aside as {set_aside(cache / known.digest)} and prepared anew")
        return None
    return _prepared(known, manifest, cache, notes)


def _recall_folder(directory: Path, notes: list[str]) -> FolderImages | None:
    """The list of a folder's files, if the cache has it; a damaged one is set aside and noted."""
    try:
        return FolderImages.read(directory)
    except FileNotFoundError:
        return None
    except DataError as damage:
        notes.append(f"{damage}; set aside as {set_aside(directory)} and listed anew")
        return None


def _decode(source: Source, fingerprint: str, record: Path, cache: Path, notes: list[str]) -> PreparedData:
    images = source.read()
    if source.fingerprint() != fingerprint:
        raise DataError(f"{source.path} changed while it was read; run the command again once it is still")
    notes.append(f"decoded {len(images.train_images) + len(images.test_images):,} images from {source.path}")
    directory = cache / images.digest
    try:
        # The same pixels may have come from another source before.
        check_arrays(directory, read_manifest(directory).files.items())
    except FileNotFoundError:
        write(images, cache)
    except DataError as damage:
        notes.append(f"{damage}; set aside as {set_aside(directory)} and written anew")
        write(images, cache)
    record.parent.mkdir(exist_ok=True)
    unfinished = record.with_suffix(f".{uuid.uuid4().hex}")
    known = _SourceRecord(name=images.name, digest=images.digest, published=source.published)
    unfinished.write_text(known.model_dump_json())
    unfinished.replace(record)
    return _prepared(known, read_manifest(directory), cache, notes)


def _prepared(known: _SourceRecord, manifest: Manifest, cache: Path, notes: list[str]) -> PreparedData:
    return PreparedData(
        name=known.name,
        digest=manifest.digest,
        published=known.published,
        directory=cache / manifest.digest,
        train_images=manifest.train_images,
        test_images=manifest.test_images,
        side=manifest.side,
        channels=manifest.channels,
        classes=manifest.classes,
        notes=tuple(notes),
    )
