"""How often each kind of check is wrong in simulated worlds, through ``judge``.

The short version of ``make calibrate``, from the same worlds. A rate of 5 % is known here to about 1 point where
superiority is concerned and to about 2 elsewhere; docs/calibration.md knows them better.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from tests.simulated import SETTINGS, TWO_LOOKS, Errors, Setting, Truth, World, all_worlds, bare

DRAWS, FEW, CLEAR = 2000, 250, 40
ON_BOUND = [(setting, truth) for setting in SETTINGS for truth in setting.means if not truth.clear]


def looks(setting: Setting) -> tuple[int, ...]:
    return (10, 14) if setting.rates else TWO_LOOKS


def rates(world: World, draws: int) -> Counter[str]:
    with bare():
        return world.verdicts(draws)


def most(bound: float, draws: int) -> float:
    """What a rate with this true value exceeds about once in a thousand simulations."""
    return draws * bound + 3 * math.sqrt(draws * bound * (1 - bound))


@pytest.mark.parametrize("errors", [Errors.NORMAL, Errors.UNEQUAL])
@pytest.mark.parametrize("truth", [Truth.ONE_ON_BOUND, Truth.ALL_ON_BOUND])
def test_false_verdicts_of_superiority_stay_rare(truth: Truth, errors: Errors) -> None:
    world = World(setting=SETTINGS[0], truth=truth, errors=errors, looks=TWO_LOOKS)
    # Satterthwaite's degrees of freedom are approximate where spreads differ.
    bound = 0.06 if errors is Errors.UNEQUAL else 0.05
    said = rates(world, DRAWS)
    assert max(said["confirmed"], said["refuted"]) <= most(bound, DRAWS)


@pytest.mark.parametrize(("setting", "truth"), ON_BOUND, ids=[f"{each.label}-{truth}" for each, truth in ON_BOUND])
def test_false_verdicts_on_a_bound_stay_rare(setting: Setting, truth: Truth) -> None:
    said = rates(World(setting=setting, truth=truth, errors=Errors.NORMAL, looks=looks(setting)), FEW)
    assert max(said["confirmed"], said["refuted"]) <= most(0.05, FEW)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.label)
def test_clear_worlds_are_never_told_wrong_and_mostly_told_right(setting: Setting) -> None:
    for truth in setting.means:
        if truth.clear:
            said = rates(World(setting=setting, truth=truth, errors=Errors.NORMAL, looks=looks(setting)), CLEAR)
            right = "confirmed" if truth is Truth.TRUE else "refuted"
            assert said[right] > 0.9 * CLEAR, truth
            assert all(said[wrong] == 0 for wrong in truth.wrong), truth


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.label)
def test_leaving_out_the_marks_of_fragility_changes_no_verdict(setting: Setting) -> None:
    for truth in setting.means:
        world = World(setting=setting, truth=truth, errors=Errors.NORMAL, looks=looks(setting)[:1])
        assert rates(world, 8) == world.verdicts(8)


@pytest.mark.parametrize("errors", Errors)
def test_errors_of_every_shape_have_mean_0_and_standard_deviation_1(errors: Errors) -> None:
    drawn = errors.draw(np.random.Generator(np.random.Philox(1)), (200_000,))
    drawn = drawn[~np.isnan(drawn)]
    assert drawn.mean() == pytest.approx(0, abs=0.02)
    assert drawn.std() == pytest.approx(1, abs=0.02)


def test_parts_of_a_world_differ_and_come_out_again() -> None:
    world = World(setting=SETTINGS[0], truth=Truth.ONE_ON_BOUND, errors=Errors.SKEWED, looks=(5,))
    first, again = (world.verdicts(60) for _ in range(2))
    assert first == again
    assert len({tuple(sorted(world.verdicts(60, part=part).items())) for part in range(6)}) > 1


def test_every_world_has_a_name_of_its_own() -> None:
    names = [world.name for world in all_worlds()]
    assert len(set(names)) == len(names)
