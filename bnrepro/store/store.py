"""The store itself; its layout is drawn in the package's docstring."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import safetensors.numpy
from filelock import FileLock, Timeout
from pydantic import ValidationError

from bnrepro.errors import StoreError
from bnrepro.spec.run import RunRecord
from bnrepro.spec.value import canonical_json
from bnrepro.store.files import explained, sha256_of, write_atomically

_FORMAT = 1
_MANIFEST = "manifest.json"
_RECORD = "record.json"
_LEARNED = "learned.safetensors"

Tensors = Mapping[str, np.ndarray]
"""Learned tensors by name."""


class Store:
    """Finished runs under one folder, shared by any number of processes.

    Usage:
        store = Store(Path(".bnrepro/store"))
        with store.lock(key) as held:
            if held and store.find(key) is None:
                store.save(record, tensors)

    ``notify`` is told, in words, when something on disk had to be set aside.
    """

    def __init__(self, root: Path, notify: Callable[[str], None] = lambda _: None) -> None:
        self.root = root
        self._notify = notify
        self._check_format()

    def find(self, key: str) -> RunRecord | None:
        """The record of a finished run, its tensors' checksum verified too; ``None`` where it is not done.

        A run that fails its checksum is set aside and counts as not done.
        """
        try:
            files = self._verified_files(key)
            if files is None:
                return None
            record = RunRecord.model_validate_json(files[_RECORD])
        except (_DamagedError, ValidationError) as error:
            self._set_aside(key, str(error).splitlines()[0])
            return None
        return record

    def tensors(self, key: str) -> Tensors:
        """The learned tensors of a finished run.

        Raises:
            StoreError: the run is not there, or was set aside just now.
        """
        try:
            files = self._verified_files(key)
        except _DamagedError as error:
            self._set_aside(key, str(error))
            files = None
        if files is None:
            raise StoreError(f"run {key} is not in {self.root}; verify the claim again to train it")
        learned: Tensors = safetensors.numpy.load(files[_LEARNED])
        return learned

    def save(self, record: RunRecord, tensors: Tensors) -> None:
        """Keep a finished run: tensors, record, then the manifest that makes it count."""
        folder = self.folder(record.key)
        files = {
            _LEARNED: safetensors.numpy.save(dict(tensors)),
            _RECORD: record.model_dump_json(indent=1).encode(),
        }
        manifest = {
            "format": _FORMAT,
            "key": record.key,
            "files": {name: sha256_of(content) for name, content in files.items()},
        }
        for name, content in files.items():
            write_atomically(folder / name, content)
        write_atomically(folder / _MANIFEST, canonical_json(manifest).encode())
        CheckpointSlot(folder).discard()

    def records(self) -> Iterator[RunRecord]:
        """Every finished run, in the order of the keys."""
        for manifest in sorted(self.root.glob(f"runs/*/*/{_MANIFEST}")):
            record = self.find(manifest.parent.name)
            if record is not None:
                yield record

    @contextlib.contextmanager
    def lock(self, key: str) -> Iterator[bool]:
        """Try to be the one process that trains a key; yields whether we are. Never waits.

        The operating system frees the lock of a process that dies.
        """
        path = self.root / "locks" / f"{key}.lock"
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                yield False
                return
        try:
            yield True
        finally:
            lock.release()

    def checkpoint(self, key: str) -> CheckpointSlot:
        """Where a run under way keeps its state."""
        return CheckpointSlot(self.folder(key), self._notify)

    def folder(self, key: str) -> Path:
        """Where a run lives, whether or not it is done."""
        return self.root / "runs" / key[:2] / key

    def _verified_files(self, key: str) -> dict[str, bytes] | None:
        folder = self.folder(key)
        try:
            manifest = json.loads((folder / _MANIFEST).read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise _DamagedError(f"{_MANIFEST} is not JSON") from error
        if not isinstance(manifest, dict) or manifest.get("format") != _FORMAT or manifest.get("key") != key:
            raise _DamagedError(f"{_MANIFEST} is not the manifest of this run")
        sums = manifest.get("files")
        if not isinstance(sums, dict) or set(sums) != {_RECORD, _LEARNED}:
            raise _DamagedError(f"{_MANIFEST} does not list the files of a run")
        files = {}
        for name, expected in sums.items():
            try:
                files[name] = (folder / name).read_bytes()
            except FileNotFoundError as error:
                raise _DamagedError(f"{name} is missing") from error
            if sha256_of(files[name]) != expected:
                raise _DamagedError(f"{name} does not match its checksum")
        return files

    def _set_aside(self, key: str, why: str) -> None:
        aside = self.root / "set-aside"
        with explained(aside):
            aside.mkdir(exist_ok=True)
            number = 1 + sum(1 for _ in aside.glob(f"{key}-*"))
            target = aside / f"{key}-{number}"
            # Without its manifest the run counts as not done, also if we stop half way through the move.
            (self.folder(key) / _MANIFEST).rename(self.folder(key) / "manifest.damaged")
            shutil.move(self.folder(key), target)
        self._notify(f"run {key}: {why}; set aside in {target}, it will be trained again")

    def _check_format(self) -> None:
        path = self.root / "store.json"
        with explained(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            if not os.access(self.root, os.W_OK):
                raise PermissionError(13, "no right to write", str(self.root))
            try:
                found = json.loads(path.read_bytes()).get("format")
            except FileNotFoundError:
                found = None
            except (ValueError, AttributeError):
                found = "unreadable"
        if found is None:
            write_atomically(path, canonical_json({"format": _FORMAT}).encode())
        elif found != _FORMAT:
            raise StoreError(f"{path}: format {found}, this version of bnrepro reads format {_FORMAT}")


class CheckpointSlot:
    """The one checkpoint of one run, sealed with its own checksum."""

    def __init__(self, folder: Path, notify: Callable[[str], None] = lambda _: None) -> None:
        self._path = folder / "checkpoint"
        self._notify = notify

    def load(self) -> bytes | None:
        """What was saved last; ``None`` where nothing was, or where it is damaged (which is said)."""
        try:
            seal, _, content = self._path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        if sha256_of(content).encode() == seal:
            return content
        self._notify(f"{self._path}: does not match its checksum; the run starts again from its seed")
        return None

    def save(self, content: bytes) -> None:
        """Replace the checkpoint; the old one stays until the new one is whole."""
        write_atomically(self._path, sha256_of(content).encode() + b"\n" + content)

    def discard(self) -> None:
        """Remove the checkpoint of a run that is done."""
        self._path.unlink(missing_ok=True)


class _DamagedError(Exception):
    """What is on disk is not what was written."""
