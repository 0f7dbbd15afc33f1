"""What moving, scaling, permuting and swapping data must do to verdicts, through ``judge``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnrepro.spec.arms import Arm
from bnrepro.spec.networks import Network
from tests.worlds import BELOW, BETTER, WORSE, Numbers, check, claim, judged, number

NETWORKS = tuple(map(Network.parse, ("resnet-14", "resnet-32")))
ARMS = (BETTER, WORSE, BELOW)
LOOKS = (3, 5)
TWO_ARMED: dict[str, dict[str, Any]] = {
    "superiority": {"margin": 4.0},
    "non_inferiority": {"margin": 4.0},
    "equivalence": {"margin": 4.0},
    "matching": {"margin": 4.0},
    "containment": {"margin": 1.0},
    "range": {"tolerance": 4.0, "arm": None, "better": BETTER, "worse": WORSE, "statistic": "each"},
}
"""Kinds whose estimate is a difference of two arms."""
WITH_WIDENING = ("non_inferiority", "equivalence", "containment", "range")
"""Kinds whose region grows with their margin. A larger margin asks more of superiority, and of ``matching`` asks more
of one part and less of the other."""
SIXTEENTHS = 16
"""Values and shifts are multiples of 1/16 and factors powers of 2, so that moving them rounds nothing."""

Points = dict[tuple[Network, Arm], list[float]]

kinds = st.sampled_from(tuple(TWO_ARMED))
sixteenths = st.integers(0, 10 * SIXTEENTHS).map(lambda value: 40 + value / SIXTEENTHS)
samples = st.lists(sixteenths, min_size=5, max_size=5)
worlds = st.fixed_dictionaries({(network, arm): samples for network in NETWORKS for arm in ARMS})
near = st.integers(-SIXTEENTHS, SIXTEENTHS).map(lambda value: value / SIXTEENTHS)
"""Seeds that scatter little around a mean: among these most verdicts are decided."""
decided_worlds = st.fixed_dictionaries(
    {
        (network, arm): st.tuples(st.integers(40, 52), st.lists(near, min_size=5, max_size=5)).map(
            lambda drawn: [drawn[0] + each for each in drawn[1]]
        )
        for network in NETWORKS
        for arm in ARMS
    }
)
any_world = st.one_of(worlds, decided_worlds)


def said(kind: str, points: Points, *, factor: float = 1.0, **changes: Any) -> list[tuple[str, int, list[str]]]:
    """Verdict, look and verdicts of the parts; margins and the paper's numbers times a factor."""
    sized = {
        name: value * factor if isinstance(value, float) else value
        for name, value in (check(kind) | TWO_ARMED[kind] | changes).items()
    }
    references = Numbers(
        {
            "s/gap": number(low=2.0 * factor, high=4.0 * factor, rounding=0.5 * factor),
            "s/best": number(value=2.0 * factor, rounding=0.5 * factor),
        }
    )
    judgement = judged(claim(sized, networks=NETWORKS, looks=LOOKS), points, references=references)
    return [(each.verdict.value, each.look, [part.verdict.value for part in each.parts]) for each in judgement.checks]


def moved(points: Points, move: Callable[[list[float]], Sequence[float]]) -> Points:
    return {cell: list(move(values)) for cell, values in points.items()}


@settings(max_examples=60, deadline=None)
@given(kinds, any_world, st.integers(-30 * SIXTEENTHS, 30 * SIXTEENTHS))
def test_shifting_all_runs_alike_changes_no_difference(kind: str, points: Points, shift: int) -> None:
    shifted = moved(points, lambda values: [value + shift / SIXTEENTHS for value in values])
    assert said(kind, shifted) == said(kind, points)


@settings(max_examples=60, deadline=None)
@given(kinds, any_world, st.sampled_from([0.25, 0.5, 2.0, 8.0]))
def test_scaling_runs_and_margins_together_changes_nothing(kind: str, points: Points, factor: float) -> None:
    scaled = moved(points, lambda values: [value * factor for value in values])
    assert said(kind, scaled, factor=factor) == said(kind, points)


@settings(max_examples=60, deadline=None)
@given(kinds, any_world, st.permutations(range(3)), st.permutations(range(3, 5)))
def test_permuting_the_seeds_of_a_look_changes_nothing(
    kind: str, points: Points, first: list[int], later: list[int]
) -> None:
    permuted = moved(points, lambda values: [values[seed] for seed in (*first, *later)])
    assert said(kind, permuted) == said(kind, points)


