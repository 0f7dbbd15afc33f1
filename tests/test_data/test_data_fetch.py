"""Fetching CIFAR-10: checked before it is unpacked, unpacked nowhere else, there whole or not at all."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import pytest
from torchvision.datasets import utils as torchvision_utils

from bnrepro.data.cifar_batches import BatchesFolder
from bnrepro.data.fetch import _fetch, fetch_cifar10
from bnrepro.errors import DataError


@pytest.fixture
def published(write_batches: Callable[..., BatchesFolder], tmp_path: Path) -> tuple[BatchesFolder, Path]:
    """The batches that the archive beside them holds."""
    folder = write_batches()
    archive = tmp_path / "published.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder.path, folder.path.name)
    return folder, archive


def fetch(root: Path, folder: BatchesFolder, archive: Path) -> Path:
    return _fetch(
        root,
        download=lambda target: shutil.copy(archive, target),
        archive_sha256=hashlib.sha256(archive.read_bytes()).hexdigest(),
        checksums=folder.checksums,
    )


def test_fetched_batches_are_the_published_ones(tmp_path: Path, published: tuple[BatchesFolder, Path]):
    folder, archive = published
    fetched = fetch(tmp_path / "root", folder, archive)
    assert fetched == tmp_path / "root" / "cifar-10-batches-py"
    assert BatchesFolder(path=fetched, checksums=folder.checksums).read().digest == folder.read().digest
    assert list((tmp_path / "root").iterdir()) == [fetched]


def test_a_folder_that_is_already_right_is_not_fetched_again(tmp_path: Path, published: tuple[BatchesFolder, Path]):
    folder, archive = published
    fetch(tmp_path / "root", folder, archive)
    archive.write_bytes(b"gone")
    assert fetch(tmp_path / "root", folder, archive) == tmp_path / "root" / "cifar-10-batches-py"


def test_a_damaged_folder_is_reported_and_left_as_it_is(tmp_path: Path, published: tuple[BatchesFolder, Path]):
    folder, archive = published
    damaged = fetch(tmp_path / "root", folder, archive) / "data_batch_2"
    damaged.write_bytes(b"mine")
    with pytest.raises(DataError, match="data_batch_2: expected SHA-256"):
        fetch(tmp_path / "root", folder, archive)
    assert damaged.read_bytes() == b"mine"


def test_another_archive_than_the_published_one_is_not_unpacked(tmp_path: Path):
    with pytest.raises(DataError, match=r"expected SHA-256 0{64}, found \w{64}; nothing was unpacked"):
        _fetch(
            tmp_path / "root",
            download=lambda target: target.write_bytes(b"another"),
            archive_sha256="0" * 64,
            checksums={},
        )
    assert list((tmp_path / "root").iterdir()) == []


def test_an_archive_that_reaches_out_of_its_folder_is_refused(tmp_path: Path, published: tuple[BatchesFolder, Path]):
    folder, archive = published
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo("../../escaped")
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))
    with pytest.raises(DataError, match="outside the destination"):
        fetch(tmp_path / "root", folder, archive)
    assert not list(tmp_path.rglob("escaped"))


def test_without_a_network_the_user_is_told_what_else_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def offline(*_: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr(torchvision_utils, "download_url", offline)
    with pytest.raises(DataError, match=r"could not be downloaded .*Name or service(.|\n)*class folders"):
        fetch_cifar10(tmp_path)
    assert list(tmp_path.iterdir()) == []
