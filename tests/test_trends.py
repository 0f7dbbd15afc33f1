"""Checks along networks: steps, slopes, their ratio, lines and budgets, through ``judge`` at one look of 90 %."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats

from bnrepro.spec.claim import Claim
from bnrepro.spec.metrics import Metric, Unit
from bnrepro.spec.networks import Network
from bnrepro.spec.results import CheckResult
from bnrepro.spec.scale import Scale
from bnrepro.stats import (
    SampleError,
    common_start_weights,
    fieller,
    interpolation_weights,
    line_weights,
    residual_weights,
    slope_weights,
    weighted,
)
from tests.worlds import BETTER, WORSE, Numbers, Values, claim, judged, number, table

CLOSE = {"rel": 1e-8, "abs": 1e-8}
NAN = math.nan

DEEP = tuple(map(Network.parse, ("resnet-14", "resnet-32", "resnet-56", "resnet-110")))
WIDE = tuple(map(Network.parse, ("resnet-14", "wrn-14-2", "wrn-14-4", "wrn-14-8")))
ALL = tuple(dict.fromkeys(DEEP + WIDE))
START = math.log2(1120)

NUMBERS = Numbers({"s/steeper": number(value=1.18, rounding=0.01, unit=Unit.RATIO)})

CHECKS: dict[str, dict[str, Any]] = {
    "monotone": {"arm": BETTER, "margin": 0.5, "end_to_end": 5.0},
    "slope": {"better": BETTER, "worse": WORSE, "direction": "rising"},
    "slope_ratio": {"arm": BETTER, "other_networks": "wide", "reference": "s/steeper", "tolerance": 0.1},
    "linearity": {"arm": BETTER, "margin": 3.0},
    "below_line": {"arm": BETTER, "network": "resnet-110"},
    "fixed_budget": {"arm": BETTER, "other_networks": "wide", "budgets": {Scale.PAPER: (2240, 4256)}},
}
KINDS = tuple(CHECKS)

World = Mapping[Network, Sequence[float | None]]
"""Points of each network by seed, of the arm that is checked."""


def x(network: Network) -> float:
    return math.log2(network.counts().batchnorm)


def asked(kind: str, *, deep: Sequence[Network] = DEEP, wide: Sequence[Network] = WIDE, **changes: Any) -> Claim:
    common = {"id": kind, "row": "C18", "kind": kind, "states": "It holds.", "networks": "cifar", "why": "Because."}
    groups = {"wide": dict.fromkeys(Scale, tuple(wide))}
    return claim(common | CHECKS[kind] | changes, networks=deep, looks=(5,), **groups)


def values(world: World, base: World | None = None) -> Values:
    """The arm that is checked, and the one below it at 0 unless given."""
    below = base or {network: [0.0 for _ in points] for network, points in world.items()}
    return {
        (network, arm): points for arm, part in ((BETTER, world), (WORSE, below)) for network, points in part.items()
    }


def found(
    kind: str, world: World, *, base: World | None = None, scale: Scale = Scale.PAPER, **changes: Any
) -> CheckResult:
    return judged(asked(kind, **changes), values(world, base), references=NUMBERS, scale=scale).checks[0]


def noise(seed: int, spread: float = 0.3, n: int = 5) -> np.ndarray:
    """Seeds by networks: each seed has a shift that its networks share, as they share draws."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, spread, (n, len(ALL))) + rng.normal(0, spread, (n, 1))


def world(
    deep: float = 5.9, wide: float = 5.0, *, seed: int = 0, spread: float = 0.3, n: int = 5
) -> dict[Network, list[float]]:
    """Two lines that start together at 50, with these slopes in points per doubling."""
    errors = noise(seed, spread, n)
    heights = [50 + (deep if network in DEEP else wide) * (x(network) - START) for network in ALL]
    return {network: [float(v) for v in heights[i] + errors[:, i]] for i, network in enumerate(ALL)}


