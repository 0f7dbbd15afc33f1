"""The pool and its window: what runs under way do at the deadline. Trainers are fakes, the clock is the test's."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from bnrepro.deadline import Deadline
from bnrepro.execute.events import Advanced, Event, Failed, Finished, Left, Retried, Started, Waiting
from bnrepro.execute.forecast import Forecast
from bnrepro.execute.pool import LocalPool
from bnrepro.execute.window import Window
from bnrepro.identity import run_key
from bnrepro.spec.probe import Probe
from bnrepro.spec.recipe import DatasetName
from bnrepro.spec.run import RunSpec
from bnrepro.spec.trainer import Prober, Slot, Trainer
from bnrepro.store import Store
from tests import fake_trainer
from tests.fake_trainer import Report, Result, Stop, log, probed, starts
from tests.small_claim import a_run, shortened
from tests.test_budget_time import Clock

RUNS = [run.model_copy(update={"recipe": shortened(run.recipe, 4 + run.seed)}) for run in map(a_run, range(4))]
"""Of different recipes, so that how long one takes tells nothing of the others."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "log").touch()
    return tmp_path / "data"


class Night:
    """A pool whose deadline is a minute from now on a clock that stands still until :meth:`end`."""

    def __init__(
        self,
        store: Store,
        data: Path,
        trainer: Trainer,
        *,
        seconds: Sequence[float] = (),
        carry_over: bool = False,
        prober: Prober | None = None,
        jobs: int = 2,
    ) -> None:
        self._clock = Clock()
        forecast = Forecast(dict(zip(RUNS, seconds, strict=False)), clock=self._clock)
        window = Window(deadline=Deadline.after(60, self._clock), forecast=forecast, carry_over=carry_over)
        self.pool = LocalPool(
            store,
            trainer,
            prober,
            data={DatasetName.DIGITS: data},
            jobs=jobs,
            preload=["tests.fake_trainer"],
            window=window,
        )

    def end(self) -> None:
        self._clock.now += 60


def seeds(events: Sequence[Event], kind: type[Started | Finished | Failed | Left | Retried | Waiting]) -> list[int]:
    return sorted(event.spec.seed for event in events if isinstance(event, kind))


def checkpoint(store: Store, seed: int) -> bytes | None:
    return store.checkpoint(run_key(RUNS[seed])).load()


def test_at_the_deadline_runs_under_way_keep_their_checkpoints_and_nothing_new_is_begun(
    store: Store, data: Path
) -> None:
    night, events = Night(store, data, fake_trainer.slowly), []
    under_way = set()
    for event in night.pool.run(RUNS):
        events.append(event)
        if isinstance(event, Advanced) and event.progress.steps_done > 5:
            under_way.add(event.spec.seed)
        if under_way == {0, 1}:
            night.end()
    assert sorted(starts(data)) == [0, 1]
    assert seeds(events, Left) == [0, 1, 2, 3]
    assert not any(isinstance(event, Finished | Failed | Retried) for event in events)
    for seed in (0, 1):
        assert int(checkpoint(store, seed) or 0) > 5
    assert checkpoint(store, 2) is None
    assert list(store.records()) == []


def test_the_next_night_goes_on_from_the_checkpoint(store: Store, data: Path) -> None:
    store.checkpoint(run_key(RUNS[0])).save(b"395")
    events = list(Night(store, data, fake_trainer.slowly).pool.run(RUNS[:1]))
    assert seeds(events, Finished) == [0]
    assert [event.progress.steps_done for event in events if isinstance(event, Advanced)] == [395, 396, 397, 398, 399]
    record = store.find(run_key(RUNS[0]))
    assert record is not None
    assert record.resumed == 1


def test_a_run_that_ends_although_it_is_asked_to_stop_is_finished_and_not_left(store: Store, data: Path) -> None:
    night, events = Night(store, data, fake_trainer.some_time, jobs=1), []
    for event in night.pool.run(RUNS[:2]):
        events.append(event)
        while not starts(data):  # a worker that has not begun yet has nothing to end
            time.sleep(0.01)
        night.end()
    assert (seeds(events, Finished), seeds(events, Left)) == ([0], [1])
    assert starts(data) == [0]


