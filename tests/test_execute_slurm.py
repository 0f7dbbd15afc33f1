"""Runs as jobs of a real SLURM of one node. Trainers are fakes but for one test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bnrepro.errors import DeviceError, UsageError
from bnrepro.execute.events import Advanced, Event, Failed, Finished, Retried, Started
from bnrepro.execute.executor import Executor
from bnrepro.execute.window import ALWAYS_OPEN, Window
from bnrepro.identity import run_key
from bnrepro.spec.recipe import DatasetName
from bnrepro.spec.run import RunSpec
from bnrepro.spec.trainer import Interrupted, Prober, Progress, Slot, Trainer
from bnrepro.store import Store
from tests import fake_trainer
from tests.executor_scenarios import (
    ExecutorScenarios,
    MakePool,
    data,
    first_steps,
    has_come_to,
    keeps_each_step,
    meanwhile,
    of_kind,
    store,
)
from tests.fake_trainer import Report, Result, Stop, log, result, starts
from tests.slurm_cluster import CannotStart, slurm_cluster
from tests.small_claim import REPOSITORY, a_run

pytest.importorskip("submitit", reason="submitit is not installed: pip install 'bnrepro[slurm]'")

pytestmark = [pytest.mark.xdist_group("slurm"), pytest.mark.slow]

__all__ = ["data", "store"]


@pytest.fixture(scope="module", autouse=True)
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One node of two CPUs and no GPU; looked at more often than a real one is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bnrepro.execute.slurm_crew.QUEUE_SECONDS", 0.5)
        patch.setattr("bnrepro.execute.slurm_crew.LOST_SECONDS", 2.0)
        patch.setenv("PYTHONPATH", str(REPOSITORY))  # for jobs, which begin in the folder that they were submitted in
        try:
            with slurm_cluster(tmp_path_factory.mktemp("slurm")) as environment:
                for name, value in environment.items():
                    patch.setenv(name, value)
                yield
        except CannotStart as why:
            pytest.skip(f"no SLURM can be started here: {why}")


@pytest.fixture
def make_pool() -> MakePool:
    def make(
        store: Store,
        trainer: Trainer,
        data: Path,
        *,
        prober: Prober | None = None,
        jobs: int | None = 2,
        window: Window = ALWAYS_OPEN,
    ) -> Executor:
        return pool(store, trainer, data, prober=prober, jobs=jobs, window=window)

    return make


def pool(
    store: Store,
    trainer: Trainer,
    data: Path,
    *,
    prober: Prober | None = None,
    jobs: int | None = None,
    window: Window = ALWAYS_OPEN,
    **parameters: str,
) -> Executor:
    from bnrepro.execute.slurm_pool import SlurmPool

    folders = {DatasetName.DIGITS: data}
    return SlurmPool(store, trainer, prober, data=folders, jobs=jobs, parameters=parameters, window=window)


def job_of_seed_0(data: Path) -> str:
    """SLURM's number of the job in which seed 0 was begun last."""
    worker = [process for seed, process in _log(data) if seed == 0][-1]
    words = Path(f"/proc/{worker}/environ").read_text().split("\0")
    environment = dict(word.split("=", 1) for word in words if "=" in word)
    if "SLURM_ARRAY_JOB_ID" not in environment:
        return environment["SLURM_JOB_ID"]
    # The last job of an array has the number of the array: by that, all of them would be meant.
    return f"{environment['SLURM_ARRAY_JOB_ID']}_{environment['SLURM_ARRAY_TASK_ID']}"


