"""verify --budget at the command line: what one night leaves, the next goes on with, to the same bits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bnrepro.store import Store
from tests.small_claim import World, call

HELD = {"batchnorm": [60, 62], "random_2": [30, 31]}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def verify(world: World, *more: object) -> int:
    return call("verify", world.claims, "--scale", "digits", "--device", "cpu", *world.folders(), *more)


def document(world: World, claim: str = "small") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((world.reports / "digits" / f"{claim}.json").read_text())
    return found


def test_a_budget_of_nothing_trains_nothing_and_says_what_is_left(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write_claim()
    assert verify(world, "--budget", "0s") == 4
    told = " ".join(capsys.readouterr().out.split())
    assert "the budget of time is over: 4 runs are left, about" in told
    assert "INCONCLUSIVE at scale digits" in told
    assert not list(world.store.glob("runs/*/*/*"))
    (note,) = [note for note in document(world)["notes"] if "budget" in note]
    assert note.startswith("The budget of time ran out at look 1 of 1: 4 runs are left, about ")
    assert not any("later looks were not needed" in note for note in document(world)["notes"])


def test_a_budget_that_is_not_needed_changes_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write_claim()
    world.fill(HELD)
    assert verify(world, "--budget", "6h") == 0
    assert "are left" not in capsys.readouterr().out
    within = document(world)
    assert verify(world) == 0
    without = document(world)
    for each in (within, without):
        each["provenance"].pop("judged at")
    assert within == without


def test_runs_that_are_left_exit_4_also_when_another_claim_fails(world: World) -> None:
    world.write_claim(id="fails", better="random_2", worse="batchnorm")
    world.write_claim(id="left", better="all", worse="batchnorm")
    world.fill(HELD)
    assert verify(world, "--budget", "0s") == 4
    assert document(world, "fails")["verdict"] == "contradicted"
    assert document(world, "left")["verdict"] == "inconclusive"


def test_what_a_store_settled_stays_settled_when_the_time_runs_out_on_another(world: World) -> None:
    world.write_claim(looks="[2, 3]")
    world.write_claim(id="left", better="all", worse="batchnorm")
    world.fill({"batchnorm": [50, 62, 60], "random_2": [38, 41, 31]})
    verify(world, "--networks", "resnet-8", "--budget", "0s")
    (check,) = document(world)["checks"]
    assert check["look"] == 2


@pytest.mark.parametrize("text", ["6", "-6h", "6 hours", "nan", ""])
def test_a_budget_that_is_no_duration_exits_2_with_its_form(
    world: World, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    world.write_claim()
    assert verify(world, f"--budget={text}") == 2
    assert "is not a duration; write it such as 6h, 90m, 30s or 1h30m" in " ".join(capsys.readouterr().err.split())


EPOCHS = 64
"""Long enough that no machine is through before the first budget is over."""


@pytest.mark.slow
@pytest.mark.xdist_group("cli_faults")
def test_an_interrupted_night_and_the_next_come_to_the_bits_of_one_that_nothing_disturbed(tmp_path: Path) -> None:
    free, world = World(tmp_path / "free"), World(tmp_path / "nights")
    for each in (free, world):
        each.write_claim()
    whole = free.verify("--jobs", "1", epochs=EPOCHS)

    kept: list[Path] = []
    for seconds in (6, 12, 24, 48):  # a slow machine may need the first ones to start
        night = world.verify("--jobs", "1", "--budget", f"{seconds}s", epochs=EPOCHS)
        assert night.returncode == 4, night.stderr
        assert "the budget of time is over" in " ".join(night.stdout.split())
        assert document(world)["verdict"] == "inconclusive"
        kept = list(world.store.glob("runs/*/*/checkpoint"))
        if kept:
            break
    assert kept, "a training under way wrote its checkpoint"

    day = world.verify("--jobs", "1", epochs=EPOCHS)
    assert day.returncode == whole.returncode, day.stderr
    assert "are left" not in day.stdout
    assert world.learned() == free.learned()
    assert sum(record.resumed for record in Store(world.store).records()) >= len(kept)
    assert document(world)["verdict"] == document(free)["verdict"]
    assert document(world)["checks"] == document(free)["checks"]
