"""The statistics against scipy.stats and statsmodels, and where the data say nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from bnrepro.stats import SampleError, clopper_pearson_upper, holm, prediction, seeds_needed, student, welch

CLOSE = {"rel": 1e-8, "abs": 1e-8}
SEEDS = range(20)

points = st.floats(0, 100, allow_nan=False).map(lambda value: round(value, 2))


def draw(seed: int, size: int, spread: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(50, spread, size)


@pytest.mark.parametrize("seed", SEEDS)
def test_welch_interval_and_p_values_are_those_of_scipy(seed: int) -> None:
    better, worse = draw(seed, 2 + seed % 5, 0.3), draw(seed + 100, 2 + seed % 3, 4.0)
    ours = welch(better, worse)
    interval = ours.interval(0.025)
    theirs = stats.ttest_ind(better, worse, equal_var=False).confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((theirs.low, theirs.high), **CLOSE)
    for alternative, p in (("greater", ours.p_above), ("less", ours.p_below)):
        expected = stats.ttest_ind(better, worse + 1.5, equal_var=False, alternative=alternative).pvalue
        assert p(1.5) == pytest.approx(expected, **CLOSE)


@pytest.mark.parametrize("seed", SEEDS)
def test_student_interval_and_p_values_are_those_of_scipy(seed: int) -> None:
    sample = draw(seed, 2 + seed % 7)
    ours = student(sample)
    interval = ours.interval(0.05)
    theirs = stats.ttest_1samp(sample, 0).confidence_interval(0.9)
    assert (interval.low, interval.high) == pytest.approx((theirs.low, theirs.high), **CLOSE)
    assert interval.level == pytest.approx(0.9)
    for alternative, p in (("greater", ours.p_above), ("less", ours.p_below)):
        assert p(50.2) == pytest.approx(stats.ttest_1samp(sample, 50.2, alternative=alternative).pvalue, **CLOSE)


@pytest.mark.parametrize("seed", SEEDS)
def test_prediction_half_width_is_that_of_patil_peng_and_leek(seed: int) -> None:
    sample = draw(seed, 5)
    interval = prediction(sample, paper_n=3).interval(0.05)
    half = stats.t.ppf(0.95, 4) * sample.std(ddof=1) * math.sqrt(1 / 5 + 1 / 3)
    assert (interval.high - interval.low) / 2 == pytest.approx(half, **CLOSE)


@pytest.mark.parametrize("seed", SEEDS)
def test_holm_is_that_of_statsmodels(seed: int) -> None:
    p = np.random.default_rng(seed).uniform(0, 0.2, 1 + seed)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], **CLOSE)


@pytest.mark.parametrize(("successes", "trials"), [(0, 5), (1, 5), (2, 40), (5, 5), (0, 1)])
def test_clopper_pearson_bound_is_that_of_scipy(successes: int, trials: int) -> None:
    theirs = stats.binomtest(successes, trials, alternative="less").proportion_ci(0.95, method="exact")
    assert clopper_pearson_upper(successes, trials) == pytest.approx(theirs.high, **CLOSE)


def test_none_of_five_leaves_45_percent_and_none_of_none_leaves_everything() -> None:
    assert clopper_pearson_upper(0, 5) == pytest.approx(0.45, abs=0.001)
    assert clopper_pearson_upper(0, 0) == 1.0


@pytest.mark.parametrize("sample", [[], [50.0], [50.0, 50.0], [85.3] * 3, [0.0] * 5])
def test_ignorance_is_an_unbounded_interval_and_p_of_one(sample: list[float]) -> None:
    for estimate in (student(sample), prediction(sample, paper_n=5), welch(sample, sample), welch(sample, [1.0])):
        interval = estimate.interval(0.05)
        assert (interval.low, interval.high) == (-math.inf, math.inf)
        assert estimate.standard_error is None
        assert estimate.p_above(-1e6) == estimate.p_below(1e6) == 1.0
    assert student(sample).value == (sample[0] if sample else None)


def test_rounding_alone_is_no_spread() -> None:
    assert student([0.1 + 0.2, 0.3, 0.3]).standard_error is None


@pytest.mark.parametrize("tiny", [5e-324, 1e-200, 1e-160, 1e-12])
def test_a_spread_too_small_to_square_is_unknown_or_exact(tiny: float) -> None:
    estimate = welch([0.0, 0.0, tiny], [0.0, tiny, 0.0])
    if estimate.standard_error is not None:
        assert estimate.standard_error == pytest.approx(tiny * math.sqrt(2) / 3, rel=1e-3)
        assert seeds_needed(estimate.sds, tiny, alpha=0.05, at_most=100) is not None
    assert (estimate.standard_error is None) == (tiny < 1e-170)


def test_two_seeds_give_the_interval_of_one_degree_of_freedom() -> None:
    interval = student([49.0, 51.0]).interval(0.05)
    assert interval.high - 50 == pytest.approx(6.313751514675037, **CLOSE)


def test_one_constant_sample_leaves_the_degrees_of_freedom_of_the_other() -> None:
    estimate = welch([10.0, 10.0, 10.0], [1.0, 2.0, 3.0])
    assert estimate.df == pytest.approx(2)
    assert estimate.standard_error == pytest.approx(1 / math.sqrt(3))


@given(st.lists(points, max_size=6), st.lists(points, max_size=6))
def test_no_interval_is_narrower_than_its_data_allow(first: list[float], second: list[float]) -> None:
    estimate = welch(first, second)
    interval = estimate.interval(0.05)
    assert interval.low < interval.high
    if estimate.value is not None:
        assert interval.low < estimate.value < interval.high


@pytest.mark.parametrize("bad", [[math.nan, 1.0], [math.inf, 1.0], [[1.0, 2.0]]])
def test_a_sample_that_is_no_sample_is_refused(bad: object) -> None:
    for statistic in (student, lambda sample: welch(sample, [1.0, 2.0]), lambda sample: prediction(sample, 5)):
        with pytest.raises(SampleError):
            statistic(bad)


def test_levels_rates_and_bounds_without_meaning_are_refused() -> None:
    estimate = student([1.0, 2.0])
    with pytest.raises(SampleError, match="alpha"):
        estimate.interval(0.5)
    with pytest.raises(SampleError, match="NaN"):
        estimate.p_above(math.nan)
    with pytest.raises(SampleError, match="at least one run"):
        prediction([1.0, 2.0], paper_n=0)
    with pytest.raises(SampleError):
        holm([0.1, math.nan])
    with pytest.raises(SampleError):
        clopper_pearson_upper(6, 5)


def test_seeds_needed_is_the_first_number_that_is_narrow_enough() -> None:
    sds, distance, alpha = (1.0, 2.0), 1.1, 0.025

    def half_width(n: int) -> float:
        df = (n - 1) * 5**2 / (1 + 4**2)
        return float(stats.t.ppf(1 - alpha, df) * math.sqrt(5 / n))

    needed = seeds_needed(sds, distance, alpha=alpha, at_most=100)
    assert needed is not None
    assert half_width(needed) < distance <= half_width(needed - 1)


def test_no_number_of_seeds_is_named_when_none_would_do() -> None:
    assert seeds_needed([1.0], 0.001, alpha=0.05, at_most=100) is None
    assert seeds_needed([1.0], 0.5, alpha=0.05, at_most=10_000, other_mean=1 / 5) is None, (
        "the paper's own n is too small"
    )
    with pytest.raises(SampleError):
        seeds_needed([0.0], 1.0, alpha=0.05, at_most=100)
