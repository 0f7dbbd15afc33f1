"""Small data sets of random pixels, written in each form in which a user may have CIFAR-10."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bnrepro.data.cifar_batches import TEST_BATCH, TRAIN_BATCHES, BatchesFolder
from bnrepro.data.cifar_folders import CLASSES, ClassFolders
from bnrepro.data.images import Split

TRAIN_PER_CLASS = 20
TEST_PER_CLASS = 5


def _split(rng: np.random.Generator, per_class: int) -> Split:
    labels = rng.permutation(np.repeat(np.arange(10, dtype=np.int64), per_class))
    return rng.integers(0, 256, (len(labels), 3, 32, 32), dtype=np.uint8), labels


@pytest.fixture
def pixels() -> tuple[Split, Split]:
    """A training split of 20 and a test split of 5 images a class, in no order."""
    rng = np.random.default_rng(0)
    return _split(rng, TRAIN_PER_CLASS), _split(rng, TEST_PER_CLASS)


@pytest.fixture
def write_class_folders(tmp_path: Path, pixels: tuple[Split, Split]) -> Callable[..., ClassFolders]:
    """Writes the pixels as ``cifar10/{train,test}/<class>/NNNN.<suffix>``."""

    def write(suffix: str = "png") -> ClassFolders:
        root = tmp_path / "cifar10"
        for split, (images, labels) in zip(("train", "test"), pixels, strict=True):
            for number, (image, label) in enumerate(zip(images, labels, strict=True)):
                file = root / split / CLASSES[label] / f"{number:04}.{suffix}"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image.transpose(1, 2, 0)).save(file)
        return ClassFolders(path=root, train_per_class=TRAIN_PER_CLASS, test_per_class=TEST_PER_CLASS)

    return write


@pytest.fixture
def write_batches(tmp_path: Path, pixels: tuple[Split, Split]) -> Callable[..., BatchesFolder]:
    """Writes the pixels as ``cifar-10-batches-py/``, and expects the checksums of what it wrote."""

    def write(**replaced: bytes) -> BatchesFolder:
        root = tmp_path / "cifar-10-batches-py"
        root.mkdir()
        (images, labels), test = pixels
        contents = {name: python2_batch(images[i::5], labels[i::5].tolist()) for i, name in enumerate(TRAIN_BATCHES)}
        contents[TEST_BATCH] = python2_batch(test[0], test[1].tolist())
        contents["batches.meta"] = b"never unpickled"
        contents |= replaced
        for name, content in contents.items():
            (root / name).write_bytes(content)
        return BatchesFolder(
            path=root, checksums={name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
        )

    return write


def python2_batch(images: np.ndarray, labels: list[int]) -> bytes:
    """The pickle that numpy under Python 2 wrote, opcode by opcode: no pickler of today writes its names."""
    raw = images.tobytes()
    shape = b"(" + b"".join(b"J" + struct.pack("<i", length) for length in (len(images), images[0].size)) + b"t"
    dtype = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
    state = b"(K\x01" + shape + dtype + b"I00\nT" + struct.pack("<i", len(raw)) + raw + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(U\x04data" + array + state + b"U\x06labels" + numbers + b"u."
