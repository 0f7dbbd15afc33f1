"""The pool: every run once, whatever becomes of its workers. Trainers and probers are fakes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bnrepro.errors import DataError, StoreFull
from bnrepro.execute.events import Advanced, Event, Failed, Finished, Noted, Retried, Started, Waiting
from bnrepro.execute.pool import LocalPool
from bnrepro.identity import run_key
from bnrepro.spec.probe import Probe
from bnrepro.spec.recipe import DatasetName
from bnrepro.spec.trainer import Prober, Trainer
from bnrepro.store import Store
from tests import fake_trainer
from tests.fake_trainer import probed, starts, worker_ids
from tests.small_claim import REPOSITORY, a_run, environment, made_up


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "log").touch()
    return tmp_path / "data"


def pool(
    store: Store, trainer: Trainer, data: Path, *, jobs: int = 2, prober: Prober | None = fake_trainer.measures
) -> LocalPool:
    return LocalPool(store, trainer, prober, data={DatasetName.DIGITS: data}, jobs=jobs, preload=["tests.fake_trainer"])


def trained(store: Store, trainer: Trainer, data: Path, *, seeds: int = 4, jobs: int = 2) -> list[Event]:
    return list(pool(store, trainer, data, jobs=jobs).run([a_run(seed) for seed in range(seeds)]))


def of_kind(events: list[Event], kind: type) -> list[int]:
    """The seeds of the events of one kind."""
    return sorted(event.spec.seed for event in events if isinstance(event, kind) and not isinstance(event, Noted))


def wait_until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_every_run_is_trained_once_and_kept(store: Store, data: Path) -> None:
    events = trained(store, fake_trainer.at_once, data, seeds=5)
    assert sorted(starts(data)) == [0, 1, 2, 3, 4]
    assert of_kind(events, Started) == of_kind(events, Finished) == [0, 1, 2, 3, 4]
    assert all(event.trained for event in events if isinstance(event, Finished))
    for seed in range(5):
        record = store.find(run_key(a_run(seed)))
        assert record is not None
        assert record.test_accuracy == 50 + seed


def test_nothing_to_train_starts_nothing(store: Store, data: Path) -> None:
    assert trained(store, fake_trainer.at_once, data, seeds=0) == []


def test_progress_arrives_in_order_before_the_end(store: Store, data: Path) -> None:
    events = trained(store, fake_trainer.at_once, data, seeds=1)
    assert [type(event) for event in events] == [Started, Advanced, Advanced, Finished]
    assert [event.progress.steps_done for event in events if isinstance(event, Advanced)] == [1, 2]


def test_a_run_that_is_there_already_is_not_trained(store: Store, data: Path) -> None:
    record, tensors = made_up(a_run(0), 77.0), fake_trainer.result(a_run(0))[1]
    store.save(record, tensors)
    events = trained(store, fake_trainer.at_once, data, seeds=2)
    assert starts(data) == [1]
    assert {event.spec.seed: event.trained for event in events if isinstance(event, Finished)} == {0: False, 1: True}
    assert store.find(record.key) == record


def test_a_worker_that_dies_is_tried_again_from_its_checkpoint(store: Store, data: Path) -> None:
    events = trained(store, fake_trainer.exits_once, data)
    assert [event.error for event in events if isinstance(event, Retried)] == ["its process ended with exit code 7"]
    assert sorted(starts(data)) == [0, 0, 1, 2, 3]
    assert of_kind(events, Finished) == [0, 1, 2, 3]
    record = store.find(run_key(a_run(0)))
    assert record is not None
    assert record.resumed == 1


@pytest.mark.parametrize(
    ("trainer", "how"),
    [(fake_trainer.exits_always, "ended with exit code 7"), (fake_trainer.killed_always, "was killed by signal 9")],
)
def test_a_run_whose_workers_keep_dying_fails_and_the_others_go_on(
    store: Store, data: Path, trainer: Trainer, how: str
) -> None:
    events = trained(store, trainer, data)
    assert of_kind(events, Retried) == [0]
    assert [event.error for event in events if isinstance(event, Failed)] == [f"its process {how}, 2 times"]
    assert sorted(starts(data)) == [0, 0, 1, 2, 3]
    assert of_kind(events, Finished) == [1, 2, 3]
    assert store.find(run_key(a_run(0))) is None


def test_a_run_that_ran_out_of_memory_is_tried_again_from_its_checkpoint(store: Store, data: Path) -> None:
    events = trained(store, fake_trainer.finds_too_little_memory, data)
    assert [event.error for event in events if isinstance(event, Retried)] == [
        "its process ran out of memory (no 20 GiB)"
    ]
    assert sorted(starts(data)) == [0, 0, 1, 2, 3]
    assert of_kind(events, Finished) == [0, 1, 2, 3]
    record = store.find(run_key(a_run(0)))
    assert record is not None
    assert record.resumed == 1


def test_a_run_that_never_finds_enough_memory_fails_alone_and_shows_where(store: Store, data: Path) -> None:
    events = trained(store, fake_trainer.never_finds_enough_memory, data)
    (failed,) = (event for event in events if isinstance(event, Failed))
    assert failed.error == "its process ran out of memory (no 20 GiB), 2 times"
    assert 'raise MemoryError("no 20 GiB")' in failed.details
    assert sorted(starts(data)) == [0, 0, 1, 2, 3]
    assert of_kind(events, Finished) == [1, 2, 3]


def test_a_run_that_raises_fails_without_another_try(store: Store, data: Path) -> None:
    events = trained(store, fake_trainer.raises, data)
    errors = {event.spec.seed: event.error for event in events if isinstance(event, Failed)}
    assert errors == {0: "a frozen tensor moved", 1: "ZeroDivisionError: by zero"}
    assert of_kind(events, Retried) == []
    assert of_kind(events, Finished) == [2, 3]
    assert sorted(starts(data)) == [0, 1, 2, 3]


def test_a_worker_that_dies_in_the_middle_of_a_message_is_a_death_like_any_other(store: Store, data: Path) -> None:
    events = trained(store, fake_trainer.dies_while_it_speaks, data)
    assert of_kind(events, Failed) == [0]
    assert len(of_kind(events, Advanced)) == 2 * 200, "what was said before is heard"
    assert of_kind(events, Finished) == [1, 2, 3]


@pytest.mark.parametrize(
    ("trainer", "error"), [(fake_trainer.finds_no_data, DataError), (fake_trainer.finds_no_room, StoreFull)]
)
def test_a_fault_of_data_or_store_stops_all_runs_and_is_raised(
    store: Store, data: Path, trainer: Trainer, error: type[Exception]
) -> None:
    begun = time.monotonic()
    with pytest.raises(error):
        trained(store, trainer, data)
    assert time.monotonic() - begun < fake_trainer.STEPS * fake_trainer.STEP_SECONDS
    assert set(starts(data)) <= {1, 2}
    assert not any(map(is_running, worker_ids(data)))


def test_leaving_the_loop_asks_the_workers_to_write_their_checkpoints(store: Store, data: Path) -> None:
    events = pool(store, fake_trainer.slowly, data).run([a_run(seed) for seed in range(3)])
    seen = set()
    for event in events:
        if isinstance(event, Advanced) and event.progress.steps_done > 5:
            seen.add(event.spec.seed)
        if seen == {0, 1}:
            break
    events.close()
    assert not any(map(is_running, worker_ids(data)))
    for seed in (0, 1):
        saved = store.checkpoint(run_key(a_run(seed))).load()
        assert saved is not None
        assert int(saved) > 5
    assert sorted(starts(data)) == [0, 1]
    assert list(store.records()) == []


def test_a_worker_that_is_asked_to_stop_by_someone_else_is_started_again(store: Store, data: Path) -> None:
    store.checkpoint(run_key(a_run())).save(b"300")
    events = []
    for event in pool(store, fake_trainer.slowly, data, jobs=1).run([a_run()]):
        events.append(event)
        if isinstance(event, Advanced) and event.progress.steps_done > 320 and len(starts(data)) == 1:
            os.kill(worker_ids(data)[0], signal.SIGUSR2)
    assert [event.error for event in events if isinstance(event, Retried)] == ["its process was asked to stop"]
    record = store.find(run_key(a_run()))
    assert record is not None
    assert record.resumed == 1


def fake_program(name: str, store: Store, data: Path, *more: str, jobs: int, seeds: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.fake_trainer", name, str(store.root), str(data), str(jobs), str(seeds), *more],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=environment(),
    )


def test_two_pools_on_one_store_train_each_run_once_and_both_end(store: Store, data: Path) -> None:
    programs = [fake_program("some_time", store, data, jobs=2, seeds=6) for _ in range(2)]
    told = [json.loads(program.communicate(timeout=60)[0]) for program in programs]
    assert [program.returncode for program in programs] == [0, 0]
    assert sorted(starts(data)) == [0, 1, 2, 3, 4, 5]
    finished = [[was_trained for kind, was_trained, _ in events if kind == "Finished"] for events in told]
    assert [len(ends) for ends in finished] == [6, 6], "each has a result for every run"
    assert sum(map(sum, finished)) == 6, "and each run was trained by one of them"


def test_a_run_that_another_process_trains_is_waited_for(store: Store, data: Path) -> None:
    other = Store(store.root)
    key = run_key(a_run(0))
    events: list[Event] = []
    with other.lock(key) as held:
        assert held
        for event in pool(store, fake_trainer.at_once, data).run([a_run(0), a_run(1)]):
            events.append(event)
            if isinstance(event, Finished) and event.spec.seed == 1:
                other.save(*fake_trainer.result(a_run(0)))
    assert of_kind(events, Waiting) == [0]
    assert starts(data) == [1]
    assert {event.spec.seed: event.trained for event in events if isinstance(event, Finished)} == {0: False, 1: True}


def test_a_run_whose_other_trainer_died_is_taken_over(store: Store, data: Path) -> None:
    other = Store(store.root)
    lock = other.lock(run_key(a_run(0)))
    assert lock.__enter__()
    events: list[Event] = []
    for event in pool(store, fake_trainer.at_once, data).run([a_run(0)]):
        events.append(event)
        if isinstance(event, Waiting):
            lock.__exit__(None, None, None)
    assert [type(event) for event in events if not isinstance(event, Advanced)] == [
        Started,
        Waiting,
        Started,
        Finished,
    ]


def test_workers_whose_pool_was_killed_stop_soon_with_their_checkpoints(store: Store, data: Path) -> None:
    program = fake_program("slowly", store, data, jobs=2, seeds=2)
    wait_until(lambda: len(starts(data)) == 2)
    time.sleep(0.2)
    program.kill()
    program.communicate(timeout=20)
    begun = time.monotonic()
    wait_until(lambda: not any(map(is_running, worker_ids(data))), seconds=3)
    assert time.monotonic() - begun < fake_trainer.STEPS * fake_trainer.STEP_SECONDS / 2
    for seed in range(2):
        assert store.checkpoint(run_key(a_run(seed))).load() is not None
        with store.lock(run_key(a_run(seed))) as free:
            assert free


def test_damage_that_a_worker_finds_is_told(store: Store, data: Path) -> None:
    store.save(*fake_trainer.result(a_run(0)))
    (store.folder(run_key(a_run(0))) / "record.json").write_bytes(b"{}")
    events = trained(store, fake_trainer.at_once, data, seeds=1)
    assert any("set aside" in event.text for event in events if isinstance(event, Noted))
    assert starts(data) == [0]


def test_the_pool_itself_needs_no_torch() -> None:
    code = "import sys, bnrepro.execute.pool, tests.fake_trainer; raise SystemExit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY, env=environment())


TWO = (Probe.AFFINE, Probe.CLAMPING)


def measured(
    store: Store,
    data: Path,
    wanted: dict[int, tuple[Probe, ...]],
    *,
    trainer: Trainer = fake_trainer.at_once,
    prober: Prober = fake_trainer.measures,
) -> list[Event]:
    """A pool's events for these probes on the runs of these seeds."""
    specs = {seed: a_run(seed) for seed in wanted}
    probes = {run_key(specs[seed]): some for seed, some in wanted.items()}
    return list(pool(store, trainer, data, prober=prober).run(list(specs.values()), probes))


