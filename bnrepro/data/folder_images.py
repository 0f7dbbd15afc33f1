"""An image folder too large to decode beforehand: a checked list of its files, each compared again when it is read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from bnrepro.data.images import Labels
from bnrepro.data.prepared import MANIFEST, ArrayFile, Digest, check_arrays, check_sizes, write_whole
from bnrepro.errors import DataError
from bnrepro.spec.value import Value

PUBLISHED_COUNTS = (1000, 1_281_167, 50_000)
"""Classes, training and validation images of ImageNet (ILSVRC 2012; Russakovsky et al. 2015)."""

_RENEW = "run the command again to list the folder anew"


@dataclass(frozen=True, kw_only=True, eq=False)
class FolderSplit:
    """The files of one split, sorted by label and then by content, so that positions do not depend on names."""

    root: Path
    paths: NDArray[np.bytes_]
    """(N,), relative to ``root``, as the file system spells them."""
    sizes: NDArray[np.int64]
    """(N,), in bytes."""
    sha256: NDArray[np.uint8]
    """(N, 32), of each file's bytes."""
    labels: Labels
    """(N,), positions of the classes among their sorted names."""
    kept: tuple[Path, str] | None = None
    """The prepared directory and the split's name there, if the arrays were read from one."""

    @classmethod
    def read(cls, root: Path, directory: Path, split: str) -> Self:
        """Map the arrays of a prepared directory into memory.

        Raises:
            DataError: a file is not an array.
        """
        return cls(root=root, kept=(directory, split), **_mapped(directory, split))

    def __getstate__(self) -> dict[str, object]:
        # A process that gets a copy maps the arrays itself: of ImageNet they are 150 MB.
        arrays = () if self.kept is None else self.arrays()
        return {name: value for name, value in vars(self).items() if name not in arrays}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        if self.kept is not None:
            vars(self).update(_mapped(*self.kept))

    @classmethod
    def in_canonical_order(
        cls,
        root: Path,
        *,
        paths: Sequence[str],
        sizes: Sequence[int],
        sha256: Sequence[bytes],
        labels: Sequence[int],
    ) -> Self:
        """Sort by label, then by the SHA-256 of the file's bytes."""
        order = sorted(range(len(paths)), key=lambda index: (labels[index], sha256[index], paths[index]))
        return cls(
            root=root,
            paths=np.array([os.fsencode(paths[index]) for index in order], dtype=np.bytes_),
            sizes=np.array([sizes[index] for index in order], dtype=np.int64),
            sha256=np.frombuffer(b"".join(sha256[index] for index in order), dtype=np.uint8).reshape(-1, 32),
            labels=np.array([labels[index] for index in order], dtype=np.int64),
        )

    def __len__(self) -> int:
        return len(self.labels)

    def path(self, index: int) -> Path:
        """Where one file lies."""
        return self.root / os.fsdecode(bytes(self.paths[index]))

    def content(self, index: int) -> bytes:
        """The bytes of one file.

        Raises:
            DataError: they are not those that were listed; names the file, what was expected and what was found.
        """
        file = self.path(index)
        try:
            content = file.read_bytes()
        except OSError as error:
            expected = f"{int(self.sizes[index]):,} bytes"
            raise DataError(f"{file}: expected {expected}, found no file to read: {error.strerror}") from error
        expected, found = bytes(self.sha256[index]).hex(), hashlib.sha256(content).hexdigest()
        if found != expected:
            raise DataError(
                f"{file}: expected {int(self.sizes[index]):,} bytes with SHA-256 {expected}, "
                f"found {len(content):,} with {found}; bring the file back, or {_RENEW}"
            )
        return content

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """What a prepared folder keeps of the split."""
        return {"paths": self.paths, "sizes": self.sizes, "sha256": self.sha256, "labels": self.labels}


@dataclass(frozen=True, kw_only=True, eq=False)
class FolderImages:
    """Training and test files of an image folder.

    Usage:
        FolderImages.read(prepared_directory).train.content(0)
    """

    train: FolderSplit
    test: FolderSplit

    @cached_property
    def digest(self) -> str:
        """SHA-256 over labels and content hashes of both splits in canonical order: 64 hexadecimal digits.

        Names and places of files do not count; their bytes and classes do.
        """
        digest = hashlib.sha256(b"image folder\n")
        for name, split in (("train", self.train), ("test", self.test)):
            digest.update(f"{name} {len(split)}\n".encode())
            digest.update(np.ascontiguousarray(split.labels, dtype="<i8").data)
            digest.update(np.ascontiguousarray(split.sha256).data)
        return digest.hexdigest()

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.train.labels.max()) + 1

    @property
    def channels(self) -> int:
        """Every file is decoded to red, green and blue."""
        return 3

    @property
    def published(self) -> bool:
        """Whether the counts are ImageNet's.

        Counts cannot prove pixels: nobody publishes a checksum of each image, so a folder with these counts is taken
        at its word, and its digest, which every run's key holds, tells it from any other.
        """
        return (self.classes, len(self.train), len(self.test)) == PUBLISHED_COUNTS

    @property
    def name(self) -> str:
        """For people."""
        return "imagenet" if self.published else f"image folder of {self.classes:,} classes"

    def write(self, directory: Path, cache: Path) -> None:
        """Keep the list of files as a prepared directory, whole or not at all; call it with the cache's lock held."""
        write_whole(self._arrays(), directory, cache, self._manifest)

    @classmethod
    def read(cls, directory: Path) -> Self:
        """The list of files that :meth:`write` kept, every array compared with its checksum.

        Raises:
            FileNotFoundError: the directory does not exist.
            DataError: something in it is missing or was altered.
        """
        if not directory.is_dir():
            raise FileNotFoundError(directory)
        try:
            manifest = FolderManifest.model_validate_json((directory / MANIFEST).read_bytes())
        except (FileNotFoundError, ValidationError) as error:
            raise DataError(f"{directory / MANIFEST} is missing or not as it was written") from error
        check_sizes(directory, manifest.files.items())
        check_arrays(directory, manifest.files.items())
        root = Path(manifest.root)
        train, test = (FolderSplit.read(root, directory, split) for split in ("train", "test"))
        return cls(train=train, test=test)

    def _arrays(self) -> dict[str, NDArray[np.generic]]:
        return {
            f"{split}_{name}": array
            for split, files in (("train", self.train), ("test", self.test))
            for name, array in files.arrays().items()
        }

    def _manifest(self, files: dict[str, ArrayFile]) -> FolderManifest:
        return FolderManifest(
            root=str(self.train.root),
            digest=self.digest,
            classes=self.classes,
            train_images=len(self.train),
            test_images=len(self.test),
            files=files,
        )


class FolderManifest(Value):
    """``prepared.json`` of an image folder."""

    format: Literal[1] = 1
    root: str
    """Where the images lie."""
    digest: Digest
    classes: int
    train_images: int
    test_images: int
    files: Annotated[dict[str, ArrayFile], Field(min_length=8)]


def _mapped(directory: Path, split: str) -> dict[str, NDArray[Any]]:
    try:
        return {
            name: np.load(directory / f"{split}_{name}.npy", mmap_mode="r")
            for name in ("paths", "sizes", "sha256", "labels")
        }
    except (ValueError, EOFError) as error:
        raise DataError(f"{directory} holds a file that is not an array: {error}") from error
