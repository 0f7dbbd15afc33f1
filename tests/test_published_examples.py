"""The statistics against worked examples in print.

Each example gives its data and the numbers as printed, to the printed digits. Data and numbers were written down from
memory of the sources, not copied with the sources at hand. Where the example is a test of scipy's too, scipy is held
to the same numbers, so that a slip of memory would not pass as agreement with ourselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from bnrepro.stats import (
    RateEstimate,
    boschloo,
    clopper_pearson_upper,
    holm,
    line_weights,
    planned_mean,
    power_to_hold,
    slope_weights,
    spread,
    student,
    weighted,
    welch,
)

SLEEP = (
    (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0),
    (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4),
)
"""Hours of sleep gained under two drugs by ten patients: Student (1908), "The probable error of a mean"."""


def sample_with(mean: float, sd: float, n: int) -> np.ndarray:
    """A sample of which only the printed summary is known: its t statistics depend on nothing else."""
    values = np.arange(n, dtype=float)
    return mean + sd * (values - values.mean()) / values.std(ddof=1)


def two_sided(estimate: object) -> float:
    return 2 * min(estimate.p_above(0.0), estimate.p_below(0.0))  # type: ignore[attr-defined]


def test_student_1908_on_the_difference_of_two_sleeping_drugs() -> None:
    """R prints t = 4.0621 on 9 degrees of freedom, p = 0.002833, 95 % interval 0.7001142 to 2.4598858."""
    differences = np.subtract(SLEEP[1], SLEEP[0])
    estimate, interval = student(differences), student(differences).interval(0.025)
    assert estimate.value == pytest.approx(1.58)
    assert estimate.value / estimate.standard_error == pytest.approx(4.0621, abs=5e-5)
    assert (interval.low, interval.high) == pytest.approx((0.7001142, 2.4598858), abs=5e-8)
    assert two_sided(estimate) == pytest.approx(0.002833, abs=5e-7)
    assert two_sided(estimate) == pytest.approx(stats.ttest_rel(*SLEEP).pvalue, rel=1e-8)


def test_welch_on_the_same_data_unpaired_as_the_manual_of_r_prints_it() -> None:
    """``t.test(extra ~ group, data = sleep)``: t = -1.8608, df = 17.776, p = 0.07939, -3.3654832 to 0.2054832."""
    estimate, interval = welch(*SLEEP), welch(*SLEEP).interval(0.025)
    assert estimate.value / estimate.standard_error == pytest.approx(-1.8608, abs=5e-5)
    assert estimate.df == pytest.approx(17.776, abs=5e-4)
    assert stats.ttest_ind(*SLEEP, equal_var=False).df == pytest.approx(17.776, abs=5e-4)
    assert (interval.low, interval.high) == pytest.approx((-3.3654832, 0.2054832), abs=5e-8)
    assert two_sided(estimate) == pytest.approx(0.07939, abs=5e-6)


def test_satterthwaite_on_the_miles_per_gallon_of_the_nist_handbook() -> None:
    """NIST/SEMATECH e-Handbook, section 1.3.5.3, AUTO83B.DAT: T = -12.94627, 136.8750 degrees of freedom."""
    american, japanese = sample_with(20.14458, 6.414700, 249), sample_with(30.48101, 6.107710, 79)
    estimate = welch(american, japanese)
    assert estimate.value / estimate.standard_error == pytest.approx(-12.94627, abs=2e-5)
    assert estimate.df == pytest.approx(136.8750, abs=2e-4)
    theirs = stats.ttest_ind_from_stats(20.14458, 6.414700, 249, 30.48101, 6.107710, 79, equal_var=False)
    assert theirs.statistic == pytest.approx(-12.94627, abs=2e-5)


def test_fisher_1935_on_darwins_maize() -> None:
    """The Design of Experiments, section 17: crossed less self-fertilised, in eighths of an inch; t = 2.148."""
    differences = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    estimate = student(differences)
    assert estimate.df == 14
    assert estimate.value / estimate.standard_error == pytest.approx(2.148, abs=5e-4)
    assert two_sided(estimate) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, rel=1e-8)


@pytest.mark.parametrize(
    ("successes", "trials", "printed"),
    [
        (81, 263, (0.2527, 0.3676)),
        (15, 148, (0.0578, 0.1617)),
        (0, 20, (0.0, 0.1684)),
        (1, 29, (0.0009, 0.1776)),
    ],
)
def test_clopper_and_pearson_on_the_proportions_of_newcombe(
    successes: int, trials: int, printed: tuple[float, float]
) -> None:
    """Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 5; "exact", 95 %."""
    rate = RateEstimate(successes=successes, trials=trials)
    interval = rate.interval(0.025)
    theirs = stats.binomtest(successes, trials).proportion_ci(0.95, method="exact")
    assert (max(interval.low, 0.0) / 100, interval.high / 100) == pytest.approx(printed, abs=5.1e-5)
    assert (theirs.low, theirs.high) == pytest.approx(printed, abs=5.1e-5)


@pytest.mark.parametrize("trials", [50, 100, 1000])
def test_nothing_in_many_trials_leaves_three_over_their_number(trials: int) -> None:
    """Hanley & Lippman-Hand (1983), JAMA 249, 1743-1745: the one-sided 95 % bound of 0 in n is about 3/n."""
    assert clopper_pearson_upper(0, trials) == pytest.approx(3 / trials, rel=0.04)


def test_boschloo_on_the_satisfaction_of_professors_and_scientists() -> None:
    """The documentation of ``scipy.stats.boschloo_exact``: the table ((74, 31), (43, 32)) gives p = 0.0355.

    The columns of scipy's table are its two binomials, 74 of 117 and 31 of 63. The printed digits are cut, not rounded.
    """
    theirs = stats.boschloo_exact([[74, 31], [43, 32]], alternative="greater").pvalue
    assert math.floor(theirs * 1e4) == 355
    assert boschloo(74, 117, 31, 63) == pytest.approx(theirs, rel=1e-6)


def test_the_bound_of_a_variance_of_filled_bottles() -> None:
    """Montgomery & Runger, Applied Statistics and Probability for Engineers, example 8-6.

    s² = 0.0153 from 20 bottles: the upper 95 % bound of the variance is 19 · 0.0153 / 10.117 = 0.0287.
    """
    bound = spread(sample_with(1.0, math.sqrt(0.0153), 20)).interval(0.05).high
    assert stats.chi2.ppf(0.05, 19) == pytest.approx(10.117, abs=5e-4)
    assert bound**2 == pytest.approx(0.0287, abs=5e-5)


def test_holm_on_four_p_values() -> None:
    """The example of Wikipedia's article on Holm (1979): of 0.01, 0.04, 0.03 and 0.005, the first and the last."""
    adjusted = holm([0.01, 0.04, 0.03, 0.005])
    assert (adjusted < 0.05).tolist() == [True, False, False, True]
    assert adjusted == pytest.approx([0.03, 0.06, 0.06, 0.02])


