"""The marks beside a verdict: fragile, where one run or one margin tips it, and robust, where it survives the suite."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats
from statsmodels.stats.multitest import multipletests

from bnrepro.measure import Measurements, Sample
from bnrepro.report.html import render_html
from bnrepro.robust import robust_over
from bnrepro.spec.checks import Cell
from bnrepro.spec.metrics import Metric
from bnrepro.spec.networks import Network
from bnrepro.spec.results import CheckResult
from bnrepro.spec.scale import Outcome, Scale, word_for
from tests.report_samples import SAMPLES
from tests.small_claim import World, call
from tests.test_trends import CHECKS as TRENDS
from tests.test_trends import NUMBERS as RATIO
from tests.test_trends import WIDE
from tests.worlds import (
    BELOW,
    BETTER,
    FAMILY,
    NUMBERS,
    WORSE,
    Numbers,
    Values,
    check,
    claim,
    gaps,
    judged,
    result,
    table,
)

NAN = math.nan
ONE = FAMILY[:1]
SEEDS = 4
TWO = FAMILY[:2]
DEEP = (FAMILY[0], FAMILY[2], Network.parse("resnet-56"))

CENTRES: dict[str, tuple[float, float, float]] = {
    "superiority": (71.0, 60.0, 0.0),
    "non_inferiority": (59.0, 60.0, 0.0),
    "equivalence": (61.0, 60.0, 0.0),
    "above_chance": (21.0, 0.0, 0.0),
    "matching": (60.0, 59.0, 57.0),
    "sd_bound": (60.0, 0.0, 0.0),
    "failure_rate": (60.0, NAN, 0.0),
    "proportion_in_range": (16.0, 0.0, 0.0),
    "containment": (76.0, 60.0, 0.0),
    "range": (0.0, 56.0, 0.0),
    "worst_case": (0.0, 3.6, 0.0),
    "monotone": (60.0, 0.0, 0.0),
    "slope": (60.0, 30.0, 0.0),
    "slope_ratio": (60.0, 0.0, 0.0),
    "linearity": (60.0, 0.0, 0.0),
    "below_line": (60.0, 0.0, 0.0),
    "fixed_budget": (60.0, 0.0, 0.0),
}
"""About where each kind of check is decided one way or the other, in points of each arm."""
CHANGES: dict[str, dict[str, Any]] = {"linearity": {"margin": 1.0}}
BY_SEED = ("slope", "slope_ratio", "linearity", "below_line", "fixed_budget")
"""Kinds whose runs of one seed make one value."""
NUMBERS_OF_ALL = Numbers(NUMBERS._numbers | RATIO._numbers)


class WhatIsThere(Measurements):
    """Measurements of which nothing is missing: a run that is not there was never asked for."""

    def sample(self, metric: Metric, cell: Cell, *, seeds: int) -> Sample:
        return replace(super().sample(metric, cell, seeds=seeds), missing=())


def brute_force(kind: str, values: Values) -> CheckResult:
    """The verdict on data that may lack runs, found from nothing but those data."""
    measured, changes = table(values), CHANGES.get(kind, {})
    there = WhatIsThere(scale=measured.scale, values=measured.values, classes=measured.classes)
    if kind in TRENDS:
        networks, groups = DEEP, {"wide": dict.fromkeys(Scale, WIDE[:3])}
        spec = TRENDS[kind] | {"id": kind, "row": "C18", "kind": kind, "states": "It holds.", "why": "Because."}
        spec |= {"networks": "cifar"} | changes
        if kind == "below_line":
            spec["network"] = str(DEEP[-1])
    else:
        networks, groups, spec = TWO, {}, check(kind, **changes)
    asked = claim(spec, networks=networks, looks=(SEEDS,), **groups)
    return judged(asked, there, references=NUMBERS_OF_ALL).checks[0]


def random_world(kind: str, seed: int, *, diverging: bool) -> Values:
    """Few runs about where the kind is decided, with a spread that now and then decides it."""
    draw = np.random.default_rng(seed)
    spread = 10 ** draw.uniform(-2, 0.3)
    networks = (*DEEP, *WIDE[:3]) if kind in TRENDS else TWO
    steps = {network: float(math.log2(network.counts().batchnorm)) for network in networks}
    values: dict[Any, list[float | None]] = {}
    for network in dict.fromkeys(networks):
        for arm, centre in zip((BETTER, WORSE, BELOW), CENTRES[kind], strict=True):
            rise = 2.0 * (steps[network] - 10) if kind in TRENDS and arm == BETTER else 0.0
            shift = rise + draw.normal(0, 1)
            points: list[float | None] = [float(point) for point in centre + shift + spread * draw.normal(size=SEEDS)]
            if kind == "failure_rate" and arm == WORSE:
                points = [NAN if draw.random() < 0.9 else 60.0 for _ in points]
            values[network, arm] = points
    if diverging:
        network, arm = list(values)[draw.integers(len(values))]
        values[network, arm][draw.integers(SEEDS)] = NAN
    return values


def without_each_run(values: Values) -> list[Values]:
    """The same data as often as there are runs, each time without one of them."""
    return [
        {
            key: [None if (key, seed) == (cell, left) else point for seed, point in enumerate(own)]
            for key, own in values.items()
        }
        for cell, points in values.items()
        for left in range(len(points))
    ]


def told(fragile: tuple[str, ...]) -> int:
    """How many sentences there are, those included that are only counted."""
    *_, last = ("", *fragile)
    counted = re.fullmatch(r"and (\d+) more", last)
    return len(fragile) - 1 + int(counted[1]) if counted else len(fragile)


@pytest.mark.parametrize("kind", CENTRES)
@given(seed=st.integers(0, 2**32 - 1), diverging=st.booleans())
@settings(max_examples=6, deadline=None)
def test_a_check_is_fragile_exactly_where_judging_without_some_run_says_otherwise(
    kind: str, seed: int, diverging: bool
) -> None:
    values = random_world(kind, seed, diverging=diverging)
    whole = brute_force(kind, values)
    if whole.verdict == "inconclusive":
        assert (whole.p, whole.fragile) == (None, ())
        return
    others = [brute_force(kind, each).verdict for each in without_each_run(values)]
    tipping = sum(verdict is not whole.verdict for verdict in others)
    if kind in BY_SEED:
        assert bool(whole.fragile) == bool(tipping)
    else:
        assert told(whole.fragile) == tipping


@pytest.mark.parametrize("kind", CENTRES)
def test_a_decided_check_has_a_p_value_below_the_level(kind: str) -> None:
    worlds = [random_world(kind, seed, diverging=seed % 3 == 0) for seed in range(24)]
    found = [brute_force(kind, values) for values in worlds]
    decided = [each for each in found if each.p is not None]
    assert all(each.p is not None and 0 <= each.p < 0.05 for each in decided)
    assert {each.verdict.value for each in found if each.p is None} <= {"inconclusive"}
    # The property above sees both, and decided checks that are fragile beside those that are not.
    assert 0 < len(decided) < len(found)
    assert {bool(each.fragile) for each in decided} == {True, False}


def test_the_runs_that_tip_a_check_are_those_of_a_direct_computation() -> None:
    better, worse = [70.9, 71.2, 71.4, 71.1, 72.6], [60.0, 60.4, 59.8, 60.1, 59.9]
    values = {(ONE[0], BETTER): better, (ONE[0], WORSE): worse}
    expected = []
    for arm, points in ((BETTER, better), (WORSE, worse)):
        for seed in range(5):
            left = [point for place, point in enumerate(points) if place != seed]
            pair = (left, worse) if arm == BETTER else (better, left)
            if stats.ttest_ind(*pair, equal_var=False).confidence_interval(0.9).low <= 10.6:
                expected.append(f"without resnet-14 {arm} seed {seed} it would stay open")
    found = result("superiority", values, networks=ONE, margin=10.6)
    assert found.verdict == "confirmed"
    assert expected
    assert found.fragile == (*expected[:3], *([f"and {len(expected) - 3} more"] if len(expected) > 3 else []))


def test_two_seeds_left_of_three_may_say_too_little() -> None:
    values = {cell: points[1:4] for cell, points in gaps(10.9).items()}
    found = judged(claim(check("superiority"), networks=ONE, looks=(3,)), values).checks[0]
    assert found.verdict == "confirmed"
    assert found.fragile == (
        "without resnet-14 batchnorm seed 1 it would stay open",
        "without resnet-14 random_2 seed 1 it would stay open",
    )


def test_large_effects_are_not_fragile() -> None:
    assert result("superiority", gaps(20, 20, 20, 20)).fragile == ()
    assert result("superiority", gaps(0, 0, 0, 0)).fragile == ()


def test_the_runs_of_one_seed_that_make_one_value_are_told_together() -> None:
    values = {(network, BETTER): [60.0 + i + s for s in (0.1, -0.2, 3.0, 0.0)] for i, network in enumerate(DEEP)}
    values |= {(network, WORSE): [30.0, 30.1 - i / 3, 30.2 + i, 30.3] for i, network in enumerate(DEEP)}
    found = brute_force("slope", values)
    assert found.verdict == "confirmed"
    assert found.fragile[0].startswith("without any one of the 6 runs of seed ")


@pytest.mark.parametrize(
    ("margin", "told"),
    [
        (12.0, ()),
        (14.0, ("with a margin of 14 it would stay open",)),
        (16.0, ("with a margin of 16 it would fail",)),
    ],
)
def test_a_declared_alternative_that_changes_the_verdict_makes_it_fragile(margin: float, told: tuple[str, ...]) -> None:
    assert result("superiority", gaps(14), networks=ONE, alternative_margins=(margin,)).fragile == told


def test_an_open_check_is_not_fragile_whatever_the_alternatives() -> None:
    found = result("superiority", gaps(10.1), networks=ONE, alternative_margins=(5.0, 20.0))
    assert (found.verdict, found.fragile, found.p) == ("inconclusive", (), None)


def test_an_alternative_to_a_margin_is_another_one() -> None:
    with pytest.raises(ValidationError, match="an alternative to the margin 10 is another one"):
        result("superiority", gaps(14), networks=ONE, alternative_margins=(10.0,))


def welch_p(gap: float, alternative: Any) -> float:
    values = gaps(gap)
    better, worse = (np.array(values[FAMILY[0], arm], dtype=float) for arm in (BETTER, WORSE))
    return float(stats.ttest_ind(better - 10, worse, equal_var=False, alternative=alternative).pvalue)


def test_the_p_value_of_a_check_that_holds_is_the_largest_of_its_parts() -> None:
    found = result("superiority", gaps(12, 11, 14, 13))
    assert found.p == pytest.approx(welch_p(11, "greater"), rel=1e-8)


def test_the_p_value_of_a_check_that_fails_is_the_smallest_after_holm() -> None:
    found = result("superiority", gaps(8, 12, 8.5, 13))
    # Equal spreads of five seeds have 8 degrees of freedom and at least 4; sharing an error takes their harmonic mean.
    own = [stats.t.cdf(stats.t.ppf(welch_p(gap, "less"), 8), 16 / 3) for gap in (8, 12, 8.5, 13)]
    assert found.verdict == "refuted"
    assert found.p == pytest.approx(multipletests(own, method="holm")[1].min(), rel=1e-8)


def test_a_range_is_held_by_the_larger_of_two_one_sided_tests() -> None:
    found = result("equivalence", gaps(1.0), networks=ONE)
    values = gaps(1.0)
    better, worse = (np.array(values[FAMILY[0], arm], dtype=float) for arm in (BETTER, WORSE))
    upper = stats.ttest_ind(better - 2, worse, equal_var=False, alternative="less").pvalue
    assert found.p == pytest.approx(float(upper), rel=1e-8)


def test_arithmetic_has_no_p_value() -> None:
    found = result("growth", {}, networks=tuple(map(Network.parse, ("wrn-14-2", "wrn-14-4"))))
    assert found.verdict == "confirmed"
    assert (found.p, found.fragile) == (None, ())


def with_p(
    name: str, p: float | None, *, looks: tuple[int, ...] = (5,), outcome: Outcome = Outcome.INSIDE
) -> CheckResult:
    word = word_for(outcome, Scale.PAPER, whole_claim=True)
    return A_RESULT.model_copy(update={"id": name, "p": p, "looks": looks, "verdict": word})


A_RESULT = result("superiority", gaps(20), networks=ONE)


@given(
    p_values=st.lists(st.one_of(st.floats(0, 0.05), st.floats(0, 0.002), st.none()), min_size=1, max_size=12),
    looks=st.sampled_from([(5,), (3, 5), (3, 5, 10)]),
)
@settings(max_examples=5, deadline=None)
def test_robust_verdicts_are_those_of_statsmodels_over_all_checks_of_the_suite(
    p_values: list[float | None], looks: tuple[int, ...]
) -> None:
    results = [
        with_p(f"c{place}", p, looks=looks, outcome=Outcome.OPEN if p is None else Outcome.INSIDE)
        for place, p in enumerate(p_values)
    ]
    suite = {"one": results[::2], "two": results[1::2]}
    found = robust_over(suite)
    spent = [1.0 if p is None else min(1.0, len(looks) * p) for p in p_values]
    adjusted = multipletests(spent, method="holm")[1]
    marks = {each.id: found.mark(claim, each) for claim, own in suite.items() for each in own}
    assert found.checks == len(p_values)
    assert marks == {
        f"c{place}": None if p is None else bool(corrected < 0.05)
        for place, (p, corrected) in enumerate(zip(p_values, adjusted, strict=True))
    }


def test_open_checks_count_and_arithmetic_does_not() -> None:
    decided, still = with_p("decided", 0.03), with_p("open", None, outcome=Outcome.OPEN)
    exact = with_p("exact", None).model_copy(update={"runs": ()})
    untold = with_p("untold", None, outcome=Outcome.NOT_ASSESSED)
    alone = robust_over({"a": [decided], "b": [exact, untold]})
    assert (alone.checks, alone.mark("a", decided), alone.mark("b", exact)) == (1, True, None)
    among = robust_over({"a": [decided], "b": [still]})
    assert (among.checks, among.mark("a", decided), among.mark("b", still)) == (2, False, None)


def test_checks_of_one_name_in_two_claims_are_told_apart() -> None:
    strong, weak = with_p("same", 1e-6), with_p("same", 0.04)
    found = robust_over({"a": [strong], "b": [weak, with_p("open", None, outcome=Outcome.OPEN)]})
    assert (found.mark("a", strong), found.mark("b", weak)) == (True, False)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.fill({"batchnorm": [60, 60.1, 60.2], "random_2": [30, 30.1, 30.2], "random_1": [48, 49, 50.5]})
    return made


def documents(world: World, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    call("verify", world.claims, "--scale", "digits", "--device", "cpu", *world.folders(), "--json")
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_robust_is_said_only_where_claims_were_asked_together(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write_claim(looks="[3]")
    (alone,) = documents(world, capsys)
    assert (alone["robust_over"], alone["checks"][0]["robust"]) == (None, None)
    world.write_claim(id="another", worse="random_1", margin=8, looks="[3]")
    world.write_claim(id="still", worse="random_1", margin=10, looks="[3]")
    marks = {each["claim"]: (each["robust_over"], each["checks"][0]["robust"]) for each in documents(world, capsys)}
    assert marks == {"small": (3, True), "another": (3, False), "still": (3, None)}


def test_a_person_sees_both_marks_and_what_they_mean(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write_claim(looks="[3]")
    world.write_claim(id="another", worse="random_1", margin=9.0, looks="[3]")
    call("verify", world.claims, "--scale", "digits", "--device", "cpu", *world.folders())
    told = capsys.readouterr().out
    assert "  robust\n" in told
    assert "robust: survives Holm's correction over 2 checks" in told
    assert all(len(line) <= 80 for line in told.splitlines() if not line.startswith("report: "))
    page = (world.reports / "digits" / "small.html").read_text()
    assert "Robust over 2 checks:" in page
    assert "A verdict is called robust where" in page


def test_a_page_names_the_runs_that_tip_a_check() -> None:
    sample = SAMPLES["supported-digits"]()
    page = render_html(sample)
    assert "<b>Fragile:</b> without resnet-14 random_2 seed 1 it would stay open." in page
    assert "<b>Not robust over 48 checks:</b>" in page