def work_done(events: list[Event]) -> dict[int, tuple[bool, tuple[Probe, ...]]]:
    """Of each finished run: whether it was trained, and what was measured on it."""
    return {event.spec.seed: (event.trained, event.measured) for event in events if isinstance(event, Finished)}


def test_a_run_is_trained_and_then_measured_as_it_is_stored(store: Store, data: Path) -> None:
    events = measured(store, data, {0: TWO, 1: (), 2: tuple(Probe)})
    assert work_done(events) == {0: (True, TWO), 1: (True, ()), 2: (True, tuple(Probe))}
    assert sorted(starts(data)) == [0, 1, 2]
    for probe in Probe:
        found = store.measured(run_key(a_run(2)), probe)
        assert found is not None
        for name, array in fake_trainer.value(probe, 2).arrays().items():
            assert found.arrays()[name].tobytes() == array.tobytes()
        assert store.measured(run_key(a_run(1)), probe) is None
    assert store.measured(run_key(a_run(0)), Probe.ACTIVITY) is None


def test_a_new_measurement_of_a_stored_run_trains_nothing(store: Store, data: Path) -> None:
    store.save(*fake_trainer.result(a_run(3)))
    assert work_done(measured(store, data, {3: TWO})) == {3: (False, TWO)}
    assert work_done(measured(store, data, {3: tuple(Probe)})) == {3: (False, (Probe.ACTIVITY, Probe.CORRECTNESS))}
    assert starts(data) == []


