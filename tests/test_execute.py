"""The pool: every run once, whatever becomes of its workers. The trainers are fakes."""

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
from bnrepro.spec.trainer import Trainer
from bnrepro.store import Store
from tests import fake_trainer
from tests.fake_trainer import starts, worker_ids
from tests.small_claim import REPOSITORY, a_run, environment, made_up


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "log").touch()
    return tmp_path / "data"


def pool(store: Store, trainer: Trainer, data: Path, *, jobs: int = 2) -> LocalPool:
    return LocalPool(store, trainer, data=data, jobs=jobs, preload=["tests.fake_trainer"])


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


def fake_program(name: str, store: Store, data: Path, *, jobs: int, seeds: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.fake_trainer", name, str(store.root), str(data), str(jobs), str(seeds)],
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
    finished = [[was_trained for kind, was_trained in events if kind == "Finished"] for events in told]
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