def rows(points: World, networks: Sequence[Network]) -> np.ndarray:
    return np.array([points[network] for network in networks]).T


def slopes_of(points: World, networks: Sequence[Network]) -> np.ndarray:
    return np.array([np.polyfit([x(network) for network in networks], row, 1)[0] for row in rows(points, networks)])


def interval_of(sample: Any) -> Any:
    theirs = stats.ttest_1samp(sample, 0).confidence_interval(0.9)
    return pytest.approx((theirs.low, theirs.high), **CLOSE)


# Lines


@pytest.mark.parametrize("seed", range(10))
def test_slope_prediction_and_residuals_are_those_of_polyfit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positions, points, at = rng.uniform(8, 16, 3 + seed % 4), rng.uniform(20, 80, (5, 3 + seed % 4)), 17.5
    fits = [np.polyfit(positions, row, 1) for row in points]
    assert weighted(points, slope_weights(positions)) == pytest.approx([fit[0] for fit in fits], **CLOSE)
    assert weighted(points, line_weights(positions, at)) == pytest.approx([np.polyval(f, at) for f in fits], **CLOSE)
    residuals = [row - np.polyval(fit, positions) for row, fit in zip(points, fits, strict=True)]
    ours = np.array([weighted(points, weights) for weights in residual_weights(positions)]).T
    assert ours == pytest.approx(np.array(residuals), **CLOSE)


@pytest.mark.parametrize("seed", range(5))
def test_lines_with_a_common_start_are_those_of_statsmodels(seed: int) -> None:
    row = np.random.default_rng(seed).uniform(20, 80, len(ALL))
    places = [[x(network) if network in line else NAN for network in ALL] for line in (DEEP, WIDE)]
    offsets = np.nan_to_num(np.array(places) - START)
    expected = sm.OLS(row, np.column_stack([np.ones(len(ALL)), *offsets])).fit().params[1:]
    assert [row @ weights for weights in common_start_weights(*places)] == pytest.approx(expected, **CLOSE)


@pytest.mark.parametrize("at", [8.0, 9.1, 10.0, 12.9, 13.0])
def test_interpolation_is_that_of_numpy_in_any_order(at: float) -> None:
    positions, row = np.array([10.0, 8.0, 13.0, 11.0]), np.array([40.0, 30.0, 65.0, 44.0])
    order = np.argsort(positions)
    expected = np.interp(at, positions[order], row[order])
    assert row @ interpolation_weights(positions, at) == pytest.approx(expected, **CLOSE)


def test_points_at_one_place_are_interpolated_by_their_mean() -> None:
    assert interpolation_weights([8, 9, 9], 9) == pytest.approx([0, 0.5, 0.5])
    assert interpolation_weights([8, 9, 9], 8.5) == pytest.approx([0.5, 0.25, 0.25])


def test_lines_that_do_not_exist_are_typed_errors() -> None:
    for positions in ([], [9.0], [9.0, 9.0], [9.0, NAN]):
        with pytest.raises(SampleError, match="two different positions"):
            slope_weights(positions)
    for at in (7.9, 9.1):
        with pytest.raises(SampleError, match="outside the points"):
            interpolation_weights([8, 9], at)
    with pytest.raises(SampleError, match="away from the common start"):
        common_start_weights([8, 9, 10], [8, 9, NAN])
    with pytest.raises(SampleError, match="needs a point"):
        common_start_weights([8, 9], [8, NAN])


# Fieller

EXTRA_SLEEP = (
    (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0),
    (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4),
)
"""Hours of sleep gained by ten patients under two drugs (Cushny & Peebles 1905, in Student 1908)."""


