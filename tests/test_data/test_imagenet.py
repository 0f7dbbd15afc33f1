"""Image folders: listed and hashed once, refused when anything is wrong, compared again when read."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bnrepro.cli import main
from bnrepro.data import FolderImages, describe, folder_images, load, prepare
from bnrepro.data.image_folders import ImageFolders
from bnrepro.errors import DataError
from bnrepro.spec.recipe import DatasetName
from tests.train.folders import write_folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "images", train=9, test=6)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def read(root: Path) -> FolderImages:
    return ImageFolders(path=root).read()


def refusal(root: Path) -> str:
    with pytest.raises(DataError) as refused:
        read(root)
    return str(refused.value)


def a_file(root: Path, split: str = "train") -> Path:
    return sorted((root / split).glob("*/*"))[1]


def test_every_file_is_listed_with_its_size_content_and_label_sorted_by_label_then_content(root: Path) -> None:
    for split, name in ((read(root).train, "train"), (read(root).test, "val")):
        expected = sorted(
            (label, hashlib.sha256(file.read_bytes()).digest(), file)
            for label, folder in enumerate(sorted((root / name).iterdir()))
            for file in folder.iterdir()
        )
        assert split.labels.tolist() == [label for label, _, _ in expected]
        assert [bytes(row) for row in split.sha256] == [content for _, content, _ in expected]
        assert [split.path(index) for index in range(len(split))] == [file.resolve() for _, _, file in expected]
        assert split.sizes.tolist() == [file.stat().st_size for _, _, file in expected]
        assert split.content(2) == expected[2][2].read_bytes()


def test_the_digest_knows_no_names_and_no_places(root: Path, tmp_path: Path) -> None:
    before = read(root).digest
    for file in sorted(root.rglob("*.jpeg")):
        file.rename(file.with_name(f"renamed-{file.stem[::-1]}.JPG"))
    moved = root.rename(tmp_path / "elsewhere")
    (moved / "val").rename(moved / "test")
    (moved / "train" / ".DS_Store").write_bytes(b"left by a desktop")
    assert read(moved).digest == before


def test_another_label_or_one_other_byte_is_another_digest(root: Path) -> None:
    before = read(root).digest
    with Image.open(a_file(root)) as image:
        image.save(a_file(root), quality=50)
    encoded_again = read(root).digest
    a_file(root).rename(root / "train" / "n002" / "moved.jpeg")
    assert len({before, encoded_again, read(root).digest}) == 3


def test_a_folder_is_read_once_and_found_again(root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepare(DatasetName.IMAGENET, data_root=None, imagenet_root=root, cache=cache)
    assert first.notes == (f"read and hashed 15 images in {root}",)
    monkeypatch.setattr(ImageFolders, "read", lambda _: pytest.fail("the folder was read again"))
    again = prepare(DatasetName.IMAGENET, data_root=None, imagenet_root=root, cache=cache)
    assert again.notes == ()
    assert (again.digest, again.directory) == (first.digest, first.directory)
    assert (again.train_images, again.test_images, again.side, again.channels, again.classes) == (9, 6, 224, 3, 3)
    images = load(again.directory)
    assert isinstance(images, FolderImages)
    assert images.digest == again.digest
    assert images.train.content(0) == images.train.path(0).read_bytes()


def test_a_folder_that_changed_is_another_one(root: Path, cache: Path) -> None:
    first = prepare(DatasetName.IMAGENET, data_root=None, imagenet_root=root, cache=cache)
    a_file(root).unlink()
    second = prepare(DatasetName.IMAGENET, data_root=None, imagenet_root=root, cache=cache)
    assert second.digest != first.digest
    assert second.train_images == first.train_images - 1


def test_only_imagenets_counts_pass_for_the_published_images(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert folder_images.PUBLISHED_COUNTS == (1000, 1_281_167, 50_000)
    assert (read(root).published, read(root).name) == (False, "image folder of 3 classes")
    monkeypatch.setattr(folder_images, "PUBLISHED_COUNTS", (3, 9, 6))
    assert (read(root).published, read(root).name) == (True, "imagenet")


def test_a_png_is_an_image_too(root: Path) -> None:
    with Image.open(a_file(root)) as image:
        image.save(a_file(root).with_suffix(".png"))
    assert len(read(root).train) == 10


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda file: file.unlink(), "found no file to read: No such file"),
        (lambda file: os.truncate(file, 100), "found 100 with"),
        (lambda file: file.write_bytes(file.read_bytes()[:-1] + b"!"), r"found [\d,]+ with [0-9a-f]{64}"),
    ],
    ids=["missing", "truncated", "altered"],
)
def test_a_file_that_is_not_what_was_listed_is_named_when_it_is_read(root: Path, damage, found: str) -> None:
    split = read(root).train
    damage(split.path(4))
    with pytest.raises(DataError, match=found) as refused:
        split.content(4)
    assert f"{split.path(4)}: expected {split.sizes[4]:,} bytes" in str(refused.value)
    assert split.content(3)


def test_files_that_do_not_decode_are_all_named(root: Path) -> None:
    truncated, text = a_file(root), a_file(root, "val")
    os.truncate(truncated, truncated.stat().st_size - 200)
    text.write_text("not an image")
    told = refusal(root)
    assert f"{truncated}: expected a JPEG or PNG image, found one that does not decode: image file is truncated" in told
    assert f"{text}: expected a JPEG or PNG image, found one that does not decode" in told
    assert "image-net.org" in told


def test_classes_that_differ_between_the_splits_are_all_named(root: Path) -> None:
    (root / "val" / "n000").rename(root / "val" / "extra")
    told = refusal(root)
    assert f"{root}/val/extra: expected only the classes of train/" in told
    assert f"{root}/val/n000: expected a folder, as in train/" in told


def test_a_class_without_images_is_named(root: Path) -> None:
    (root / "train" / "n003").mkdir()
    (root / "val" / "n003").mkdir()
    assert f"{root}/train/n003: expected images, found none\n  {root}/val/n003: expected images" in refusal(root)


def test_validation_images_that_are_not_sorted_into_classes_are_refused(root: Path) -> None:
    for file in list((root / "val").glob("*/*")):
        file.rename(root / "val" / f"{file.parent.name}-{file.name}")
    for folder in list((root / "val").glob("n*")):
        if folder.is_dir():
            folder.rmdir()
    assert "val: expected images sorted into folders of classes, found no folder" in refusal(root)


def test_one_class_is_nothing_to_learn(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "one", train=2, test=2, classes=1)
    assert "expected at least two classes, found 1" in refusal(root)


def test_an_absent_folder_says_how_to_get_imagenet(tmp_path: Path, cache: Path) -> None:
    assert "val: expected a folder of classes, found none\nImageNet is free" in refusal(tmp_path)
    with pytest.raises(DataError, match=r"no --imagenet-root was given; ImageNet is free .*image-net\.org"):
        prepare(DatasetName.IMAGENET, data_root=None, cache=cache)


def test_a_long_list_of_problems_is_cut(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "many", train=24, test=3)
    for file in (root / "train").glob("*/*"):
        file.write_bytes(b"")
    assert "and 14 more" in refusal(root)


def test_a_damaged_list_is_refused_on_loading_and_renewed(root: Path, cache: Path) -> None:
    def prepared() -> object:
        return prepare(DatasetName.IMAGENET, data_root=None, imagenet_root=root, cache=cache)

    directory = prepared().directory
    hashes = directory / "train_sha256.npy"
    content = bytearray(hashes.read_bytes())
    content[-1] ^= 1
    hashes.write_bytes(content)
    again = prepared()
    assert "train_sha256.npy: expected SHA-256" in again.notes[0]
    assert "listed anew" in again.notes[0]
    assert isinstance(load(directory), FolderImages)
    os.truncate(hashes, 10)
    with pytest.raises(DataError, match="found 10; set aside as"):
        load(directory)
    assert not directory.exists()


def test_a_copy_for_another_process_carries_no_arrays(root: Path, cache: Path) -> None:
    directory = prepare(DatasetName.IMAGENET, data_root=None, imagenet_root=root, cache=cache).directory
    kept, made = load(directory).train, read(root).train
    assert isinstance(kept.sha256, np.memmap)
    assert bytes(kept.sha256[0]) not in pickle.dumps(kept)
    for split in (kept, made):
        copy = pickle.loads(pickle.dumps(split))  # noqa: S301 - what we just wrote
        assert all(np.array_equal(array, copy.arrays()[name]) for name, array in split.arrays().items())
        assert copy.content(0) == split.content(0)


def test_a_description_tells_a_sound_folder_from_a_damaged_one(root: Path, cache: Path) -> None:
    assert len(describe(None, cache)) == 2
    fresh = describe(None, cache, imagenet_root=root)[2]
    assert (fresh.dataset, fresh.path, fresh.prepared, fresh.problem) == (DatasetName.IMAGENET, root, False, None)
    prepared = prepare(DatasetName.IMAGENET, data_root=None, imagenet_root=root, cache=cache)
    known = describe(None, cache, imagenet_root=root)[2]
    assert (known.digest, known.prepared) == (prepared.digest, True)
    os.truncate(prepared.directory / "test_labels.npy", 10)
    damaged = describe(None, cache, imagenet_root=root)[2]
    assert "damaged and will be renewed" in (damaged.problem or "")
    assert prepared.directory.exists()
    a_file(root).write_bytes(b"")
    broken = describe(None, cache, imagenet_root=root)[2]
    assert (broken.digest, "does not decode" in (broken.problem or "")) == (None, True)


def test_the_command_line_describes_the_folder_that_it_is_pointed_at(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = read(root).digest[:12]
    assert main(["data", "check", "--store", str(tmp_path / "store"), "--imagenet-root", str(root)]) == 0
    assert f"image folder of 3 classes: digest {digest}" in " ".join(capsys.readouterr().out.split())
    a_file(root).write_bytes(b"")
    monkeypatch.setenv("BNREPRO_IMAGENET_ROOT", str(root))
    assert main(["data", "check", "--store", str(tmp_path / "store")]) == 3
    assert "one that does not decode" in " ".join(capsys.readouterr().out.split())
