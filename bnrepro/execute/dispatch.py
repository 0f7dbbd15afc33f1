"""One loop for every executor: which run is begun when, and what is made of how its workers end."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

from bnrepro.errors import DeviceError
from bnrepro.execute import crew as crews
from bnrepro.execute.abroad import POLL_SECONDS, Abroad, is_whole, stored_of
from bnrepro.execute.crew import Assignment, Crew, Tries
from bnrepro.execute.events import Advanced, Event, Failed, Finished, Noted, Retried, Waiting
from bnrepro.execute.executor import NOTHING, Wanted
from bnrepro.execute.messages import Begun, Broken, Busy, Done, Hopeless, Note, OutOfMemory, Stopped, Stored
from bnrepro.execute.perform import Job
from bnrepro.execute.window import ALWAYS_OPEN, Window
from bnrepro.identity import run_key
from bnrepro.spec.probe import Probe
from bnrepro.spec.recipe import DatasetName
from bnrepro.spec.run import RunSpec
from bnrepro.spec.trainer import Progress
from bnrepro.store import Store


class Dispatcher:
    """Has a crew carry out runs; the :class:`~bnrepro.execute.executor.Executor` that all executors are.

    ``data`` is where each data set that a recipe may name lies prepared; ``retries`` counts the times that a run whose
    worker was lost is started again; ``window`` says until when there is time. A crew that cannot measure has no
    prober.
    """

    def __init__(
        self,
        store: Store,
        crew: Crew,
        *,
        data: Mapping[DatasetName, Path],
        can_measure: bool,
        retries: int = 1,
        window: Window = ALWAYS_OPEN,
    ) -> None:
        self._store = store
        self._crew = crew
        self._data = data
        self._can_measure = can_measure
        self._retries = retries
        self._window = window

    def run(self, specs: Iterable[RunSpec], probes: Wanted = NOTHING) -> Generator[Event, None, None]:
        """Train every run once, and measure on it what is wanted; what the store has is not done again.

        The window says which is begun next, and learns from each event before the caller does. A run that another
        process works on is waited for. A run that diverged is not measured. When the window closes, workers are asked
        to write their checkpoints and end; runs that are not done then, or that the window does not let begin, are told
        last, as left. Leaving the loop early, also by an exception, asks the workers likewise.

        Raises:
            DataError, DeviceError, StoreError: what all runs need failed under one; the others are asked to stop.
            ValueError: something is to be measured, and there is no prober.
        """
        if not self._can_measure and any(probes.values()):
            raise ValueError("a pool without a prober cannot measure")
        with closing(self._run(specs, probes)) as events:
            for event in events:
                self._window.take(event)
                yield event

    def _run(self, specs: Iterable[RunSpec], probes: Wanted) -> Generator[Event, None, None]:
        queue = deque(specs)
        abroad = Abroad(self._store, probes)
        tries: defaultdict[str, Tries] = defaultdict(Tries)
        working: list[Assignment] = []
        asked_to_stop: float | None = None
        try:
            while True:
                yield from self._begin(queue, probes, tries, working)
                if not working and not self._may_go_on(queue, abroad):
                    break
                if self._window.closed:
                    asked_to_stop = _hurry(self._crew, working, asked_to_stop)
                yield from self._listen(working)
                for each in [each for each in working if each.worker.over]:
                    working.remove(each)
                    each.worker.close()
                    self._take_from_store(each, probes)
                    if asked_to_stop is not None and each.cut_short:
                        queue.append(each.spec)
                        continue
                    event = self._outcome(each)
                    if isinstance(event, Finished) and event.trained and not each.told_begun:
                        yield each.started(late=True)
                    if isinstance(event, Retried):
                        queue.append(each.spec)
                    elif isinstance(event, Waiting):
                        abroad.wait_for(each.spec)
                    elif isinstance(event, Finished) and self._crew.elsewhere and not abroad.is_done(each.spec):
                        abroad.expect(each.spec)
                        continue
                    yield event
                done, free = abroad.look()
                for spec in done:
                    yield tries[run_key(spec)].finished(spec)
                queue.extend(free)
            for spec in (*queue, *abroad):
                yield tries[run_key(spec)].left(spec)
        finally:
            _stop_all(self._crew, working)

    def _may_go_on(self, queue: Sequence[RunSpec], abroad: Abroad) -> bool:
        """Whether anything can still come where nobody is at work: others' results, or room for a run that waits."""
        return bool(abroad and not self._window.closed) or self._window.next_of(queue) is not None

    def _begin(
        self, queue: deque[RunSpec], probes: Wanted, tries: Mapping[str, Tries], working: list[Assignment]
    ) -> Iterator[Event]:
        """Give runs to workers as long as there is room and time."""
        begun: list[tuple[Job, frozenset[Probe | None]]] = []
        room = self._crew.room(len(working), queue[0]) if queue else 0
        while len(begun) < room and (spec := self._window.next_of(queue)) is not None:
            queue.remove(spec)
            key = run_key(spec)
            stored: frozenset[Probe | None] = frozenset()
            if self._crew.elsewhere:
                # A worker elsewhere costs more than a look: it may wait for hours in a cluster's queue.
                stored = stored_of(self._store, key, probes)
                if is_whole(self._store, key, probes):
                    yield tries[key].finished(spec)
                    continue
            begun.append((Job(spec=spec, data=self._data[spec.recipe.dataset], probes=probes.get(key, ())), stored))
        workers = self._crew.start([job for job, _ in begun])
        for (job, stored), worker in zip(begun, workers, strict=True):
            each = Assignment(spec=job.spec, tries=tries[run_key(job.spec)], worker=worker, stored=stored)
            working.append(each)
            if worker.begun:
                yield each.started()

    def _listen(self, working: Sequence[Assignment]) -> Iterator[Event]:
        """Wait a moment for news, then pass on everything that has come."""
        if not working:
            time.sleep(POLL_SECONDS / 5)
            return
        by_worker = {id(each.worker): each for each in working}
        for worker, message in self._crew.news([each.worker for each in working], POLL_SECONDS):
            each = by_worker[id(worker)]
            if not each.told_begun:
                yield each.started(late=not isinstance(message, Begun))
            if isinstance(message, Progress):
                yield Advanced(spec=each.spec, progress=message)
            elif isinstance(message, Note):
                yield Noted(text=message.text)
            elif isinstance(message, Stored):
                each.tries.took(message)
            elif not isinstance(message, Begun):
                each.ended = message

    def _take_from_store(self, each: Assignment, probes: Wanted) -> None:
        """Learn from the store what a worker elsewhere had no time to say."""
        if not (self._crew.elsewhere and each.cut_short):
            return
        key = run_key(each.spec)
        for what in stored_of(self._store, key, probes) - each.stored:
            each.tries.took(Stored(what))
        if is_whole(self._store, key, probes):
            each.ended = Done()

    def _outcome(self, each: Assignment) -> Event:
        match each.ended:
            case Done():
                return each.tries.finished(each.spec)
            case Busy():
                return Waiting(spec=each.spec)
            case Broken(error=error, details=details):
                return Failed(spec=each.spec, error=error, details=details, trained=each.tries.trained)
            case Hopeless(error=hopeless):
                raise hopeless
            case Stopped():
                how = "its process was asked to stop"
            case OutOfMemory(error=error):
                how = f"its process ran out of memory ({error})"
            case _:
                how = each.worker.lost_how
        details = each.ended.details if isinstance(each.ended, OutOfMemory) else ""
        tries = each.tries
        tries.deaths += 1
        if tries.deaths <= self._retries:
            return Retried(spec=each.spec, error=how)
        return Failed(spec=each.spec, error=f"{how}, {tries.deaths} times", details=details, trained=tries.trained)


