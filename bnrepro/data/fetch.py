"""Downloading CIFAR-10: nothing is unpacked before its checksum was found right."""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from bnrepro.data.cifar_batches import CHECKSUMS, BatchesFolder
from bnrepro.data.sources import BATCHES_FOLDER
from bnrepro.errors import DataError

_ARCHIVE = "cifar-10-python.tar.gz"
_URL = f"https://www.cs.toronto.edu/~kriz/{_ARCHIVE}"
_ARCHIVE_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"


def fetch_cifar10(data_root: Path) -> Path:
    """Download CIFAR-10 (163 MiB) into a folder; what is already there and right is kept.

    Returns:
        The folder ``cifar-10-batches-py`` inside ``data_root``.

    Raises:
        DataError: no network, another archive than the published one, a folder that is there but damaged, or a
            disk that cannot be written.
    """
    return _fetch(data_root, download=_download, archive_sha256=_ARCHIVE_SHA256, checksums=CHECKSUMS)


def _fetch(
    data_root: Path, *, download: Callable[[Path], None], archive_sha256: str, checksums: Mapping[str, str]
) -> Path:
    final = data_root / BATCHES_FOLDER
    if final.exists():
        BatchesFolder(path=final, checksums=checksums).check()
        return final
    try:
        data_root.mkdir(parents=True, exist_ok=True)
        # Beside the final place, so that the last step is a rename: the folder is there complete or not at all.
        with tempfile.TemporaryDirectory(dir=data_root, prefix=".fetching-") as scratch:
            archive = Path(scratch, _ARCHIVE)
            download(archive)
            _check_archive(archive, archive_sha256)
            with tarfile.open(archive) as tar:
                tar.extractall(scratch, filter="data")
            unpacked = Path(scratch, BATCHES_FOLDER)
            BatchesFolder(path=unpacked, checksums=checksums).check()
            unpacked.replace(final)
    except (OSError, tarfile.TarError) as error:
        raise DataError(f"CIFAR-10 could not be put into {data_root}: {error}") from error
    return final


def _check_archive(archive: Path, expected: str) -> None:
    with archive.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != expected:
        raise DataError(f"{_URL}: expected SHA-256 {expected}, found {found}; nothing was unpacked, try again")


def _download(archive: Path) -> None:
    from torchvision.datasets.utils import download_url

    try:
        download_url(_URL, str(archive.parent), archive.name)
    except (OSError, RuntimeError, RecursionError) as error:
        raise DataError(
            f"{_URL} could not be downloaded ({error}); where there is no network, bring cifar-10-batches-py/ "
            "or class folders of images from elsewhere and point --data-root at them"
        ) from error
