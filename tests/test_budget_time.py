"""Durations as people write them, the deadline, the window of a pool, and what is said of the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnrepro.deadline import Deadline, duration_seconds, duration_text
from bnrepro.errors import UsageError
from bnrepro.execute.forecast import Forecast
from bnrepro.execute.window import ALWAYS_OPEN, Window
from bnrepro.unfinished import Unfinished, unfinished_summary
from tests.small_claim import a_run

RUNS = [a_run(seed) for seed in range(3)]


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6h", 21_600),
        ("90m", 5_400),
        ("30s", 30),
        ("1h30m", 5_400),
        ("1h30m5s", 5_405),
        ("2d1s", 172_801),
        ("0s", 0),
        ("1.5h", 5_400),
        ("0.25s", 0.25),
    ],
)
def test_a_duration_is_read_as_it_is_meant(text: str, seconds: float) -> None:
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "6", "h", "6 h", "-6h", "+6h", "6H", "1h1h", "30m1h", "1e3s", ".5h", "5.h", "6h\n", "nan", "infs", "٦h"),
        "9" * 400 + "h",
        "6h; rm -rf /",
    ],
)
def test_what_is_no_duration_is_refused_with_its_form(text: str) -> None:
    with pytest.raises(UsageError, match="is not a duration; write it such as 6h, 90m, 30s or 1h30m"):
        duration_seconds(text)


def test_a_refused_duration_cannot_act_on_the_terminal() -> None:
    with pytest.raises(UsageError) as refused:
        duration_seconds("\x1b[31m6h")
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.4, "0s"),
        (45.2, "45s"),
        (59.6, "1m"),
        (61, "1m1s"),
        (3_599.6, "1h"),
        (5_400, "1h30m"),
        (5_445, "1h31m"),
        (86_399, "1d"),
        (187_200, "2d4h"),
    ],
)
def test_a_duration_is_told_to_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@given(st.floats(min_value=0, max_value=1e9))
def test_what_is_told_can_be_read_and_is_near(seconds: float) -> None:
    assert abs(duration_seconds(duration_text(seconds)) - seconds) <= max(0.5, seconds / 24)


@pytest.mark.parametrize("seconds", [-1.0, math.inf, math.nan])
def test_what_cannot_last_is_not_told(seconds: float) -> None:
    with pytest.raises(ValueError, match="no duration"):
        duration_text(seconds)


def test_a_deadline_passes_when_its_time_has_come() -> None:
    clock = Clock()
    deadline = Deadline.after(60, clock)
    assert (deadline.left_seconds, deadline.passed) == (60, False)
    clock.now += 59.5
    assert (deadline.left_seconds, deadline.passed) == (0.5, False)
    clock.now += 0.5
    assert (deadline.left_seconds, deadline.passed) == (0, True)
    clock.now += 1000
    assert deadline.left_seconds == 0


def test_no_time_at_all_has_passed_at_once() -> None:
    assert Deadline.after(0, Clock()).passed


def window(left_seconds: float, *expected: float, carry_over: bool = False, turns: Sequence[int] = ()) -> Window:
    return Window(
        deadline=Deadline.after(left_seconds, Clock()),
        forecast=Forecast(dict(zip(RUNS, expected, strict=True)), clock=Clock()),
        turns=dict(zip(RUNS, turns, strict=False)),
        carry_over=carry_over,
    )


def test_the_longest_run_that_fits_is_begun() -> None:
    assert window(10, 11, 10, 5).next_of(RUNS) == RUNS[1]
    assert window(10, 1, 10, 5).next_of(RUNS) == RUNS[1]
    assert window(10, 1, 1, 1).next_of(RUNS) == RUNS[0]
    assert window(10, 1, 10, 5).next_of([]) is None


def test_a_shorter_run_of_an_earlier_turn_comes_before_a_longer_one_of_a_later() -> None:
    assert window(10, 1, 10, 5, turns=[1, 2, 1]).next_of(RUNS) == RUNS[2]
    assert window(10, 1, 10, 11, turns=[1, 2, 1]).next_of(RUNS) == RUNS[0]
    assert window(10, 1, 10, 11, turns=[1, 2, 1]).next_of(RUNS[1:]) == RUNS[1]
    assert window(10, 21, 20, 11, turns=[1, 2, 1], carry_over=True).next_of(RUNS) == RUNS[0]


def test_what_does_not_fit_is_begun_only_to_be_carried_over_and_only_after_what_fits() -> None:
    assert window(10, 11, 12, 13).next_of(RUNS) is None
    assert window(10, 11, 12, 13, carry_over=True).next_of(RUNS) == RUNS[2]
    assert window(10, 11, 12, 9, carry_over=True).next_of(RUNS) == RUNS[2]


def test_a_closed_window_begins_nothing_and_one_without_a_deadline_everything_in_order() -> None:
    assert window(0, 0, 0, 0, carry_over=True).next_of(RUNS) is None
    assert window(0, 0, 0, 0).closed
    assert ALWAYS_OPEN.next_of(RUNS) == RUNS[0]
    assert not ALWAYS_OPEN.closed


def test_what_is_left_is_told_for_each_claim_and_for_all_with_shared_runs_counted_once() -> None:
    first = Unfinished(look=1, looks=2, seconds={"a": 3600.0, "b": 1800.0}, begun=frozenset({"a"}))
    second = Unfinished(look=2, looks=2, seconds={"b": 1800.0}, begun=frozenset())
    assert first.note == (
        "The budget of time ran out at look 1 of 2: 2 runs are left, about 1h30m one after the other, 1 of them in a "
        "checkpoint. Checks that read them stay open; the next verify goes on."
    )
    assert second.note == (
        "The budget of time ran out at look 2 of 2: 1 run is left, about 30m. Checks that read it stay open; the next "
        "verify goes on."
    )
    assert unfinished_summary({"first": first, "second": second}) == (
        "the budget of time is over: 2 runs are left, about 1h30m one after the other, 1 of them in a checkpoint, for "
        "2 claims; the same command again goes on"
    )
    assert unfinished_summary({}) is None