def test_fieller_on_the_sleep_data_is_as_worked_by_hand() -> None:
    # Means 0.75 and 2.33; sums of squares 28.805 and 36.081, of products 25.635; divided by 9 · 10 they are the
    # variances and the covariance of the means. t = 1.833113 on 9 degrees of freedom.
    u, v, uu, vv, uv, t = 0.75, 2.33, 28.805 / 90, 36.081 / 90, 25.635 / 90, stats.t.ppf(0.95, 9)
    ratio, g = u / v, t**2 * vv / v**2
    root = t / v * math.sqrt(uu - 2 * ratio * uv + ratio**2 * vv - g * (uu - uv**2 / vv))
    expected = (ratio - g * uv / vv - root) / (1 - g), (ratio - g * uv / vv + root) / (1 - g)
    estimate = fieller(*EXTRA_SLEEP)
    interval = estimate.interval(0.05)
    assert (estimate.value, estimate.n) == (pytest.approx(0.3218884, abs=1e-7), 10)
    assert (interval.low, interval.high) == pytest.approx(expected, **CLOSE)


@pytest.mark.parametrize("seed", range(20))
def test_fieller_inverts_the_one_sample_t_test_of_the_combination(seed: int) -> None:
    rng = np.random.default_rng(seed)
    below = rng.normal(5, 0.5, 2 + seed % 5)
    above = 1.2 * below + rng.normal(0, 0.4, len(below))
    estimate = fieller(above, below)
    divisor = stats.ttest_1samp(below, 0, alternative="greater").pvalue
    for bound in (0.9, 1.15, 1.2, 1.5):
        up, down = (stats.ttest_1samp(above - bound * below, 0, alternative=a).pvalue for a in ("greater", "less"))
        assert estimate.p_above(bound) == pytest.approx(max(up, divisor), **CLOSE)
        assert estimate.p_below(bound) == pytest.approx(max(down, divisor), **CLOSE)
    interval = estimate.interval(0.05)
    if divisor >= 0.05:
        assert (interval.low, interval.high) == (-math.inf, math.inf)
    else:
        assert estimate.p_above(interval.low) == pytest.approx(0.05)
        assert estimate.p_below(interval.high) == pytest.approx(0.05)


@pytest.mark.parametrize(
    "below", [(1.0, -1.0, 0.5, -0.4), (-5.0, -5.1, -4.9, -5.0), (2.0, 2.0, 2.0, 2.0), (0.0, 0.0, 0.0, 0.0), (1.0, -1.0)]
)
def test_a_denominator_that_is_not_clearly_positive_leaves_the_ratio_unbounded(below: tuple[float, ...]) -> None:
    estimate = fieller((6.0, 6.1, 5.8, 6.2)[: len(below)], below)
    interval = estimate.interval(0.05)
    assert (interval.low, interval.high) == (-math.inf, math.inf)
    assert min(estimate.p_above(0), estimate.p_below(0), estimate.p_above(-math.inf)) > 0.05


def test_the_same_ratio_on_every_seed_tells_nothing_about_its_spread() -> None:
    below = np.array([4.9, 5.3, 5.1, 4.7])
    estimate = fieller(1.2 * below, below)
    assert estimate.value == pytest.approx(1.2)
    assert (estimate.interval(0.05).high, estimate.p_above(0)) == (math.inf, 1.0)


def test_fieller_needs_pairs() -> None:
    assert fieller([], []).value is None
    assert fieller([1.0], [2.0]).interval(0.05).low == -math.inf
    with pytest.raises(SampleError, match="pairs"):
        fieller([1.0, 2.0], [1.0])
    with pytest.raises(SampleError, match="NaN"):
        fieller(*EXTRA_SLEEP).p_above(NAN)


@pytest.mark.parametrize("bound", [0.0, 0.1, 0.9])
def test_a_ratio_seen_from_a_bound_has_the_same_test_there(bound: float) -> None:
    estimate = fieller(*EXTRA_SLEEP)
    seen = estimate.seen_from(bound)
    assert seen is not None
    assert seen.value == estimate.value
    theirs = stats.ttest_1samp(np.subtract(EXTRA_SLEEP[0], bound * np.array(EXTRA_SLEEP[1])), 0, alternative="greater")
    assert seen.p_above(bound) == pytest.approx(theirs.pvalue, **CLOSE)


