"""Finding CIFAR-10 below the folder that a user names."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from bnrepro.data.cifar_batches import CHECKSUMS, BatchesFolder
from bnrepro.data.cifar_folders import CLASSES, ClassFolders
from bnrepro.data.images import ImageSet
from bnrepro.errors import DataError

BATCHES_FOLDER = "cifar-10-batches-py"

HOW_TO_GET_CIFAR10 = (
    "get it with `bnrepro data fetch cifar10 --data-root DIR`, "
    "or point --data-root at class folders of images (train/airplane/, …, test/truck/)"
)


class Source(Protocol):
    """Data in the form in which a user has it."""

    @property
    def path(self) -> Path:
        """The folder, for messages."""
        ...

    @property
    def published(self) -> bool:
        """Whether reading it proves that these are the published pixels."""
        ...

    def fingerprint(self) -> str:
        """Cheap, and different whenever the files are."""
        ...

    def read(self) -> ImageSet:
        """Check and decode everything, or raise a DataError."""
        ...


def find_cifar10(data_root: Path | None) -> tuple[Source, ...]:
    """What looks like CIFAR-10 in a folder or one below it, complete or not; the published batches first.

    Raises:
        DataError: nothing does.
    """
    if data_root is None:
        raise DataError(f"CIFAR-10 is needed and no data root was given; {HOW_TO_GET_CIFAR10}")
    places = [data_root, data_root / "cifar10", data_root / BATCHES_FOLDER, data_root / "cifar10" / BATCHES_FOLDER]
    found: list[Source] = [BatchesFolder(path=place) for place in places if _holds_batches(place)]
    found += [ClassFolders(path=place) for place in places if _holds_class_folders(place)]
    if not found:
        raise DataError(
            f"CIFAR-10 is not in {data_root}: neither {BATCHES_FOLDER}/ nor train/<class>/ and test/<class>/ "
            f"are there; {HOW_TO_GET_CIFAR10}"
        )
    return tuple(found)


def _holds_batches(folder: Path) -> bool:
    return any((folder / name).is_file() for name in CHECKSUMS)


def _holds_class_folders(folder: Path) -> bool:
    return any((folder / split / name).is_dir() for split in ("train", "test") for name in CLASSES)
