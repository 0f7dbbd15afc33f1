"""What a log and the bars tell: runs that are trained, runs that are only measured, and the time left."""

from __future__ import annotations

import io
import re

import pytest

from bnrepro.cost import CostModel
from bnrepro.execute.events import Event, Failed, Finished, Started, Waiting
from bnrepro.execute.forecast import Forecast
from bnrepro.execute.window import Window
from bnrepro.identity import run_key
from bnrepro.plan import Plan, PlannedRun
from bnrepro.progress import Bars, Lines
from bnrepro.spec.probe import Probe
from bnrepro.stages import Stage
from tests.small_claim import DIGITS, a_run, made_up
from tests.test_budget_time import Clock

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
    plan = Plan(runs=runs, cost=CostModel.fitted(DIGITS.shapes, [TRAINED, CACHED], []))
    window = Window(forecast=Forecast({TRAINED: 60.0}))
    return Lines(said.append, Stage(name="look 1 of 1", plan=plan, window=window), jobs=1)


def tell(lines: Lines, *events: Event) -> None:
    for event in events:
        lines(event)


def test_a_run_that_is_only_measured_says_so_and_counts_as_no_training(lines: Lines, said: list[str]) -> None:
    tell(lines, Started(spec=CACHED), Finished(spec=CACHED, trained=False, measured=(Probe.AFFINE,)))
    assert said == [f"{CACHED}: measured"]
    tell(lines, Finished(spec=TRAINED, trained=False))
    assert said[1:] == [f"[1/1] {TRAINED}: trained elsewhere"]


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


def test_a_run_that_is_trained_and_measured_tells_the_time_that_both_took(lines: Lines, said: list[str]) -> None:
    tell(lines, Started(spec=TRAINED), Finished(spec=TRAINED, trained=True, measured=(Probe.AFFINE,)))
    assert len(said) == 1
    assert re.fullmatch(rf"\[1/1\] {TRAINED}: \d+\.\d s", said[0])


def test_a_measurement_that_failed_is_told_and_counts_as_no_training(lines: Lines, said: list[str]) -> None:
    tell(lines, Started(spec=CACHED), Failed(spec=CACHED, error="a unit was never seen"))
    assert said == [f"{CACHED}: failed: a unit was never seen"]


OTHERS = [a_run(seed) for seed in range(2, 5)]


def fleet(clock: Clock) -> tuple[Stage, Forecast]:
    """Three runs that are guessed to take a minute each."""
    runs = tuple(PlannedRun(spec=spec, key=run_key(spec), record=None, reason="new") for spec in OTHERS)
    forecast = Forecast(dict.fromkeys(OTHERS, 60.0), clock=clock)
    plan = Plan(runs=runs, cost=CostModel(shapes=DIGITS.shapes))
    return Stage(name="look 1 of 1", plan=plan, window=Window(forecast=forecast)), forecast


def test_the_time_left_follows_what_runs_took_and_not_the_first_guess(said: list[str]) -> None:
    clock = Clock()
    stage, forecast = fleet(clock)
    lines = Lines(said.append, stage, jobs=1)
    for number, (spec, seconds) in enumerate(zip(OTHERS, (600, 660, 630), strict=True), start=1):
        for event in (Started(spec=spec), Finished(spec=spec, trained=True)):
            forecast.take(event)
            lines(event)
            clock.now += seconds if isinstance(event, Started) else 0
        assert len(said) == number
    assert [line.partition("; ")[2] for line in said] == ["about 20 min 0 s left", "about 10 min 30 s left", ""]


def test_the_bars_tell_the_time_left_and_the_share_that_is_done() -> None:
    clock, screen = Clock(), io.StringIO()
    stage, forecast = fleet(clock)
    bars = Bars(stage, screen, jobs=1)
    with bars.shown():
        for event in (Started(spec=OTHERS[0]), Finished(spec=OTHERS[0], trained=True)):
            forecast.take(event)
            bars(event)
            clock.now += 600 if isinstance(event, Started) else 0
    assert bars.whole.fields["told"] == "1/3  about 20 min 0 s left"
    assert bars.whole.completed == pytest.approx(1 / 3)