@given(st.floats(0.01, 100), st.floats(0.01, 100), st.integers(0, 1000))
def test_fieller_scales_with_its_samples(up: float, down: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    above, below = rng.normal(6, 0.5, 5), rng.normal(5, 0.5, 5)
    plain, scaled = fieller(above, below).interval(0.05), fieller(up * above, down * below).interval(0.05)
    assert (scaled.low, scaled.high) == pytest.approx((plain.low * up / down, plain.high * up / down))


# Known answers of the checks


def test_steps_and_the_change_from_first_to_last_are_welch_differences() -> None:
    points = world(seed=3)
    result = found("monotone", points)
    pairs = [(0, 1), (1, 2), (2, 3), (0, 3)]
    *steps, in_all = [f"{DEEP[a]} to {DEEP[b]}" for a, b in pairs]
    assert [part.name for part in result.parts] == [*steps, f"{in_all} in all"]
    assert [part.region for part in result.parts] == [(-0.5, None)] * 3 + [(5.0, None)]
    for part, (a, b) in zip(result.parts, pairs, strict=True):
        theirs = stats.ttest_ind(points[DEEP[b]], points[DEEP[a]], equal_var=False).confidence_interval(0.9)
        assert part.interval == pytest.approx((theirs.low, theirs.high), **CLOSE)
    assert (result.verdict, result.unit) == ("confirmed", "points")
    assert result.reason.startswith("least favourable of 4 steps: ")


@pytest.mark.parametrize(
    ("shift", "end_to_end", "word"),
    [(0, 5, "confirmed"), (-12, 5, "refuted"), (0, 40, "refuted"), (-7.2, 5, "inconclusive")],
)
def test_one_step_down_or_too_short_a_way_refutes_a_rise(shift: float, end_to_end: float, word: str) -> None:
    points = world()
    points[DEEP[1]] = [value + shift for value in points[DEEP[1]]]
    assert found("monotone", points, end_to_end=end_to_end).verdict == word


def test_a_fall_is_a_rise_of_the_negative() -> None:
    points = world()
    falling = {network: [100 - value for value in part] for network, part in points.items()}
    up, down = found("monotone", points), found("monotone", falling, direction="falling")
    assert (down.verdict, down.estimate) == (up.verdict, pytest.approx(up.estimate))
    assert found("monotone", falling).verdict == "refuted"


def test_below_the_papers_scale_the_whole_change_needs_to_exceed_nothing_but_0() -> None:
    result = found("monotone", world(deep=1.0), end_to_end=40.0, scale=Scale.DIGITS)
    assert result.parts[-1].region == (0.0, None)
    assert result.verdict == "supported"


def test_of_two_networks_the_step_is_also_the_whole_change() -> None:
    result = found("monotone", world(), deep=DEEP[:2])
    assert [part.region for part in result.parts] == [(-0.5, None), (5.0, None)]
    assert result.parts[0].interval == result.parts[1].interval


def test_the_slope_of_the_gain_is_one_line_a_seed() -> None:
    points, base = world(seed=1), world(deep=3.0, seed=2)
    result = found("slope", points, base=base)
    gains = {network: np.subtract(points[network], base[network]) for network in DEEP}
    assert result.interval == interval_of(slopes_of(gains, DEEP))
    assert (result.verdict, result.unit, result.n) == ("confirmed", "points per doubling", 5)
    assert found("slope", points, base=base, direction="falling").verdict == "refuted"
    assert found("slope", base, base=points, direction="falling").verdict == "confirmed"
    assert len(result.runs) == 40


@pytest.mark.parametrize(("bend", "word"), [(0, "confirmed"), (9, "refuted"), (4.1, "inconclusive")])
def test_deviations_from_the_line_are_those_of_the_means(bend: float, word: str) -> None:
    points = world(seed=4)
    points[DEEP[2]] = [value - bend for value in points[DEEP[2]]]
    result = found("linearity", points)
    places, means = [x(network) for network in DEEP], rows(points, DEEP).mean(axis=0)
    expected = means - np.polyval(np.polyfit(places, means, 1), places)
    assert [part.estimate for part in result.parts] == pytest.approx(expected, **CLOSE)
    residuals = [row - np.polyval(np.polyfit(places, row, 1), places) for row in rows(points, DEEP)]
    assert result.parts[1].interval == interval_of(np.array(residuals)[:, 1])
    assert (result.verdict, result.region) == (word, (-3.0, 3.0))


@pytest.mark.parametrize(("drop", "word"), [(5, "confirmed"), (-5, "refuted"), (0, "inconclusive")])
def test_below_the_line_is_told_against_the_line_through_the_others(drop: float, word: str) -> None:
    points = world(seed=5)
    points[DEEP[3]] = [value - drop for value in points[DEEP[3]]]
    result = found("below_line", points)
    places = [x(network) for network in DEEP]
    short = [row[3] - np.polyval(np.polyfit(places[:3], row[:3], 1), places[3]) for row in rows(points, DEEP)]
    assert result.interval == interval_of(short)
    assert (result.verdict, result.parts[0].name, len(result.runs)) == (word, "resnet-110", 20)


@pytest.mark.parametrize(("deep", "word"), [(8.0, "confirmed"), (2.0, "refuted"), (5.0, "inconclusive")])
def test_families_are_compared_at_a_budget_by_interpolation(deep: float, word: str) -> None:
    points = world(deep=deep, seed=6)
    result = found("fixed_budget", points)
    for part, budget in zip(result.parts, (2240, 4256), strict=True):
        at = [
            [np.interp(math.log2(budget), [x(n) for n in line], row) for row in rows(points, line)]
            for line in (DEEP, WIDE)
        ]
        assert part.interval == interval_of(np.subtract(*at))
    assert [part.name for part in result.parts] == ["2,240 BatchNorm parameters", "4,256 BatchNorm parameters"]
    assert result.verdict == word
    assert "of 2 budgets: " in result.reason


def test_a_budget_reads_only_the_networks_beside_it() -> None:
    points = world(deep=8.0) | {WIDE[3]: [None] * 5}
    result = found("fixed_budget", points)
    assert result.verdict == "confirmed"
    assert "wrn-14-8" not in {run.split("/")[0] for run in result.runs}


# The ratio of slopes and its alternative fits


def test_the_ratio_of_slopes_is_fieller_on_one_pair_of_slopes_a_seed() -> None:
    points = world(seed=7, spread=0.1)
    result = found("slope_ratio", points)
    above, below = slopes_of(points, DEEP), slopes_of(points, WIDE)
    assert result.estimate == pytest.approx(above.mean() / below.mean(), **CLOSE)
    for bound, sign in zip(result.interval, (1, -1), strict=True):
        t = stats.ttest_1samp(above - bound * below, 0).statistic
        assert sign * t == pytest.approx(stats.t.ppf(0.95, 4), rel=1e-6)
    assert (result.verdict, result.unit, result.region) == ("confirmed", "ratio", pytest.approx((1.085, 1.275)))
    assert result.reason.startswith("resnet-14 to resnet-110 over resnet-14 to wrn-14-8: 1.1")
    assert [part.name for part in result.parts] == ["every network"]


@pytest.mark.parametrize(("deep", "word"), [(5.9, "confirmed"), (7.5, "refuted"), (5.4, "inconclusive")])
def test_alternative_fits_that_agree_leave_the_outcome(deep: float, word: str) -> None:
    points = world(deep=deep, seed=8, spread=0.05)
    result = found("slope_ratio", points, sensitivity_without=("resnet-110",), sensitivity_common_start=True)
    assert result.verdict == word
    assert [part.name for part in result.parts] == ["every network", "without resnet-110", "with a common start"]
    assert ("so too without resnet-110 and with a common start" in result.reason) or word == "inconclusive"


def test_an_alternative_fit_that_comes_out_otherwise_is_named_and_leaves_the_check_open() -> None:
    points = world(seed=8, spread=0.05)
    points[DEEP[3]] = [value - 3.0 for value in points[DEEP[3]]]
    points[DEEP[1]] = [value + 2.0 for value in points[DEEP[1]]]
    alone = found("slope_ratio", points)
    both = found("slope_ratio", points, sensitivity_without=("resnet-110",))
    assert alone.verdict == "refuted"
    assert both.verdict == "inconclusive"
    assert both.parts[0].verdict == "refuted"
    assert "the outcome hangs on the fit: without resnet-110 it is 1.2" in both.reason
    assert both.estimate == alone.estimate


def test_an_open_ratio_says_how_many_seeds_would_clear_the_nearer_bound() -> None:
    points = world(seed=5, spread=1.2)
    result = found("slope_ratio", points)
    above, below = slopes_of(points, DEEP), slopes_of(points, WIDE)
    spread, distance = np.std(above - 1.28 * below, ddof=1), (1.275 - result.estimate) * below.mean()
    needed = next(n for n in range(2, 100) if stats.t.ppf(0.95, n - 1) * spread / math.sqrt(n) < distance)
    assert needed > 6
    assert result.verdict == "inconclusive"
    assert result.reason.endswith(f"the interval does not clear 1.275; needs about {needed - 5} more seeds")


def test_a_common_start_counts_the_shared_network_once() -> None:
    points = world(seed=9)
    result = found("slope_ratio", points, sensitivity_common_start=True)
    places = [[x(n) - START if n in line else 0.0 for n in ALL] for line in (DEEP, WIDE)]
    means = rows(points, ALL).mean(axis=0)
    _, above, below = sm.OLS(means, np.column_stack([np.ones(len(ALL)), *places])).fit().params
    assert result.parts[1].estimate == pytest.approx(above / below, **CLOSE)


def test_a_flat_line_below_leaves_no_ratio_and_says_why() -> None:
    result = found("slope_ratio", world(wide=0.0))
    assert (result.verdict, result.interval) == ("inconclusive", (None, None))
    assert "no interval, because the slope along resnet-14 to wrn-14-8" in result.reason
    assert "is not clearly positive" in result.reason


def test_a_reported_ratio_is_held_only_against_runs_at_the_papers_scale() -> None:
    assert found("slope_ratio", world(), scale=Scale.REDUCED).verdict == "not assessed"


# Too little to ask


@pytest.mark.parametrize(
    ("kind", "changes", "word", "reason"),
    [
        ("monotone", {"deep": DEEP[:1]}, "inconclusive", "resnet-14 alone: a step is between two networks"),
        ("slope", {"deep": DEEP[:1]}, "inconclusive", "no slope goes through resnet-14 alone"),
        ("linearity", {"deep": DEEP[:2]}, "inconclusive", "a line meets any two points"),
        ("below_line", {"deep": DEEP[2:]}, "inconclusive", "no line goes through resnet-56 alone"),
        ("below_line", {"deep": DEEP[3:]}, "inconclusive", "no line goes through no other network alone"),
        ("slope_ratio", {"wide": WIDE[:1]}, "inconclusive", "no slope goes through resnet-14 alone"),
        (
            "slope_ratio",
            {"deep": DEEP[:2], "sensitivity_without": ("resnet-32",)},
            "inconclusive",
            "no slope goes through resnet-14 alone",
        ),
        (
            "slope_ratio",
            {"wide": (*WIDE, DEEP[1]), "sensitivity_common_start": True},
            "inconclusive",
            "resnet-32 is on both lines, which meet below it",
        ),
        ("fixed_budget", {"budgets": {Scale.PAPER: (2240, 9000)}}, "not assessed", "9,000 BatchNorm parameters are"),
        ("fixed_budget", {"budgets": {Scale.DIGITS: (2240,)}}, "not assessed", "no budgets are given for scale paper"),
    ],
)
def test_what_the_networks_cannot_answer_is_said(kind: str, changes: dict[str, Any], word: str, reason: str) -> None:
    result = found(kind, world(), **changes)
    assert result.verdict == word
    assert reason in result.reason
    assert result.interval == (None, None)


@pytest.mark.parametrize("kind", KINDS)
def test_one_seed_bounds_nothing(kind: str) -> None:
    one = {network: [*points[:1], *[None] * 4] for network, points in world().items()}
    result = found(kind, one, base={network: [20.0, *[None] * 4] for network in ALL})
    assert (result.verdict, result.interval, result.n) == ("inconclusive", (None, None), 1)


@pytest.mark.parametrize("kind", KINDS)
def test_no_run_at_all_is_open(kind: str) -> None:
    result = found(kind, {network: [None] * 5 for network in ALL}, base={network: [None] * 5 for network in ALL})
    assert (result.verdict, result.estimate, result.n) == ("inconclusive", None, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_that_agree_exactly_bound_nothing(kind: str) -> None:
    same = {network: [points[0]] * 5 for network, points in world(deep=6.1, seed=1).items()}
    assert found(kind, same).interval == (None, None)


@pytest.mark.parametrize("kind", KINDS)
def test_points_exactly_on_lines_are_never_judged_by_rounding_errors(kind: str) -> None:
    points = world(spread=0.0)
    result = found(kind, points)
    assert (result.verdict, result.interval) == ("inconclusive", (None, None))


CLEAR = dict.fromkeys(KINDS, 7.0) | {"slope_ratio": 5.9}


def clear(kind: str, spread: float = 0.1) -> dict[Network, list[float]]:
    points = world(deep=CLEAR[kind], spread=spread, seed=11)
    if kind == "below_line":
        points[DEEP[3]] = [value - 15 for value in points[DEEP[3]]]
    return points


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_run_leaves_a_trend_open_and_is_named(kind: str) -> None:
    points: dict[Network, Sequence[float | None]] = dict(clear(kind))
    assert found(kind, points).verdict == "confirmed"
    points[DEEP[1]] = [*points[DEEP[1]][:4], None]
    result = found(kind, points)
    assert result.verdict == "inconclusive"
    assert "undecided, because resnet-32 batchnorm seed 4 has no result" in result.reason


@pytest.mark.parametrize("kind", KINDS)
def test_a_diverged_run_that_changes_a_trend_at_chance_level_leaves_it_open(kind: str) -> None:
    points = clear(kind)
    telling = {"slope": DEEP[3], "below_line": DEEP[2]}.get(kind, DEEP[1])
    points[telling] = [NAN, *points[telling][1:]]
    result = found(kind, points)
    assert (result.verdict, result.diverged, result.n) == ("inconclusive", 1, 4)
    assert "counting it at chance level changes the outcome" in result.reason


def test_a_trend_that_stands_with_a_diverged_run_at_chance_is_kept() -> None:
    points = clear("monotone")
    points[DEEP[0]] = [NAN, *([11.0, 12.0, 11.5, 12.5])]
    result = found("monotone", points)
    assert (result.verdict, result.diverged) == ("confirmed", 1)
    sunk = clear("below_line") | {DEEP[3]: [NAN, 10.5, 11.0, 10.0, 12.0]}
    assert found("below_line", sunk).verdict == "confirmed"


def test_a_diverged_run_without_a_chance_level_leaves_a_ratio_open() -> None:
    points = clear("slope_ratio")
    points[WIDE[1]] = [NAN, *points[WIDE[1]][1:]]
    measured = table(values(points), metric=Metric.UNITS_OFF)
    result = judged(asked("slope_ratio", metric=Metric.UNITS_OFF), measured, references=NUMBERS).checks[0]
    assert result.verdict == "inconclusive"
    assert "nothing says what to count it as" in result.reason


# Properties

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from(KINDS), st.permutations(range(5)))
def test_the_order_of_seeds_changes_nothing(seed: int, kind: str, order: list[int]) -> None:
    points = world(seed=seed, spread=1.0)
    first = found(kind, points)
    second = found(kind, {network: [part[i] for i in order] for network, part in points.items()})
    assert first.verdict == second.verdict
    assert (second.estimate, *second.interval) == pytest.approx((first.estimate, *first.interval))


@settings(max_examples=40, deadline=None)
@given(
    seeds, st.sampled_from([kind for kind in KINDS if kind != "monotone"]), st.permutations(DEEP), st.permutations(WIDE)
)
def test_the_order_of_networks_changes_no_line(seed: int, kind: str, deep: list[Network], wide: list[Network]) -> None:
    points = world(seed=seed, spread=1.0)
    first, second = found(kind, points), found(kind, points, deep=deep, wide=wide)
    assert (first.verdict, first.reason) == (second.verdict, second.reason)
    assert second.interval == pytest.approx(first.interval)
    estimates = [{part.name: part.estimate for part in each.parts} for each in (first, second)]
    assert estimates[1] == pytest.approx(estimates[0])


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from(KINDS), st.floats(-30, 30))
def test_a_shift_of_all_values_changes_nothing(seed: int, kind: str, shift: float) -> None:
    points = world(seed=seed, spread=1.0)
    first = found(kind, points)
    second = found(kind, {network: [value + shift for value in part] for network, part in points.items()})
    assert first.verdict == second.verdict
    assert second.interval == pytest.approx(first.interval, abs=1e-8)


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from(KINDS), st.floats(0.1, 10))
def test_estimates_scale_with_the_values_and_a_ratio_does_not(seed: int, kind: str, factor: float) -> None:
    points = world(seed=seed, spread=1.0)
    scaled = {network: [value * factor for value in part] for network, part in points.items()}
    first, second = found(kind, points), found(kind, scaled)
    by = 1.0 if kind == "slope_ratio" else factor
    for one, other in zip(first.parts, second.parts, strict=True):
        assert other.estimate == pytest.approx(one.estimate * by)
        assert other.interval == pytest.approx(tuple(bound if bound is None else bound * by for bound in one.interval))


