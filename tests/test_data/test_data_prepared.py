"""The cache of prepared arrays: decoded once, never stale, never silently damaged (faults 8, 10, 13 and 17)."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bnrepro.data import describe, digits, load, prepare
from bnrepro.data.images import ImageSet
from bnrepro.data.preparation import prepare_source
from bnrepro.errors import DataError
from bnrepro.spec.recipe import DatasetName


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


class Counted:
    """A source that counts how often it is decoded."""

    def __init__(self, source) -> None:
        self.source, self.path, self.reads = source, source.path, 0
        self.published = source.published

    def fingerprint(self) -> str:
        return self.source.fingerprint()

    def read(self) -> ImageSet:
        self.reads += 1
        return self.source.read()


def test_digits_are_what_the_pinned_digest_says():
    images = digits.read_digits()
    assert images.digest == digits.DIGEST
    assert images.train_images.shape == (digits.TRAIN_IMAGES, 1, digits.SIDE, digits.SIDE)
    assert images.test_images.shape == (digits.TEST_IMAGES, 1, digits.SIDE, digits.SIDE)
    assert (images.train_images.min(), images.train_images.max()) == (0, 255)
    for labels in (images.train_labels, images.test_labels):
        assert np.ptp(np.bincount(labels, minlength=digits.CLASSES)) <= 6  # stratified


def test_digits_other_than_the_pinned_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(digits, "DIGEST", "0" * 64)
    with pytest.raises(DataError, match=r"expected digest 0{64}, found \w{64}"):
        digits.read_digits()


def test_preparing_digits_imports_neither_torch_nor_scikit_learn(cache: Path):
    code = (
        "import sys; from pathlib import Path\n"
        "from bnrepro.data import prepare; from bnrepro.spec.recipe import DatasetName\n"
        "prepare(DatasetName.DIGITS, data_root=None, cache=Path(sys.argv[1]))\n"
        "print(sorted({'torch', 'torchvision', 'sklearn', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(cache)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert not cache.exists()


def test_digits_are_prepared_when_they_are_first_loaded(cache: Path):
    prepared = prepare(DatasetName.DIGITS, data_root=None, cache=cache)
    images = load(prepared.directory)
    assert images.digest == prepared.digest
    assert (len(images.train_images), len(images.test_images)) == (prepared.train_images, prepared.test_images)
    assert images.train_images.shape[1:] == (prepared.channels, prepared.side, prepared.side)
    assert (prepared.directory / "prepared.json").is_file()


def test_a_source_is_decoded_once_and_found_again(cache: Path, write_class_folders):
    source = Counted(write_class_folders())
    first, second = prepare_source(source, cache), prepare_source(source, cache)
    assert source.reads == 1
    assert first.notes == (f"decoded 250 images from {source.path}",)
    assert second.notes == ()
    assert (first.name, first.digest, first.directory) == (second.name, second.digest, second.directory)
    assert load(first.directory).digest == first.digest == source.source.read().digest
    assert (first.train_images, first.test_images, first.channels, first.side, first.classes) == (200, 50, 3, 32, 10)


def test_processes_that_prepare_at_once_decode_once(cache: Path, write_class_folders):
    source = Counted(write_class_folders())
    with ThreadPoolExecutor(4) as pool:
        prepared = list(pool.map(lambda _: prepare_source(source, cache), range(4)))
    assert source.reads == 1
    assert len({each.directory for each in prepared}) == 1
    assert not list(cache.glob(".preparing-*"))


def test_a_changed_source_gets_a_new_digest_even_when_its_size_and_time_are_put_back(cache: Path, write_class_folders):
    source = write_class_folders()
    before = prepare_source(source, cache)
    image = next((source.path / "train" / "cat").iterdir())
    status, content = image.stat(), image.read_bytes()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(image)
    image.write_bytes(image.read_bytes().ljust(len(content), b"\0")[: len(content)])
    os.utime(image, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = prepare_source(source, cache)
    assert after.digest != before.digest
    assert load(before.directory).digest == before.digest


def test_a_source_that_changes_while_it_is_read_is_refused(cache: Path, write_class_folders):
    source = Counted(write_class_folders())
    fingerprints = iter(["1" * 64, "2" * 64])
    source.fingerprint = lambda: next(fingerprints)
    with pytest.raises(DataError, match="changed while it was read"):
        prepare_source(source, cache)


def test_the_same_pixels_from_another_source_share_the_arrays_and_keep_their_own_name(
    cache: Path, write_batches, write_class_folders
):
    batches, folders = prepare_source(write_batches(), cache), prepare_source(write_class_folders(), cache)
    assert batches.directory == folders.directory
    assert (batches.name, folders.name) == ("cifar10", "cifar10 (class folders)")


def test_a_truncated_array_is_set_aside_said_and_prepared_anew(cache: Path, write_class_folders):
    source = write_class_folders()
    prepared = prepare_source(source, cache)
    array = prepared.directory / "train_images.npy"
    os.truncate(array, 1000)
    again = prepare_source(source, cache)
    assert "train_images.npy: expected 614,528 bytes, found 1,000; set aside as" in again.notes[0]
    assert load(again.directory).digest == prepared.digest
    assert len(list((cache / "set-aside").iterdir())) == 1


@pytest.mark.parametrize("dataset", ["digits", "cifar10"])
def test_an_altered_array_is_refused_on_loading_and_renewed_by_the_next_preparation(
    cache: Path, write_class_folders, dataset: str
):
    def prepared():
        if dataset == "digits":
            return prepare(DatasetName.DIGITS, data_root=None, cache=cache)
        return prepare_source(source, cache)

    source = write_class_folders()
    directory = prepared().directory
    load(directory)
    array = directory / "test_images.npy"
    content = bytearray(array.read_bytes())
    content[-1] ^= 1
    array.write_bytes(content)
    with pytest.raises(DataError, match=r"test_images.npy: expected SHA-256 \w{64}, found \w{64}; set aside as"):
        load(directory)
    assert load(prepared().directory).digest == directory.name


def test_a_damaged_copy_is_renewed_when_another_source_brings_the_same_pixels(
    cache: Path, write_batches, write_class_folders
):
    directory = prepare_source(write_batches(), cache).directory
    os.truncate(directory / "train_labels.npy", 10)
    assert "set aside" in "".join(prepare_source(write_class_folders(), cache).notes)
    assert load(directory).digest == directory.name


@pytest.mark.parametrize("manifest", ["", "{}", "[" * 100_000], ids=["empty", "no fields", "nested"])
def test_a_manifest_that_is_none_counts_as_damage(cache: Path, write_class_folders, manifest: str):
    source = write_class_folders()
    prepared = prepare_source(source, cache)
    (prepared.directory / "prepared.json").write_text(manifest)
    assert "prepared.json is missing or not as it was written" in prepare_source(source, cache).notes[0]


def test_what_a_killed_process_left_is_removed(cache: Path, write_class_folders):
    (cache / ".preparing-killed").mkdir(parents=True)
    prepare_source(write_class_folders(), cache)
    assert not list(cache.glob(".preparing-*"))


def test_a_full_disk_leaves_nothing_behind_and_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(DataError, match="No space left on device") as refusal:
        load(prepare(DatasetName.DIGITS, data_root=None, cache=cache).directory)
    assert str(cache) in str(refusal.value)
    assert [entry.name for entry in cache.iterdir()] == ["prepare.lock"]


def test_loading_what_was_never_prepared_says_so(cache: Path):
    with pytest.raises(DataError, match="no prepared data"):
        load(cache / ("0" * 64))


def test_preparing_cifar10_without_data_says_how_to_get_it(tmp_path: Path, cache: Path):
    with pytest.raises(DataError, match="data fetch cifar10"):
        prepare(DatasetName.CIFAR10, data_root=tmp_path / "nowhere", cache=cache)


def test_a_description_tells_sound_absent_and_damaged_data_apart(cache: Path, tmp_path: Path, write_class_folders):
    (digits_report, absent) = describe(None, cache)
    assert (digits_report.digest, digits_report.prepared, digits_report.problem) == (digits.DIGEST, False, None)
    assert absent.digest is None
    assert "no data root was given" in absent.problem

    directory = prepare(DatasetName.DIGITS, data_root=None, cache=cache).directory
    load(directory)
    write_class_folders()
    (digits_report, incomplete) = describe(tmp_path, cache)
    assert digits_report.prepared
    assert incomplete.path == tmp_path / "cifar10"
    assert "expected 5,000 images, found 20" in incomplete.problem

    os.truncate(directory / "test_labels.npy", 10)
    (digits_report, _) = describe(tmp_path, cache)
    assert not digits_report.prepared
    assert "damaged" in digits_report.problem
    assert directory.exists()