def _hurry(crew: Crew, working: Sequence[Assignment], asked: float | None) -> float:
    """Ask all to end, or insist where they were asked long ago.

    Args:
        crew: theirs.
        working: those that are still at work.
        asked: when they were asked, in seconds of the monotonic clock; ``None`` where they were not yet.

    Returns:
        When they were asked.
    """
    now = time.monotonic()
    if asked is None:
        crew.ask([each.worker for each in working])
    elif now - asked >= crews.STOP_SECONDS:
        crew.insist([each.worker for each in working])
    return now if asked is None else asked


def _stop_all(crew: Crew, working: Sequence[Assignment]) -> None:
    """Have all end, and let go of them. Those of a crew that is out of reach by now are left to go on."""
    if working:
        crew.ask([each.worker for each in working])
    with suppress(DeviceError):  # of two errors the first tells more, and nobody can be asked any more
        _await_ends(crew, working)
    for each in working:
        if each.worker.over:
            each.worker.close()
    crew.dismiss()


def _await_ends(crew: Crew, working: Sequence[Assignment]) -> None:
    """Give all that were asked to end time for their checkpoints, then insist."""
    asked = time.monotonic()
    insisted = False
    while left := [each.worker for each in working if not each.worker.over]:
        if not insisted and time.monotonic() - asked >= crews.STOP_SECONDS:
            insisted = True
            crew.insist(left)
        for _ in crew.news(left, POLL_SECONDS):
            pass  # nobody is left to tell; but a pipe that nobody reads would hold its worker up
