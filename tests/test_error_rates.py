"""How often each kind of check is wrong in simulated worlds on its border, through ``judge`` and two looks.

At 2,000 draws a rate of 5 % is known to about 1.5 points; the longer simulations behind docs/ use 20,000.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from bnrepro.spec.arms import Arm
from tests.worlds import BELOW, BETTER, FAMILY, WORSE, check, claim, judged

DRAWS = 2000
NOISE = 3 * math.sqrt(0.05 * 0.95 / DRAWS)
WORLDS = pytest.mark.parametrize(
    ("spreads", "most"),
    [
        pytest.param((1.0, 1.0), 0.05, id="equal spreads"),
        # Satterthwaite's degrees of freedom are approximate: 20,000 draws gave 5.4 % of false refutations here.
        pytest.param((2.0, 0.4), 0.06, id="spreads 5 to 1"),
    ],
)

World = Sequence[Mapping[Arm, tuple[float, float]]]
"""For each network, the mean and the spread of each arm."""


def rate(
    word: str, world: World, kind: str, *, draws: int = DRAWS, looks: tuple[int, ...] = (3, 5), **changes: Any
) -> float:
    """How often draws from a world are given a verdict."""

    def draw(rng: np.random.Generator, mean: float, spread: float) -> list[float]:
        return rng.normal(mean, spread, looks[-1]).tolist()

    return rate_of(word, world, kind, draw, draws=draws, looks=looks, **changes)


def rate_of(
    word: str,
    world: World,
    kind: str,
    draw: Callable[..., list[float]],
    *,
    draws: int,
    looks: tuple[int, ...],
    **changes: Any,
) -> float:
    rng, networks = np.random.default_rng(20200229), FAMILY[: len(world)]
    asked, said = claim(check(kind, **changes), networks=networks, looks=looks), 0
    for _ in range(draws):
        values = {
            (network, arm): draw(rng, *settings)
            for network, arms in zip(networks, world, strict=True)
            for arm, settings in arms.items()
        }
        said += judged(asked, values).verdict == word
    return said / draws


def gaps(*points: float, spreads: tuple[float, float] = (1.0, 1.0)) -> World:
    """The better arm ahead by these points, one for each network."""
    return [{BETTER: (50 + gap, spreads[0]), WORSE: (50, spreads[1])} for gap in points]


def means(*points: float) -> World:
    return [{BETTER: (mean, 1.0)} for mean in points]


def matches(*deficits: tuple[float, float]) -> World:
    """The deficits of the arm that matches and of the one that does not, for each network."""
    return [{BETTER: (50, 1), WORSE: (50 - at, 1), BELOW: (50 - below, 1)} for at, below in deficits]


def spreads(*sds: float) -> World:
    return [{BETTER: (50, sd)} for sd in sds]


@WORLDS
def test_false_confirmations_of_superiority_stay_rare(spreads: tuple[float, float], most: float) -> None:
    assert rate("confirmed", gaps(10, 40, 40, spreads=spreads), "superiority") <= most + NOISE


@WORLDS
def test_false_refutations_of_superiority_stay_rare(spreads: tuple[float, float], most: float) -> None:
    assert rate("refuted", gaps(10, 10, 10, spreads=spreads), "superiority") <= most + NOISE


@pytest.mark.parametrize(
    ("kind", "world"),
    [
        ("non_inferiority", gaps(-2, 9)),
        ("equivalence", gaps(2, 0)),
        ("above_chance", means(20, 60)),
        ("proportion_in_range", means(23, 19)),
        ("matching", matches((2, 12), (0, 12))),
        ("matching", matches((0, 2), (0, 12))),
        # More than half of three networks are two: one is far below the bound, the others on it.
        ("sd_bound", spreads(0.01, 2, 2)),
    ],
)
def test_false_confirmations_with_one_part_on_the_border_stay_rare(kind: str, world: World) -> None:
    assert rate("confirmed", world, kind) <= 0.05 + NOISE


@pytest.mark.parametrize(
    ("kind", "world"),
    [
        ("non_inferiority", gaps(-2, -2)),
        ("equivalence", gaps(2, -2)),
        ("above_chance", means(20, 20)),
        ("proportion_in_range", means(23, 15)),
        ("matching", matches((2, 2), (2, 2))),
        ("sd_bound", spreads(2, 2, 40)),
    ],
)
def test_false_refutations_with_every_part_on_the_border_stay_rare(kind: str, world: World) -> None:
    assert rate("refuted", world, kind) <= 0.05 + NOISE


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("superiority", gaps(16, 16, 16), gaps(4, 16, 16)),
        ("non_inferiority", gaps(5, 5, 5), gaps(-8, 5, 5)),
        ("equivalence", [{BETTER: (50, 0.3), WORSE: (50, 0.3)}] * 3, gaps(-8, 0, 0)),
        ("above_chance", means(30, 60, 60), means(14, 60, 60)),
        ("proportion_in_range", means(19, 19, 19), means(30, 19, 19)),
        ("matching", matches((-4, 9), (-4, 9)), matches((9, 12), (0, 12))),
        ("sd_bound", spreads(0.3, 0.3, 9), spreads(12, 12, 0.3)),
    ],
)
def test_clear_worlds_are_never_told_wrong_and_mostly_told_right(kind: str, right: World, wrong: World) -> None:
    assert rate("refuted", right, kind, draws=200) == rate("confirmed", wrong, kind, draws=200) == 0
    assert rate("confirmed", right, kind, draws=200) > 0.9
    assert rate("refuted", wrong, kind, draws=200) > 0.9


def failing(rng: np.random.Generator, mean: float, chance: float) -> list[float]:
    """Runs that fail with a chance."""
    return [math.nan if failed else mean for failed in rng.random(14) < chance]


@pytest.mark.parametrize(
    ("word", "bound", "chances"),
    [
        ("confirmed", 20.0, ((0.2, 0.0), (0.9, 0.0))),
        ("confirmed", 20.0, ((0.6, 0.6), (0.9, 0.0))),
        ("refuted", 50.0, ((0.5, 0.0), (0.5, 0.0))),
    ],
)
def test_failures_at_the_bound_or_alike_in_both_arms_are_rarely_told_wrong(
    word: str, bound: float, chances: Any
) -> None:
    world = [{WORSE: (80.0, worse), BETTER: (80.0, better)} for worse, better in chances]
    found = rate_of(word, world, "failure_rate", failing, draws=DRAWS, looks=(10, 14), at_least_percent=bound)
    assert 0 < found <= 0.05 + NOISE


def test_an_arm_that_mostly_fails_is_found_out() -> None:
    world = [{WORSE: (80.0, 0.8), BETTER: (80.0, 0.0)}]
    assert rate_of("confirmed", world, "failure_rate", failing, draws=200, looks=(10, 14)) > 0.9
    assert rate_of("refuted", world, "failure_rate", failing, draws=200, looks=(10, 14)) == 0
