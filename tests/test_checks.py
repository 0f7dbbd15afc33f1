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
from bnrepro.checks.range import maximum_interval
from bnrepro.errors import ReferenceMissing
from bnrepro.spec.claim import CheckSpec
from bnrepro.spec.results import CheckResult
from bnrepro.spec.scale import Scale
from bnrepro.stats import student
from tests.worlds import BETTER, FAMILY, NUMBERS, WORSE, Numbers, Values, arms, check, claim, judged, number, table

NAN = math.nan
ONE = FAMILY[:1]


def result(kind: str, values: Values, *, networks: Sequence[Any] = FAMILY, **changes: Any) -> CheckResult:
    references = changes.pop("references", NUMBERS)
    asked = claim(check(kind, **changes), networks=networks, looks=(5,))
    return judged(asked, values, references=references).checks[0]


def around(centre: float, spread: float = 0.5, n: int = 5) -> list[float]:
    return [float(value) for value in centre + spread * np.linspace(-1, 1, n)]


def gaps(*points: float, spread: float = 0.5) -> Values:
    """The better arm ahead by these points, one for each network of the family."""
    pairs = zip(FAMILY, points, strict=False)
    return {
        key: sample
        for network, gap in pairs
        for key, sample in arms(around(60 + gap, spread), around(60, spread), [network]).items()
    }


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
    assert {part.verdict.value for part in found.networks} == {"confirmed"}


def test_one_network_outside_refutes_what_all_others_confirm() -> None:
    found = result("superiority", gaps(20, 20, 20, 8))
    assert found.verdict == "refuted"
    assert found.estimate == pytest.approx(8)
    assert [part.verdict.value for part in found.networks] == ["confirmed"] * 3 + ["refuted"]
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
    assert [part.verdict.value for part in found.networks] == ["not assessed", word, "not assessed", "not assessed"]


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


def test_the_interval_of_a_maximum_is_not_fooled_by_the_luckiest_network() -> None:
    rng, alpha, misses = np.random.default_rng(7), 0.05, np.zeros(2)
    for sample in rng.normal(50, 1, (2000, 6, 5)):
        interval = maximum_interval([student(each) for each in sample], alpha)
        misses += interval.low > 50, interval.high < 50
    assert (misses / 2000 <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / 2000)).all()


@pytest.mark.parametrize("kind", ["superiority", "containment", "range", "worst_case"])
def test_a_missing_run_makes_a_check_open_and_is_named(kind: str) -> None:
    centre = {"worst_case": 2.0}.get(kind, 56.0)
    values = dict(arms(around(centre + 19), around(centre)))
    assert result(kind, values).verdict == "confirmed"
    values[FAMILY[2], WORSE] = [*around(centre, n=4), None]
    found = result(kind, values)
    assert found.verdict == "inconclusive"
    assert "undecided, because resnet-32 random_2 seed 4 has no result" in found.reason


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
        result("range", values, reference="s/gap")
    with pytest.raises(ReferenceMissing, match="is one number"):
        result("containment", values, reference="s/best")
    with pytest.raises(ReferenceMissing):
        result("worst_case", values, reference="s/absent")


accuracies = st.lists(st.floats(20, 80).map(lambda value: round(value, 2)), min_size=5, max_size=5)
worlds = st.lists(st.tuples(accuracies, accuracies), min_size=2, max_size=2)


def world(samples: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Values:
    pairs = zip(FAMILY, samples, strict=False)
    return {key: points for network, pair in pairs for key, points in arms(*pair, [network]).items()}


@settings(max_examples=40, deadline=None)
@given(
    worlds, st.randoms(use_true_random=False), st.sampled_from(["superiority", "containment", "range", "worst_case"])
)
def test_the_order_of_seeds_changes_nothing(samples: Any, random: Any, kind: str) -> None:
    shuffled = [tuple(random.sample(points, len(points)) for points in pair) for pair in samples]
    first = result(kind, world(samples), networks=FAMILY[:2])
    second = result(kind, world(shuffled), networks=FAMILY[:2])
    assert first.verdict == second.verdict
    assert first.estimate == pytest.approx(second.estimate)


@settings(max_examples=40, deadline=None)
@given(worlds, st.integers(-10, 10))
def test_shifting_both_arms_changes_no_superiority(samples: Any, shift: int) -> None:
    shifted = [tuple([value + shift for value in points] for points in pair) for pair in samples]
    first = result("superiority", world(samples), networks=FAMILY[:2])
    second = result("superiority", world(shifted), networks=FAMILY[:2])
    assert first.verdict == second.verdict
    assert first.interval == pytest.approx(second.interval)


@settings(max_examples=60, deadline=None)
@given(
    worlds, st.floats(0, 20), st.floats(0, 20), st.sampled_from(["superiority", "containment", "range", "worst_case"])
)
def test_a_larger_region_never_turns_holds_into_fails(samples: Any, one: float, other: float, kind: str) -> None:
    small, large = sorted((one, other))
    if kind == "superiority":
        changes = [{"margin_points": large}, {"margin_points": small}]
    else:
        name = "tolerance_points" if kind == "range" else "margin_points"
        changes = [{name: small + 0.1}, {name: large + 0.1}]
    narrow, wide = (result(kind, world(samples), networks=FAMILY[:2], **change).verdict for change in changes)
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