def test_what_is_measured_already_is_not_measured_again(store: Store, data: Path) -> None:
    measured(store, data, {0: TWO})
    assert work_done(measured(store, data, {0: TWO})) == {0: (False, ())}
    assert probed(data) == [(0, Probe.AFFINE), (0, Probe.CLAMPING)]


def test_a_damaged_measurement_is_told_and_measured_again_without_training(store: Store, data: Path) -> None:
    measured(store, data, {0: TWO})
    path = store.folder(run_key(a_run(0))) / "clamping-v1.measured"
    path.write_bytes(path.read_bytes()[:-1])
    events = measured(store, data, {0: TWO})
    assert work_done(events) == {0: (False, (Probe.CLAMPING,))}
    assert any("it will be measured again" in event.text for event in events if isinstance(event, Noted))
    assert starts(data) == [0]


def test_a_run_that_diverged_is_never_measured(store: Store, data: Path) -> None:
    spec = a_run(0)
    store.save(made_up(spec, 10.0, status="diverged", divergence="the loss"), fake_trainer.result(spec)[1])
    assert work_done(measured(store, data, {0: TWO})) == {0: (False, ())}
    assert probed(data) == []


def test_a_probe_that_raises_fails_the_run_and_what_was_done_before_stays(store: Store, data: Path) -> None:
    events = measured(store, data, {0: tuple(Probe), 1: tuple(Probe)}, prober=fake_trainer.cannot_count)
    assert [(event.spec.seed, event.error, event.trained) for event in events if isinstance(event, Failed)] == [
        (0, "a unit was never seen", True)
    ]
    assert work_done(events) == {1: (True, tuple(Probe))}
    key = run_key(a_run(0))
    assert store.find(key) is not None
    assert [probe for probe in Probe if store.measured(key, probe) is not None] == list(TWO)
    assert work_done(measured(store, data, {0: tuple(Probe)})) == {0: (False, (Probe.ACTIVITY, Probe.CORRECTNESS))}
    assert sorted(starts(data)) == [0, 1]


