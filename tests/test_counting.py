"""Known answers of arithmetic, and of runs that fail."""

from __future__ import annotations

import math
from typing import Any

import pytest
from scipy import stats

from bnrepro.errors import ReferenceMissing
from bnrepro.spec.metrics import Unit
from bnrepro.spec.networks import Network
from bnrepro.spec.quantities import QuantityName
from bnrepro.spec.results import CheckResult
from tests.worlds import BETTER, FAMILY, WORSE, Numbers, Values, arms, number, result

NAN = math.nan
ONE = FAMILY[:1]
WIDE = tuple(Network.parse(name) for name in ("wrn-14-2", "wrn-14-4", "wrn-14-16"))
READINGS = tuple(name for name in QuantityName if name.endswith("over_batchnorm") and "shortcut" in name)


def printed(value: float, rounding: float, unit: Unit = Unit.PARAMETERS) -> Any:
    return number(value=value, rounding=rounding, unit=unit, n=1)


PRINTED = Numbers(
    {
        # As Table 1 prints them, but for wrn-14-2, which has 696,618 parameters: the paper's own slip.
        "t/resnet-14-total": printed(175e3, 1e3),
        "t/resnet-20-total": printed(272e3, 1e3),
        "t/resnet-32-total": printed(467e3, 1e3),
        "t/wrn-14-2-total": printed(696e3, 1e3),
        "t/resnet-14-batchnorm-share": printed(0.64, 0.01, Unit.PERCENT),
        "t/resnet-20-batchnorm-share": printed(0.58, 0.01, Unit.PERCENT),
        "t/share": printed(0.64, 0.01, Unit.PERCENT),
        "t/small-share": printed(0.00, 0.01, Unit.PERCENT),
        "t/four": printed(4, 1, Unit.RATIO),
        "t/third": printed(0.3333, 0.1, Unit.RATIO),
        "t/two": printed(2, 1, Unit.RATIO),
        "t/forty": printed(40, 1, Unit.RATIO),
        "t/half-up": printed(1280, 320),
        "t/half-down": printed(960, 320),
        "t/range": number(low=1.0, high=2.0),
        "t/lost": number(missing="the digits were lost"),
    }
)


def counted(*quantities: QuantityName, networks: Any = ONE, kind: str = "count", **changes: Any) -> CheckResult:
    if kind == "count" and "table" not in changes:
        changes = {"table": None} | changes
    return result(kind, {}, networks=networks, references=PRINTED, quantities=quantities, **changes)


def test_a_table_agrees_where_every_cell_rounds_to_its_printed_digits() -> None:
    found = counted(QuantityName.TOTAL, networks=FAMILY[:3], table="t")
    assert (found.verdict, found.reason) == ("confirmed", "all 3 cells agree")
    assert [(part.name, part.estimate, part.interval) for part in found.parts] == [
        ("resnet-14 total", 175_258, (175_258, 175_258)),
        ("resnet-20 total", 272_474, (272_474, 272_474)),
        ("resnet-32 total", 466_906, (466_906, 466_906)),
    ]
    assert (found.parts[0].region, found.n, found.runs) == ((174_500, 175_500), 0, ())


def test_one_cell_that_differs_refutes_a_table_and_is_named() -> None:
    found = counted(QuantityName.TOTAL, networks=FAMILY, table="t")
    assert found.verdict == "refuted"
    assert found.reason == "3 of 4 cells agree; wrn-14-2 total is 696,618, printed 696,000"
    assert (found.estimate, found.region, found.unit) == (696_618, (695_500, 696_500), "parameters")
    assert [part.verdict.value for part in found.parts] == [*["confirmed"] * 3, "refuted"]


def test_shares_are_compared_as_decimals_not_as_floats() -> None:
    found = counted(QuantityName.BATCHNORM_SHARE, networks=FAMILY[:2], table="t")
    assert (found.verdict, found.unit) == ("confirmed", "percent")
    assert found.parts[0].reason == "resnet-14 batchnorm share is 0.6391 %, printed 0.64 %"


def test_a_cell_that_the_table_lacks_is_a_typed_error() -> None:
    with pytest.raises(ReferenceMissing, match="t/resnet-14-shortcut"):
        counted(QuantityName.SHORTCUT, table="t")
    with pytest.raises(ReferenceMissing, match="t/range is a range"):
        counted(QuantityName.TOTAL, reference="t/range")


def test_a_number_that_was_lost_is_not_assessed() -> None:
    found = counted(QuantityName.TOTAL, reference="t/lost")
    assert (found.verdict, found.reason) == ("not assessed", "nothing to hold it against: the digits were lost")
    assert found.unit == "parameters"


@pytest.mark.parametrize(("reference", "word"), [("t/half-up", "confirmed"), ("t/half-down", "refuted")])
def test_an_exact_half_rounds_up(reference: str, word: str) -> None:
    # 1,120 is three and a half times 320.
    assert counted(QuantityName.BATCHNORM, reference=reference).verdict == word


