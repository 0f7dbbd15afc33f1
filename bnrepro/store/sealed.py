"""Reading the store's files, and files that are sealed with their own checksum."""

from __future__ import annotations

from pathlib import Path

from bnrepro.errors import StoreError
from bnrepro.files import sha256_of, write_atomically


class DamagedError(Exception):
    """What is on disk is not what was written."""


def read(path: Path) -> bytes | None:
    """A file's content; ``None`` where there is no such file.

    Raises:
        StoreError: the operating system refuses.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from error


def write_sealed(path: Path, content: bytes) -> None:
    """Replace a file; the old one stays until the new one is whole."""
    write_atomically(path, sha256_of(content).encode() + b"\n" + content)


def read_sealed(path: Path) -> bytes | None:
    """What :func:`write_sealed` was given; ``None`` where there is no such file.

    Raises:
        DamagedError: it is not what was written.
    """
    saved = read(path)
    if saved is None:
        return None
    seal, _, content = saved.partition(b"\n")
    if sha256_of(content).encode() != seal:
        raise DamagedError("does not match its checksum")
    return content
