"""CIFAR-10 as torchvision unpacks it: ``cifar-10-batches-py/`` with six pickled batches.

Unpickling can run code, so a file is unpickled only after its checksum was found right, and then by an unpickler
that knows three names and resolves none of them to the real thing.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bnrepro.data.fingerprint import FileStamp, fingerprint
from bnrepro.data.images import ImageSet, Split
from bnrepro.errors import DataError

TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST_BATCH = "test_batch"

# SHA-256 of the files that https://www.cs.toronto.edu/~kriz/cifar.html distributes.
CHECKSUMS = {
    "data_batch_1": "54636561a3ce25bd3e19253c6b0d8538147b0ae398331ac4a2d86c6d987368cd",
    "data_batch_2": "766b2cef9fbc745cf056b3152224f7cf77163b330ea9a15f9392beb8b89bc5a8",
    "data_batch_3": "0f00d98ebfb30b3ec0ad19f9756dc2630b89003e10525f5e148445e82aa6a1f9",
    "data_batch_4": "3f7bb240661948b8f4d53e36ec720d8306f5668bd0071dcb4e6c947f78e9682b",
    "data_batch_5": "d91802434d8376bbaeeadf58a737e3a1b12ac839077e931237e0dcd43adcb154",
    "test_batch": "f53d8d457504f7cff4ea9e021afcf0e0ad8e24a91f3fc42091b8adef61157831",
    "batches.meta": "f962466ef690d46b226450fb9aadc74ba4bc64a76aa526b5827fe4bc5c7125cb",
}

_CLASSES = 10
_SHAPE = (3, 32, 32)


@dataclass(frozen=True, kw_only=True)
class BatchesFolder:
    """One ``cifar-10-batches-py`` folder."""

    path: Path
    checksums: Mapping[str, str] = field(default_factory=lambda: CHECKSUMS)
    """SHA-256 that each file must have."""

    @property
    def published(self) -> bool:
        """The checksums prove the pixels."""
        return True

    def fingerprint(self) -> str:
        """Changes whenever one of the files does."""
        files = ((name, self.path / name) for name in self.checksums)
        return fingerprint(
            "torchvision folder",
            self.path,
            (FileStamp.of(name, file.stat()) for name, file in files if file.is_file()),
        )

    def check(self) -> dict[str, bytes]:
        """The content of every file, each with the checksum that it must have.

        Raises:
            DataError: files are missing or altered; all of them are named, with the expected and found checksum.
        """
        contents: dict[str, bytes] = {}
        problems = []
        for name, expected in self.checksums.items():
            try:
                contents[name] = (self.path / name).read_bytes()
            except OSError as error:
                problems.append(f"{name}: {error.strerror}")
                continue
            found = hashlib.sha256(contents[name]).hexdigest()
            if found != expected:
                problems.append(f"{name}: expected SHA-256 {expected}, found {found}")
        if problems:
            raise DataError(
                f"{self.path} is not CIFAR-10 as published:\n  "
                + "\n  ".join(problems)
                + "\nremove the folder and run `bnrepro data fetch cifar10 --data-root DIR`"
            )
        return contents

    def read(self) -> ImageSet:
        """Check every file, then decode the batches.

        Raises:
            DataError: as :meth:`check`, or a batch is not what it should be.
        """
        contents = self.check()
        # The bytes that were checked are the bytes that are decoded: no second read for a file to change in between.
        train = [_decode(name, contents[name]) for name in TRAIN_BATCHES]
        return ImageSet.in_canonical_order(
            name="cifar10",
            train=(np.concatenate([images for images, _ in train]), np.concatenate([labels for _, labels in train])),
            test=_decode(TEST_BATCH, contents[TEST_BATCH]),
        )


class _Array:
    """Stands in for ``numpy.ndarray`` while unpickling, so that no state from a file reaches numpy."""

    raw: bytes
    column_major: bool

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, _shape, _dtype, self.column_major, self.raw = state


class _Dtype:
    """Stands in for ``numpy.dtype``; the batches hold nothing but bytes."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def _reconstruct(*_: object) -> _Array:
    return _Array()


class _BatchUnpickler(pickle.Unpickler):
    # The only names in the published files, which Python 2 wrote.
    _STAND_INS = {  # noqa: RUF012 - never changed
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _Dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._STAND_INS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"a CIFAR-10 batch never asks for {module}.{name}") from None


def _decode(name: str, content: bytes) -> Split:
    """One batch as ((N, 3, 32, 32) pixels, (N,) labels)."""
    try:
        batch = _BatchUnpickler(io.BytesIO(content), encoding="bytes").load()
        array, labels = batch[b"data"], np.array(batch[b"labels"], dtype=np.int64)
        pixels = np.frombuffer(array.raw, dtype=np.uint8)
        rows = pixels.reshape((len(labels), -1), order="F" if array.column_major else "C")
        images = np.ascontiguousarray(rows).reshape((len(labels), *_SHAPE))
    except Exception as error:  # a pickle that is not a batch can fail in any way; all mean the same
        raise DataError(f"{name} is not a batch of CIFAR-10: {error}") from error
    if len(labels) == 0 or labels.min() < 0 or labels.max() >= _CLASSES:
        raise DataError(f"{name}: expected labels from 0 to {_CLASSES - 1}, found others")
    return images, labels