def test_the_largest_over_the_networks_is_compared_and_its_network_named() -> None:
    found = counted(QuantityName.BATCHNORM_SHARE, networks=FAMILY, statistic="maximum", reference="t/share")
    assert found.verdict == "confirmed"
    assert found.reason == "largest of 4 networks: resnet-14 batchnorm share is 0.6391 %, printed 0.64 %"
    assert [part.verdict.value for part in found.parts] == ["confirmed", *["not assessed"] * 3]


@pytest.mark.parametrize(
    ("tolerance", "word"), [(0.2, "confirmed"), (0.13, "refuted"), (0.0, "refuted"), (None, "confirmed")]
)
def test_a_tolerance_takes_the_place_of_the_printed_digits(tolerance: float | None, word: str) -> None:
    quantity = QuantityName.BATCHNORM_SHORTCUT_OUTPUT_OVER_BATCHNORM
    found = counted(quantity, reference="t/four", tolerance=tolerance)
    assert (found.verdict, found.estimate) == (word, pytest.approx(3.8660714))


def test_a_fraction_that_the_paper_puts_in_words_keeps_its_digits() -> None:
    found = counted(QuantityName.BATCHNORM_OVER_RESNET_14_TOTAL, reference="t/third", tolerance=0.05)
    assert found.reason == ("resnet-14 batchnorm over resnet 14 total is 0.006, printed 0.3333 (within 0.05)")


def test_a_tolerance_that_is_just_met_is_met() -> None:
    assert counted(QuantityName.RANDOM_8_OVER_BATCHNORM, reference="t/two", tolerance=2.0).verdict == "confirmed"


def test_readings_of_which_some_agree_leave_the_claim_open() -> None:
    found = counted(*READINGS, reference="t/two", networks=ONE)
    assert found.verdict == "inconclusive"
    assert found.reason == (
        "1 of 4 readings of the text agrees with the printed 2: resnet-14 shortcut over batchnorm (2.29), "
        "but not resnet-14 shortcut output over batchnorm (2.87), resnet-14 batchnorm shortcut over batchnorm (3.29), "
        "resnet-14 batchnorm shortcut output over batchnorm (3.87); no run can settle which was meant"
    )


def test_readings_of_which_all_or_none_agree_settle_it() -> None:
    randoms = (QuantityName.RANDOM_8_OVER_BATCHNORM, QuantityName.BATCHNORM_SHORTCUT_OUTPUT_OVER_BATCHNORM)
    assert counted(*randoms, reference="t/four").verdict == "confirmed"
    found = counted(*READINGS, reference="t/forty")
    assert found.verdict == "refuted"
    assert found.reason.startswith("0 of 4 cells agree; resnet-14 shortcut over batchnorm is 2.29, printed 40; ")
    assert found.reason.endswith(" and 1 more")


@pytest.mark.parametrize(
    ("quantity", "grows", "word"),
    [
        (QuantityName.OUTPUT_WEIGHTS, "linearly", "confirmed"),
        (QuantityName.BATCHNORM, "linearly", "confirmed"),
        (QuantityName.SHORTCUT, "quadratically", "confirmed"),
        (QuantityName.CONVOLUTIONS_BUT_THE_FIRST, "quadratically", "confirmed"),
        (QuantityName.RANDOM_8_OVER_BATCHNORM, "not at all", "confirmed"),
        (QuantityName.OUTPUT, "linearly", "refuted"),
        (QuantityName.BATCHNORM, "not at all", "refuted"),
        (QuantityName.SHORTCUT, "linearly", "refuted"),
    ],
)
def test_counts_grow_with_the_width_exactly_as_said_or_not(quantity: QuantityName, grows: str, word: str) -> None:
    assert counted(quantity, kind="growth", networks=WIDE, grows=grows).verdict == word


def test_growth_names_each_ratio_that_is_off() -> None:
    found = counted(QuantityName.OUTPUT, kind="growth", networks=WIDE, grows="linearly")
    assert found.reason == (
        "0 of 2 ratios agree exactly; wrn-14-4 output is 1.99225 times that of wrn-14-2, not 2; "
        "wrn-14-16 output is 7.94574 times that of wrn-14-2, not 8"
    )
    assert (found.estimate, found.region, found.unit) == (pytest.approx(2570 / 1290), (2.0, 2.0), "ratio")


def test_growth_over_depth_keeps_shortcut_and_output() -> None:
    quantities = (QuantityName.SHORTCUT, QuantityName.OUTPUT)
    found = counted(*quantities, kind="growth", networks=FAMILY[:3], grows="not at all")
    assert (found.verdict, found.reason) == ("confirmed", "all 4 ratios agree exactly")