@contextmanager
def no_wait_before_a_second_begin() -> Iterator[None]:
    """SLURM lets a job that was requeued wait for two minutes; here it begins at once."""
    ended = threading.Event()

    def hurry() -> None:
        while not ended.wait(0.3):
            told = subprocess.run(
                ["squeue", "--noheader", "--states=PENDING", "--array", "--format=%i %r"],
                capture_output=True, text=True, check=True,
            ).stdout  # fmt: skip
            for number in (line.split()[0] for line in told.splitlines() if line.split()[1:] == ["BeginTime"]):
                subprocess.run(["scontrol", "update", f"JobId={number}", "StartTime=now"], check=False)

    thread = threading.Thread(target=hurry, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def goes_on_until_asked(spec: RunSpec, data: Path, *, slot: Slot, stop: Stop, report: Report) -> Result:
    """Ends in its second try, which needs the checkpoint of the first."""
    log(data, spec)
    saved = slot.load()
    while saved is None:
        if stop():
            slot.save(b"some steps")
            raise Interrupted
        time.sleep(0.02)
    report(Progress(steps_done=1, steps=1, test_accuracy=50.0))
    return result(spec, resumed=1)


def _log(data: Path) -> list[tuple[int, int]]:
    return list(zip(starts(data), fake_trainer.worker_ids(data), strict=True))


def went_on(data: Path, store: Store, events: list[Event]) -> bool:
    """Whether seed 0 was begun twice, the second time from its checkpoint, and everything ended well."""
    own = [step for seed, step in first_steps(data) if seed == 0]
    record = store.find(run_key(a_run(0)))
    assert record is not None
    assert of_kind(events, Finished) == [0, 1, 2]
    assert sorted(starts(data)) == [0, 0, 1, 2], "no finished run was trained again"
    return len(own) == 2 and own[0] == 0 and own[1] >= 20 and record.resumed == 1


class TestSlurm(ExecutorScenarios):
    """What every executor promises."""


def test_a_job_that_is_killed_is_tried_again_from_its_checkpoint(store: Store, data: Path) -> None:
    def kill() -> None:
        subprocess.run(["scancel", "--signal=KILL", "--full", job_of_seed_0(data)], check=True)

    with meanwhile(has_come_to(data, store, 20), kill):
        events = list(pool(store, keeps_each_step, data).run([a_run(seed) for seed in range(3)]))
    assert went_on(data, store, events)
    (told,) = [event.error for event in events if isinstance(event, Retried)]
    assert re.fullmatch(r"its SLURM job \d+_0 ended as (FAILED|CANCELLED)", told)


def test_a_job_that_is_cancelled_by_somebody_else_is_tried_again_from_its_checkpoint(store: Store, data: Path) -> None:
    def cancel() -> None:
        subprocess.run(["scancel", job_of_seed_0(data)], check=True)

    with meanwhile(has_come_to(data, store, 20), cancel):
        events = list(pool(store, keeps_each_step, data).run([a_run(seed) for seed in range(3)]))
    assert went_on(data, store, events)
    assert of_kind(events, Retried) == [0]


@pytest.mark.parametrize("signals", [["USR2"], ["TERM", "USR2"]])
def test_a_preempted_job_writes_its_checkpoint_is_requeued_and_goes_on(
    store: Store, data: Path, signals: list[str]
) -> None:
    numbers = []

    def preempt() -> None:
        numbers.append(job_of_seed_0(data))
        for name in signals:
            subprocess.run(["scancel", f"--signal={name}", numbers[0]], check=True)

    def is_back() -> bool:
        return starts(data).count(0) == 2

    with (
        no_wait_before_a_second_begin(),
        meanwhile(has_come_to(data, store, 20), preempt),
        meanwhile(is_back, lambda: numbers.append(job_of_seed_0(data))),
    ):
        events = list(pool(store, keeps_each_step, data).run([a_run(seed) for seed in range(3)]))
    assert went_on(data, store, events)
    assert numbers[0] == numbers[1], "SLURM began the same job again"
    assert of_kind(events, Retried) == [], "which is no loss"


def test_a_job_that_comes_to_its_time_limit_is_requeued_and_goes_on(store: Store, data: Path) -> None:
    # A job of one minute that is warned 57 seconds before its end.
    with no_wait_before_a_second_begin():
        events = list(pool(store, goes_on_until_asked, data, time="1", signal_delay_s="57").run([a_run(0)]))
    assert [type(event) for event in events] == [Started, Advanced, Finished]
    assert starts(data) == [0, 0]
    record = store.find(run_key(a_run(0)))
    assert record is not None
    assert record.resumed == 1


def test_what_submitit_wrote_is_removed_and_the_log_of_a_lost_job_stays(store: Store, data: Path) -> None:
    list(pool(store, fake_trainer.at_once, data).run([a_run(1), a_run(2)]))
    assert list((store.root / "slurm").iterdir()) == []
    list(pool(store, fake_trainer.killed_always, data).run([a_run(0), a_run(3)]))
    logs = list((store.root / "slurm").glob("*/*_log.err"))
    assert len(logs) == 2, "one for each try"


def test_a_partition_that_there_is_not_is_an_error(store: Store, data: Path) -> None:
    with pytest.raises(DeviceError, match=r"SLURM refused a job: .*[Ii]nvalid partition"):
        list(pool(store, fake_trainer.at_once, data, partition="none").run([a_run(0)]))


def test_an_option_that_sbatch_does_not_know_is_an_error(store: Store, data: Path) -> None:
    with pytest.raises(DeviceError, match=r"SLURM refused a job: .*unrecognized option .*--no-such-option"):
        list(pool(store, fake_trainer.at_once, data, no_such_option="1").run([a_run(0)]))


def test_a_job_that_can_never_begin_is_an_error_and_no_wait(store: Store, data: Path) -> None:
    with pytest.raises(DeviceError, match="PartitionTimeLimit"):
        list(pool(store, fake_trainer.at_once, data, partition="short", time="2:00:00").run([a_run(0)]))
    told = subprocess.run(["squeue", "--noheader"], capture_output=True, text=True, check=True).stdout
    assert told == "", "it was withdrawn"


def test_a_machine_that_lacks_the_trainer_fails_the_run_with_the_reason(store: Store, data: Path) -> None:
    made = pool(store, fake_trainer.at_once, data)
    made._crew._trainer = "no_such_module:train"  # type: ignore[attr-defined]
    (event,) = [event for event in made.run([a_run(0)]) if isinstance(event, Failed)]
    assert event.error.endswith("raised ModuleNotFoundError: No module named 'no_such_module'")
    assert "perform_order" in event.details


def test_jobs_of_a_driver_that_was_killed_go_on_and_are_found_by_the_next(store: Store, data: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.test_execute_slurm import pool;"
        "from tests import fake_trainer; from tests.small_claim import a_run; from bnrepro.store import Store;"
        "list(pool(Store(Path(sys.argv[1])), fake_trainer.slowly, Path(sys.argv[2])).run([a_run(0)]))"
    )
    driver = subprocess.Popen([sys.executable, "-c", code, str(store.root), str(data)], cwd=REPOSITORY)
    deadline = time.monotonic() + 30
    while not starts(data):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    driver.kill()
    driver.wait()
    events = list(pool(store, fake_trainer.slowly, data).run([a_run(0)]))
    assert {event.trained for event in events if isinstance(event, Finished)} == {False}
    assert starts(data) == [0]


def test_without_slurms_commands_the_error_says_what_is_missing(
    store: Store, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable))  # noqa: PTH120
    with pytest.raises(UsageError, match="SLURM's commands on this machine, and sbatch, srun, squeue, scancel"):
        pool(store, fake_trainer.at_once, data)
