"""What the store has of a run, and waiting for what others put there."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bnrepro.errors import StoreError
from bnrepro.execute.executor import Wanted
from bnrepro.identity import run_key
from bnrepro.spec.probe import Probe
from bnrepro.spec.run import RunSpec
from bnrepro.store import Store

POLL_SECONDS = 0.5
"""How often a run that another process works on is looked at."""

ARRIVAL_SECONDS = 75.0
"""How long a result that was stored on another machine may take to be seen here: network file systems remember for up
to a minute (``acdirmax`` of NFS) that a file was not there."""


class Abroad:
    """Runs whose results are to come into the store by others' doing, by key."""

    def __init__(self, store: Store, probes: Wanted) -> None:
        self._store = store
        self._probes = probes
        self._held: dict[str, RunSpec] = {}
        """Another process holds the lock of these."""
        self._stored: dict[str, tuple[RunSpec, float]] = {}
        """A worker of ours has stored these, and they are not seen here yet; with the time by which they must be."""
        self._looked = 0.0

    def __bool__(self) -> bool:
        return bool(self._held or self._stored)

    def __iter__(self) -> Iterator[RunSpec]:
        yield from self._held.values()
        yield from (spec for spec, _ in self._stored.values())

    def is_done(self, spec: RunSpec) -> bool:
        """Whether all that is wanted of a run can be seen here."""
        return is_whole(self._store, run_key(spec), self._probes)

    def wait_for(self, spec: RunSpec) -> None:
        """Somebody else is at work on a run."""
        self._held[run_key(spec)] = spec

    def expect(self, spec: RunSpec) -> None:
        """A worker said that a run is in the store."""
        self._stored[run_key(spec)] = spec, time.monotonic() + ARRIVAL_SECONDS

    def look(self) -> tuple[list[RunSpec], list[RunSpec]]:
        """From time to time: those that are done by now, and those that nobody works on any more.

        Raises:
            StoreError: what a worker stored is not seen here.
        """
        done: list[RunSpec] = []
        free: list[RunSpec] = []
        now = time.monotonic()
        if not self or now - self._looked < POLL_SECONDS:
            return done, free
        self._looked = now
        for key, spec in list(self._held.items()):
            if self.is_done(spec):
                done.append(self._held.pop(key))
            elif self._is_free(key):
                free.append(self._held.pop(key))
        for key, (spec, until) in list(self._stored.items()):
            if self.is_done(spec):
                done.append(self._stored.pop(key)[0])
            elif now > until:
                raise StoreError(
                    f"{spec}: a worker has stored it, but it is not in {self._store.root} as seen from here; all "
                    f"machines must see the same folder under this path: name a shared one with --store"
                )
        return done, free

    def _is_free(self, key: str) -> bool:
        with self._store.lock(key) as held:
            return held


def is_whole(store: Store, key: str, probes: Wanted) -> bool:
    """Whether a run is done, with all that is wanted of it."""
    record = store.find(key)
    return record is not None and not store.lacking(record, probes.get(key, ()))


def stored_of(store: Store, key: str, probes: Wanted) -> frozenset[Probe | None]:
    """What the store has of a run: ``None`` stands for the training, a probe for its measurement."""
    if store.find(key) is None:
        return frozenset()
    return frozenset({None, *(probe for probe in probes.get(key, ()) if store.measured(key, probe) is not None)})