def test_growth_from_nothing_is_told_without_a_ratio() -> None:
    vgg, resnet = Network.parse("vgg-11"), FAMILY[0]
    found = counted(QuantityName.SHORTCUT, kind="growth", networks=(vgg, resnet), grows="not at all")
    assert (found.verdict, found.estimate, found.interval) == ("refuted", None, (None, None))
    assert found.reason == "0 of 1 ratio agree exactly; resnet-14 shortcut is 2,560, and vgg-11 has none"
    flat = counted(QuantityName.SHORTCUT, kind="growth", networks=(vgg, Network.parse("vgg-13")), grows="not at all")
    assert flat.verdict == "confirmed"


def test_one_network_alone_grows_from_nothing_to_compare() -> None:
    assert counted(QuantityName.OUTPUT, kind="growth", grows="linearly").verdict == "inconclusive"


def failed(worse: int, better: int, n: int = 5, networks: Any = ONE) -> Values:
    runs = [[NAN] * count + [80.0] * (n - count) for count in (better, worse)]
    return arms(runs[0], runs[1], networks)


@pytest.mark.parametrize(
    ("worse", "better", "word"),
    [
        (5, 0, "confirmed"),
        (4, 0, "confirmed"),
        (5, 5, "inconclusive"),
        (3, 2, "inconclusive"),
        (2, 0, "inconclusive"),
        (0, 0, "inconclusive"),
    ],
)
def test_runs_fail_often_and_more_often_than_in_the_other_arm(worse: int, better: int, word: str) -> None:
    found = result("failure_rate", failed(worse, better), networks=ONE)
    rate, difference = found.parts
    theirs = stats.binomtest(worse, 5).proportion_ci(0.9, method="exact")
    low, high = rate.interval
    assert (low, high) == (pytest.approx(100 * theirs.low, abs=1e-8), pytest.approx(100 * theirs.high, abs=1e-8))
    p = stats.boschloo_exact([[worse, better], [5 - worse, 5 - better]], alternative="greater").pvalue
    assert difference.verdict == ("confirmed" if p < 0.05 else "inconclusive")
    assert difference.interval == (None, None)
    assert (found.verdict, found.diverged, found.n) == (word, worse + better, 5)
    assert (rate.region, difference.region, found.margin, found.unit) == ((20.0, None), (0.0, None), 20.0, "percent")


def test_a_rate_that_is_surely_below_refutes_and_no_comparison_does() -> None:
    rare = result("failure_rate", failed(0, 0), networks=ONE, at_least_percent=60.0)
    assert rare.verdict == "refuted"
    assert rare.reason == "resnet-14 random_2, 0 of 5 runs failed, 0.0 % [0.0, 45.1]; the whole interval lies below 60"
    reverse = result("failure_rate", failed(4, 5), networks=ONE)
    assert [part.verdict.value for part in reverse.parts] == ["confirmed", "inconclusive"]
    assert reverse.verdict == "inconclusive"


def test_what_failed_is_told_in_words() -> None:
    found = result("failure_rate", failed(5, 0, networks=FAMILY[:2]), networks=FAMILY[:2])
    assert found.reason == (
        "least favourable of 2 networks: resnet-14 random_2, 5 of 5 runs failed, 100.0 % [54.9, 100.0]; "
        "the whole interval lies above 20"
    )
    assert found.parts[1].reason == "5 of 5 runs failed against 0 of 5 runs; p < 0.001 by Boschloo's test, below 0.05"


def test_an_open_failure_rate_says_how_many_runs_it_needs() -> None:
    found = result("failure_rate", failed(2, 0), networks=ONE)
    needed = next(n for n in range(6, 100) if stats.binomtest(round(0.4 * n), n).proportion_ci(0.9).low > 0.2)
    assert found.reason.endswith(f"the interval does not clear 20; needs about {needed - 5} more seeds")


def test_one_network_on_which_runs_do_not_fail_refutes() -> None:
    values = {**failed(5, 0), **failed(0, 0, networks=FAMILY[1:2])}
    found = result("failure_rate", values, networks=FAMILY[:2], at_least_percent=60.0)
    assert found.verdict == "refuted"
    assert found.reason.startswith("least favourable of 2 networks: resnet-20 random_2, 0 of 5 runs failed")


def test_a_missing_run_leaves_a_failure_rate_open_and_is_named() -> None:
    values = {**failed(5, 0), (ONE[0], BETTER): [80.0, 80.0, 80.0, 80.0, None]}
    found = result("failure_rate", values, networks=ONE)
    assert found.verdict == "inconclusive"
    assert found.reason.endswith("undecided, because resnet-14 batchnorm seed 4 has no result")
    empty = result("failure_rate", {(ONE[0], arm): [] for arm in (BETTER, WORSE)}, networks=ONE)
    assert (empty.verdict, empty.estimate, empty.interval) == ("inconclusive", None, (None, None))


def test_the_order_of_runs_changes_no_failure_rate() -> None:
    shuffled = {(ONE[0], WORSE): [80.0, NAN, NAN, NAN, NAN], (ONE[0], BETTER): [80.0] * 5}
    assert (
        result("failure_rate", shuffled, networks=ONE).reason
        == result("failure_rate", failed(4, 0), networks=ONE).reason
    )
