"""Where a run under way keeps its state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bnrepro.store.sealed import DamagedError, read_sealed, write_sealed


class CheckpointSlot:
    """The one checkpoint of one run, sealed with its own checksum."""

    def __init__(self, folder: Path, notify: Callable[[str], None] = lambda _: None) -> None:
        self._path = folder / "checkpoint"
        self._notify = notify

    def load(self) -> bytes | None:
        """What was saved last; ``None`` where nothing was, or where it is damaged (which is said)."""
        try:
            return read_sealed(self._path)
        except DamagedError as error:
            self.reject(str(error))
            return None

    def reject(self, why: str) -> None:
        """Say that what was loaded cannot be used, so that the run starts again from its seed."""
        self._notify(f"{self._path}: {why}; the run starts again from its seed")

    def save(self, content: bytes) -> None:
        """Replace the checkpoint; the old one stays until the new one is whole."""
        write_sealed(self._path, content)

    def discard(self) -> None:
        """Remove the checkpoint of a run that is done."""
        self._path.unlink(missing_ok=True)
