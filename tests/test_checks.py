"""Each kind of check, seen through ``judge``, at one look of 90 % unless said otherwise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bnrepro.checks import KINDS
from bnrepro.errors import ReferenceMissing
from bnrepro.spec.arms import Arm
from bnrepro.spec.checks import CheckSpec
from bnrepro.spec.metrics import Metric
from bnrepro.spec.scale import Scale
from bnrepro.stats import rank_interval, student
from tests.worlds import (
    BELOW,
    BETTER,
    FAMILY,
    NUMBERS,
    WORSE,
    Numbers,
    Values,
    arms,
    around,
    gaps,
    number,
    result,
    table,
)

NAN = math.nan
ONE = FAMILY[:1]


def test_every_kind_of_the_claim_language_has_an_evaluator() -> None:
    kinds = {each.model_fields["kind"].annotation.__args__[0] for each in CheckSpec.__args__[0].__args__}
    assert kinds == set(KINDS)


@pytest.mark.parametrize(("gap", "word"), [(14, "confirmed"), (6, "refuted"), (10.1, "inconclusive")])
def test_superiority_is_told_by_the_interval_of_the_difference(gap: float, word: str) -> None:
    found = result("superiority", gaps(gap), networks=ONE)
    theirs = stats.ttest_ind(around(60 + gap), around(60), equal_var=False).confidence_interval(0.9)
    assert found.verdict == word
    assert found.interval == pytest.approx((theirs.low, theirs.high), rel=1e-8)
    assert (found.estimate, found.level, found.n) == (pytest.approx(gap), pytest.approx(0.9), 5)
    assert found.region == (10.0, None)
    assert len(found.runs) == 10


def test_the_least_favourable_network_is_told_in_words() -> None:
    found = result("superiority", gaps(20, 14, 25, 22))
    assert found.reason == (
        "least favourable of 4 networks: resnet-20, +14.0 points [13.5, 14.5]; the whole interval lies above 10"
    )
    assert {part.verdict.value for part in found.parts} == {"confirmed"}


def test_one_network_outside_refutes_what_all_others_confirm() -> None:
    found = result("superiority", gaps(20, 20, 20, 8))
    assert found.verdict == "refuted"
    assert found.estimate == pytest.approx(8)
    assert [part.verdict.value for part in found.parts] == ["confirmed"] * 3 + ["refuted"]
    assert "corrected for 4 networks" in found.reason


def test_an_interval_that_lies_outside_only_uncorrected_is_inconclusive() -> None:
    alone, among_four = result("superiority", gaps(9.4), networks=ONE), result("superiority", gaps(9.4, 20, 20, 20))
    assert alone.verdict == "refuted"
    assert among_four.verdict == "inconclusive"
    assert among_four.interval == pytest.approx(alone.interval)
    assert "but not that corrected for 4 networks" in among_four.reason


@pytest.mark.parametrize(
    ("gap", "word"),
    [
        (19, "confirmed"),
        (15.8, "confirmed"),
        (15.1, "inconclusive"),
        (14, "refuted"),
        (22.8, "inconclusive"),
        (24, "refuted"),
    ],
)
def test_containment_is_in_the_reported_range_with_its_margin(gap: float, word: str) -> None:
    found = result("containment", gaps(gap), networks=ONE)
    assert found.verdict == word
    assert found.region == (15.0, 23.0)


@pytest.mark.parametrize(("mean", "word"), [(3.0, "confirmed"), (4.4, "inconclusive"), (5.2, "refuted")])
def test_worst_case_is_at_most_the_bound_with_its_margin(mean: float, word: str) -> None:
    values = arms(around(50), around(2.0)) | {(FAMILY[2], WORSE): around(mean)}
    found = result("worst_case", values)
    assert found.verdict == word
    assert found.estimate == pytest.approx(mean)
    assert found.region == (None, 4.5)


@pytest.mark.parametrize(
    ("best", "word"),
    [(56, "confirmed"), (54.0, "inconclusive"), (58.3, "inconclusive"), (60, "refuted"), (52, "refuted")],
)
def test_range_compares_the_largest_mean_with_the_reported_number(best: float, word: str) -> None:
    values = arms(around(70), around(40)) | {(FAMILY[1], WORSE): around(best)}
    found = result("range", values)
    assert found.verdict == word
    assert found.estimate == pytest.approx(best)
    assert found.region == (54.5, 57.5)
    assert [part.verdict.value for part in found.parts] == ["not assessed", word, "not assessed", "not assessed"]


def test_range_is_widened_by_the_runs_behind_the_reported_number() -> None:
    values = arms(around(70), around(56))
    low, high = result("range", values, networks=ONE).interval
    half = stats.t.ppf(0.95, 4) * np.std(around(56), ddof=1) * math.sqrt(1 / 5 + 1 / 5)
    assert (low, high) == (pytest.approx(56 - half), pytest.approx(56 + half))
    few = Numbers({"s/best": number(value=56.0, n=1)})
    assert result("range", values, networks=ONE, references=few).interval[1] > high


def test_printed_rounding_leaves_a_strip_that_is_neither() -> None:
    tight = arms(around(70), around(57.9, spread=0.01))
    assert result("range", tight, networks=ONE).verdict == "inconclusive"
    exact = Numbers({"s/best": number(value=56.0, rounding=0.01)})
    assert result("range", tight, networks=ONE, references=exact).verdict == "confirmed"


def test_range_holds_every_network_against_the_number_unless_told_otherwise() -> None:
    values = arms(around(70), around(56)) | {(FAMILY[1], WORSE): around(60)}
    found = result("range", values, statistic="each")
    assert found.verdict == "refuted"
    assert [part.verdict.value for part in found.parts] == ["confirmed", "refuted", "confirmed", "confirmed"]


def test_range_of_a_difference_widens_for_both_of_the_papers_means() -> None:
    difference = {"arm": None, "better": BETTER, "worse": WORSE, "statistic": "each"}
    found = result("range", gaps(56), networks=ONE, **difference)
    variance = 2 * np.var(around(0), ddof=1) * (1 / 5 + 1 / 5)
    half = stats.t.ppf(0.95, 8) * math.sqrt(variance)
    assert (found.verdict, found.unit) == ("confirmed", "points")
    assert found.interval == (pytest.approx(56 - half), pytest.approx(56 + half))


@pytest.mark.parametrize(("mean", "word"), [(16.5, "confirmed"), (21.5, "confirmed"), (25, "refuted")])
def test_a_reported_range_stands_for_any_number_in_it(mean: float, word: str) -> None:
    found = result("range", arms(around(70), around(mean)), networks=ONE, reference="s/gap")
    assert (found.verdict, found.region) == (word, (15.5, 22.5))


def test_seeds_needed_against_a_number_allow_for_the_papers_own_few() -> None:
    few = Numbers({"s/best": number(value=56.0, n=1)})
    values = arms(around(70), around(55.5, spread=1.1))
    found = [result("range", values, networks=ONE, references=each, statistic="each") for each in (NUMBERS, few)]
    assert "needs about" in found[0].reason
    assert "100 seeds would not settle it" in found[1].reason


def test_the_interval_of_a_maximum_is_not_fooled_by_the_luckiest_network() -> None:
    rng, alpha, misses = np.random.default_rng(7), 0.05, np.zeros(2)
    for sample in rng.normal(50, 1, (2000, 6, 5)):
        interval = rank_interval([student(each) for each in sample], rank=6, alpha=alpha)
        misses += interval.low > 50, interval.high < 50
    assert (misses / 2000 <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / 2000)).all()


HOLDING: dict[str, dict[Arm, float]] = {
    "superiority": {BETTER: 75, WORSE: 56},
    "non_inferiority": {BETTER: 50, WORSE: 50},
    "equivalence": {BETTER: 50, WORSE: 50},
    "above_chance": {BETTER: 23},
    "matching": {BETTER: 50, WORSE: 50, BELOW: 40},
    "sd_bound": {BETTER: 50},
    "proportion_in_range": {BETTER: 19},
    "containment": {BETTER: 75, WORSE: 56},
    "range": {WORSE: 56},
    "worst_case": {WORSE: 2},
}
"""Means, alike on every network, at which each kind of check holds."""

EVERY_KIND = pytest.mark.parametrize("kind", HOLDING)


def holding(kind: str) -> dict[Any, list[float | None]]:
    return {(network, arm): [*around(mean)] for network in FAMILY for arm, mean in HOLDING[kind].items()}


def test_the_kinds_that_read_runs_and_no_trend_are_all_tried_here() -> None:
    elsewhere = {"count", "growth", "failure_rate"}
    elsewhere |= {"monotone", "slope", "slope_ratio", "linearity", "below_line", "fixed_budget"}
    assert set(HOLDING) == set(KINDS) - elsewhere


@EVERY_KIND
def test_a_missing_run_makes_a_check_open_and_is_named(kind: str) -> None:
    values, arm = holding(kind), [*HOLDING[kind]][-1]
    assert result(kind, values).verdict == "confirmed"
    values[FAMILY[2], arm][4] = None
    found = result(kind, values)
    assert found.verdict == "inconclusive"
    assert f"undecided, because resnet-32 {arm} seed 4 has no result" in found.reason


@pytest.mark.parametrize(
    ("kind", "arm", "word"),
    [
        ("superiority", WORSE, "inconclusive"),
        ("superiority", BETTER, "inconclusive"),
        ("non_inferiority", WORSE, "inconclusive"),
        ("non_inferiority", BETTER, "inconclusive"),
        ("equivalence", WORSE, "inconclusive"),
        ("equivalence", BETTER, "inconclusive"),
        ("above_chance", BETTER, "inconclusive"),
        ("matching", WORSE, "inconclusive"),
        ("matching", BELOW, "confirmed"),
        # Three spreads of four are more than half, and the fourth cannot undo them.
        ("sd_bound", BETTER, "confirmed"),
        ("proportion_in_range", BETTER, "inconclusive"),
        ("containment", BETTER, "inconclusive"),
    ],
)
def test_a_diverged_run_leaves_open_what_counting_it_at_chance_would_change(kind: str, arm: Arm, word: str) -> None:
    values = holding(kind)
    values[FAMILY[2], arm][1] = NAN
    found = result(kind, values)
    assert (found.verdict, found.diverged) == (word, 1)
    assert "runs diverged (a rate of up to" in found.reason
    assert ("counting it at chance level changes the outcome" in found.reason) == (word == "inconclusive")


def test_a_diverged_run_leaves_open_what_has_no_chance_level() -> None:
    values = arms([NAN, *around(0.5, 0.01, n=4)], around(0.1, 0.01))
    gammas = table(values, metric=Metric.GAMMA_SD)
    found = result("superiority", gammas, networks=ONE, metric=Metric.GAMMA_SD, margin=0.1)
    assert found.verdict == "inconclusive"
    assert "nothing says what to count it as, which leaves the outcome open" in found.reason


@EVERY_KIND
def test_equal_values_on_every_seed_settle_nothing(kind: str) -> None:
    values = {cell: [points[0]] * 5 for cell, points in holding(kind).items()}
    found = result(kind, values)
    assert (found.verdict, found.interval) == ("inconclusive", (None, None))


@EVERY_KIND
def test_one_seed_settles_nothing(kind: str) -> None:
    found = result(kind, {cell: points[:1] for cell, points in holding(kind).items()})
    assert (found.verdict, found.interval) == ("inconclusive", (None, None))


@EVERY_KIND
def test_an_arm_that_diverges_on_every_seed_leaves_a_check_open(kind: str) -> None:
    values, arm = holding(kind), next(iter(HOLDING[kind]))
    values |= {(network, arm): [NAN] * 5 for network in FAMILY}
    assert result(kind, values).verdict == "inconclusive"


def test_a_correction_for_several_networks_is_told_in_the_metrics_digits() -> None:
    values = table(arms(around(0.3, 0.01), around(0.21, 0.01)), metric=Metric.GAMMA_SD)
    found = result("superiority", values, metric=Metric.GAMMA_SD, margin=0.2)
    assert found.verdict == "refuted"
    assert found.reason.endswith(
        "the whole interval lies below 0.2 (as does that corrected for 4 networks, [0.075, 0.105])"
    )


def test_values_of_gamma_are_told_in_their_own_digits() -> None:
    values = table(arms(around(0.482, 0.01), around(0.21, 0.01)), metric=Metric.GAMMA_SD)
    found = result("superiority", values, networks=ONE, metric=Metric.GAMMA_SD, margin=0.0, times=1.5)
    assert found.unit == "gamma"
    assert found.reason == "resnet-14: 0.167 [0.155, 0.179]; the whole interval lies above 0"


def test_an_outcome_that_stands_with_a_diverged_run_at_chance_is_kept() -> None:
    found = result("superiority", arms(around(70), [NAN, 12, 11, 12, 11]), networks=ONE)
    assert (found.verdict, found.diverged, found.n, len(found.runs)) == ("confirmed", 1, 4, 10)
    assert "1 of 10 runs diverged (a rate of up to 39 % at 95 % confidence)" in found.reason
    assert "changes the outcome" not in found.reason


def test_an_outcome_that_falls_with_a_diverged_run_at_chance_is_open() -> None:
    found = result("superiority", arms([NAN, *around(70, n=4)], around(50)), networks=ONE)
    assert found.verdict == "inconclusive"
    assert "counting it at chance level changes the outcome" in found.reason


def test_an_arm_that_diverges_on_every_seed_leaves_nothing_to_compare() -> None:
    found = result("superiority", arms(around(70), [NAN] * 5), networks=ONE)
    assert (found.verdict, found.estimate, found.interval, found.n) == ("inconclusive", None, (None, None), 0)


def test_equal_values_on_every_seed_settle_nothing_and_say_so() -> None:
    found = result("superiority", arms([70.0] * 5, [50.0] * 5), networks=ONE)
    assert (found.verdict, found.interval) == ("inconclusive", (None, None))
    assert "all 5 seeds gave the same value" in found.reason


def test_an_open_check_says_how_many_seeds_it_needs() -> None:
    found = result("superiority", gaps(11, spread=1.5), networks=ONE)
    assert found.reason.endswith("the interval does not clear 10; needs about 4 more seeds")


def test_a_check_on_the_border_says_that_seeds_would_not_help() -> None:
    assert "100 seeds would not settle it" in result("superiority", gaps(10.0), networks=ONE).reason


def test_a_reference_of_the_wrong_form_or_none_is_a_typed_error() -> None:
    values = arms(around(70), around(56))
    with pytest.raises(ReferenceMissing, match="is a range"):
        result("worst_case", values, reference="s/gap")
    with pytest.raises(ReferenceMissing, match="is one number"):
        result("containment", values, reference="s/best")
    with pytest.raises(ReferenceMissing):
        result("worst_case", values, reference="s/absent")


noise = st.lists(st.floats(-2, 2).map(lambda value: round(value, 2)), min_size=5, max_size=5)
offsets = st.floats(-12, 12).map(lambda value: round(value, 1))
samples = st.tuples(offsets, noise)
worlds = st.lists(st.tuples(samples, samples, samples), min_size=2, max_size=2)
"""For two networks, how each arm departs from where the check holds, and how its seeds scatter."""


def world(kind: str, drawn: Sequence[Any]) -> Values:
    return {
        (network, arm): [mean + offset + each for each in scatter]
        for network, departures in zip(FAMILY, drawn, strict=False)
        for (arm, mean), (offset, scatter) in zip(HOLDING[kind].items(), departures, strict=False)
    }


@EVERY_KIND
@settings(max_examples=15, deadline=None)
@given(worlds, st.randoms(use_true_random=False))
def test_the_order_of_seeds_changes_nothing(kind: str, drawn: Any, random: Any) -> None:
    values = world(kind, drawn)
    shuffled = {cell: random.sample(points, len(points)) for cell, points in values.items()}
    first, second = (result(kind, each, networks=FAMILY[:2]) for each in (values, shuffled))
    assert first.verdict == second.verdict
    assert first.estimate == pytest.approx(second.estimate)


@pytest.mark.parametrize("kind", ["superiority", "non_inferiority", "equivalence", "matching", "sd_bound"])
@settings(max_examples=15, deadline=None)
@given(worlds, st.integers(-10, 10))
def test_shifting_every_arm_changes_nothing_about_differences(kind: str, drawn: Any, shift: int) -> None:
    values = world(kind, drawn)
    shifted = {cell: [value + shift for value in points] for cell, points in values.items()}
    first, second = (result(kind, each, networks=FAMILY[:2]) for each in (values, shifted))
    assert first.verdict == second.verdict
    assert first.interval == pytest.approx(second.interval)


any_points = st.lists(st.none() | st.just(NAN) | st.floats(0, 100), min_size=5, max_size=5)


@pytest.mark.parametrize("kind", [*HOLDING, "failure_rate"])
@settings(max_examples=25, deadline=None)
@given(st.lists(any_points, min_size=6, max_size=6))
def test_any_data_give_each_kind_a_reason_and_no_numpy_warning(kind: str, drawn: Any) -> None:
    cells = [(network, arm) for network in FAMILY[:2] for arm in (BETTER, WORSE, BELOW)]
    found = result(kind, dict(zip(cells, drawn, strict=True)), networks=FAMILY[:2])
    assert found.reason
    if any(None in points for (_, arm), points in zip(cells, drawn, strict=True) if arm in HOLDING.get(kind, (WORSE,))):
        assert found.verdict == "inconclusive"


LENIENCE = [
    ("superiority", "margin", -1),
    ("above_chance", "margin", -1),
    ("non_inferiority", "margin", 1),
    ("equivalence", "margin", 1),
    ("sd_bound", "bound", 1),
    ("proportion_in_range", "margin", 1),
    ("containment", "margin", 1),
    ("range", "tolerance", 1),
    ("worst_case", "margin", 1),
]
"""What makes a region larger: more of it, or less."""


@pytest.mark.parametrize(("kind", "name", "sign"), LENIENCE)
@settings(max_examples=15, deadline=None)
@given(worlds, st.floats(0.1, 9), st.floats(0.1, 9))
def test_a_larger_region_never_turns_holds_into_fails(
    kind: str, name: str, sign: int, drawn: Any, one: float, other: float
) -> None:
    strict, lenient = sorted((one, other), key=lambda value: sign * value)
    values = world(kind, drawn)
    narrow, wide = (result(kind, values, networks=FAMILY[:2], **{name: value}).verdict for value in (strict, lenient))
    if narrow == "confirmed":
        assert wide == "confirmed"
    if wide == "refuted":
        assert narrow == "refuted"


def test_a_table_of_another_arm_leaves_every_run_missing() -> None:
    values = {(network, BETTER): around(70) for network in FAMILY}
    assert table(values).scale is Scale.PAPER
    found = result("superiority", values)
    assert found.verdict == "inconclusive"
    assert "and 17 more have no result" in found.reason