# Error rates on the boundary: 2,000 worlds through ``judge``, 5 % and three of their standard errors

DRAWS = 2000


def rates(kind: str, *, deep: float, wide: float, spread: float, **changes: Any) -> tuple[float, float]:
    """How often a claim that is true only just, and false only just, is confirmed and is refuted."""
    check, counts = asked(kind, **changes), {"confirmed": 0, "refuted": 0, "inconclusive": 0}
    for seed in range(DRAWS):
        points = world(deep, wide, seed=seed, spread=spread)
        counts[judged(check, values(points), references=EXACT).checks[0].verdict.value] += 1
    return counts["confirmed"] / DRAWS, counts["refuted"] / DRAWS


EXACT = Numbers({"s/steeper": number(value=1.18, rounding=1e-9, unit=Unit.RATIO)})


def test_a_slope_of_nothing_is_confirmed_and_refuted_at_most_at_the_level() -> None:
    confirmed, refuted = rates("slope", deep=0.0, wide=0.0, spread=1.0)
    assert 0.035 <= confirmed <= 0.065
    assert 0.035 <= refuted <= 0.065


@pytest.mark.parametrize("ratio", [1.08, 1.28])
def test_a_ratio_on_its_bound_is_confirmed_and_refuted_at_most_at_the_level(ratio: float) -> None:
    confirmed, refuted = rates("slope_ratio", deep=5 * ratio, wide=5.0, spread=0.2)
    assert confirmed <= 0.065
    assert 0.035 <= refuted <= 0.065


@pytest.mark.parametrize(
    ("kind", "changes"),
    [("below_line", {"network": "resnet-20"}), ("slope_ratio", {"sensitivity_without": ("resnet-20",)})],
)
def test_a_claim_that_singles_out_a_network_of_no_group_does_not_load(kind: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="resnet-20 is not among the networks cifar"):
        found(kind, world(), **changes)
