"""Whose turn it is within a budget: no claim fewer than the rule that looks at each claim alone, and where more."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bnrepro.turns import Lacking, Rule, cheapest_first, order_of_turns, play, shared_first


def night(rule: Rule | None, lacking: Lacking, seconds: Mapping[str, float], left: float) -> dict[str, float]:
    """One process until the deadline, asking after each turn whose is next; when each claim came through.

    ``None`` asks :func:`order_of_turns`.
    """
    now, done = 0.0, set[str]()
    through: dict[str, float] = {}
    while waiting := {claim: set(keys) - done for claim, keys in lacking.items() if set(keys) - done}:
        order = (
            order_of_turns(waiting, seconds, left_seconds=left - now, jobs=1)
            if rule is None
            else rule(waiting, seconds)
        )
        turn = next((claim for claim in order if any(now + seconds[key] <= left for key in waiting[claim])), None)
        if turn is None:
            break
        for key in sorted(waiting[turn], key=lambda key: (-seconds[key], key)):
            if now + seconds[key] <= left:
                now += seconds[key]
                done.add(key)
                through |= {c: now for c, keys in lacking.items() if c not in through and set(keys) <= done}
    return through


FIVE_SHARE = {"alone": {"a"}, **{f"sharing{number}": {"b"} for number in range(5)}}


@pytest.mark.parametrize(("left", "cheapest", "shared", "taken"), [(12, 1, 1, 1), (20, 1, 5, 5), (25, 6, 6, 6)])
def test_claims_that_share_come_first_where_time_is_left_for_them(
    left: float, cheapest: int, shared: int, taken: int
) -> None:
    seconds = {"a": 10.0, "b": 15.0}
    assert len(night(cheapest_first, FIVE_SHARE, seconds, left)) == cheapest
    assert len(night(shared_first, FIVE_SHARE, seconds, left)) == shared
    assert len(night(None, FIVE_SHARE, seconds, left)) == taken


def test_where_all_come_through_they_do_so_sooner_on_average() -> None:
    seconds = {"a": 10.0, "b": 15.0}
    assert order_of_turns(FIVE_SHARE, seconds, left_seconds=1000, jobs=1)[-1] == "alone"
    assert sum(night(None, FIVE_SHARE, seconds, 1000).values()) == 5 * 15 + 25
    assert sum(night(cheapest_first, FIVE_SHARE, seconds, 1000).values()) == 10 + 5 * 25


def test_runs_shared_in_part_cost_each_claim_its_part() -> None:
    lacking = {"one": {"x", "p"}, "two": {"x", "q"}, "alone": {"r"}}
    seconds = {"x": 10.0, "p": 1.0, "q": 1.0, "r": 8.0}
    assert cheapest_first(lacking, seconds)[0] == "alone"
    assert shared_first(lacking, seconds)[:2] == ["one", "two"]


def test_sharing_with_a_claim_that_does_not_come_through_makes_nothing_cheap() -> None:
    lacking = {"shares": {"x"}, "never": {"x", "far"}, "one": {"p"}, "two": {"q"}}
    seconds = {"x": 12.0, "far": 90.0, "p": 7.0, "q": 7.0}
    assert shared_first(lacking, seconds)[0] == "shares"
    assert order_of_turns(lacking, seconds, left_seconds=14, jobs=1)[:2] == ["one", "two"]
    assert order_of_turns(lacking, seconds, left_seconds=1000, jobs=1)[0] == "one"


def test_claims_that_share_nothing_have_their_turns_from_the_cheapest_on() -> None:
    seconds = {"a": 3.0, "b": 1.0, "c": 2.0}
    assert order_of_turns({key: {key} for key in seconds}, seconds, left_seconds=9, jobs=1) == ["b", "c", "a"]


def test_runs_that_come_before_all_turns_take_their_time_and_are_done() -> None:
    lacking = {"one": {"begun", "x"}, "two": {"y"}}
    seconds = {"begun": 6.0, "x": 1.0, "y": 2.0}
    played = play(cheapest_first, lacking, seconds, left_seconds=8, jobs=1, first=["begun"])
    assert played.through == {"one": 7}
    assert order_of_turns(lacking, seconds, left_seconds=8, jobs=1, first=["begun"]) == ["two", "one"]


def test_several_processes_get_more_claims_through() -> None:
    lacking = {"one": {"a", "b"}, "two": {"c", "d"}}
    seconds = dict.fromkeys("abcd", 5.0)
    through = {jobs: len(play(cheapest_first, lacking, seconds, left_seconds=10, jobs=jobs).through) for jobs in (1, 2)}
    assert through == {1: 1, 2: 2}


@st.composite
def budgets(draw: st.DrawFn) -> tuple[dict[str, set[str]], dict[str, float], float]:
    """Claims that share some of up to a dozen runs, and time for some of them. Whole seconds: their sums are exact."""
    seconds = draw(st.dictionaries(st.sampled_from("abcdefghijkl"), st.integers(1, 60).map(float), min_size=1))
    claims = draw(st.lists(st.sets(st.sampled_from(sorted(seconds)), min_size=1), min_size=1, max_size=7))
    left = draw(st.integers(0, int(sum(seconds.values()))))
    return {f"claim{number}": keys for number, keys in enumerate(claims)}, seconds, float(left)


@settings(max_examples=400, deadline=None)
@given(budgets())
@example((FIVE_SHARE, {"a": 10.0, "b": 15.0}, 12.0))
@example((FIVE_SHARE, {"a": 10.0, "b": 15.0}, 20.0))
def test_no_night_gets_fewer_claims_through_than_either_rule_alone(
    budget: tuple[dict[str, set[str]], dict[str, float], float],
) -> None:
    lacking, seconds, left = budget
    taken = night(None, lacking, seconds, left)
    for rule in (cheapest_first, shared_first):
        alone = night(rule, lacking, seconds, left)
        assert (len(taken), -sum(taken.values())) >= (len(alone), -sum(alone.values()))
