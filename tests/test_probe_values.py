"""Values of probes: known answers, and what holds for any network."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnrepro.errors import UsageError
from bnrepro.spec.probe import (
    CLAMPING_THRESHOLDS,
    MEASURED_TYPES,
    PROBE_VERSIONS,
    AffineValues,
    ClampingCurve,
    Correctness,
    Probe,
    UnitActivity,
)
from tests.fake_trainer import value

FLOATS = st.floats(-4, 4, width=32)
SHARES = st.floats(0, 1)


def affine(*gamma: float) -> AffineValues:
    values = np.array(gamma, dtype=np.float32)
    return AffineValues(gamma=values, beta=-values)


def activity(zeros: list[int], totals: list[int]) -> UnitActivity:
    return UnitActivity(zeros=np.array(zeros, dtype=np.int64), totals=np.array(totals, dtype=np.int64))


@st.composite
def activities(draw: st.DrawFn) -> UnitActivity:
    totals = draw(st.lists(st.integers(1, 10**9), min_size=1, max_size=30))
    return activity([draw(st.integers(0, total)) for total in totals], totals)


gammas = st.lists(FLOATS, min_size=1, max_size=50).map(lambda values: affine(*values))


def test_every_probe_has_a_version_and_a_type() -> None:
    assert set(PROBE_VERSIONS) == set(MEASURED_TYPES) == set(Probe)
    assert all(version >= 1 for version in PROBE_VERSIONS.values())


def test_statistics_of_gamma_are_known_for_known_values() -> None:
    values = affine(-0.5, 0.0, 0.25, 0.25, 1.0)
    assert values.mean() == 0.2
    assert values.standard_deviation() == pytest.approx(math.sqrt(0.235), rel=1e-15)
    assert values.share_negative() == 20
    assert values.share_positive() == 60
    assert values.share_below(0.25) == 20, "a magnitude at the threshold is not below it"
    assert values.share_below(0.3) == 60
    gamma, beta = values.histogram(np.array([-1.0, 0.0, 0.25, 0.5]))
    np.testing.assert_array_equal(gamma, [1, 1, 2])
    np.testing.assert_array_equal(beta, [3, 1, 1], "the last bin holds its right edge too")


def test_thresholds_are_compared_in_double_precision() -> None:
    # float32's 0.01 is a little less than 0.01, its 0.05 a little more.
    assert affine(0.01).share_below(0.01) == 100
    assert affine(0.05).share_below(0.05) == 0


@given(gammas, st.floats(0, 5), st.floats(0, 5))
def test_the_share_below_rises_with_the_threshold(values: AffineValues, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= values.share_below(low) <= values.share_below(high) <= 100
    assert values.share_below(0) == 0
    assert values.share_below(5) == 100


@given(gammas)
def test_signs_and_zeros_are_all_of_gamma(values: AffineValues) -> None:
    zeros = 100 * float(np.mean(values.gamma == 0))
    assert values.share_negative() + values.share_positive() + zeros == pytest.approx(100)
    turned = AffineValues(gamma=values.beta, beta=values.gamma)
    assert turned.share_negative() == values.share_positive()
    assert turned.mean() == -values.mean()
    assert turned.standard_deviation() == pytest.approx(values.standard_deviation())


@given(gammas)
def test_a_histogram_over_all_values_counts_each_once(values: AffineValues) -> None:
    for counts in values.histogram(np.linspace(-4, 4, 9)):
        assert counts.sum() == len(values.gamma)
        assert counts.dtype == np.int64


def curve(*accuracies: float) -> ClampingCurve:
    return ClampingCurve(
        thresholds=np.array(CLAMPING_THRESHOLDS),
        accuracies=np.array(accuracies, dtype=np.float64),
        shares_clamped=np.linspace(0, 70, len(CLAMPING_THRESHOLDS)),
        unclamped_accuracy=80.0,
    )


def test_the_change_at_a_threshold_is_clamped_less_unclamped() -> None:
    measured = curve(80, 80, 80.5, 79.5, 79, 70, 40, 10)
    assert measured.change_at(0.01) == -0.5
    assert measured.change_at(0.005) == 0.5
    assert measured.change_at(0.05) == -10


def test_a_threshold_that_was_not_measured_is_an_error_that_lists_the_others() -> None:
    with pytest.raises(UsageError, match=r"not clamped at 0\.3; choose from 0\.001, 0\.002, .* 0\.2$"):
        curve(*[80] * 8).change_at(0.3)


def test_shares_of_units_are_known_for_known_counts() -> None:
    # On 100, 99.5, 70, 10, 9, 1, 0.5 and 0 % of the time.
    units = activity([0, 1, 60, 180, 182, 198, 199, 200], [200] * 8)
    assert units.share_always_on_or_off() == 100 * 4 / 8
    assert units.share_always_on_or_off(edge=0.011) == 100 * 5 / 8
    assert units.share_between(0.1, 0.7) == 100 * 2 / 8, "both ends belong to it"
    assert units.share_inactive(0.99) == 100 * 2 / 8, "a unit at the cut-off does not exceed it"
    assert units.share_inactive(0.9) == 100 * 4 / 8


@given(activities(), SHARES, SHARES)
def test_fewer_units_are_inactive_at_a_higher_cut_off(units: UnitActivity, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 100 >= units.share_inactive(low) >= units.share_inactive(high) >= 0
    assert units.share_inactive(1) == 0


@given(activities(), SHARES, SHARES)
def test_a_wider_range_holds_no_fewer_units(units: UnitActivity, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert units.share_between(low, high) <= units.share_between(low / 2, min(1, 2 * high))
    assert units.share_between(0, 1) == 100


@given(activities(), st.integers(1, 49))
def test_units_are_extreme_or_between_the_edges_and_never_both(units: UnitActivity, percent: int) -> None:
    edge = percent / 100
    exact = [Fraction(int(zeros), int(total)) for zeros, total in zip(units.zeros, units.totals, strict=True)]
    between = sum(Fraction(percent, 100) <= share <= 1 - Fraction(percent, 100) for share in exact)
    assert units.share_always_on_or_off(edge) == pytest.approx(100 - 100 * between / len(exact))


@given(activities())
def test_on_and_off_are_all_of_the_time(units: UnitActivity) -> None:
    np.testing.assert_allclose(units.on_share() + units.zero_share(), 1, rtol=1e-15)


@pytest.mark.parametrize("wrong", [99.0, -0.1, math.nan])
def test_a_share_that_is_none_is_refused(wrong: float) -> None:
    units = activity([1], [2])
    for ask in (units.share_inactive, units.share_always_on_or_off, lambda low: units.share_between(low, 1)):
        with pytest.raises(ValueError, match="not a share from 0 to 1"):
            ask(wrong)


@pytest.mark.parametrize("probe", Probe)
def test_a_value_goes_to_arrays_and_back(probe: Probe) -> None:
    arrays = value(probe, 4).arrays()
    again = MEASURED_TYPES[probe].from_arrays(arrays).arrays()
    assert {name: array.tobytes() for name, array in again.items()} == {
        name: array.tobytes() for name, array in arrays.items()
    }


@pytest.mark.parametrize("probe", Probe)
def test_arrays_of_another_name_type_or_shape_are_refused(probe: Probe) -> None:
    arrays = value(probe, 4).arrays()
    name = next(iter(sorted(arrays)))
    row = arrays[name]
    for wrong in (
        {**arrays, "more": row},
        {other: array for other, array in arrays.items() if other != name},
        {**arrays, name: row.astype(np.float16)},
        {**arrays, name: np.stack([row, row])},
        {**arrays, name: row[:0]},
    ):
        with pytest.raises(ValueError, match=MEASURED_TYPES[probe].__name__):
            MEASURED_TYPES[probe].from_arrays(wrong)


def test_rows_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="AffineValues: arrays of lengths 1, 2"):
        AffineValues(gamma=np.ones(2, dtype=np.float32), beta=np.ones(1, dtype=np.float32))


@pytest.mark.parametrize(("zeros", "total"), [(-1, 2), (3, 2), (0, 0)])
def test_counts_that_cannot_be_are_refused(zeros: int, total: int) -> None:
    with pytest.raises(ValueError, match="between 0 and all"):
        activity([zeros], [total])


def test_an_accuracy_that_is_no_float_is_refused() -> None:
    with pytest.raises(ValueError, match="unclamped_accuracy"):
        ClampingCurve.from_arrays(value(Probe.CLAMPING, 0).arrays() | {"unclamped_accuracy": np.ones(3)})


def test_correctness_is_one_answer_an_image() -> None:
    assert Correctness(correct=np.array([True, False])).correct.sum() == 1
