"""A cheap fingerprint of a user's folder: enough to notice any change, without reading 60,000 files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bnrepro.spec.value import digest_of


@dataclass(frozen=True, kw_only=True)
class FileStamp:
    """What a file system tells of a file without reading it."""

    name: str
    """Relative to the folder of the source, with forward slashes."""
    size: int
    """Bytes."""
    modified_ns: int
    changed_ns: int
    """Of the inode: notices an edit whose modification time was put back."""

    @classmethod
    def of(cls, name: str, status: os.stat_result) -> FileStamp:
        """The stamp of one file."""
        return cls(name=name, size=status.st_size, modified_ns=status.st_mtime_ns, changed_ns=status.st_ctime_ns)


def stamps_below(root: Path, split: str) -> Iterator[FileStamp]:
    """The stamps of every ``split/class/file`` below a folder, in no particular order."""
    for folder in _entries(root / split):
        if folder.is_dir():
            for file in _entries(folder):
                yield FileStamp.of(f"{split}/{folder.name}/{file.name}", file.stat())


def fingerprint(kind: str, root: Path, stamps: Iterable[FileStamp]) -> str:
    """SHA-256 over the kind of source, where it lies and the stamps of its files."""
    files = sorted((stamp.name, stamp.size, stamp.modified_ns, stamp.changed_ns) for stamp in stamps)
    return digest_of([kind, str(root.resolve()), files])


def _entries(folder: os.PathLike[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
