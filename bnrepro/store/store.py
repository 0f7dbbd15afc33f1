"""The store itself; its layout is drawn in the package's docstring."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import safetensors.numpy
from filelock import FileLock, Timeout
from pydantic import ValidationError

from bnrepro.errors import StoreError
from bnrepro.files import explained, write_atomically
from bnrepro.spec.claim import Claim
from bnrepro.spec.declared import Declaration
from bnrepro.spec.probe import MEASURED_TYPES, Measured, Probe
from bnrepro.spec.run import RunRecord
from bnrepro.spec.scale import Scale
from bnrepro.spec.value import canonical_json
from bnrepro.store.checkpoint import CheckpointSlot
from bnrepro.store.declared import declaration_files, next_sequence, read_declaration, write_declaration
from bnrepro.store.format import check_format
from bnrepro.store.manifest import FILES, LEARNED, MANIFEST, RECORD, manifest_of, verified_files
from bnrepro.store.measured import measured_file, measured_files, read_measured, write_measured
from bnrepro.store.sealed import DamagedError, read_sealed
from bnrepro.store.shelf import Shelf

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
        self._shelf = Shelf(root / "set-aside", notify)
        check_format(root)

    def find(self, key: str) -> RunRecord | None:
        """The record of a finished run, its tensors' checksum verified too; ``None`` where it is not done.

        A run that fails its checksum is set aside and counts as not done; so does a record of another version, which
        is left as it is.
        """
        return self._read_record(key, files=FILES)

    def tensors(self, key: str) -> Tensors:
        """The learned tensors of a finished run.

        Raises:
            StoreError: the run is not there, or was set aside just now.
        """
        try:
            files = verified_files(self.folder(key))
        except DamagedError as error:
            self._shelf.put_run(self.folder(key), str(error))
            files = None
        if files is None:
            raise StoreError(f"run {key} is not in {self.root}; verify the claim again to train it")
        learned: Tensors = safetensors.numpy.load(files[LEARNED])
        return learned

    def save(self, record: RunRecord, tensors: Tensors) -> None:
        """Keep a finished run: tensors, record, then the manifest that makes it count."""
        folder = self.folder(record.key)
        files = {
            LEARNED: safetensors.numpy.save(dict(tensors)),
            RECORD: record.model_dump_json(indent=1).encode(),
        }
        for stale in measured_files(folder):  # of tensors that were here before
            stale.unlink(missing_ok=True)
        for name, content in files.items():
            write_atomically(folder / name, content)
        write_atomically(folder / MANIFEST, manifest_of(record.key, files))
        CheckpointSlot(folder).discard()
        _clear_leftovers(folder)

    def measured(self, key: str, probe: Probe) -> Measured | None:
        """What a probe measured on a run; ``None`` where it did not.

        A damaged file is set aside and counts as absent; so does one of another version, which stays.
        """
        path = measured_file(self.folder(key), probe)
        try:
            return read_measured(path, probe)
        except DamagedError as error:
            self._shelf.put_file(path, f"run {key}: {path.name} {error}", then="it will be measured again")
            return None

    def lacking(self, record: RunRecord, probes: Iterable[Probe]) -> tuple[Probe, ...]:
        """Which of these probes have yet to measure a run; none of one that diverged, which is never measured."""
        if record.status == "diverged":
            return ()
        return tuple(probe for probe in probes if self.measured(record.key, probe) is None)

    def save_measured(self, key: str, probe: Probe, value: Measured) -> None:
        """Keep what a probe measured on a finished run. The caller holds the run's lock.

        Raises:
            StoreError: the run is not there.
            TypeError: the value is another probe's.
        """
        if type(value) is not MEASURED_TYPES[probe]:
            raise TypeError(f"{probe} gives {MEASURED_TYPES[probe].__name__}, not {type(value).__name__}")
        folder = self.folder(key)
        if not (folder / MANIFEST).exists():
            raise StoreError(f"run {key} is not in {self.root}; what was measured on it cannot be kept")
        write_measured(measured_file(folder, probe), value)
        _clear_leftovers(folder)

    def records(self) -> Iterator[RunRecord]:
        """Every finished run, in the order of the keys.

        Reads the records alone; :meth:`find` checks a run's tensors too.
        """
        for key in self._keys():
            record = self._read_record(key, files=(RECORD,))
            if record is not None:
                yield record

    def declarations(self, claim_id: str, scale: Scale) -> tuple[Declaration, ...]:
        """The texts under which a claim was asked at a scale, first declared first.

        A damaged one is set aside and left out.
        """
        found = []
        for path in declaration_files(self._declared(claim_id)):
            try:
                declaration = read_declaration(path)
            except DamagedError as error:
                then = "what was declared then can no longer be compared"
                self._shelf.put_file(path, f"claim {claim_id}: {path.name} {error}", then=then)
                continue
            if declaration is not None and declaration.scale is scale:
                found.append(declaration)
        return tuple(found)

    def declare(self, claim: Claim, *, sha256: str, scale: Scale, count_runs: Callable[[], int]) -> None:
        """Keep the text of a claim before its runs are read or trained, unless it was the last one asked here.

        A text that comes back after another is kept again: the files tell in which order texts were asked.

        Args:
            claim: as its file says it.
            sha256: of the file's bytes.
            scale: at which it is asked.
            count_runs: says how many of the claim's runs are in the store; only called for a text to be kept.
        """

        def was_last() -> bool:
            declared = self.declarations(claim.id, scale)
            return bool(declared) and declared[-1].sha256 == sha256

        if was_last():
            return
        with self.lock(f"declared-{claim.id}", wait=True):
            if was_last():  # by another process, while this one waited
                return
            folder = self._declared(claim.id)
            declaration = Declaration(
                sequence=next_sequence(folder),
                sha256=sha256,
                scale=scale,
                runs=count_runs(),
                claim=canonical_json(claim.model_dump(mode="json")),
            )
            write_declaration(folder, declaration)
            _clear_leftovers(folder)

    def audit(self) -> Iterator[tuple[str, str | None]]:
        """Every finished run's key and what is wrong with it, ``None`` where every checksum is right. Moves nothing.

        Its measurements are looked at too.
        """
        for key in self._keys():
            problem = None
            try:
                verified_files(self.folder(key))
            except DamagedError as error:
                problem = str(error)
            yield key, problem or self._damaged_measurement(key)

    @contextlib.contextmanager
    def lock(self, key: str, *, wait: bool = False) -> Iterator[bool]:
        """Try to be the one process that trains a key; yields whether we are. Never waits, unless told to.

        The operating system frees the lock of a process that dies.
        """
        path = self.root / "locks" / f"{key}.lock"
        # A lock file without the kernel behind it would outlive its holder.
        lock = FileLock(path, fallback_to_soft=False)
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(Timeout):
                lock.acquire(timeout=-1 if wait else 0)
        try:
            yield lock.is_locked
        finally:
            lock.release()

    def checkpoint(self, key: str) -> CheckpointSlot:
        """Where a run under way keeps its state."""
        return CheckpointSlot(self.folder(key), self._notify)

    def folder(self, key: str) -> Path:
        """Where a run lives, whether or not it is done."""
        return self.root / "runs" / key[:2] / key

    def _declared(self, claim_id: str) -> Path:
        return self.root / "declared" / claim_id

    def _read_record(self, key: str, *, files: Sequence[str]) -> RunRecord | None:
        try:
            found = verified_files(self.folder(key), files)
        except DamagedError as error:
            self._shelf.put_run(self.folder(key), str(error))
            return None
        try:
            return None if found is None else RunRecord.model_validate_json(found[RECORD])
        except ValidationError:
            # Sound, but not ours to read: it stays where it is for the version that wrote it.
            self._notify(f"run {key}: its record is of another version of bnrepro; not used")
            return None

    def _keys(self) -> list[str]:
        return sorted(manifest.parent.name for manifest in self.root.glob(f"runs/*/*/{MANIFEST}"))

    def _damaged_measurement(self, key: str) -> str | None:
        """What is wrong with the first damaged measurement of a run."""
        for path in measured_files(self.folder(key)):
            try:
                read_sealed(path)
            except DamagedError as error:
                return f"{path.name} {error}"
        return None


def _clear_leftovers(folder: Path) -> None:
    """Remove what a process left that was killed while it wrote; whoever calls this holds the run's lock."""
    for leftover in folder.glob(".*"):
        leftover.unlink(missing_ok=True)
