"""Runs on a real Ray cluster of this machine. Trainers are fakes but for one test and the command line's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bnrepro.errors import DeviceError, UsageError
from bnrepro.execute.events import Failed, Finished
from bnrepro.execute.executor import Executor
from bnrepro.execute.ray_cluster import Share, connect, slots
from bnrepro.execute.window import ALWAYS_OPEN, Window
from bnrepro.spec.recipe import DatasetName
from bnrepro.spec.run import DeviceKind
from bnrepro.spec.trainer import Prober, Trainer
from bnrepro.store import Store
from tests import fake_trainer
from tests.executor_scenarios import ExecutorScenarios, MakePool, data, of_kind, store
from tests.fake_trainer import starts, worker_ids
from tests.small_claim import REPOSITORY, World, a_run, environment

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'bnrepro[ray]'")

pytestmark = pytest.mark.xdist_group("ray")

__all__ = ["data", "store"]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Two cores and no GPU, whatever this machine has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        connect(None, cores=2)
        yield
        ray.shutdown()


@pytest.fixture
def make_pool() -> MakePool:
    from bnrepro.execute.ray_pool import RayPool

    def make(
        store: Store,
        trainer: Trainer,
        data: Path,
        *,
        prober: Prober | None = None,
        jobs: int | None = 2,
        window: Window = ALWAYS_OPEN,
    ) -> Executor:
        return RayPool(store, trainer, prober, data={DatasetName.DIGITS: data}, jobs=jobs, window=window)

    return make


class TestRay(ExecutorScenarios):
    """What every executor promises."""


def test_processes_are_kept_for_the_next_run(make_pool: MakePool, store: Store, data: Path) -> None:
    events = list(make_pool(store, fake_trainer.at_once, data, jobs=None).run([a_run(seed) for seed in range(12)]))
    assert len(of_kind(events, Finished)) == 12
    assert len(set(worker_ids(data))) < 6


def test_no_more_runs_are_under_way_than_jobs(make_pool: MakePool, store: Store, data: Path) -> None:
    open_runs, most = 0, 0
    for event in make_pool(store, fake_trainer.at_once, data, jobs=1).run([a_run(seed) for seed in range(4)]):
        name = type(event).__name__
        open_runs += (name == "Started") - (name == "Finished")
        most = max(most, open_runs)
    assert most == 1


def test_a_machine_that_lacks_the_trainer_fails_the_run_with_the_reason(
    make_pool: MakePool, store: Store, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = make_pool(store, fake_trainer.at_once, data)
    pool._crew._trainer = "no_such_module:train"  # type: ignore[attr-defined]
    (event,) = [event for event in pool.run([a_run(0)]) if isinstance(event, Failed)]
    assert event.error == "its Ray task raised ModuleNotFoundError: No module named 'no_such_module'"
    assert "perform_order" in event.details


def test_a_run_that_asks_for_more_than_any_machine_has_is_refused(store: Store, data: Path) -> None:
    from bnrepro.execute.ray_pool import RayPool

    pool = RayPool(store, fake_trainer.at_once, data={DatasetName.DIGITS: data}, cpus=3)
    with pytest.raises(DeviceError, match=r"asks for 3 CPUs, .*machines: 2 CPU and 0 GPU.* --cpus-per-run"):
        list(pool.run([a_run(0)]))
    cuda = a_run(0).model_copy(update={"device": DeviceKind.CUDA})
    pool = RayPool(store, fake_trainer.at_once, data={DatasetName.DIGITS: data}, gpus=0.25)
    with pytest.raises(DeviceError, match=r"asks for 1 CPU and 0.25 GPU, .*--device cpu or --gpus-per-run"):
        list(pool.run([cuda]))
    assert starts(data) == []


def test_a_cluster_that_loses_all_its_machines_is_an_error_and_no_wait_without_end(
    make_pool: MakePool, store: Store, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnrepro.execute.ray_pool.LOOK_SECONDS", 0.0)
    monkeypatch.setattr("bnrepro.execute.ray_pool.EMPTY_SECONDS", 0.0)
    events = make_pool(store, fake_trainer.slowly, data).run([a_run(0)])
    next(events)
    monkeypatch.setattr(ray, "nodes", list)
    with pytest.raises(DeviceError, match="machines: none"):
        list(events)
    assert list(store.records()) == []


class Nodes:
    """A cluster of made-up machines."""

    def __init__(self, *machines: dict[str, float]) -> None:
        self._machines = machines

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": machine} for machine in self._machines]


@pytest.mark.parametrize(
    ("share", "machines", "expected"),
    [
        (Share(cpus=1, gpus=0), [{"CPU": 4.0}, {"CPU": 2.0, "GPU": 1.0}], 6),
        (Share(cpus=1, gpus=0.25), [{"CPU": 64.0}, {"CPU": 64.0, "GPU": 2.0}], 8),
        (Share(cpus=1, gpus=0.1), [{"CPU": 64.0, "GPU": 0.3}], 3),
        (Share(cpus=1, gpus=0.25), [{"CPU": 3.0, "GPU": 1.0}], 3),
        (Share(cpus=1, gpus=0.25).times(4), [{"CPU": 8.0, "GPU": 1.0}, {"CPU": 3.0, "GPU": 4.0}], 1),
        (Share(cpus=1, gpus=2), [{"CPU": 8.0, "GPU": 1.0}, {"CPU": 8.0, "GPU": 1.0}], 0),
    ],
)
def test_a_share_is_never_spread_over_machines(share: Share, machines: list[dict[str, float]], expected: int) -> None:
    assert slots(Nodes(*machines), share) == expected  # type: ignore[arg-type]


def test_an_address_at_which_no_cluster_answers_is_an_error_and_no_hang() -> None:
    code = (
        "from bnrepro.execute.ray_cluster import connect\n"
        "from bnrepro.errors import UsageError\n"
        "try: connect('127.0.0.1:9')\n"
        "except UsageError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=REPOSITORY,
        env=environment(),
    )
    assert done.stdout.startswith("a Ray cluster does not answer at 127.0.0.1:9")


def test_without_ray_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'bnrepro\[ray\]'"):
        connect(None)


def test_outside_the_main_thread_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with ThreadPoolExecutor(1) as threads:
        connecting = threads.submit(connect, None)
        with pytest.raises(UsageError, match="from the main thread alone"):
            connecting.result(timeout=30)


def judged(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The verdict without the times, which differ between any two invocations."""
    assert done.returncode in {0, 1, 4}, done.stderr
    (line,) = done.stdout.splitlines()
    verdict: dict[str, Any] = json.loads(line)
    del verdict["provenance"]["judged at"]
    for run in verdict["runs"]:
        del run["wall_seconds"], run["images_per_second"]
        for epoch in run["curve"]:
            del epoch["seconds"]
    return verdict