ANSCOMBE_X: Sequence[float] = (10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5)


@pytest.mark.parametrize(
    "row",
    [
        (8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68),
        (9.14, 8.14, 8.74, 8.77, 9.26, 8.10, 6.13, 3.10, 9.13, 7.26, 4.74),
        (7.46, 6.77, 12.74, 7.11, 7.81, 8.84, 6.08, 5.39, 8.15, 6.42, 5.73),
    ],
)
def test_the_line_through_the_quartet_of_anscombe(row: tuple[float, ...]) -> None:
    """Anscombe (1973), The American Statistician 27, 17-21: every set gives y = 3 + 0.5 x."""
    slope = weighted(np.array([row]), slope_weights(ANSCOMBE_X))[0]
    start = weighted(np.array([row]), line_weights(ANSCOMBE_X, 0.0))[0]
    assert slope == pytest.approx(0.5, abs=5e-4)
    assert start == pytest.approx(3.0, abs=5e-3)


def test_sixty_four_a_group_find_half_a_standard_deviation_four_times_in_five() -> None:
    """Cohen (1988), Statistical Power Analysis, table 2.3.5: d = 0.50 at n = 64, two-sided 5 %, has power 0.80."""
    power = power_to_hold(planned_mean(1.0, 1.0, n=64), below=0.5, above=math.inf, alpha=0.025)
    assert power == pytest.approx(0.80, abs=5e-3)
