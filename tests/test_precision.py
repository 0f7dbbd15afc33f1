"""The comparison of precisions: runs are paired by seed, and equivalence is never shown by few or scattered ones."""

from __future__ import annotations

import pytest

from bnrepro.spec.recipe import Precision
from bnrepro.spec.run import RunRecord
from tests.precision import comparisons
from tests.test_measure import record


def runs(precision: Precision, *accuracies: float) -> list[RunRecord]:
    made = [record(seed, accuracy) for seed, accuracy in enumerate(accuracies)]
    recipe = made[0].spec.recipe.model_copy(update={"precision": precision})
    return [run.model_copy(update={"spec": run.spec.model_copy(update={"recipe": recipe})}) for run in made]


COARSE = runs(Precision.BFLOAT16, 50.3, 58.1, 41.0, 47.4, 55.5)


def test_runs_are_paired_by_seed() -> None:
    (found,) = comparisons([*COARSE, *runs(Precision.FLOAT32, 50.0, 58.0, 41.4, 47.5, 55.0)])
    assert found.differences_points == pytest.approx((0.3, 0.1, -0.4, -0.1, 0.5))
    assert found.equivalent(2.0)
    assert not found.equivalent(0.2)
    assert "equivalent" in found.told(2.0)


def test_a_shift_as_large_as_the_margin_is_not_equivalent() -> None:
    (found,) = comparisons([*COARSE, *runs(Precision.FLOAT32, 52.3, 60.0, 43.1, 49.4, 57.4)])
    assert not found.equivalent(2.0)
    assert "not shown" in found.told(2.0)


def test_scattered_differences_are_not_equivalent() -> None:
    (found,) = comparisons([*COARSE, *runs(Precision.FLOAT32, 55.0, 50.0, 49.0, 40.0, 60.0)])
    assert not found.equivalent(2.0)


def test_fewer_than_five_pairs_say_nothing() -> None:
    assert comparisons([*COARSE, *runs(Precision.FLOAT32, 50.0, 58.0, 41.4, 47.5)]) == ()
    assert comparisons(COARSE) == ()
