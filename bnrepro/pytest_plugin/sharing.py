"""One verify for all items: in one process simply once, under pytest-xdist by whichever worker comes first.

The verify plans over all selected claims, so that a run that several need is trained once, and its pool uses every core
(the workers that wait use none). The others wait at a lock of the operating system and then read the verdicts; when the
one that verifies dies, the next takes over, and finds in the store what is done. How items are spread over workers
(``--dist``) does not matter.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bnrepro.errors import printable
from bnrepro.pytest_plugin.options import verify_arguments
from bnrepro.pytest_plugin.recognise import collection_of

if TYPE_CHECKING:
    from bnrepro.pytest_plugin.outcome import Verified

SHARED = "bnrepro_shared"
"""The entry of a worker's input that names the shared folder."""
_LOCK = "verify.lock"
_LOGGER = logging.getLogger("bnrepro.pytest")


def folder_for_workers(config: pytest.Config) -> Path:
    """The folder through which the workers of this session share verdicts; it ends with the session."""
    folder = config.stash.get(_FOLDER, None)
    if folder is None:
        made = tempfile.TemporaryDirectory(prefix="bnrepro-", ignore_cleanup_errors=True)
        config.add_cleanup(made.cleanup)
        folder = config.stash[_FOLDER] = Path(made.name)
    return folder


def verdicts_of(config: pytest.Config) -> Verdicts:
    """The verdicts of this process, verified when the first is asked for."""
    if _VERDICTS not in config.stash:
        config.stash[_VERDICTS] = Verdicts(config)
    return config.stash[_VERDICTS]


def verified_here(config: pytest.Config) -> tuple[list[Verified], bool]:
    """Every verify of this session, its workers' too, and whether one was begun and not ended."""
    from bnrepro.pytest_plugin.outcome import Verified

    if _VERDICTS in config.stash:
        verdicts = config.stash[_VERDICTS]
        return list(verdicts.verified.values()), verdicts.stopped
    folder = config.stash.get(_FOLDER, None)
    if folder is None:
        return [], False
    found = [Verified.model_validate_json(path.read_bytes()) for path in sorted(folder.glob("*.json"))]
    return found, (folder / _LOCK).exists() and not found


class Verdicts:
    """What one process knows of the verdicts on its session's claims."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.verified: dict[Path, Verified] = {}
        """By collection: a folder with claims and reference numbers."""
        self.stopped = False
        """Whether a verify was interrupted."""
        named = getattr(config, "workerinput", {}).get(SHARED)
        # A worker on another machine has no such folder, and a store of its own.
        self._shared = Path(named) if named and Path(named).is_dir() else None

    def of(self, claim: Path, selected: Iterable[Path]) -> Verified:
        """The verify that has a claim, with the other selected claims of its collection.

        Args:
            claim: its file.
            selected: the files of every claim of which some check is to be run; the same in all workers.
        """
        collection = collection_of(claim)
        if collection not in self.verified:
            by_collection: dict[Path, dict[Path, None]] = {}
            for path in selected:
                by_collection.setdefault(collection_of(path), {})[path] = None
            number = sorted(by_collection).index(collection)
            self.verified[collection] = self._shared_verify(number, sorted(by_collection[collection]))
        return self.verified[collection]

    def _shared_verify(self, number: int, claims: list[Path]) -> Verified:
        from bnrepro.pytest_plugin.outcome import Verified

        if self._shared is None:
            return self._verify(claims)
        from filelock import FileLock

        from bnrepro.files import write_atomically

        path = self._shared / f"{number}.json"
        with FileLock(self._shared / _LOCK, fallback_to_soft=False):
            if path.exists():
                return Verified.model_validate_json(path.read_bytes())
            verified = self._verify(claims)
            write_atomically(path, verified.model_dump_json().encode())
            return verified

    def _verify(self, claims: list[Path]) -> Verified:
        from bnrepro.pytest_plugin.verifying import verify

        self.stopped = True
        verified = verify(verify_arguments(self._config, claims), self._say)
        self.stopped = False
        return verified

    def _say(self, text: str = "") -> None:
        """To the log, and with ``-v`` to whoever watches."""
        line = printable(text)
        _LOGGER.info("%s", line)
        if self._config.get_verbosity() < 1 or not line:
            return
        with _capture_off(self._config):
            terminal = self._config.pluginmanager.get_plugin("terminalreporter")
            if terminal is None or hasattr(self._config, "workerinput"):  # a worker's terminal is never seen
                sys.stderr.write(f"{line}\n")
                sys.stderr.flush()
            else:
                terminal.ensure_newline()
                terminal.write_line(line)


@contextlib.contextmanager
def _capture_off(config: pytest.Config) -> Iterator[None]:
    manager = config.pluginmanager.get_plugin("capturemanager")
    with manager.global_and_fixture_disabled() if manager is not None else contextlib.nullcontext():
        yield


_FOLDER = pytest.StashKey[Path]()
_VERDICTS = pytest.StashKey[Verdicts]()
