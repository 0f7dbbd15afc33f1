"""Writing files that are whole or absent, whatever moment a process is killed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from bnrepro.errors import StoreError, StoreFull

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


def sha256_of(content: bytes) -> str:
    """SHA-256 as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def write_atomically(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path``: readers see the old file or the new one, never half of it.

    Raises:
        StoreFull: the disk is full or may not be written; nothing is left behind.
    """
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not tempfile: its files are closed to everyone else, and a store may be shared.
        temporary = path.parent / f".{path.name}.{uuid.uuid4().hex}"
        try:
            with temporary.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal into an error that names the disk and the next step."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFull(
                f"cannot write {path}: {error.strerror}; make room or allow writing there, or name another folder"
            ) from error
        raise StoreError(f"cannot use {path}: {error.strerror or error}") from error
