"""Reading CIFAR-10 in the forms in which users have it, and refusing what is not it (fault 17)."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bnrepro.data.cifar_batches import CHECKSUMS, BatchesFolder
from bnrepro.data.cifar_folders import ClassFolders
from bnrepro.data.images import ImageSet, Split
from bnrepro.data.sources import find_cifar10
from bnrepro.errors import DataError


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, crater: Path) -> None:
        self.crater = crater

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.crater,))


@pytest.mark.filterwarnings("ignore")  # numpy frowns on what its Python 2 self wrote
def test_a_batch_written_by_python_2_can_be_read_by_numpy_itself(write_batches):
    """The test's own pickles are faithful: numpy reads from them what bnrepro does."""
    folder = write_batches()
    batch = pickle.loads((folder.path / "test_batch").read_bytes(), encoding="bytes")  # noqa: S301 - our own
    assert sorted(batch[b"data"].tobytes()) == sorted(folder.read().test_images.tobytes())


def test_batches_and_class_folders_of_the_same_pixels_are_the_same_data(write_batches, write_class_folders):
    batches, folders = write_batches().read(), write_class_folders("png").read()
    assert batches.digest == folders.digest
    for name, array in batches.arrays().items():
        np.testing.assert_array_equal(array, folders.arrays()[name])
    assert (batches.name, folders.name) == ("cifar10", "cifar10 (class folders)")


def test_every_image_keeps_its_label(write_batches, pixels: tuple[Split, Split]):
    (images, labels), _ = pixels
    label_of = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    read = write_batches().read()
    assert [label_of[image.tobytes()] for image in read.train_images] == read.train_labels.tolist()


def test_the_digest_changes_with_one_pixel_and_with_one_label(pixels: tuple[Split, Split]):
    (images, labels), test = pixels
    brighter, relabelled = images.copy(), labels.copy()
    brighter[7, 1, 2, 3] ^= 1
    relabelled[7] = (relabelled[7] + 1) % 10
    sets = [
        ImageSet.in_canonical_order(name="x", train=train, test=test)
        for train in ((images, labels), (brighter, labels), (images, relabelled))
    ]
    assert len({images.digest for images in sets}) == 3


def test_images_of_another_type_are_refused(pixels: tuple[Split, Split]):
    (images, labels), test = pixels
    with pytest.raises(DataError, match="expected uint8 images"):
        ImageSet.in_canonical_order(name="x", train=(images.astype(np.float32), labels), test=test)


def test_an_altered_batch_is_refused_before_it_is_unpickled(tmp_path: Path, write_batches):
    folder, crater = write_batches(), tmp_path / "crater"
    (folder.path / "data_batch_3").write_bytes(pickle.dumps(Bomb(crater)))
    with pytest.raises(DataError, match=r"data_batch_3: expected SHA-256 \w{64}, found \w{64}(.|\n)*data fetch"):
        folder.read()
    assert not crater.exists()


def test_a_batch_with_the_right_checksum_still_cannot_run_code(tmp_path: Path, write_batches):
    crater = tmp_path / "crater"
    folder = write_batches(data_batch_3=pickle.dumps(Bomb(crater)))
    with pytest.raises(DataError, match="never asks for"):
        folder.read()
    assert not crater.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"\x80\x02}.", b"\x80\x02}(U\x04dataK\x01U\x06labels](K\x01eu."],
    ids=["empty", "no keys", "no array"],
)
def test_a_pickle_that_is_no_batch_is_refused(write_batches, content: bytes):
    with pytest.raises(DataError, match="data_batch_1 is not a batch"):
        write_batches(data_batch_1=content).read()


def test_the_published_checksums_refuse_other_batches_and_name_every_file(write_batches):
    path = write_batches().path
    (path / "batches.meta").unlink()
    with pytest.raises(DataError) as refusal:
        BatchesFolder(path=path).read()
    assert all(f"{name}: " in str(refusal.value) for name in CHECKSUMS)
    assert "batches.meta: No such file" in str(refusal.value)


def test_jpeg_files_are_named_a_re_encoding(write_class_folders):
    assert write_class_folders("jpg").read().name == "cifar10 (JPEG re-encoding)"


def test_everything_wrong_with_class_folders_is_said_at_once(write_class_folders):
    folders = write_class_folders("png")
    train, test = folders.path / "train", folders.path / "test"
    (train / "cat").rename(train / "katze")
    next((train / "dog").iterdir()).unlink()
    truncated = next((test / "frog").iterdir())
    truncated.write_bytes(truncated.read_bytes()[:-40])
    wide = next((test / "ship").iterdir())
    Image.new("RGB", (33, 32)).save(wide)
    (test / "truck" / "notes.txt").write_text("not an image")
    (test / "truck" / ".DS_Store").write_text("ignored")
    with pytest.raises(DataError) as refusal:
        folders.read()
    for problem in (
        f"{train / 'katze'}: expected a class of CIFAR-10",
        f"{train / 'cat'}: expected a folder of 20 images, found none",
        f"{train / 'dog'}: expected 20 images, found 19",
        f"{truncated}: expected a PNG or JPEG image, found one that does not decode",
        f"{wide}: expected 32x32 pixels, found 33x32",
        f"{test / 'truck'}: expected 5 images, found 6",
        f"{test / 'truck' / 'notes.txt'}: expected a PNG or JPEG image",
    ):
        assert problem in str(refusal.value)
    assert "DS_Store" not in str(refusal.value)


def test_a_long_list_of_problems_is_cut_short(write_class_folders):
    folders = write_class_folders("png")
    for file in (folders.path / "train" / "cat").iterdir():
        file.write_bytes(b"")
    with pytest.raises(DataError, match="and 10 more"):
        folders.read()


def test_class_folders_insist_on_all_of_cifar10(write_class_folders):
    with pytest.raises(DataError, match="expected 5,000 images, found 20"):
        ClassFolders(path=write_class_folders("png").path).read()


@pytest.mark.parametrize("root", [".", "cifar10"])
def test_class_folders_are_found_in_the_root_and_one_below(tmp_path: Path, write_class_folders, root: str):
    expected = write_class_folders("png").path
    assert [source.path for source in find_cifar10(tmp_path / root)] == [expected]


@pytest.mark.parametrize("root", [".", "cifar-10-batches-py"])
def test_the_published_batches_come_before_class_folders(tmp_path: Path, write_batches, write_class_folders, root: str):
    write_class_folders("png")
    expected = write_batches().path
    assert find_cifar10(tmp_path / root)[0] == BatchesFolder(path=expected)


@pytest.mark.parametrize("given", [True, False])
def test_missing_data_are_answered_with_both_ways_to_get_them(tmp_path: Path, given: bool):
    with pytest.raises(DataError, match=r"data fetch cifar10 --data-root DIR`, or point --data-root at class folders"):
        find_cifar10(tmp_path if given else None)
