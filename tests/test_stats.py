"""The statistics against scipy.stats and statsmodels, and where the data say nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW, ttost_paired

from bnrepro.stats import (
    Estimate,
    RateEstimate,
    SampleError,
    boschloo,
    clopper_pearson_upper,
    holm,
    prediction,
    rank_interval,
    seeds_needed,
    shared,
    spread,
    student,
    welch,
)

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
def test_prediction_of_a_difference_adds_the_squares_of_both(seed: int) -> None:
    samples = draw(seed, 5, 0.5), draw(seed + 100, 5, 2.0)
    estimate = prediction(*samples, paper_n=3)
    variances = [sample.var(ddof=1) * (1 / 5 + 1 / 3) for sample in samples]
    assert estimate.value == pytest.approx(samples[0].mean() - samples[1].mean(), **CLOSE)
    assert estimate.standard_error == pytest.approx(math.sqrt(sum(variances)), **CLOSE)
    df = sum(variances) ** 2 / sum(variance**2 / 4 for variance in variances)
    assert estimate.df == pytest.approx(df, **CLOSE)


@pytest.mark.parametrize("seed", SEEDS)
def test_both_one_sided_tests_of_equivalence_are_those_of_statsmodels(seed: int) -> None:
    first, second, change = draw(seed, 5, 0.4), draw(seed + 100, 4, 0.4), draw(seed, 5, 0.4) - 50
    unpaired, paired = welch(first, second), student(change)
    theirs = CompareMeans(DescrStatsW(first), DescrStatsW(second)).ttost_ind(-0.5, 0.5, usevar="unequal")
    assert max(unpaired.p_above(-0.5), unpaired.p_below(0.5)) == pytest.approx(theirs[0], **CLOSE)
    theirs = ttost_paired(change, np.zeros(5), -0.5, 0.5)
    assert max(paired.p_above(-0.5), paired.p_below(0.5)) == pytest.approx(theirs[0], **CLOSE)


@pytest.mark.parametrize("seed", SEEDS)
def test_bounds_and_p_values_of_a_spread_are_those_of_chi_square(seed: int) -> None:
    sample = draw(seed, 2 + seed % 7, 0.7)
    ours, df = spread(sample), len(sample) - 1
    interval, squares = ours.interval(0.05), ((sample - sample.mean()) ** 2).sum()
    assert interval.low == pytest.approx(math.sqrt(squares / stats.chi2.ppf(0.95, df)), **CLOSE)
    assert interval.high == pytest.approx(math.sqrt(squares / stats.chi2.ppf(0.05, df)), **CLOSE)
    assert ours.p_below(1.1) == pytest.approx(stats.chi2.cdf(squares / 1.1**2, df), **CLOSE)
    assert ours.p_above(1.1) == pytest.approx(stats.chi2.sf(squares / 1.1**2, df), **CLOSE)
    assert ours.value == pytest.approx(sample.std(ddof=1), **CLOSE)


@pytest.mark.parametrize("sample", [[], [50.0], [50.0, 50.0], [85.3] * 3])
def test_a_spread_that_does_not_show_is_unbounded(sample: list[float]) -> None:
    estimate = spread(sample)
    interval = estimate.interval(0.05)
    assert (interval.low, interval.high) == (-math.inf, math.inf)
    assert estimate.p_above(0.0) == estimate.p_below(1e6) == 1.0
    assert estimate.value == (0.0 if len(sample) > 1 else None)


def test_every_spread_is_above_a_bound_of_zero() -> None:
    assert (spread([1.0, 2.0]).p_above(0.0), spread([1.0, 2.0]).p_below(0.0)) == (0.0, 1.0)


def test_the_interval_of_the_largest_takes_the_largest_bounds() -> None:
    estimates = [student(draw(seed, 5)) for seed in range(4)]
    interval = rank_interval(estimates, rank=4, alpha=0.05)
    assert interval.low == max(estimate.interval(0.05 / 4).low for estimate in estimates)
    assert interval.high == max(estimate.interval(0.05).high for estimate in estimates)


@given(st.lists(st.lists(points, min_size=2, max_size=5), min_size=1, max_size=7), st.floats(0.1, 20))
def test_the_middle_rank_is_below_a_bound_where_partial_conjunction_rejects(
    samples: list[list[float]], bound: float
) -> None:
    estimates = [spread(sample) for sample in samples]
    n = len(estimates)
    u = n // 2 + 1
    interval = rank_interval(estimates, rank=u, alpha=0.05)
    below, above = (sorted(getattr(each, side)(bound) for each in estimates) for side in ("p_below", "p_above"))
    for p, held in (
        ((n - u + 1) * below[u - 1], interval.high < bound),
        (u * above[n - u], interval.low > bound),
    ):
        assert held == (p < 0.05) or p == pytest.approx(0.05)


def test_a_rank_interval_holds_its_true_value_whatever_the_rank() -> None:
    rng, draws, alpha = np.random.default_rng(11), 1000, 0.05
    truths = np.array([1.0, 1.0, 1.0, 2.0, 2.0])
    misses = np.zeros((5, 2))
    for sample in rng.normal(size=(draws, 5, 4)) * truths[:, None]:
        estimates = [spread(each) for each in sample]
        for rank, truth in enumerate(truths, start=1):
            interval = rank_interval(estimates, rank=rank, alpha=alpha)
            misses[rank - 1] += interval.low > truth, interval.high < truth
    assert (misses / draws <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / draws)).all()


def test_a_rank_beyond_the_values_is_refused() -> None:
    for rank in (0, 2):
        with pytest.raises(SampleError, match="no rank"):
            rank_interval([student([1.0, 2.0])], rank=rank, alpha=0.05)


@given(first=st.lists(points, min_size=2, max_size=6), second=st.lists(points, min_size=2, max_size=6))
def test_sharing_an_error_stays_between_the_fewest_degrees_of_freedom_and_satterthwaites(
    first: list[float], second: list[float]
) -> None:
    alone = welch(first, second)
    both = shared(alone, 2)
    assert shared(alone, 1) is alone
    if alone.df is None:
        assert both is alone
    else:
        assert min(len(first), len(second)) - 1 <= both.df * (1 + 1e-12) <= alone.df * (1 + 1e-11)
        assert both.interval(0.01).high >= alone.interval(0.01).high - 1e-9


@pytest.mark.parametrize("alone", [student([1.0, 2.0, 4.0]), spread([1.0, 2.0, 4.0]), welch([1.0], [2.0])])
def test_an_estimate_with_exact_degrees_of_freedom_shares_an_error_as_it_is(alone: Estimate) -> None:
    assert shared(alone, 18).interval(0.01) == alone.interval(0.01)


@pytest.mark.parametrize("ratio", [1, 2, 5, 10])
@pytest.mark.parametrize("networks", [3, 18])
def test_many_networks_on_a_bound_are_refuted_no_more_often_than_one(networks: int, ratio: float) -> None:
    # Satterthwaite's degrees of freedom alone would refute 18 in 8 % of draws at 5 : 1, and in 10 % at 10 : 1.
    alpha, draws = 0.05, 1500
    rng = np.random.default_rng([networks, ratio])
    better = rng.normal(0, ratio, (draws, networks, 3))
    worse = rng.normal(0, 1, (draws, networks, 3))
    refuted = sum(
        any(shared(welch(*pair), networks).p_below(0) < alpha / networks for pair in zip(*each, strict=True))
        for each in zip(better, worse, strict=True)
    )
    assert refuted <= draws * alpha + 3 * math.sqrt(draws * alpha * (1 - alpha))


@pytest.mark.parametrize(("successes", "trials"), [(0, 5), (1, 5), (5, 10), (7, 10), (5, 5), (0, 1), (13, 14)])
def test_rates_have_the_bounds_and_tails_of_the_binomial(successes: int, trials: int) -> None:
    ours = RateEstimate(successes=successes, trials=trials)
    theirs = stats.binomtest(successes, trials).proportion_ci(0.9, method="exact")
    interval = ours.interval(0.05)
    assert (interval.low, interval.high) == pytest.approx((100 * theirs.low, 100 * theirs.high), **CLOSE)
    for bound in (0.0, 20.0, 50.0, 100.0):
        for alternative, p in (("greater", ours.p_above), ("less", ours.p_below)):
            expected = stats.binomtest(successes, trials, bound / 100, alternative=alternative).pvalue
            assert p(bound) == pytest.approx(expected, **CLOSE)
    assert ours.value == pytest.approx(100 * successes / trials)


def test_a_rate_beyond_0_to_100_percent_is_impossible_and_one_never_tried_unknown() -> None:
    rate, untried = RateEstimate(successes=5, trials=5), RateEstimate(successes=0, trials=0)
    assert (rate.p_above(-1), rate.p_below(101), rate.p_above(101), rate.p_below(-1)) == (0.0, 0.0, 1.0, 1.0)
    assert (untried.value, untried.interval(0.05).low, untried.interval(0.05).high) == (None, -math.inf, math.inf)
    assert untried.p_above(-1) == untried.p_below(101) == 1.0


@pytest.mark.parametrize(
    ("first", "second"), [((5, 10), (0, 10)), ((4, 10), (1, 10)), ((3, 5), (0, 14)), ((1, 4), (1, 4))]
)
def test_boschloo_is_the_largest_chance_of_as_small_a_fisher_p(first: tuple[int, int], second: tuple[int, int]) -> None:
    def fisher(one: int, other: int) -> float:
        return float(stats.hypergeom.sf(one - 1, first[1] + second[1], first[1], one + other))

    observed = fisher(first[0], second[0])
    tables = [(one, other) for one in range(first[1] + 1) for other in range(second[1] + 1)]
    extreme = [table for table in tables if fisher(*table) <= observed * (1 + 1e-12)]

    def minus_chance(common: float) -> float:
        binomials = (stats.binom.pmf(range(arm[1] + 1), arm[1], common) for arm in (first, second))
        ones, others = binomials
        return -float(sum(ones[one] * others[other] for one, other in extreme))

    coarse = min(np.linspace(0.001, 0.999, 400), key=minus_chance)
    best = optimize.minimize_scalar(
        minus_chance, bounds=(coarse - 0.003, coarse + 0.003), method="bounded", options={"xatol": 1e-12}
    )
    assert boschloo(*first, *second) == pytest.approx(-best.fun, **CLOSE)


def test_boschloo_asks_whether_the_first_rate_is_higher_and_needs_trials_of_both() -> None:
    assert boschloo(8, 10, 0, 10) < 0.001 < 0.999 < boschloo(0, 10, 8, 10)
    assert boschloo(0, 10, 0, 10) == boschloo(3, 3, 0, 0) == boschloo(0, 0, 0, 3) == 1.0
    with pytest.raises(SampleError):
        boschloo(4, 3, 0, 3)


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
    assert (estimate.standard_error is None) == (tiny < 1e-300)


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
    for statistic in (
        student,
        lambda sample: welch(sample, [1.0, 2.0]),
        lambda sample: prediction(sample, paper_n=5),
        spread,
    ):
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
    with pytest.raises(SampleError, match="one or two samples, got 3"):
        prediction([1.0], [2.0], [3.0], paper_n=5)
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
