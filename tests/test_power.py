"""What a number of seeds can settle: the power formulas, what they say of checks, and how it is printed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.power import TTestIndPower, TTestPower

from bnrepro.budget import setting_without_data
from bnrepro.checks import obstacle_at
from bnrepro.power import CheckPower, powers
from bnrepro.question import ask
from bnrepro.session import load_suite
from bnrepro.spec.claim import Claim
from bnrepro.spec.load import LoadedClaim
from bnrepro.spec.scale import Scale
from bnrepro.stats import (
    Planned,
    RateEstimate,
    SampleError,
    clean_runs_to_refute,
    failures_to_hold,
    planned_mean,
    power_to_hold,
    rate_for,
    resolved_distance,
    resolved_sd_ratio,
    sd_power_to_hold,
    welch,
)
from tests.small_claim import REPOSITORY, World, call
from tests.worlds import BETTER, FAMILY, NUMBERS, check, claim

SEEDS = st.integers(2, 30)
ALPHAS = st.sampled_from([0.05, 0.025, 0.05 / 3, 0.005])
EFFECTS = st.floats(-1, 3)
"""Standard deviations between the truth and a bound; at power next to 1 statsmodels gives NaN."""


@given(n=SEEDS, alpha=ALPHAS, effect=EFFECTS, sd=st.floats(0.1, 10))
def test_power_of_a_mean_is_that_of_statsmodels(n: int, alpha: float, effect: float, sd: float) -> None:
    own = power_to_hold(planned_mean(sd, n=n), below=effect * sd, above=math.inf, alpha=alpha)
    theirs = TTestPower().power(effect, n, alpha, alternative="larger")
    assert own == pytest.approx(theirs, abs=1e-6)


@given(n=SEEDS, alpha=ALPHAS, effect=EFFECTS, sd=st.floats(0.1, 10))
def test_power_of_a_difference_is_that_of_statsmodels(n: int, alpha: float, effect: float, sd: float) -> None:
    own = power_to_hold(planned_mean(sd, sd, n=n), below=math.inf, above=effect * sd, alpha=alpha)
    theirs = TTestIndPower().power(effect, n, alpha, alternative="larger")
    assert own == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize(
    ("cv", "ratio", "standard_errors", "df", "power"),
    [
        (0.2, 0.95, math.sqrt(2 / 20), 18, 0.834680),
        (0.3, 0.95, math.sqrt(2 / 40), 38, 0.8158453),
        (0.35, 0.95, math.sqrt(1 / 52 + 1 / 49), 99, 0.8011186),
        (0.36, 0.93, math.sqrt(1 / 75 + 1 / 70), 143, 0.8256362),
    ],
)
def test_power_of_two_one_sided_tests_is_the_published_one(
    cv: float, ratio: float, standard_errors: float, df: float, power: float
) -> None:
    """Examples in the manual of PowerTOST (Labes, Schütz & Lang), which uses Owen's Q: logarithms of a ratio within
    0.8 to 1.25 with a coefficient of variation, in 2 x 2 crossovers of 20 and 40 and in two groups."""
    planned = Planned(standard_error=math.sqrt(math.log(1 + cv**2)) * standard_errors, df=df)
    own = power_to_hold(planned, below=math.log(ratio / 0.8), above=math.log(1.25 / ratio), alpha=0.05)
    assert own == pytest.approx(power, abs=6e-7)


@pytest.mark.parametrize(("n", "alpha", "centre"), [(2, 0.05, 0.0), (3, 0.025, 0.5), (5, 0.025, 1.0), (10, 0.05, 0.0)])
def test_power_of_two_one_sided_tests_is_what_simulated_intervals_do(n: int, alpha: float, centre: float) -> None:
    draws = np.random.default_rng(7).normal(centre, 1.0, (200_000, n))
    half = scipy_stats.t.ppf(1 - alpha, n - 1) * draws.std(axis=1, ddof=1) / math.sqrt(n)
    means = draws.mean(axis=1)
    simulated = np.mean((means - half > -2) & (means + half < 2))
    own = power_to_hold(planned_mean(1.0, n=n), below=centre + 2, above=2 - centre, alpha=alpha)
    assert own == pytest.approx(simulated, abs=5 * math.sqrt(own * (1 - own) / 200_000) + 1e-4)


def test_power_of_two_sides_at_different_levels_is_what_simulated_intervals_do() -> None:
    draws = np.random.default_rng(8).normal(0.0, 1.0, (200_000, 5))
    error, means = draws.std(axis=1, ddof=1) / math.sqrt(5), draws.mean(axis=1)
    low = means - scipy_stats.t.ppf(1 - 0.005, 4) * error
    high = means + scipy_stats.t.ppf(1 - 0.05, 4) * error
    own = power_to_hold(planned_mean(1.0, n=5), below=2, above=1.5, alpha=0.005, alpha_above=0.05)
    assert own == pytest.approx(np.mean((low > -2) & (high < 1.5)), abs=0.005)


def test_welch_at_equal_n_comes_close_to_the_planned_power() -> None:
    rng = np.random.default_rng(9)
    held = [welch(rng.normal(2, 1, 5), rng.normal(0, 1, 5)).interval(0.05).low > 0 for _ in range(4_000)]
    own = power_to_hold(planned_mean(1.0, 1.0, n=5), below=2, above=math.inf, alpha=0.05)
    assert np.mean(held) == pytest.approx(own, abs=0.03)


@given(n=SEEDS, alpha=ALPHAS, power=st.floats(0.5, 0.95), sd=st.floats(0.1, 10))
def test_a_resolved_distance_is_told_with_just_that_power(n: int, alpha: float, power: float, sd: float) -> None:
    planned = planned_mean(sd, n=n)
    distance = resolved_distance(planned, alpha=alpha, power=power)
    assert power_to_hold(planned, below=distance, above=math.inf, alpha=alpha) == pytest.approx(power, abs=1e-4)


@given(n=SEEDS, alpha=ALPHAS, width=st.floats(0.1, 8))
def test_a_second_bound_never_helps_and_a_far_one_does_nothing(n: int, alpha: float, width: float) -> None:
    planned = planned_mean(1.0, n=n)
    one = power_to_hold(planned, below=width, above=math.inf, alpha=alpha)
    assert power_to_hold(planned, below=width, above=width, alpha=alpha) <= one + 1e-12
    assert power_to_hold(planned, below=width, above=1e6, alpha=alpha) == pytest.approx(one, abs=1e-6)


def test_more_seeds_resolve_more_and_one_resolves_nothing() -> None:
    distances = [resolved_distance(planned_mean(1.0, 1.0, n=n), alpha=0.025) for n in (1, 2, 3, 5, 10)]
    assert distances[0] == math.inf
    assert distances == sorted(distances, reverse=True)
    assert power_to_hold(planned_mean(1.0, n=1), below=9, above=9, alpha=0.05) == 0
    assert planned_mean(1.0, n=1).half_width(0.05) == math.inf


def test_a_mean_against_a_reported_one_is_known_less_well() -> None:
    ours, both = planned_mean(1.0, n=5), planned_mean(1.0, n=5, other_mean=1 / 5)
    assert both.standard_error == pytest.approx(math.sqrt(2) * ours.standard_error)
    assert both.df == ours.df == 4
    assert planned_mean(1.0, 1.0, n=5).df == pytest.approx(8)


@given(n=SEEDS, alpha=ALPHAS, ratio=st.floats(0.05, 2))
def test_power_of_a_spread_is_the_chi_square_tail(n: int, alpha: float, ratio: float) -> None:
    bound = scipy_stats.chi2.ppf(alpha, n - 1) / ratio**2
    assert sd_power_to_hold(ratio, n=n, alpha=alpha) == pytest.approx(scipy_stats.chi2.cdf(bound, n - 1), abs=1e-9)
    resolved = resolved_sd_ratio(n=n, alpha=alpha)
    assert sd_power_to_hold(resolved, n=n, alpha=alpha) == pytest.approx(0.8)


@pytest.mark.parametrize(("alpha", "parts", "runs"), [(0.05, 1, 14), (0.05, 2, 17), (0.025, 1, 17), (0.05, 12, 25)])
def test_a_rate_of_a_fifth_takes_this_many_clean_runs_to_refute(alpha: float, parts: int, runs: int) -> None:
    assert clean_runs_to_refute(20, alpha=alpha, parts=parts) == runs


@given(percent=st.floats(1, 90), alpha=ALPHAS, parts=st.integers(1, 12))
def test_one_clean_run_fewer_does_not_refute(percent: float, alpha: float, parts: int) -> None:
    runs = clean_runs_to_refute(percent, alpha=alpha, parts=parts)
    assert RateEstimate(successes=0, trials=runs).p_below(percent) < alpha / parts
    assert runs == 1 or RateEstimate(successes=0, trials=runs - 1).p_below(percent) >= alpha / parts


@given(trials=st.integers(1, 30), percent=st.floats(1, 60), alpha=ALPHAS)
def test_the_fewest_failures_that_hold_are_the_fewest(trials: int, percent: float, alpha: float) -> None:
    failures = failures_to_hold(percent, trials=trials, alpha=alpha)
    if failures is None:
        assert RateEstimate(successes=trials, trials=trials).interval(alpha).low <= percent
        return
    assert RateEstimate(successes=failures, trials=trials).interval(alpha).low > percent
    assert RateEstimate(successes=failures - 1, trials=trials).interval(alpha).low <= percent
    rate = rate_for(failures, trials=trials)
    assert scipy_stats.binom.sf(failures - 1, trials, rate / 100) == pytest.approx(0.8)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: planned_mean(n=5),
        lambda: planned_mean(0.0, n=5),
        lambda: planned_mean(math.nan, n=5),
        lambda: planned_mean(1.0, n=0),
        lambda: power_to_hold(planned_mean(1.0, n=5), below=math.nan, above=1, alpha=0.05),
        lambda: power_to_hold(planned_mean(1.0, n=5), below=1, above=1, alpha=0.5),
        lambda: power_to_hold(planned_mean(1.0, n=5), below=1, above=1, alpha=0.05, alpha_above=0.0),
        lambda: resolved_distance(planned_mean(1.0, n=5), alpha=0.05, power=1.0),
        lambda: sd_power_to_hold(0.0, n=5, alpha=0.05),
        lambda: clean_runs_to_refute(0.0, alpha=0.05),
        lambda: clean_runs_to_refute(20, alpha=0.05, parts=0),
        lambda: rate_for(0, trials=5),
    ],
)
def test_what_cannot_be_planned_is_refused_in_words(wrong: Any) -> None:
    with pytest.raises(SampleError):
        wrong()


def planned(asked: Claim, *, scale: Scale = Scale.PAPER, seeds: int | None = None) -> dict[str, CheckPower]:
    loaded = LoadedClaim(claim=asked, path=Path("made_up.yaml"), sha256="0" * 64)
    found = powers(ask(loaded, scale, seeds=seeds), NUMBERS, setting_without_data(scale))
    return {each.check: each for each in found}


def one(kind: str, *, looks: tuple[int, ...] = (5,), seeds: int | None = None, **changes: Any) -> CheckPower:
    return planned(claim(check(kind, **changes), looks=looks), seeds=seeds)[kind]


def test_superiority_says_which_difference_it_resolves_at_each_look() -> None:
    found = one("superiority", looks=(3, 5))
    distances = [resolved_distance(planned_mean(0.5, 0.5, n=n), alpha=0.025) for n in (3, 5)]
    assert [look.resolved for look in found.looks] == pytest.approx(distances)
    assert [look.power for look in found.looks] == [None, None]
    assert found.favourable == f"if the true value is above {10 + distances[1]:.3g} points"
    assert (found.parts, found.warning) == (len(FAMILY), "")


def test_times_widens_the_spread_of_the_worse_arm() -> None:
    assert one("superiority", times=3.0).looks[0].resolved == pytest.approx(
        resolved_distance(planned_mean(0.5, 1.5, n=5), alpha=0.05)
    )


def test_containment_tells_its_power_in_the_middle_of_the_range() -> None:
    found = one("containment")
    power = power_to_hold(planned_mean(0.5, 0.5, n=5), below=4, above=4, alpha=0.05)
    assert found.looks[0].power == pytest.approx(power)
    assert found.favourable == "if the true value is 19 points"


def test_a_range_counts_the_papers_own_runs_and_its_rounding() -> None:
    found = one("range", statistic="each")
    power = power_to_hold(planned_mean(0.5, n=5, other_mean=1 / 5), below=1.5, above=1.5, alpha=0.05)
    assert found.looks[0].power == pytest.approx(power)


def test_the_largest_of_many_is_harder_to_find_than_one() -> None:
    largest, each = one("range"), one("range", statistic="each")
    assert largest.looks[0].power < each.looks[0].power  # type: ignore[operator]
    assert largest.looks[0].resolved > each.looks[0].resolved


def test_a_region_narrower_than_the_interval_is_warned_of() -> None:
    assert one("equivalence", margin=2.0).warning == ""
    found = one("equivalence", margin=0.5)
    assert found.warning == "it can hardly hold: the region is narrower than the interval at 5 seeds"
    assert found.looks[0].power < 0.2  # type: ignore[operator]
    assert "more likely than not" in one("equivalence", margin=0.7).warning


def test_the_spread_of_a_check_goes_before_that_of_its_claim() -> None:
    found = one("equivalence", margin=0.5, assumed_sd=0.1)
    assert (found.assumed_sd, found.warning) == (0.1, "")


def test_a_share_that_would_have_to_be_negative_is_warned_of() -> None:
    assert one("worst_case", assumed_sd=0.5).warning == ""
    assert "a true value below -" in one("worst_case", assumed_sd=5.0).warning


def test_too_few_runs_to_refute_a_rate_are_warned_of() -> None:
    assert one("failure_rate", looks=(5,)).warning == "it needs at least 20 clean runs to be refuted"
    enough = one("failure_rate", looks=(20,))
    assert enough.warning == ""
    assert enough.assumed_sd is None
    assert (
        "failures in all of 2 runs would not make it hold"
        in one("failure_rate", looks=(2,), at_least_percent=30.0).warning
    )


def test_one_seed_can_settle_nothing() -> None:
    found = one("equivalence", seeds=1)
    assert found.looks[0].resolved == math.inf
    assert found.looks[0].power == 0
    assert found.warning == "it cannot be settled: one seed tells nothing about the spread"


def test_a_spread_is_known_poorly_from_few_seeds() -> None:
    assert "if the spread is as assumed" in one("sd_bound", looks=(3,)).warning
    assert one("sd_bound", looks=(10,)).warning == ""


def test_checks_that_cannot_be_assessed_at_a_scale_are_left_out() -> None:
    asked = claim(check("superiority"), check("containment"))
    assert set(planned(asked)) == {"superiority", "containment"}
    assert set(planned(asked, scale=Scale.DIGITS)) == {"superiority"}


def test_above_chance_counts_from_what_guessing_scores() -> None:
    asked = claim(check("above_chance", arm=BETTER), looks=(5,))
    assert planned(asked)["above_chance"].favourable == (
        f"if the true value is above {20 + resolved_distance(planned_mean(0.5, n=5), alpha=0.05):.3g} percent"
    )


def told_by(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert call("plan", *arguments) == 0
    return capsys.readouterr().out


def test_the_plan_of_a_claim_tells_what_it_can_settle(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = REPOSITORY / "claims" / "sec4_random_params.yaml"
    told = told_by(capsys, path, "--scale", "digits", "--device", "cpu", "--store", tmp_path / "store")
    assert max(map(len, told.splitlines())) <= 80
    words = " ".join(told.split())
    assert "sec4_random_params, at 3, 5 seeds, each time by 95 % intervals" in words
    assert "beats_random 4 3 9.21, 6.07 80 % if the true value is above 16.1 points" in words
    assert "gap_size" not in words


def test_the_plan_of_a_rate_counts_clean_runs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = REPOSITORY / "claims" / "appe_beta_one_failures.yaml"
    options = ["--scale", "paper", "--device", "cuda", "--store", tmp_path / "store"]
    words = " ".join(told_by(capsys, path, *options).split())
    assert "many_fail 2 - 28.5 80 % if the true rate is above 48.5 percent" in words
    assert "warning" not in words
    words = " ".join(told_by(capsys, path, *options, "--seeds", 10).split())
    assert "warning: many_fail: it needs at least 17 clean runs to be refuted" in words


def test_the_plan_of_many_claims_only_names_the_checks_that_are_warned_of(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    world = World(tmp_path)
    for name in ("one", "two", "three", "four"):
        world.write_claim(id=name)
    told = told_by(capsys, world.claims, "--scale", "digits", "--device", "cpu", *world.folders())
    assert "0 of 4 checks cannot be expected to be settled" in " ".join(told.split())
    told = told_by(capsys, world.claims, "--scale", "digits", "--device", "cpu", "--seeds", 1, *world.folders())
    assert "4 of 4 checks cannot be expected" in " ".join(told.split())
    assert "  three: better\n" in told


@pytest.mark.parametrize("scale", Scale)
def test_every_check_of_the_suite_is_planned_or_says_why_not(scale: Scale) -> None:
    claims, references = load_suite([REPOSITORY / "claims"])
    setting = setting_without_data(scale)
    for loaded in claims:
        question = ask(loaded, scale)
        found = powers(question, references, setting)
        assert len(found) == sum(
            bool(set(question.needs({check.id}, 1))) and obstacle_at(check, scale, references) is None
            for check in loaded.claim.checks
        )
        for power in found:
            assert power.favourable or power.warning
            assert len(power.looks) in {0, len(loaded.claim.looks.seeds)}
            assert power.looks or power.warning or "both slopes" in power.favourable
