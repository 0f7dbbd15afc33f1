"""What running elsewhere needs of no cluster: orders and outcomes as text, options, SLURM's words, late results."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bnrepro.errors import DataError, DeviceError, StoreError, StoreFull, UsageError
from bnrepro.execute.crew import Worker
from bnrepro.execute.dispatch import Dispatcher
from bnrepro.execute.events import Event, Finished, Started
from bnrepro.execute.messages import Broken, Busy, Done, Hopeless, Message, Note, OutOfMemory, Stopped, Stored
from bnrepro.execute.perform import Job
from bnrepro.execute.placement import ExecutorKind, Placement
from bnrepro.execute.ray_task import perform_in_ray
from bnrepro.execute.remote import Order, Outcome, name_of, named, perform_order
from bnrepro.execute.slurm_job import SlurmJob
from bnrepro.execute.slurm_parameters import parameters_of
from bnrepro.identity import run_key
from bnrepro.spec.probe import Probe
from bnrepro.spec.recipe import DatasetName
from bnrepro.spec.run import DeviceKind, RunSpec
from bnrepro.spec.trainer import Progress
from bnrepro.store import Store
from tests import fake_trainer
from tests.fake_trainer import starts
from tests.small_claim import a_run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "log").touch()
    return tmp_path / "data"


def order(store: Store, data: Path, trainer: str, *probes: Probe, seed: int = 0) -> str:
    job = Job(spec=a_run(seed), data=data, probes=probes)
    full = f"tests.fake_trainer:{trainer}"
    return Order(job=job, store=store.root, trainer=full, prober="tests.fake_trainer:measures").model_dump_json()


def never() -> bool:
    return False


def test_an_order_is_the_same_after_its_way_as_text(store: Store, data: Path) -> None:
    text = order(store, data, "at_once", Probe.AFFINE, seed=7)
    there = Order.model_validate_json(text)
    assert there.job.spec == a_run(7)
    assert run_key(there.job.spec) == run_key(a_run(7))
    assert there.job.probes == (Probe.AFFINE,)
    assert named(there.trainer) is fake_trainer.at_once


def test_an_order_is_carried_out_and_its_outcome_tells_what_a_worker_here_would(store: Store, data: Path) -> None:
    outcome = perform_order(order(store, data, "at_once", Probe.AFFINE), never)
    assert list(Outcome.model_validate_json(outcome.model_dump_json()).messages()) == [
        Stored(None),
        Stored(Probe.AFFINE),
        Progress(steps_done=2, steps=2, test_accuracy=50.0),
        Done(),
    ]
    assert store.find(run_key(a_run(0))) is not None


def test_damage_that_is_found_elsewhere_is_told(store: Store, data: Path) -> None:
    store.save(*fake_trainer.result(a_run(0)))
    (store.folder(run_key(a_run(0))) / "record.json").write_bytes(b"{}")
    messages = list(perform_order(order(store, data, "at_once"), never).messages())
    assert any("set aside" in message.text for message in messages if isinstance(message, Note))


def test_a_run_that_is_asked_to_stop_says_so_and_one_that_is_held_elsewhere_too(store: Store, data: Path) -> None:
    outcome = perform_order(order(store, data, "slowly"), lambda: True)
    assert list(outcome.messages())[-1] == Stopped()
    with store.lock(run_key(a_run(0))):
        assert list(perform_order(order(store, data, "slowly"), never).messages()) == [Busy()]


@pytest.mark.parametrize(
    ("trainer", "kind", "told"),
    [("finds_no_data", DataError, "the images were altered"), ("finds_no_room", StoreFull, "no space left")],
)
def test_a_fault_keeps_its_class_on_its_way(
    store: Store, data: Path, trainer: str, kind: type[Exception], told: str
) -> None:
    text = perform_order(order(store, data, trainer), never).model_dump_json()
    (last,) = Outcome.model_validate_json(text).messages()
    assert isinstance(last, Hopeless)
    assert type(last.error) is kind
    assert told in str(last.error)


def test_an_error_keeps_its_traceback_on_its_way(store: Store, data: Path) -> None:
    (last,) = perform_order(order(store, data, "raises", seed=1), never).messages()
    assert isinstance(last, Broken)
    assert last.error == "ZeroDivisionError: by zero"
    assert "in raises" in last.details


def test_a_lack_of_memory_is_told_as_such_on_its_way(store: Store, data: Path) -> None:
    text = perform_order(order(store, data, "finds_too_little_memory"), never).model_dump_json()
    (last,) = Outcome.read(text).messages()
    assert isinstance(last, OutOfMemory)
    assert last.error == "no 20 GiB"
    assert "in finds_too_little_memory" in last.details


@pytest.mark.parametrize(
    "text",
    [
        '{"end": "exhausted"}',
        '{"end": "done", "runs": 2}',
        '{"end": "hopeless", "fault": "ClockError", "error": "late"}',
        "done",
    ],
)
def test_what_another_bnrepro_says_fails_the_run_with_the_reason(text: str) -> None:
    (last,) = Outcome.read(text).messages()
    assert isinstance(last, Broken)
    assert "another version of bnrepro" in last.error
    assert text in last.details


def test_a_worker_makes_no_store_where_there_is_none(tmp_path: Path, store: Store, data: Path) -> None:
    text = order(store, data, "at_once").replace(str(store.root), str(tmp_path / "elsewhere"))
    (last,) = perform_order(text, never).messages()
    assert isinstance(last, Hopeless)
    assert isinstance(last.error, StoreError)
    assert not (tmp_path / "elsewhere").exists()


def test_only_what_another_process_can_import_has_a_name() -> None:
    assert name_of(fake_trainer.at_once) == "tests.fake_trainer:at_once"
    with pytest.raises(ValueError, match="not a function that another process could import"):
        name_of(lambda: None)


def signalled(names: Sequence[signal.Signals]) -> None:
    """Send signals to this process a moment later."""
    for number in names:
        threading.Timer(0.3, os.kill, (os.getpid(), number)).start()


@pytest.fixture
def handed_on() -> Iterator[list[int]]:
    """The signals that came to who had the handlers before, as submitit has in a job."""
    seen: list[int] = []
    numbers = (signal.SIGUSR2, signal.SIGTERM)
    before = {number: signal.signal(number, lambda got, _frame: seen.append(got)) for number in numbers}
    yield seen
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([signal.SIGUSR2], [signal.SIGUSR2]),
        ([signal.SIGTERM, signal.SIGUSR2], [signal.SIGUSR2]),
        ([signal.SIGTERM], []),
        ([signal.SIGTERM, signal.SIGINT], []),
    ],
)
def test_a_job_hands_a_preemption_on_when_its_checkpoint_is_written(
    store: Store,
    data: Path,
    handed_on: list[int],
    monkeypatch: pytest.MonkeyPatch,
    sent: list[signal.Signals],
    expected: list[signal.Signals],
) -> None:
    monkeypatch.setattr("bnrepro.execute.slurm_job.GRACE_SECONDS", 0.5)
    signalled(sent)
    with pytest.raises(SystemExit):
        SlurmJob(order(store, data, "slowly"))()
    assert handed_on == expected
    assert store.checkpoint(run_key(a_run(0))).load() is not None


def test_a_job_that_cannot_be_requeued_ends_as_lost_and_says_why(store: Store, data: Path) -> None:
    def refuse(*_: object) -> None:
        raise subprocess.CalledProcessError(1, ["scontrol", "requeue", "17"])

    before = signal.signal(signal.SIGUSR2, refuse)
    try:
        signalled([signal.SIGUSR2])
        with pytest.raises(SystemExit, match=r"cannot be requeued: .*scontrol.* returned non-zero"):
            SlurmJob(order(store, data, "slowly"))()
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert store.checkpoint(run_key(a_run(0))).load() is not None


def test_a_job_that_ends_gives_its_outcome_and_the_handlers_back(
    store: Store, data: Path, handed_on: list[int]
) -> None:
    before = signal.getsignal(signal.SIGUSR2)
    assert Outcome.model_validate_json(SlurmJob(order(store, data, "at_once"))()).end == "done"
    assert signal.getsignal(signal.SIGUSR2) is before
    assert handed_on == []


def test_a_task_of_ray_stops_at_a_signal_and_gives_the_handlers_back(store: Store, data: Path) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signalled([signal.SIGINT])
    assert Outcome.model_validate_json(perform_in_ray(order(store, data, "slowly"))).end == "stopped"
    assert {number: signal.getsignal(number) for number in before} == before


KNOWN = {"partition", "mem", "time", "gpus_per_node", "setup"}


def test_a_job_asks_for_an_hour_and_its_cores_where_nothing_else_is_said() -> None:
    assert parameters_of({}, KNOWN, cpus=1, gpus=0) == {"time": 60, "cpus_per_task": 1}
    assert parameters_of({}, KNOWN, cpus=4, gpus=2) == {
        "time": 60,
        "cpus_per_task": 4,
        "srun_args": ["--cpus-per-task=4"],
        "gpus_per_node": 2,
    }


def test_gpus_asked_for_in_slurms_own_words_are_not_asked_for_twice() -> None:
    found = parameters_of({"gres": "shard:1"}, KNOWN | {"gres"}, cpus=1, gpus=1)
    assert found["gres"] == "shard:1"
    assert "gpus_per_node" not in found


def test_a_parameter_that_submitit_does_not_know_is_passed_to_sbatch() -> None:
    found = parameters_of({"partition": "gpu", "mem": "500", "reservation": "night"}, KNOWN, cpus=1, gpus=0)
    assert (found["partition"], found["mem"]) == ("gpu", 500)
    assert found["additional_parameters"] == {"reservation": "night"}


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("90", 90), ("8:00:00", 480), ("0:30", 1), ("10:30", 11), ("2-12", 3600), ("1-0:30", 1470), ("1-1:0:1", 1501)],
)
def test_times_are_read_as_slurm_reads_them(text: str, minutes: int) -> None:
    assert parameters_of({"time": text}, KNOWN, cpus=1, gpus=0)["time"] == minutes


@pytest.mark.parametrize("asked", [{"time": "soon"}, {"time": "1:2:3:4"}, {"nodes": "2"}, {"job_name": "mine"}])
def test_what_cannot_be_asked_of_slurm_is_a_usage_error(asked: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="--slurm"):
        parameters_of(asked, KNOWN, cpus=1, gpus=0)


def placement(**fields: object) -> Placement:
    return Placement(**({"device": DeviceKind.CUDA} | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"gpus_per_run": 0.5}, "--gpus-per-run is for --executor ray or slurm, not local"),
        ({"cpus_per_run": 2}, "--cpus-per-run is for --executor ray or slurm, not local"),
        ({"slurm": {"partition": "gpu"}, "kind": ExecutorKind.RAY}, "--slurm is for --executor slurm, not ray"),
        ({"gpus_per_run": 0.5, "kind": ExecutorKind.SLURM}, "SLURM gives whole GPUs"),
        ({"gpus_per_run": 1.5, "kind": ExecutorKind.RAY}, "a part of one GPU, or a whole number of them"),
    ],
)
def test_an_option_of_another_executor_is_refused(fields: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        placement(**fields)


def test_estimates_of_a_cluster_count_on_the_jobs_that_are_asked_for() -> None:
    assert placement(kind=ExecutorKind.SLURM, asked_jobs=40).jobs == 40
    unknown = placement(kind=ExecutorKind.SLURM)
    assert unknown.jobs == 1
    assert "estimates are for one run at a time" in (unknown.told or "")
    assert "estimates" not in (placement(kind=ExecutorKind.RAY).told or "")
    assert placement(kind=ExecutorKind.LOCAL).told is None


class LateWorker:
    """Ends at once."""

    begun = over = True
    lost_how = "never"

    def close(self) -> None:
        """Holds nothing."""


class LateCrew:
    """Says that all is done; when the results come into the store is the test's."""

    elsewhere = True

    def room(self, busy: int, spec: RunSpec) -> int:  # noqa: ARG002
        return 1 - busy

    def start(self, jobs: Sequence[Job]) -> Iterator[Worker]:
        for _ in jobs:
            yield LateWorker()

    def news(self, workers: Sequence[Worker], seconds: float) -> Iterator[tuple[Worker, Message]]:  # noqa: ARG002
        for worker in workers:
            yield worker, Stored(None)
            yield worker, Done()

    def ask(self, workers: Sequence[Worker]) -> None:
        """They have ended."""

    insist = ask

    def dismiss(self) -> None:
        """There is nothing to let go of."""


