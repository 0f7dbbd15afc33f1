"""Where damaged runs and files go, for someone to look at."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

from bnrepro.files import explained
from bnrepro.store.manifest import MANIFEST


class Shelf:
    """The folder of what was set aside; ``notify`` is told of each thing that is put there.

    Of several processes that met the same damage, one puts it there and tells so.
    """

    def __init__(self, folder: Path, notify: Callable[[str], None]) -> None:
        self._folder = folder
        self._notify = notify

    def put_run(self, folder: Path, why: str) -> None:
        """Set a run aside, so that it counts as not done."""
        key = folder.name
        target = self._folder / f"{key}-{uuid.uuid4().hex[:8]}"
        with explained(target):
            target.parent.mkdir(exist_ok=True)
            try:
                # Without its manifest the run counts as not done, also if we stop before the move; and of several
                # processes that met the damage, the one that renames the manifest goes on.
                (folder / MANIFEST).rename(folder / "manifest.damaged")
            except FileNotFoundError:
                return
            folder.rename(target)
        self._notify(f"run {key}: {why}; set aside in {target}, it will be trained again")

    def put_file(self, path: Path, why: str, *, then: str) -> None:
        """Set one file aside; ``then`` says what follows from its absence."""
        target = self._folder / f"{path.parent.name}-{path.name}-{uuid.uuid4().hex[:8]}"
        with explained(target):
            target.parent.mkdir(exist_ok=True)
            try:
                path.rename(target)
            except FileNotFoundError:  # another process met the same damage and was faster
                return
        self._notify(f"{why}; set aside in {target}, {then}")
