"""What a log tells of runs that are trained and runs that are only measured."""

from __future__ import annotations

import re

import pytest

from bnrepro.cost import CostModel
from bnrepro.execute.events import Event, Failed, Finished, Started, Waiting
from bnrepro.identity import run_key
from bnrepro.plan import Plan, PlannedRun
from bnrepro.progress import Lines
from bnrepro.spec.probe import Probe
from tests.small_claim import DIGITS, a_run, made_up

TRAINED, CACHED = a_run(0), a_run(1)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def lines(said: list[str]) -> Lines:
    """Follows a plan with one run to train; another is in the store."""
    runs = (
        PlannedRun(spec=TRAINED, key=run_key(TRAINED), record=None, reason="new"),
        PlannedRun(spec=CACHED, key=run_key(CACHED), record=made_up(CACHED, 50.0), reason=""),
    )
    return Lines(said.append, Plan(runs=runs, cost=CostModel.fitted(DIGITS.shapes, [TRAINED, CACHED], [])))


def tell(lines: Lines, *events: Event) -> None:
    for event in events:
        lines(event)


def test_a_run_that_is_only_measured_says_so_and_counts_as_no_training(lines: Lines, said: list[str]) -> None:
    tell(lines, Started(spec=CACHED), Finished(spec=CACHED, trained=False, measured=(Probe.AFFINE,)))
    assert said == [f"{CACHED}: measured"]
    assert lines.share_done == 0
    tell(lines, Finished(spec=TRAINED, trained=False))
    assert said[1:] == [f"[1/1] {TRAINED}: trained elsewhere"]
    assert lines.share_done == 1


def test_a_run_that_another_process_measured_is_not_said_to_be_trained(lines: Lines, said: list[str]) -> None:
    tell(lines, Started(spec=CACHED), Waiting(spec=CACHED), Finished(spec=CACHED, trained=False))
    assert said == [
        f"{CACHED}: another process is at work on it; waiting for its result",
        f"{CACHED}: measured elsewhere",
    ]


def test_a_run_that_another_process_trained_and_this_one_measured_says_what_was_done_here(
    lines: Lines, said: list[str]
) -> None:
    tell(lines, Started(spec=TRAINED), Finished(spec=TRAINED, trained=False, measured=(Probe.AFFINE,)))
    assert said == [f"[1/1] {TRAINED}: measured"]
    assert lines.share_done == 1


def test_a_run_that_is_trained_and_measured_tells_the_time_that_both_took(lines: Lines, said: list[str]) -> None:
    tell(lines, Started(spec=TRAINED), Finished(spec=TRAINED, trained=True, measured=(Probe.AFFINE,)))
    assert len(said) == 1
    assert re.fullmatch(rf"\[1/1\] {TRAINED}: \d+\.\d s", said[0])


def test_a_measurement_that_failed_is_told_and_counts_as_no_training(lines: Lines, said: list[str]) -> None:
    tell(lines, Started(spec=CACHED), Failed(spec=CACHED, error="a unit was never seen"))
    assert said == [f"{CACHED}: failed: a unit was never seen"]
    assert lines.share_done == 0
