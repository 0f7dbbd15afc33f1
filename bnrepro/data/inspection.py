"""What ``bnrepro data check`` reports: every source read in full, and its prepared arrays compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bnrepro.data.digits import read_digits
from bnrepro.data.folder_images import FolderImages
from bnrepro.data.image_folders import ImageFolders
from bnrepro.data.images import ImageSet
from bnrepro.data.preparation import FOLDERS
from bnrepro.data.prepared import check_arrays, read_manifest
from bnrepro.data.sources import find_cifar10
from bnrepro.errors import DataError
from bnrepro.spec.recipe import DatasetName


@dataclass(frozen=True, kw_only=True)
class SourceReport:
    """What was found of one source."""

    dataset: DatasetName
    path: Path | None
    """Where it lies; ``None`` for data that come with a package, or where no data root was given."""
    name: str
    """For people; the data set's name where the source cannot be read."""
    digest: str | None = None
    """``None`` where the source cannot be used."""
    prepared: bool = False
    """Whether the cache holds it with every checksum right."""
    problem: str | None = None
    """Everything that is wrong, with what was expected and found; ``None`` where all is well."""


def describe(data_root: Path | None, cache: Path, *, imagenet_root: Path | None = None) -> tuple[SourceReport, ...]:
    """Read and check every source there is, prepared arrays included. Changes nothing.

    Without ``imagenet_root`` nothing is said of ImageNet, which few have and only the largest claims need.

    Never raises for bad data or a folder that may not be read: that stands in the reports.
    """
    folder = () if imagenet_root is None else (_folder_report(imagenet_root, cache),)
    return (_report(DatasetName.DIGITS, None, read_digits, cache), *_cifar10_reports(data_root, cache), *folder)


def _cifar10_reports(data_root: Path | None, cache: Path) -> tuple[SourceReport, ...]:
    try:
        sources = find_cifar10(data_root)
    except (DataError, OSError) as error:
        absent = SourceReport(
            dataset=DatasetName.CIFAR10, path=data_root, name=DatasetName.CIFAR10.value, problem=str(error)
        )
        return (absent,)
    return tuple(_report(DatasetName.CIFAR10, source.path, source.read, cache) for source in sources)


def _folder_report(root: Path, cache: Path) -> SourceReport:
    dataset, source = DatasetName.IMAGENET, ImageFolders(path=root)
    try:
        images, directory = source.read(), cache / FOLDERS / source.fingerprint()
    except (DataError, OSError) as error:
        return SourceReport(dataset=dataset, path=root, name=dataset.value, problem=str(error))
    prepared, problem = _compared(lambda: FolderImages.read(directory))
    return SourceReport(
        dataset=dataset, path=root, name=images.name, digest=images.digest, prepared=prepared, problem=problem
    )


def _report(dataset: DatasetName, path: Path | None, read: Callable[[], ImageSet], cache: Path) -> SourceReport:
    try:
        images = read()
    except (DataError, OSError) as error:
        return SourceReport(dataset=dataset, path=path, name=dataset.value, problem=str(error))
    directory = cache / images.digest
    prepared, problem = _compared(lambda: check_arrays(directory, read_manifest(directory).files.items()))
    return SourceReport(
        dataset=dataset, path=path, name=images.name, digest=images.digest, prepared=prepared, problem=problem
    )


def _compared(check: Callable[[], object]) -> tuple[bool, str | None]:
    """Whether a prepared copy is there and sound, and what is wrong with it if it is not."""
    try:
        check()
    except FileNotFoundError:
        return False, None
    except DataError as error:
        return False, f"the prepared copy is damaged and will be renewed: {error}"
    return True, None