def test_a_worker_that_dies_while_it_measures_is_tried_again_and_loses_nothing(store: Store, data: Path) -> None:
    events = measured(store, data, {0: TWO}, prober=fake_trainer.dies_once_at_clamping)
    assert [event.error for event in events if isinstance(event, Retried)] == ["its process was killed by signal 9"]
    assert work_done(events) == {0: (True, TWO)}, "by this pool, in whichever of its tries"
    assert starts(data) == [0]
    assert probed(data) == [(0, Probe.AFFINE), (0, Probe.CLAMPING), (0, Probe.CLAMPING)]


@pytest.mark.parametrize("stored_before", [True, False])
def test_a_run_that_cannot_be_measured_says_whether_it_was_trained_now(
    store: Store, data: Path, stored_before: bool
) -> None:
    if stored_before:
        store.save(*fake_trainer.result(a_run(0)))
    events = measured(store, data, {0: TWO}, prober=fake_trainer.dies_always_at_clamping)
    assert [(event.error, event.trained) for event in events if isinstance(event, Failed)] == [
        ("its process was killed by signal 9, 2 times", not stored_before)
    ]
    assert starts(data) == ([] if stored_before else [0])


def test_a_run_that_could_not_be_trained_was_not_trained(store: Store, data: Path) -> None:
    events = trained(store, fake_trainer.raises, data) + trained(store, fake_trainer.exits_always, data)
    assert [event.trained for event in events if isinstance(event, Failed)] == [False, False, False]


def test_a_run_that_is_trained_here_and_measured_elsewhere_counts_as_trained_here(store: Store, data: Path) -> None:
    other, key = Store(store.root), run_key(a_run(0))
    lock = other.lock(key)
    events: list[Event] = []
    working = pool(store, fake_trainer.at_once, data, prober=fake_trainer.dies_once_at_clamping)
    for event in working.run([a_run(0)], {key: TWO}):
        events.append(event)
        if isinstance(event, Retried):
            assert lock.__enter__(), "the other process is quicker than the second try"
        elif isinstance(event, Waiting):
            other.save_measured(key, Probe.CLAMPING, fake_trainer.value(Probe.CLAMPING, 0))
            lock.__exit__(None, None, None)
    assert of_kind(events, Waiting) == [0]
    assert work_done(events) == {0: (True, (Probe.AFFINE,))}