def told_by_late(store: Store, data: Path) -> list[Event]:
    dispatcher = Dispatcher(store, LateCrew(), data={DatasetName.DIGITS: data}, can_measure=False)
    return list(dispatcher.run([a_run(0)]))


def test_a_result_that_comes_late_over_the_network_is_waited_for(store: Store, data: Path) -> None:
    threading.Timer(0.7, lambda: Store(store.root).save(*fake_trainer.result(a_run(0)))).start()
    events = told_by_late(store, data)
    assert events[-1] == Finished(spec=a_run(0), trained=True)
    assert starts(data) == []


def test_a_result_that_never_comes_is_an_error_of_the_store(
    store: Store, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnrepro.execute.abroad.ARRIVAL_SECONDS", 0.2)
    with pytest.raises(StoreError, match="all machines must see the same folder under this path"):
        told_by_late(store, data)


class SilentCrew(LateCrew):
    """Its workers store their runs and are lost before anybody saw them at work; at first there is no room."""

    def __init__(self, store: Store, *, looks_without_room: int = 0) -> None:
        self._store, self._looks_without_room = store, looks_without_room

    def room(self, busy: int, spec: RunSpec) -> int:  # noqa: ARG002
        self._looks_without_room -= 1
        return 0 if self._looks_without_room >= 0 else 1 - busy

    def start(self, jobs: Sequence[Job]) -> Iterator[Worker]:
        for job in jobs:
            self._store.save(*fake_trainer.result(job.spec))
            yield SilentWorker()

    def news(self, workers: Sequence[Worker], seconds: float) -> Iterator[tuple[Worker, Message]]:  # noqa: ARG002
        yield from ()


class SilentWorker(LateWorker):
    """Never seen at work."""

    begun = False


def silent(store: Store, data: Path, **fields: int) -> list[Event]:
    crew = SilentCrew(store, **fields)
    return list(Dispatcher(store, crew, data={DatasetName.DIGITS: data}, can_measure=False).run([a_run(0)]))


def test_a_run_that_was_never_seen_at_work_is_told_as_begun_before_it_is_told_as_done(store: Store, data: Path) -> None:
    assert silent(store, data) == [Started(spec=a_run(0), late=True), Finished(spec=a_run(0), trained=True)]


def test_a_cluster_without_room_for_a_while_is_waited_for(store: Store, data: Path) -> None:
    assert silent(store, data, looks_without_room=3)[-1] == Finished(spec=a_run(0), trained=True)


class LostCrew(SilentCrew):
    """Its workers never end, and nobody can be asked about them."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.looks = 0
        self.asked: list[Worker] = []
        self.dismissed = False

    def start(self, jobs: Sequence[Job]) -> Iterator[Worker]:
        for _ in jobs:
            yield EndlessWorker()

    def news(self, workers: Sequence[Worker], seconds: float) -> Iterator[tuple[Worker, Message]]:  # noqa: ARG002
        self.looks += 1
        raise DeviceError(f"look {self.looks} fails")

    def ask(self, workers: Sequence[Worker]) -> None:
        self.asked.extend(workers)

    def dismiss(self) -> None:
        self.dismissed = True


class EndlessWorker(LateWorker):
    """At work for ever."""

    over = False

    def close(self) -> None:
        raise AssertionError("it still needs what it has")


def test_the_first_error_is_told_where_workers_cannot_be_reached_any_more(store: Store, data: Path) -> None:
    crew = LostCrew(store)
    dispatcher = Dispatcher(store, crew, data={DatasetName.DIGITS: data}, can_measure=False)
    with pytest.raises(DeviceError, match="look 1 fails"):
        list(dispatcher.run([a_run(0)]))
    assert crew.looks == 2, "it was tried to wait for the worker"
    assert len(crew.asked) == 1
    assert crew.dismissed


def test_slurm_that_is_silent_for_long_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from bnrepro.execute.slurm_queue import Queue

    squeue = tmp_path / "squeue"
    squeue.write_text("#!/bin/sh\nexit 1\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    queue = Queue("some")
    assert queue.look() is None
    monkeypatch.setattr("bnrepro.execute.slurm_queue.SILENT_SECONDS", 0.0)
    with pytest.raises(DeviceError, match="does not answer"):
        queue.look()