@settings(max_examples=60, deadline=None)
@given(kinds, any_world, st.permutations(range(3)), st.permutations(range(3, 5)))
def test_seeds_of_different_arms_are_not_paired(kind: str, points: Points, first: list[int], later: list[int]) -> None:
    permuted = points | {
        cell: [values[seed] for seed in (*first, *later)] for cell, values in points.items() if cell[1] == WORSE
    }
    assert said(kind, permuted) == said(kind, points)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(WITH_WIDENING), any_world, st.sampled_from([0.25, 1.0, 5.0]))
def test_adding_margin_never_turns_confirmed_into_refuted(kind: str, points: Points, more: float) -> None:
    name = "tolerance" if kind == "range" else "margin"
    ((before, _, _),) = said(kind, points)
    ((after, _, _),) = said(kind, points, **{name: TWO_ARMED[kind][name] + more})
    assert not (before == "confirmed" and after != "confirmed"), "what held with less margin holds with more"
    assert not (after == "refuted" and before != "refuted"), "what fails with more margin fails with less"


@settings(max_examples=80, deadline=None)
@given(any_world, st.sampled_from([0.25, 1.0, 5.0]))
def test_asking_for_more_never_confirms_a_superiority_that_was_not(points: Points, more: float) -> None:
    ((before, _, _),) = said("superiority", points)
    ((after, _, _),) = said("superiority", points, margin=4.0 + more)
    assert not (after == "confirmed" and before != "confirmed")
    assert not (before == "refuted" and after != "refuted")


@settings(max_examples=80, deadline=None)
@given(any_world)
def test_equivalence_is_the_same_with_its_arms_swapped(points: Points) -> None:
    assert said("equivalence", points, better=WORSE, worse=BETTER) == said("equivalence", points)


MIRRORED = {"confirmed": "refuted", "refuted": "confirmed", "inconclusive": "inconclusive"}


@settings(max_examples=120, deadline=None)
@given(any_world)
def test_swapping_arms_mirrors_superiority_into_non_inferiority(points: Points) -> None:
    """On one network, "A beats B by more than m" is refuted where "B is no more than -m ahead of A" is confirmed."""
    one = {cell: values for cell, values in points.items() if cell[0] == NETWORKS[0]}

    def verdict(kind: str, better: Arm, worse: Arm, margin: float) -> tuple[str, int]:
        asked = claim(check(kind, better=better, worse=worse, margin=margin), networks=NETWORKS[:1], looks=LOOKS)
        found = judged(asked, one).checks[0]
        return found.verdict.value, found.look

    # The region of each is the complement of the other's: (0, ∞) for A - B, and for B - A mirrored.
    word, look = verdict("superiority", BETTER, WORSE, 0.0)
    assert verdict("superiority", WORSE, BETTER, 0.0) == (MIRRORED[word], look)
    assert verdict("non_inferiority", BETTER, WORSE, 0.0) == (word, look)


def test_the_worlds_above_give_every_verdict() -> None:
    """Without this, properties of verdicts could hold because none is ever decided."""

    def points(gap: float) -> Points:
        return {
            (network, arm): [45 + lead + each / 8 for each in range(5)]
            for network in NETWORKS
            for arm, lead in ((BETTER, gap), (WORSE, 0.0), (BELOW, -9.0))
        }

    for kind in TWO_ARMED:
        words = {said(kind, points(gap / 8))[0][0] for gap in range(-160, 161, 8)}
        assert words == {"confirmed", "refuted", "inconclusive"}, kind


@pytest.mark.parametrize("kind", TWO_ARMED)
def test_more_of_the_same_margin_ends_in_the_same_word_at_any_margin(kind: str) -> None:
    """Scaled by 0.1, which rounds: verdicts away from a bound stay."""
    points = {
        (network, arm): [45 + lead + each / 8 for each in range(5)]
        for network in NETWORKS
        for arm, lead in ((BETTER, 12.0), (WORSE, 0.0), (BELOW, -9.0))
    }
    scaled = moved(points, lambda values: [value * 0.1 for value in values])
    assert said(kind, scaled, factor=0.1) == said(kind, points)
