"""What every executor promises beyond one machine, as tests that each executor's own module runs on a real cluster.

Trainers stand here by name, since that is how workers elsewhere find them.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from bnrepro.data import prepare
from bnrepro.deadline import Deadline
from bnrepro.errors import DataError, DeviceError, StoreError
from bnrepro.execute.events import Event, Failed, Finished, Left, Noted, Retried, Started, Waiting
from bnrepro.execute.executor import Executor
from bnrepro.execute.pool import LocalPool
from bnrepro.execute.window import Window
from bnrepro.identity import run_key
from bnrepro.spec.probe import Probe
from bnrepro.spec.recipe import DatasetName
from bnrepro.spec.run import DeviceKind, RunSpec
from bnrepro.spec.trainer import Interrupted, Prober, Progress, Slot, Trainer
from bnrepro.store import Store
from bnrepro.train.entry import TRAINER_MODULE, measure_prepared, train_prepared
from tests import fake_trainer
from tests.fake_trainer import STEPS, Report, Result, Stop, log, probed, result, starts, worker_ids
from tests.small_claim import a_run, shortened
from tests.test_budget_time import Clock

KEPT_STEPS = 100
TWO = (Probe.AFFINE, Probe.CLAMPING)


def keeps_each_step(spec: RunSpec, data: Path, *, slot: Slot, stop: Stop, report: Report) -> Result:
    """Seed 0 takes a second or more and keeps a checkpoint of each step; the others take no time."""
    saved = slot.load()
    log(data, spec)
    with (data / "first-steps").open("a") as file:
        file.write(f"{spec.seed} {int(saved or 0)}\n")
    for step in range(int(saved or 0), KEPT_STEPS if spec.seed == 0 else 0):
        report(Progress(steps_done=step, steps=KEPT_STEPS, test_accuracy=None))
        slot.save(str(step).encode())
        if stop():
            raise Interrupted
        time.sleep(0.01)
    return result(spec, resumed=int(saved is not None))


def knows_no_folder(spec: RunSpec, data: Path, *, slot: Slot, stop: Stop, report: Report) -> Result:
    """The worker's own folder is not where the run is: relative paths would miss it."""
    log(data, spec)
    return result(spec)


def first_steps(data: Path) -> list[tuple[int, int]]:
    """Seed and first step of every start so far."""
    path = data / "first-steps"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(int(seed), int(step)) for seed, step in map(str.split, lines)]


class MakePool(Protocol):
    """Makes an executor of the kind under test."""

    def __call__(
        self,
        store: Store,
        trainer: Trainer,
        data: Path,
        *,
        prober: Prober | None = None,
        jobs: int | None = 2,
        window: Window = ...,
    ) -> Executor: ...


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "log").touch()
    return tmp_path / "data"


def of_kind(events: list[Event], kind: type) -> list[int]:
    """The seeds of the events of one kind."""
    return sorted(event.spec.seed for event in events if isinstance(event, kind) and not isinstance(event, Noted))


def work_done(events: list[Event]) -> dict[int, tuple[bool, tuple[Probe, ...]]]:
    """Of each finished run: whether it was trained, and what was measured on it."""
    return {event.spec.seed: (event.trained, event.measured) for event in events if isinstance(event, Finished)}


@contextmanager
def meanwhile(when: Callable[[], bool], do: Callable[[], None]) -> Iterator[None]:
    """Do something as soon as something holds, while the block goes on; at its end it must have been done."""
    done = threading.Event()
    failed: list[Exception] = []

    def watch() -> None:
        deadline = time.monotonic() + 60
        try:
            while not when():
                assert time.monotonic() < deadline, "it did not come to that"
                time.sleep(0.02)
            do()
        except Exception as error:  # noqa: BLE001 - raised again in the test's own thread
            failed.append(error)
        done.set()

    threading.Thread(target=watch, daemon=True).start()
    yield
    assert done.wait(60)
    if failed:
        raise failed[0]


def has_come_to(data: Path, store: Store, step: int) -> Callable[[], bool]:
    """Whether seed 0 has written a checkpoint so far on."""
    return lambda: bool(starts(data)) and int(store.checkpoint(run_key(a_run(0))).load() or 0) >= step