def test_a_window_that_is_closed_from_the_start_leaves_everything(store: Store, data: Path) -> None:
    night = Night(store, data, fake_trainer.at_once)
    night.end()
    assert list(night.pool.run(RUNS)) == [Left(spec=spec) for spec in RUNS]
    assert starts(data) == []


def test_a_run_that_does_not_fit_is_left_and_those_behind_it_that_fit_are_trained(store: Store, data: Path) -> None:
    events = list(Night(store, data, fake_trainer.at_once, seconds=[61, 60, 61, 1]).pool.run(RUNS))
    assert (seeds(events, Finished), seeds(events, Left)) == ([1, 3], [0, 2])
    assert sorted(starts(data)) == [1, 3]


def test_a_run_that_does_not_fit_is_begun_last_where_it_may_be_carried_over(store: Store, data: Path) -> None:
    night = Night(store, data, fake_trainer.at_once, seconds=[61, 60, 61, 1], carry_over=True, jobs=1)
    events = list(night.pool.run(RUNS))
    assert seeds(events, Left) == []
    assert starts(data) == [1, 3, 0, 2], "what fits first, and of two that are as long the one that was given first"


def dies_then_goes_slowly(spec: RunSpec, data: Path, *, slot: Slot, stop: Stop, report: Report) -> Result:
    """Dies in its first try; the second takes some seconds."""
    if not starts(data):
        log(data, spec)
        os._exit(7)
    return fake_trainer.slowly(spec, data, slot=slot, stop=stop, report=report)


def test_a_run_that_died_before_and_is_asked_to_stop_is_left_and_has_not_failed(store: Store, data: Path) -> None:
    night, events = Night(store, data, dies_then_goes_slowly, jobs=1), []
    for event in night.pool.run(RUNS[:1]):
        events.append(event)
        if isinstance(event, Advanced):
            night.end()
    assert len(seeds(events, Retried)) == 1
    assert (seeds(events, Failed), seeds(events, Left)) == ([], [0])


def test_a_run_whose_worker_died_is_tried_again_before_shorter_ones(store: Store, data: Path) -> None:
    night = Night(store, data, fake_trainer.exits_once, seconds=[40, 30, 20, 10], jobs=1)
    assert seeds(list(night.pool.run(RUNS[::-1])), Finished) == [0, 1, 2, 3]
    assert starts(data) == [0, 0, 1, 2, 3]


def deaf(spec: RunSpec, data: Path, *, slot: Slot, stop: Stop, report: Report) -> Result:
    """Never asks whether it should stop."""
    return fake_trainer.slowly(spec, data, slot=slot, stop=lambda: False, report=report)


def test_a_run_that_does_not_listen_is_ended_when_its_grace_is_over(
    store: Store, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnrepro.execute.crew.STOP_SECONDS", 0.1)
    night, events = Night(store, data, deaf, jobs=1), []
    for event in night.pool.run(RUNS[:1]):
        events.append(event)
        if isinstance(event, Advanced):
            night.end()
    assert seeds(events, Left) == [0]
    steps = [event.progress.steps_done for event in events if isinstance(event, Advanced)]
    assert steps[-1] < fake_trainer.STEPS - 1


def test_a_run_that_another_process_trains_is_not_waited_for_beyond_the_deadline(store: Store, data: Path) -> None:
    night, events = Night(store, data, fake_trainer.at_once), []
    with Store(store.root).lock(run_key(RUNS[0])) as held:
        assert held
        for event in night.pool.run(RUNS[:2]):
            events.append(event)
            if isinstance(event, Finished):
                night.end()
    assert seeds(events, Waiting) == [0]
    assert (seeds(events, Finished), seeds(events, Left)) == ([1], [0])


def test_measuring_stops_after_the_probe_under_way_and_a_trained_run_says_so(store: Store, data: Path) -> None:
    night, events = Night(store, data, fake_trainer.at_once, prober=fake_trainer.measures_slowly, jobs=1), []
    key = run_key(RUNS[0])
    for event in night.pool.run(RUNS[:1], {key: tuple(Probe)}):
        events.append(event)
        if isinstance(event, Advanced):
            night.end()
    assert [event for event in events if isinstance(event, Left)] == [Left(spec=RUNS[0], trained=True)]
    record = store.find(key)
    assert record is not None
    assert len(probed(data)) < len(Probe)
    assert len(store.lacking(record, tuple(Probe))) == len(Probe) - len(probed(data))
