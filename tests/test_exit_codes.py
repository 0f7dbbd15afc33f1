"""Every exit code at the command line, each from a process of its own: what a CI job branches on.

130 and 143, of signals, are in test_cli_faults.py.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.small_claim import REPOSITORY, World, environment

HELD = {"batchnorm": [60, 62], "random_2": [30, 31]}
CLOSE = {"batchnorm": [50, 62], "random_2": [38, 41]}


def holds(world: World) -> None:
    world.write_claim()
    world.fill(HELD)


def fails(world: World) -> None:
    world.write_claim()
    world.write_claim(id="swapped", better="random_2", worse="batchnorm")
    world.fill(HELD)


def misspelt(world: World) -> None:
    path = world.write_claim()
    path.write_text(path.read_text().replace("title:", "titel:"))


def no_store(world: World) -> None:
    world.write_claim()
    world.store.write_text("a file where the folder should be")


def stays_open(world: World) -> None:
    world.write_claim()
    world.fill(CLOSE)


def untrained(world: World) -> None:
    world.write_claim()


def empty(world: World) -> None:
    pass


@pytest.mark.parametrize(
    ("made", "options", "code", "told"),
    [
        (holds, [], 0, "SUPPORTED"),
        (holds, ["--budget", "1h"], 0, "SUPPORTED"),
        (fails, [], 1, "contradicted"),
        (misspelt, [], 2, "unknown key 'titel'"),
        (holds, ["--scale", "huge"], 2, "invalid choice: 'huge'"),
        (holds, ["--budget", "6"], 2, "is not a duration"),
        (no_store, [], 3, "error: "),
        (stays_open, [], 4, "INCONCLUSIVE"),
        (untrained, ["--budget", "0s"], 4, "4 runs are left"),
        (empty, [], 5, "no claim file in"),
    ],
)
def test_verify_ends_with_the_code_that_its_outcome_has(
    tmp_path: Path, made: Callable[[World], None], options: list[str], code: int, told: str
) -> None:
    world = World(tmp_path)
    made(world)
    ended = world.verify(*options)
    said = " ".join((ended.stdout + ended.stderr).split())
    assert ended.returncode == code, said
    assert told in said
    assert "Traceback" not in said


def bnrepro(world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [world.command("verify")[0], "-m", "bnrepro", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, cwd=REPOSITORY, env=environment()
    )


def test_report_ends_with_0_from_verdicts_and_with_5_where_there_are_none(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert bnrepro(world, "report", "--reports", str(world.reports)).returncode == 5
    holds(world)
    assert world.verify().returncode == 0
    assert bnrepro(world, "report", "--reports", str(world.reports)).returncode == 0


def test_validate_ends_with_0_2_4_and_5(tmp_path: Path) -> None:
    world = World(tmp_path)
    asked = ["validate", str(world.claims), "--against-store", "--store", str(world.store)]
    assert bnrepro(world, *asked).returncode == 5
    holds(world)
    assert world.verify().returncode == 0
    assert bnrepro(world, *asked).returncode == 0
    world.write_claim(margin=11)
    assert bnrepro(world, *asked).returncode == 4
    misspelt(world)
    assert bnrepro(world, *asked).returncode == 2


def test_a_command_line_without_a_verb_ends_with_2(tmp_path: Path) -> None:
    ended = bnrepro(World(tmp_path))
    assert ended.returncode == 2
    assert "usage: bnrepro" in ended.stderr