class ExecutorScenarios:
    """Inherited by a class of tests, whose module has a fixture ``make_pool``."""

    def test_every_run_is_trained_once_and_measured_as_it_is_stored(
        self, make_pool: MakePool, store: Store, data: Path
    ) -> None:
        specs = [a_run(seed) for seed in range(4)]
        events = list(
            make_pool(store, fake_trainer.at_once, data, prober=fake_trainer.measures).run(
                specs, {run_key(specs[2]): TWO}
            )
        )
        assert sorted(starts(data)) == [0, 1, 2, 3]
        assert of_kind(events, Started) == [0, 1, 2, 3]
        assert work_done(events) == {0: (True, ()), 1: (True, ()), 2: (True, TWO), 3: (True, ())}
        for seed in range(4):
            record = store.find(run_key(a_run(seed)))
            assert record is not None
            assert record.test_accuracy == 50 + seed
        assert os.getpid() not in worker_ids(data)

    def test_a_run_of_the_store_is_not_submitted_and_one_that_lacks_a_measurement_is_only_measured(
        self, make_pool: MakePool, store: Store, data: Path
    ) -> None:
        for seed in (0, 1):
            store.save(*fake_trainer.result(a_run(seed)))
        specs = [a_run(0), a_run(1)]
        events = list(
            make_pool(store, fake_trainer.at_once, data, prober=fake_trainer.measures).run(
                specs, {run_key(specs[1]): TWO}
            )
        )
        assert work_done(events) == {0: (False, ()), 1: (False, TWO)}
        assert of_kind(events, Started) == [1]
        assert starts(data) == []
        assert probed(data) == [(1, Probe.AFFINE), (1, Probe.CLAMPING)]

    def test_a_run_that_raises_fails_with_its_error_and_the_others_go_on(
        self, make_pool: MakePool, store: Store, data: Path
    ) -> None:
        events = list(make_pool(store, fake_trainer.raises, data).run([a_run(seed) for seed in range(3)]))
        failed = {event.spec.seed: event for event in events if isinstance(event, Failed)}
        assert {seed: event.error for seed, event in failed.items()} == {
            0: "a frozen tensor moved",
            1: "ZeroDivisionError: by zero",
        }
        assert 'raise ZeroDivisionError("by zero")' in failed[1].details
        assert of_kind(events, Finished) == [2]
        assert of_kind(events, Retried) == []
        assert sorted(starts(data)) == [0, 1, 2]

    def test_a_fault_of_the_data_stops_all_runs_and_is_raised(
        self, make_pool: MakePool, store: Store, data: Path
    ) -> None:
        with pytest.raises(DataError, match="the images were altered"):
            list(make_pool(store, fake_trainer.finds_no_data, data).run([a_run(seed) for seed in range(3)]))
        assert set(starts(data)) <= {0, 1, 2}
        assert list(store.records()) == []

    def test_a_worker_that_dies_is_tried_again_and_one_that_keeps_dying_fails_its_run_alone(
        self, make_pool: MakePool, store: Store, data: Path
    ) -> None:
        events = list(make_pool(store, fake_trainer.killed_always, data).run([a_run(seed) for seed in range(3)]))
        assert of_kind(events, Retried) == [0]
        assert next(event.error for event in events if isinstance(event, Failed)).endswith(", 2 times")
        assert of_kind(events, Failed) == [0]
        assert of_kind(events, Finished) == [1, 2]
        assert sorted(starts(data)) == [0, 0, 1, 2]

    def test_a_run_that_ran_out_of_memory_is_tried_again_from_its_checkpoint(
        self, make_pool: MakePool, store: Store, data: Path
    ) -> None:
        events = list(make_pool(store, fake_trainer.finds_too_little_memory, data).run([a_run(0), a_run(1)]))
        (told,) = [event.error for event in events if isinstance(event, Retried)]
        assert told == "its process ran out of memory (no 20 GiB)"
        assert of_kind(events, Finished) == [0, 1]
        record = store.find(run_key(a_run(0)))
        assert record is not None
        assert record.resumed == 1
        assert sorted(starts(data)) == [0, 0, 1]

    def test_a_killed_worker_loses_nothing(self, make_pool: MakePool, store: Store, data: Path) -> None:
        def kill() -> None:
            os.kill(worker_ids(data)[starts(data).index(0)], signal.SIGKILL)

        with meanwhile(has_come_to(data, store, 20), kill):
            events = list(make_pool(store, keeps_each_step, data).run([a_run(seed) for seed in range(3)]))
        assert of_kind(events, Retried) == [0]
        assert of_kind(events, Finished) == [0, 1, 2]
        (_, first), (_, second) = (each for each in first_steps(data) if each[0] == 0)
        assert first == 0
        assert second >= 20, "it went on from its last checkpoint"
        assert sorted(starts(data)) == [0, 0, 1, 2], "no finished run was trained again"

    def test_a_run_that_another_process_trains_is_waited_for(
        self, make_pool: MakePool, store: Store, data: Path
    ) -> None:
        other = Store(store.root)
        events: list[Event] = []
        with other.lock(run_key(a_run(0))) as held:
            assert held
            for event in make_pool(store, fake_trainer.at_once, data).run([a_run(0)]):
                events.append(event)
                if isinstance(event, Waiting):
                    other.save(*fake_trainer.result(a_run(0)))
        assert of_kind(events, Waiting) == [0]
        assert work_done(events) == {0: (False, ())}
        assert starts(data) == []

    def test_leaving_the_loop_ends_all_workers_with_their_checkpoints(
        self, make_pool: MakePool, store: Store, data: Path
    ) -> None:
        events = make_pool(store, fake_trainer.slowly, data).run([a_run(seed) for seed in range(3)])
        assert [next(events), next(events)] == [Started(spec=a_run(0)), Started(spec=a_run(1))]
        while len(starts(data)) < 2:
            time.sleep(0.02)
        time.sleep(0.1)
        begun = time.monotonic()
        events.close()
        assert time.monotonic() - begun < 10
        for seed in (0, 1):
            assert int(store.checkpoint(run_key(a_run(seed))).load() or STEPS) < STEPS
            with store.lock(run_key(a_run(seed))) as free:
                assert free, "nobody works on it any more"
        assert sorted(starts(data)) == [0, 1]
        assert list(store.records()) == []

    def test_at_the_deadline_runs_under_way_keep_their_checkpoints_and_are_left(
        self, make_pool: MakePool, store: Store, data: Path
    ) -> None:
        clock = Clock()

        def end() -> None:
            clock.now += 60

        pool = make_pool(store, keeps_each_step, data, jobs=1, window=Window(deadline=Deadline.after(60, clock)))
        with meanwhile(has_come_to(data, store, 5), end):
            events = list(pool.run([a_run(0), a_run(1)]))
        assert of_kind(events, Left) == [0, 1]
        assert of_kind(events, Finished) == of_kind(events, Failed) == of_kind(events, Retried) == []
        assert starts(data) == [0]
        assert int(store.checkpoint(run_key(a_run(0))).load() or 0) >= 5

    def test_runs_on_cuda_are_refused_at_once_where_there_is_no_gpu(
        self, make_pool: MakePool, store: Store, data: Path
    ) -> None:
        spec = a_run(0).model_copy(update={"device": DeviceKind.CUDA})
        begun = time.monotonic()
        with pytest.raises(DeviceError):
            list(make_pool(store, fake_trainer.at_once, data).run([spec]))
        assert time.monotonic() - begun < 20
        assert starts(data) == []

    def test_a_store_that_a_worker_cannot_see_is_an_error(self, make_pool: MakePool, store: Store, data: Path) -> None:
        (store.root / "store.json").unlink()
        with pytest.raises(StoreError, match="all machines must see the same folder"):
            list(make_pool(store, fake_trainer.at_once, data).run([a_run(0)]))
        assert starts(data) == []

    def test_relative_folders_are_found_by_workers_elsewhere(
        self, make_pool: MakePool, store: Store, data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(data.parent)
        pool = make_pool(Store(Path(store.root.name)), knows_no_folder, Path("data"))
        assert of_kind(list(pool.run([a_run(0)])), Finished) == [0]
        assert starts(data) == [0]

    def test_a_trainer_that_cannot_be_found_by_its_name_is_refused(
        self, make_pool: MakePool, store: Store, data: Path
    ) -> None:
        def nested(spec: RunSpec, data: Path, *, slot: Slot, stop: Stop, report: Report) -> Result:
            return result(spec)

        with pytest.raises(ValueError, match="not a function that another process could import"):
            make_pool(store, nested, data)

    @pytest.mark.slow
    def test_real_trainings_give_the_same_bytes_as_on_this_machine(self, make_pool: MakePool, tmp_path: Path) -> None:
        folder = prepare(DatasetName.DIGITS, data_root=None, imagenet_root=None, cache=tmp_path / "data").directory
        specs = [
            spec.model_copy(update={"recipe": shortened(spec.recipe, 4)}) for spec in (a_run(0), a_run(1, "random_2"))
        ]
        probes = {run_key(spec): (Probe.AFFINE,) for spec in specs}
        here, there = Store(tmp_path / "here"), Store(tmp_path / "there")
        local = LocalPool(
            here, train_prepared, measure_prepared, data={DatasetName.DIGITS: folder}, jobs=2, preload=[TRAINER_MODULE]
        )
        assert of_kind(list(local.run(specs, probes)), Finished) == [0, 1]
        remote = make_pool(there, train_prepared, folder, prober=measure_prepared)
        assert of_kind(list(remote.run(specs, probes)), Finished) == [0, 1]
        for spec in specs:
            key = run_key(spec)
            ours, theirs = here.find(key), there.find(key)
            assert ours is not None
            assert theirs is not None
            assert _told(ours) == _told(theirs)
            files = [path for path in here.folder(key).iterdir() if path.suffix in {".safetensors", ".measured"}]
            assert len(files) == 2, "learned tensors and the measurement"
            for path in files:
                assert path.read_bytes() == (there.folder(key) / path.name).read_bytes()


def _told(record: object) -> dict[str, object]:
    """A record without the times that it took."""
    told = record.model_dump(mode="json", exclude={"wall_seconds", "images_per_second"})  # type: ignore[attr-defined]
    for epoch in told["curve"]:
        del epoch["seconds"]
    return told
