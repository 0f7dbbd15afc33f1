"""What survives: kills at any moment, signals, two commands on one store, damaged data, Ctrl-C on a terminal.

Each test trains for real, on digits, with a short recipe.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import termios
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bnrepro.data import digits, load
from bnrepro.store import Store
from tests.small_claim import REPOSITORY, World, environment

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cli_faults")]

EPOCHS = 6
OPTIONS = ("--seeds", "1", "--jobs", "2", "--checkpoint-seconds", "0.1")
"""Two runs, one of each arm."""
INCONCLUSIVE = 4
"""What one seed always comes to."""
KILLS = 10


def new_world(folder: Path) -> World:
    world = World(folder)
    world.write_claim()
    return world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The learned tensors of every run that nothing disturbed, by key."""
    world = new_world(tmp_path_factory.mktemp("uninterrupted"))
    ended = world.verify(*OPTIONS, epochs=EPOCHS)
    assert ended.returncode == INCONCLUSIVE, ended.stderr
    learned = world.learned()
    assert len(learned) == 2
    return learned


def started(world: World, *more: str, epochs: int = EPOCHS) -> subprocess.Popen[str]:
    """A verify in a process group of its own."""
    return subprocess.Popen(
        world.command("verify", *OPTIONS, *more, epochs=epochs),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=REPOSITORY,
        env=environment(),
        start_new_session=True,
    )


def wait_for_checkpoint(world: World, process: subprocess.Popen[str]) -> None:
    """Until a run has a checkpoint, or the process has ended."""
    deadline = time.monotonic() + 120
    while not list(world.store.glob("runs/*/*/checkpoint")) and process.poll() is None:
        assert time.monotonic() < deadline, "no checkpoint in two minutes"
        time.sleep(0.005)


def end_group(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)


def resumed(world: World) -> int:
    return sum(record.resumed for record in Store(world.store).records())


def killed_and_gone_on(folder: Path, moment: int) -> tuple[World, subprocess.CompletedProcess[str]]:
    """A verify, killed with all its workers at the given moment, and the one after it."""
    world = new_world(folder)
    process = started(world)
    if moment < 2:
        time.sleep(0.4 + moment)  # while it starts
    else:
        wait_for_checkpoint(world, process)
        time.sleep(0.07 * (moment - 2))
    end_group(process)
    return world, world.verify(*OPTIONS, epochs=EPOCHS)


def test_killed_at_ten_moments_the_next_verify_ends_bit_for_bit_the_same(
    tmp_path: Path, uninterrupted: dict[str, bytes]
) -> None:
    with ThreadPoolExecutor(2) as threads:
        outcomes = list(
            threads.map(lambda moment: killed_and_gone_on(tmp_path / f"kill-{moment}", moment), range(KILLS))
        )
    for world, ended in outcomes:
        assert ended.returncode == INCONCLUSIVE, ended.stdout + ended.stderr
        assert "set aside" not in ended.stdout
        assert world.learned() == uninterrupted
        assert not list(world.store.glob("runs/*/*/.*")), "nothing half-written is left"
        assert not list(world.store.glob("runs/*/*/checkpoint"))
    assert sum(resumed(world) for world, _ in outcomes) >= KILLS // 3, "some went on from a checkpoint"


def test_two_verifies_at_once_train_each_run_once(world: World, uninterrupted: dict[str, bytes]) -> None:
    commands = [
        subprocess.Popen(
            world.command("verify", *OPTIONS, "--json", epochs=EPOCHS),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env=environment(),
        )
        for _ in range(2)
    ]
    told = [command.communicate(timeout=240) for command in commands]
    assert [command.returncode for command in commands] == [INCONCLUSIVE, INCONCLUSIVE], told
    counts = [json.loads(out)["trainings"] for out, _ in told]
    assert sum(count["trained"] for count in counts) == 2, told
    assert [count["needed"] for count in counts] == [2, 2]
    assert [count["failed"] for count in counts] == [0, 0]
    assert world.learned() == uninterrupted


@pytest.mark.parametrize(
    ("number", "whole_group", "code"),
    [
        (signal.SIGINT, True, 130),
        (signal.SIGINT, False, 130),
        (signal.SIGTERM, False, 143),
        (signal.SIGUSR2, True, 143),
    ],
)
def test_a_signal_ends_it_with_checkpoints_and_the_next_verify_goes_on_from_them(
    world: World, uninterrupted: dict[str, bytes], number: signal.Signals, whole_group: bool, code: int
) -> None:
    process = started(world)
    wait_for_checkpoint(world, process)
    (os.killpg if whole_group else os.kill)(process.pid, number)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == code, told
    assert "same command again" in " ".join(told.split())
    assert "Traceback" not in told
    with pytest.raises(ProcessLookupError):
        wait_until_gone(process.pid)
    ended = world.verify(*OPTIONS, epochs=EPOCHS)
    assert ended.returncode == INCONCLUSIVE, ended.stderr
    assert resumed(world) >= 1
    assert world.learned() == uninterrupted