def test_a_stored_run_is_measured_as_this_machine_is_set_up_and_not_the_one_that_trained_it(
    store: Store, data: Path
) -> None:
    there, here = (a_run(0).model_copy(update={"decoders": decoders}) for decoders in (40, 2))
    key = run_key(here)
    store.save(*fake_trainer.result(there))
    working = pool(store, fake_trainer.at_once, data, prober=fake_trainer.tells_decoders)
    assert work_done(list(working.run([here], {key: (Probe.AFFINE,)}))) == {0: (False, (Probe.AFFINE,))}
    found = store.measured(key, Probe.AFFINE)
    assert found is not None
    assert found.arrays()["gamma"].tolist() == fake_trainer.value(Probe.AFFINE, 2).arrays()["gamma"].tolist()
    kept = store.find(key)
    assert kept is not None
    assert kept.spec.decoders == 40, "how it was trained stays as it was"


def test_a_worker_that_is_asked_to_stop_keeps_what_it_has_measured(store: Store, data: Path) -> None:
    store.save(*fake_trainer.result(a_run(0)))
    key = run_key(a_run(0))
    events = pool(store, fake_trainer.at_once, data, prober=fake_trainer.measures_slowly).run(
        [a_run(0)], {key: tuple(Probe)}
    )
    assert isinstance(next(events), Started)
    wait_until(lambda: len(probed(data)) == 1)
    events.close()
    assert probed(data) == [(0, Probe.AFFINE)]
    assert store.measured(key, Probe.AFFINE) is not None
    with store.lock(key) as free:
        assert free


def test_two_pools_on_one_store_measure_each_probe_once_and_both_end(store: Store, data: Path) -> None:
    wanted = ("measures_slowly", *TWO)
    programs = [fake_program("some_time", store, data, *wanted, jobs=2, seeds=3) for _ in range(2)]
    told = [json.loads(program.communicate(timeout=60)[0]) for program in programs]
    assert [program.returncode for program in programs] == [0, 0]
    assert sorted(starts(data)) == [0, 1, 2]
    assert sorted(probed(data)) == sorted((seed, probe) for seed in range(3) for probe in TWO)
    assert [sum(kind == "Finished" for kind, *_ in events) for events in told] == [3, 3]
    assert sum(len(some) for events in told for _, _, some in events) == 6, "each was measured by one of them"


def test_a_pool_waits_for_a_run_that_another_process_has_trained_and_still_measures(store: Store, data: Path) -> None:
    other, key = Store(store.root), run_key(a_run(0))
    other.save(*fake_trainer.result(a_run(0)))
    specs, probes = [a_run(0), a_run(1)], {key: TWO}
    events: list[Event] = []
    with other.lock(key) as held:
        assert held
        for event in pool(store, fake_trainer.at_once, data).run(specs, probes):
            events.append(event)
            if isinstance(event, Finished) and event.spec.seed == 1:
                for probe in TWO:
                    other.save_measured(key, probe, fake_trainer.value(probe, 0))
    assert of_kind(events, Waiting) == [0]
    assert work_done(events) == {0: (False, ()), 1: (True, ())}
    assert probed(data) == []


def test_a_run_that_another_process_trained_without_measuring_is_measured_here(store: Store, data: Path) -> None:
    other, key = Store(store.root), run_key(a_run(0))
    events: list[Event] = []
    lock = other.lock(key)
    assert lock.__enter__()
    for event in pool(store, fake_trainer.at_once, data).run([a_run(0)], {key: TWO}):
        events.append(event)
        if isinstance(event, Waiting):
            other.save(*fake_trainer.result(a_run(0)))
            lock.__exit__(None, None, None)
    assert work_done(events) == {0: (False, TWO)}
    assert starts(data) == []


def test_a_pool_without_a_prober_refuses_to_measure_before_it_starts_anything(store: Store, data: Path) -> None:
    events = pool(store, fake_trainer.at_once, data, prober=None).run([a_run(0)], {run_key(a_run(0)): TWO})
    with pytest.raises(ValueError, match="without a prober"):
        next(events)
    assert starts(data) == []
