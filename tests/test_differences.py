"""Known answers of the checks of arms against arms, or against chance, at one look of 90 %."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW, ttost_paired

from bnrepro.spec.metrics import Metric
from bnrepro.spec.networks import Family, Network
from bnrepro.spec.scale import Scale
from tests.worlds import BELOW, BETTER, FAMILY, WORSE, arms, around, check, claim, gaps, judged, result, table

ONE = FAMILY[:1]


@pytest.mark.parametrize(
    ("gap", "word"), [(5, "confirmed"), (-1, "confirmed"), (-2.1, "inconclusive"), (-3, "refuted")]
)
def test_non_inferiority_allows_to_fall_short_by_the_margin(gap: float, word: str) -> None:
    found = result("non_inferiority", gaps(gap), networks=ONE)
    theirs = stats.ttest_ind(around(60 + gap), around(60), equal_var=False).confidence_interval(0.9)
    assert (found.verdict, found.region) == (word, (-2.0, None))
    assert found.interval == pytest.approx((theirs.low, theirs.high), rel=1e-8)


@pytest.mark.parametrize(
    ("gap", "word"),
    [(0, "confirmed"), (1.2, "confirmed"), (-1.2, "confirmed"), (1.7, "inconclusive"), (-3, "refuted"), (3, "refuted")],
)
def test_equivalence_lies_within_the_margin_either_way(gap: float, word: str) -> None:
    found = result("equivalence", gaps(gap), networks=ONE)
    assert (found.verdict, found.region, found.unit) == (word, (-2.0, 2.0), "points")


def test_a_difference_that_is_surely_not_zero_is_equivalence_within_the_margin() -> None:
    found = result("equivalence", gaps(1.0), networks=ONE)
    assert (found.verdict, found.interval[0] > 0) == ("confirmed", True)


@pytest.mark.parametrize("seed", range(20))
def test_equivalence_is_confirmed_where_both_one_sided_tests_reject(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.normal(61, 1, 5), rng.normal(60, 0.5, 5)
    p = CompareMeans(DescrStatsW(first), DescrStatsW(second)).ttost_ind(-2, 2, usevar="unequal")[0]
    found = result("equivalence", arms(first.tolist(), second.tolist()), networks=ONE)
    assert (found.verdict == "confirmed") == (p < 0.05)


@pytest.mark.parametrize("seed", range(20))
def test_a_change_within_each_run_is_judged_by_the_paired_test(seed: int) -> None:
    before, after = np.random.default_rng(seed).normal([[60], [60.4]], 0.5, (2, 5))
    changes = table({(ONE[0], BETTER): (after - before).tolist()}, metric=Metric.CLAMPED_CHANGE_001)
    found = changed(changes, margin=1.0)
    p = ttost_paired(after, before, -1, 1)[0]
    theirs = stats.ttest_rel(after, before).confidence_interval(0.9)
    assert (found.verdict == "confirmed") == (p < 0.05)
    assert found.interval == pytest.approx((theirs.low, theirs.high), rel=1e-8)
    assert found.unit == "points"


def changed(changes: Any, **settings: Any) -> Any:
    common = {"better": None, "worse": None, "arm": BETTER, "metric": Metric.CLAMPED_CHANGE_001}
    return result("equivalence", changes, networks=ONE, **common | settings)


def test_one_sided_equivalence_asks_only_that_nothing_is_lost() -> None:
    gained = table({(ONE[0], BETTER): around(9)}, metric=Metric.CLAMPED_CHANGE_001)
    lost = table({(ONE[0], BETTER): around(-9)}, metric=Metric.CLAMPED_CHANGE_001)
    assert changed(gained).verdict == "refuted"
    assert changed(gained, lower_only=True).verdict == "confirmed"
    assert changed(lost, lower_only=True).verdict == "refuted"
    assert changed(lost, lower_only=True).region == (-2.0, None)


@pytest.mark.parametrize(
    ("test_images", "word"),
    [({Family.CIFAR: 10_000}, "confirmed"), ({Family.CIFAR: 40}, "inconclusive"), ({}, "inconclusive")],
)
def test_a_change_that_no_seed_shows_is_none_as_far_as_one_test_image_can_tell(
    test_images: dict[Family, int], word: str
) -> None:
    nothing = table({(ONE[0], BETTER): [0.0] * 5}, metric=Metric.CLAMPED_CHANGE_001)
    found = changed(dataclasses.replace(nothing, test_images=test_images))
    assert (found.verdict, found.estimate) == (word, 0.0)
    if test_images:
        step = 100 / test_images[Family.CIFAR]
        half = stats.t.ppf(0.95, 4) * step / math.sqrt(5)
        assert found.interval == pytest.approx((-half, half), rel=1e-8)
    else:
        assert found.interval == (None, None)


def test_equal_accuracies_still_tell_nothing_about_their_spread() -> None:
    values = dataclasses.replace(table(arms([60.0] * 5, [20.0] * 5)), test_images={Family.CIFAR: 10_000})
    assert result("superiority", values, networks=ONE).verdict == "inconclusive"


def test_chance_is_that_of_each_networks_own_data() -> None:
    imagenet = Network.parse("imagenet-resnet-50")
    networks = (FAMILY[0], imagenet)
    values = table({(FAMILY[0], BETTER): around(23), (imagenet, BETTER): around(15)})
    measurements = type(values)(
        scale=Scale.PAPER, values=values.values, classes=values.classes | {Family.IMAGENET: 1000}
    )
    found = judged(claim(check("above_chance"), networks=networks, looks=(5,)), measurements).checks[0]
    assert found.verdict == "confirmed"
    assert [part.region for part in found.parts] == [(20.0, None), (10.1, None)]
    assert found.estimate == pytest.approx(23)
    assert found.reason.startswith("least favourable of 2 networks: resnet-14, 23.0 % [22.6, 23.4]; ")


@pytest.mark.parametrize(("mean", "word"), [(23, "confirmed"), (20.2, "inconclusive"), (12, "refuted")])
def test_above_chance_clears_guessing_by_the_margin(mean: float, word: str) -> None:
    found = result("above_chance", arms(around(mean), []), networks=ONE)
    theirs = stats.ttest_1samp(around(mean), 0).confidence_interval(0.9)
    assert found.verdict == word
    assert found.interval == pytest.approx((theirs.low, theirs.high), rel=1e-8)


def test_a_claim_that_asks_for_more_than_chance_where_nothing_can_be_guessed_does_not_load() -> None:
    with pytest.raises(ValidationError, match="guessing says nothing about gamma_sd"):
        result("above_chance", table(arms(around(0.5), []), metric=Metric.GAMMA_SD), metric=Metric.GAMMA_SD)


@pytest.mark.parametrize(
    ("at", "below", "word"),
    [
        (50, 45, "confirmed"),
        (55, 45, "confirmed"),
        (50, 49.5, "refuted"),
        (45, 40, "refuted"),
        (50, 48.2, "inconclusive"),
        (48.2, 45, "inconclusive"),
    ],
)
def test_matching_asks_for_a_match_and_for_a_real_deficit_below_it(at: float, below: float, word: str) -> None:
    values = {(FAMILY[0], BETTER): around(50), (FAMILY[0], WORSE): around(at), (FAMILY[0], BELOW): around(below)}
    found = result("matching", values, networks=ONE)
    assert found.verdict == word
    assert [(part.name, part.region) for part in found.parts] == [
        ("resnet-14 random_2 against batchnorm", (-2.0, None)),
        ("resnet-14 random_1 against batchnorm", (None, -2.0)),
    ]
    assert found.reason.startswith("least favourable of 2 comparisons: resnet-14 random_")


def test_matching_corrects_its_refutation_for_both_parts_of_every_network() -> None:
    values = {
        (network, arm): around(mean) for network in FAMILY for arm, mean in ((BETTER, 50), (WORSE, 50), (BELOW, 40))
    }
    alone = gaps(-2.8)
    values |= {(ONE[0], WORSE): alone[ONE[0], BETTER], (ONE[0], BETTER): alone[ONE[0], WORSE]}
    values[ONE[0], BELOW] = around(40)
    assert result("non_inferiority", alone, networks=ONE).verdict == "refuted"
    found = result("matching", values)
    assert found.verdict == "inconclusive"
    assert "but not that corrected for 8 comparisons" in found.reason


def of_spreads(*spreads: float) -> Any:
    return {(network, BETTER): around(50, spread) for network, spread in zip(FAMILY, spreads, strict=False)}


@pytest.mark.parametrize(
    ("spreads", "word"),
    [
        ((0.3, 0.3, 0.3, 9.0), "confirmed"),
        ((9.0, 9.0, 9.0, 9.0), "refuted"),
        ((0.3, 20.0, 20.0, 20.0), "refuted"),
        # Two of four above the bound leave no majority below it, where they surely are above.
        ((0.3, 0.3, 9.0, 9.0), "refuted"),
        ((0.3, 0.3, 2.8, 2.8), "inconclusive"),
    ],
)
def test_spreads_are_mostly_below_the_bound(spreads: tuple[float, ...], word: str) -> None:
    assert result("sd_bound", of_spreads(*spreads)).verdict == word


def test_one_spread_has_the_bounds_of_chi_square() -> None:
    found = result("sd_bound", of_spreads(0.3), networks=ONE)
    squares = 4 * np.var(around(50, 0.3), ddof=1)
    expected = tuple(math.sqrt(squares / stats.chi2.ppf(level, 4)) for level in (0.95, 0.05))
    assert found.interval == pytest.approx(expected, rel=1e-8)
    assert (found.region, found.margin) == ((None, 2.0), 2.0)
    assert found.reason == "resnet-14: a standard deviation of 0.24 [0.15, 0.56]; the whole interval lies below 2"


def test_the_spread_in_the_middle_is_told_in_words() -> None:
    found = result("sd_bound", of_spreads(0.2, 0.3, 0.1, 9))
    assert found.estimate == pytest.approx(np.std(around(50, 0.3), ddof=1))
    assert found.reason.startswith("number 3 of 4 networks by spread: resnet-20, a standard deviation of 0.24 [")
    assert [part.verdict.value for part in found.parts] == ["confirmed", "confirmed", "confirmed", "refuted"]


def test_an_open_spread_says_how_many_seeds_it_needs() -> None:
    found = result("sd_bound", of_spreads(1.8), networks=ONE)
    variance = np.var(around(50, 1.8), ddof=1)
    needed = next(n for n in range(6, 100) if variance * (n - 1) / stats.chi2.ppf(0.05, n - 1) < 4)
    assert found.reason.endswith(f"the interval does not clear 2; needs about {needed - 5} more seeds")


def test_spreads_that_a_diverged_run_hides_count_on_neither_side() -> None:
    values = of_spreads(0.3, 0.3, 0.3, 0.3)
    for network in FAMILY[:2]:
        values[network, BETTER][0] = math.nan
    found = result("sd_bound", values)
    assert (found.verdict, found.diverged) == ("inconclusive", 2)
    assert "nothing says what to count them as" in found.reason
    assert [part.verdict.value for part in found.parts] == ["inconclusive", "inconclusive", "confirmed", "confirmed"]


@pytest.mark.parametrize(
    ("share", "word"), [(19, "confirmed"), (15.1, "inconclusive"), (30, "refuted"), (5, "refuted")]
)
def test_a_share_lies_in_the_reported_range_with_its_margin(share: float, word: str) -> None:
    found = result("proportion_in_range", arms(around(share), []), networks=ONE)
    theirs = stats.ttest_1samp(around(share), 0).confidence_interval(0.9)
    assert (found.verdict, found.region, found.unit) == (word, (15.0, 23.0), "percent")
    assert found.interval == pytest.approx((theirs.low, theirs.high), rel=1e-8)