@pytest.mark.parametrize("seconds", [0.8, 1.2, 1.8, 2.6])
def test_control_c_while_it_starts_ends_it_without_a_traceback(world: World, seconds: float) -> None:
    process = started(world, epochs=500)  # long enough not to end before the signal on any machine
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    told, _ = process.communicate(timeout=60)
    # A KeyboardInterrupt within exec(), as dataclasses use while they are imported, ends CPython by the signal itself,
    # which a shell shows as 130 too.
    assert process.returncode in {130, -signal.SIGINT}, told
    assert "Traceback" not in told


def test_a_second_signal_does_not_cut_the_first_short(world: World, uninterrupted: dict[str, bytes]) -> None:
    process = started(world)
    wait_for_checkpoint(world, process)
    for _ in range(3):
        os.killpg(process.pid, signal.SIGTERM)
        time.sleep(0.05)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 143, told
    assert "Traceback" not in told
    world.verify(*OPTIONS, epochs=EPOCHS)
    assert resumed(world) >= 1
    assert world.learned() == uninterrupted


def wait_until_gone(group: int) -> None:
    """Raises ProcessLookupError once no process of the group is left."""
    for _ in range(250):
        os.killpg(group, 0)
        time.sleep(0.02)


def test_a_killed_worker_is_tried_again_and_the_result_is_the_same(
    world: World, uninterrupted: dict[str, bytes]
) -> None:
    process = started(world, "--jobs", "1")
    wait_for_checkpoint(world, process)
    os.kill(training_process(process.pid), signal.SIGKILL)
    told, _ = process.communicate(timeout=240)
    assert process.returncode == INCONCLUSIVE, told
    assert "its process was killed by signal 9; it goes on from its last checkpoint" in " ".join(told.split())
    assert resumed(world) == 1
    assert world.learned() == uninterrupted


def training_process(group: int) -> int:
    """A worker of a verify: a child of its fork server, which is a child of the verify."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent, in_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(in_group) == group and state != "Z":
                parents[int(stat.parent.name)] = int(parent)
    return next(child for child, parent in parents.items() if parents.get(parent) == group)


@pytest.mark.parametrize("content", [b"", b"garbage"])
def test_data_altered_under_a_prepared_store_stop_it_and_are_renewed_by_the_next(world: World, content: bytes) -> None:
    load(world.store / "data" / digits.DIGEST)
    images = world.store / "data" / digits.DIGEST / "train_images.npy"
    images.write_bytes(content or images.read_bytes()[:-1] + b"\x01")
    ended = world.verify(*OPTIONS, epochs=EPOCHS)
    told = " ".join((ended.stdout + ended.stderr).split())
    assert ended.returncode == 3, told
    assert "train_images.npy: expected" in told
    assert "run the command again" in told
    assert world.learned() == {}
    assert world.verify(*OPTIONS, epochs=2).returncode == INCONCLUSIVE


def reduced(world: World, data_root: Path | None) -> subprocess.CompletedProcess[str]:
    path = world.claims / "small.yaml"
    path.write_text(path.read_text().replace("digits: [", "reduced: ["))
    command = [part if part != "digits" else "reduced" for part in world.command("verify")]
    options = [] if data_root is None else ["--data-root", str(data_root)]
    return subprocess.run(
        [*command, *options], capture_output=True, text=True, check=False, cwd=REPOSITORY, env=environment()
    )


def test_without_cifar_it_stops_before_training_and_says_how_to_get_it(world: World, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for root in (None, tmp_path / "empty", tmp_path / "nowhere"):
        ended = reduced(world, root)
        told = " ".join(ended.stderr.split())
        assert ended.returncode == 3, told
        assert "cifar-10-batches-py" in told or "bnrepro data fetch cifar10" in told
        assert "Traceback" not in told
        assert not (world.store / "runs").exists()
    assert "cifar-10-batches-py/ nor train/<class>/" in told, "both forms are named"


def test_altered_cifar_stops_before_training_with_what_was_expected_and_found(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"]:
        (folder / name).write_bytes(b"not a pickle")
    ended = reduced(world, tmp_path / "data")
    told = " ".join(ended.stderr.split())
    assert ended.returncode == 3, told
    assert "expected" in told
    assert "found" in told
    assert "Traceback" not in told
    assert not (world.store / "runs").exists()


def test_control_c_on_a_terminal_ends_the_bars_cleanly(world: World) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        world.command("verify", *OPTIONS, epochs=60),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=REPOSITORY,
        env=environment() | {"TERM": "xterm", "COLUMNS": "80"},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    told = b""
    interrupted = False
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                told += os.read(ours, 65536)
            except OSError:  # the other end is closed: it has ended
                break
        if not interrupted and len(list(world.store.glob("runs/*/*/checkpoint"))) == 2:
            os.write(ours, b"\x03")
            interrupted = True
    os.close(ours)
    process.wait(timeout=60)
    text = told.decode()
    assert process.returncode == 130, text
    assert "all trainings" in text
    assert "resnet-8 batchnorm seed 0" in text
    assert "━" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l"), "the cursor is shown again"
    assert "same command again" in " ".join(text.split())
    assert "Traceback" not in text
    assert len(list(world.store.glob("runs/*/*/checkpoint"))) == 2