@pytest.mark.slow
def test_verify_gives_the_same_verdict_through_ray_as_on_this_machine(tmp_path: Path) -> None:
    verdicts = []
    for executor in ("local", "ray"):
        world = World(tmp_path / executor)
        world.write_claim()
        done = world.verify("--json", "--jobs", 2, "--executor", executor, epochs=1)
        verdicts.append(judged(done))
        assert ("runs are trained by a Ray cluster on this machine" in done.stderr) == (executor == "ray")
    assert verdicts[0] == verdicts[1]


def processes_with(mark: str) -> list[str]:
    """The commands of all processes of this machine whose environment has such a word."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):  # it has ended meanwhile, or is another user's
                if mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


@pytest.mark.slow
def test_ctrl_c_of_the_terminal_leaves_checkpoints_and_no_process(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write_claim()
    command = world.command("verify", "--executor", "ray", "--jobs", 2, "--checkpoint-seconds", 3600, epochs=400)
    mark = f"STARTED_BY_TEST={tmp_path}"
    marked = environment() | dict([mark.split("=", 1)])
    program = subprocess.Popen(
        command, cwd=REPOSITORY, env=marked, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while len(list(world.store.glob("locks/*.lock"))) < 3:  # two runs, and the claim's declaration
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert len(processes_with(mark)) > 2, "the command, its cluster and its workers"
    os.killpg(program.pid, signal.SIGINT)  # as a terminal does: to every process that it started
    errors = program.communicate(timeout=60)[1]
    assert program.returncode == 130, errors
    assert len(list(world.store.glob("runs/*/*/checkpoint"))) == 2, errors
    deadline = time.monotonic() + 20
    while left := processes_with(mark):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
