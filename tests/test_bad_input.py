"""Too little, equal, missing and senseless data: words and wide intervals, or a typed error, for every kind of check.

Warnings are errors in this test suite, so a warning of numpy's would fail these tests.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from bnrepro.measure import Measurements
from bnrepro.spec.arms import Arm
from bnrepro.spec.metrics import Unit
from bnrepro.spec.networks import Network
from bnrepro.spec.results import CheckResult, Interval
from bnrepro.spec.scale import Scale
from bnrepro.stats import SampleError
from tests.simulated import FIXED, SETTINGS, Setting, Truth
from tests.worlds import Numbers, check, claim, judged, number, table

NUMBERS = Numbers(FIXED | {"s/best": number(value=56.0)})
ALL = pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.label)
OF_VALUES = pytest.mark.parametrize(
    "setting", [each for each in SETTINGS if not each.rates], ids=lambda setting: setting.label
)
NAN = math.nan

Points = Mapping[tuple[Network, Arm], list[float | None]]


def found(setting: Setting, values: Points | Measurements, **changes: Any) -> CheckResult:
    """The check of a setting at one look of five seeds."""
    groups = setting.groups or {"cifar": tuple(dict.fromkeys(network for network, _ in setting.means[Truth.TRUE]))}
    asked = claim(
        dict(setting.check) | changes,
        networks=groups["cifar"],
        looks=(5,),
        **{name: dict.fromkeys(Scale, each) for name, each in groups.items() if name != "cifar"},
    )
    return judged(asked, values, references=NUMBERS).checks[0]


def clear(setting: Setting, points: list[float | None], *, truth: Truth = Truth.TRUE) -> Points:
    """Deviations from the true mean, of another size in every cell; ``None`` for no run."""
    means = setting.means[truth]
    base = dict.fromkeys(means, 50.0) if setting.own_spreads or setting.rates else means
    return {
        cell: [None if each is None else mean + setting.spread * each / (1 + place) for each in points]
        for place, (cell, mean) in enumerate(base.items())
    }


def no_interval_is_a_point(result: CheckResult) -> bool:
    intervals: list[Interval] = [result.interval, *(part.interval for part in result.parts)]
    return all(low is None or high is None or low < high for low, high in intervals)


def open_with_words(result: CheckResult) -> bool:
    return result.verdict == "inconclusive" and bool(result.reason) and all(part.reason for part in result.parts)


SCATTER: list[float | None] = [-1.0, 0.5, 0.0, 1.0, -0.5]


@ALL
@pytest.mark.parametrize("n", [0, 1])
def test_no_seed_or_one_settles_nothing(setting: Setting, n: int) -> None:
    for truth in (Truth.TRUE, Truth.FALSE):
        result = found(setting, clear(setting, SCATTER[:n] + [None] * (5 - n), truth=truth))
        assert open_with_words(result)
        assert no_interval_is_a_point(result)
        assert result.n == n


@ALL
def test_two_seeds_of_five_are_told_as_missing_and_settle_nothing(setting: Setting) -> None:
    result = found(setting, clear(setting, [*SCATTER[:2], None, None, None]))
    assert open_with_words(result)
    assert no_interval_is_a_point(result)
    assert "no result" in result.reason


@OF_VALUES
def test_all_runs_diverged_settle_no_mean(setting: Setting) -> None:
    result = found(setting, clear(setting, [NAN] * 5))
    assert open_with_words(result)
    assert no_interval_is_a_point(result)
    assert result.diverged == len(setting.means[Truth.TRUE]) * 5


@OF_VALUES
@pytest.mark.parametrize("truth", [Truth.TRUE, Truth.FALSE])
def test_equal_values_settle_nothing(setting: Setting, truth: Truth) -> None:
    result = found(setting, clear(setting, [0.0] * 5, truth=truth))
    assert open_with_words(result)
    assert no_interval_is_a_point(result)


@ALL
def test_arms_with_different_numbers_of_runs_wait_for_the_missing_ones(setting: Setting) -> None:
    values = dict(clear(setting, SCATTER))
    for cell in list(values)[::2]:
        values[cell] = [*values[cell][:3], None, None]
    result = found(setting, values)
    assert open_with_words(result)
    assert no_interval_is_a_point(result)
    assert "no result" in result.reason


@OF_VALUES
def test_an_arm_that_lost_runs_to_divergence_is_judged_by_what_is_left(setting: Setting) -> None:
    values = dict(clear(setting, SCATTER))
    cell = next(iter(values))
    values[cell] = [*values[cell][:3], NAN, NAN]
    result = found(setting, values)
    assert result.verdict in {"confirmed", "inconclusive"}
    assert no_interval_is_a_point(result)
    assert result.diverged == 2


@OF_VALUES
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_measurement_that_is_no_number_is_a_typed_error(setting: Setting, bad: float) -> None:
    measurements = table(clear(setting, SCATTER))
    ((metric, cells),) = measurements.values.items()
    (cell, runs), *others = cells.items()
    spoilt = {cell: runs | {0: dataclasses.replace(runs[0], value=bad)}} | dict(others)
    with pytest.raises(SampleError, match=r"a sample holds -?(nan|inf); count a diverged run at chance level"):
        found(setting, dataclasses.replace(measurements, values={metric: spoilt}))


MARGINS = {
    setting.label: next((name for name in ("margin", "tolerance") if name in setting.check), "") for setting in SETTINGS
}
NEEDING_ROOM = {"equivalence", "matching", "linearity", "range", "range, best of a family", "slope_ratio"}
"""Kinds that would ask for an exact value, which no interval can lie in, or for a match and a deficit at once."""


@pytest.mark.parametrize("setting", [each for each in SETTINGS if MARGINS[each.label]], ids=lambda each: each.label)
def test_a_margin_of_0_is_refused_where_nothing_could_hold_and_means_any_difference_elsewhere(
    setting: Setting,
) -> None:
    def asked() -> CheckResult:
        return found(setting, clear(setting, SCATTER), **{MARGINS[setting.label]: 0.0})

    if setting.label in NEEDING_ROOM:
        with pytest.raises(ValidationError, match="greater than 0"):
            asked()
    else:
        result = asked()
        assert result.verdict == "confirmed"
        assert no_interval_is_a_point(result)


@pytest.mark.parametrize("margin", [-1.0, math.nan, math.inf])
def test_a_margin_that_is_no_amount_is_refused(margin: float) -> None:
    with pytest.raises(ValidationError, match="margin"):
        claim(check("superiority", margin=margin))


def test_a_number_in_a_unit_that_is_none_of_ours_is_refused() -> None:
    """That a known unit is another than the check's is refused with the place in the file: ``test_spec_claims``."""
    with pytest.raises(ValidationError, match="unit"):
        number(value=0.56, unit="fraction")


def test_an_empty_region_is_refused_before_anything_is_held_against_it() -> None:
    with pytest.raises(ValidationError, match=r"low 21\.0 is above high 17\.0"):
        number(low=21.0, high=17.0, unit=Unit.POINTS)


@pytest.mark.parametrize("kind", ["range", "slope_ratio"])
def test_a_tolerance_below_the_printed_rounding_leaves_no_room_to_hold(kind: str) -> None:
    """The printed number is known to half a unit, so an interval can lie surely inside of nothing."""
    setting = next(each for each in SETTINGS if each.label == kind)
    result = found(setting, clear(setting, SCATTER), tolerance=0.004 if kind == "slope_ratio" else 0.4)
    assert open_with_words(result)
