"""The simulated fleet: known answers, nothing lost, and what no order can beat."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulated_schedule import (
    CHECKPOINT_SECONDS,
    Arrival,
    LongestFirst,
    Order,
    Ours,
    ShortestFirst,
    off_by,
    play,
)
from tests.small_claim import a_run

SECONDS = {a_run(seed): float(seconds) for seed, seconds in enumerate([1, 2, 3, 4, 5])}
ORDERS: list[type[Order]] = [Arrival, ShortestFirst, LongestFirst, Ours]


@pytest.mark.parametrize(("order", "end"), [(Arrival, 9), (ShortestFirst, 9), (LongestFirst, 8)])
def test_an_order_ends_when_it_should(order: type[Order], end: float) -> None:
    schedule = play(SECONDS, SECONDS, order, 2)
    assert schedule.end == end
    assert schedule.utilisation == 15 / (2 * end)
    assert [schedule.busy(at) for at in (0, end - 0.5, end)] == [2, 1, 0]


def test_what_runs_take_shows_in_the_order_only_once_they_have_ended() -> None:
    specs = [*SECONDS]
    wrong = dict.fromkeys(specs, 1.0) | {specs[4]: 0.5}
    assert [each.spec for each in play(SECONDS, wrong, LongestFirst, 1).stretches][-1] == specs[4]


@pytest.mark.parametrize("order", ORDERS)
def test_the_run_of_a_lost_worker_goes_on_from_its_checkpoint_and_the_worker_does_not_come_back(
    order: type[Order],
) -> None:
    run = a_run()
    schedule = play({run: 200.0}, {run: 200.0}, order, 2, losses={1: 130.0})
    assert [(each.worker, each.begin, each.end) for each in schedule.stretches] == [
        (1, 0, 130),
        (0, 130, 130 + 200 - 2 * CHECKPOINT_SECONDS),
    ]
    assert schedule.offered == 210 + 130
    assert schedule.utilisation == 200 / 340


def test_a_fleet_without_workers_does_not_wait_for_ever() -> None:
    with pytest.raises(ValueError, match="all workers are lost"):
        play(SECONDS, SECONDS, Arrival, 1, losses={0: 2.0})


def test_nothing_to_do_is_done() -> None:
    assert (play({}, {}, Ours, 3).end, play({}, {}, Ours, 3).utilisation) == (0, 1)


def test_estimates_are_off_by_network_and_arm_and_the_same_seed_draws_the_same() -> None:
    both = {a_run(seed, arm): 10.0 for arm in ("batchnorm", "all") for seed in range(3)}
    actual = off_by(both, 2.0, seed=1)
    assert actual == off_by(both, 2.0, seed=1) != off_by(both, 2.0, seed=2)
    assert len(set(actual.values())) == 2
    assert off_by(both, 1.0, seed=1) == both


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(min_value=1, max_value=1000), min_size=1, max_size=15),
    st.integers(min_value=1, max_value=5),
    st.sampled_from(ORDERS),
    st.lists(st.floats(min_value=0, max_value=2000), max_size=3),
)
def test_every_run_is_done_once_and_no_worker_does_two_at_a_time(
    seconds: list[float], workers: int, order: type[Order], lost: list[float]
) -> None:
    actual = {a_run(seed): length for seed, length in enumerate(seconds)}
    losses = dict(enumerate(lost[: workers - 1]))
    schedule = play(actual, actual, order, workers, losses=losses)
    for spec, length in actual.items():
        own = [each for each in schedule.stretches if each.spec == spec]
        spent = sum(each.end - each.begin for each in own)
        assert length - 1e-6 <= spent <= length + CHECKPOINT_SECONDS * (len(own) - 1) + 1e-6
    for worker in range(workers):
        own = sorted((each.begin, each.end) for each in schedule.stretches if each.worker == worker)
        assert all(end <= begin + 1e-9 for (_, end), (begin, _) in pairwise(own))
        assert not own or own[-1][1] <= losses.get(worker, schedule.end) + 1e-9
    assert schedule.end >= max(seconds) - 1e-6
    assert 0 < schedule.utilisation <= 1 + 1e-9
