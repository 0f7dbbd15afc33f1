"""Appendix D's grid search."""

from __future__ import annotations

from fractions import Fraction

import pytest

from bnrepro.errors import UsageError
from bnrepro.small_resnets import BUDGET_NETWORKS, MAX_DEPTH, TOLERANCE, WIDTHS, Stratum, search
from bnrepro.spec.networks import Network

BUDGETS = {str(network): network.counts().batchnorm for network in BUDGET_NETWORKS}
BOTH_STRATA = ["resnet-110", "resnet-218", "resnet-434", "resnet-866", "wrn-14-16", "wrn-14-32"]


def test_the_grid_holds_every_depth_and_width_once_with_its_total() -> None:
    grid = search(10_000).grid
    assert [(c.network.width, c.network.depth) for c in grid] == [
        (width, depth) for width in WIDTHS for depth in range(8, MAX_DEPTH + 1, 6)
    ]
    for candidate in grid[::40]:
        assert candidate.total == Network.parse(str(candidate.network)).counts().total
        assert candidate.relative_difference == pytest.approx((candidate.total - 10_000) / 10_000)


def test_matches_are_all_within_the_tolerance_and_the_nearest_comes_first() -> None:
    found = search(BUDGETS["resnet-434"], tolerance=0.05)
    distances = [abs(candidate.relative_difference) for candidate in found.matches]
    assert distances == sorted(distances)
    assert distances[-1] <= 0.05
    assert set(found.matches) == {c for c in found.grid if 0.95 * 32_480 <= c.total <= 1.05 * 32_480}
    assert str(found.matches[0].network) == "wrn-128-0.125"


def test_a_network_of_exactly_the_budget_matches_without_any_tolerance() -> None:
    total = Network.parse("wrn-20-0.25").counts().total
    assert [str(candidate.network) for candidate in search(total, tolerance=0.0).matches] == ["wrn-20-0.25"]
    assert search(total + 1, tolerance=0.0).matches == ()


def test_strata_are_the_widths_of_footnote_9() -> None:
    strata = {candidate.network.width: candidate.stratum for candidate in search(10_000).grid}
    assert strata == {
        Fraction(1, 16): None,
        Fraction(1, 8): Stratum.LOWER,
        Fraction(3, 16): None,
        **{Fraction(sixteenths, 16): Stratum.HIGHER for sixteenths in (4, 5, 6, 7, 8)},
    }


def test_half_of_the_budgets_of_table_1_have_a_match_in_each_stratum() -> None:
    def served(tolerance: float) -> list[str]:
        found = {name: search(budget, tolerance=tolerance).matches for name, budget in BUDGETS.items()}
        return [name for name, matches in found.items() if {*Stratum} <= {match.stratum for match in matches}]

    assert served(TOLERANCE) == BOTH_STRATA
    assert set(served(0.11)) - set(BOTH_STRATA) == {"wrn-14-8"}


def test_the_lower_stratum_is_deeper_wherever_both_have_a_match() -> None:
    for name in BOTH_STRATA:
        found = search(BUDGETS[name])
        assert found.nearest(Stratum.LOWER).network.depth > found.nearest(Stratum.HIGHER).network.depth


def test_no_match_in_a_stratum_lies_at_the_deep_edge_of_the_grid() -> None:
    for budget in BUDGETS.values():
        assert all(c.network.depth < MAX_DEPTH for c in search(budget).matches if c.stratum is not None)


def test_the_nearest_of_a_stratum_is_told_even_where_it_does_not_match() -> None:
    found = search(BUDGETS["resnet-14"])
    assert not {*Stratum} & {match.stratum for match in found.matches}
    assert str(found.nearest(Stratum.LOWER).network) == "wrn-8-0.125"
    assert str(found.nearest(Stratum.HIGHER).network) == "wrn-8-0.25"


def test_rows_show_the_whole_grid_under_a_heading() -> None:
    found = search(BUDGETS["resnet-56"])
    rows = found.rows()
    assert rows[0] == ["network", "width", "parameters", "difference", "stratum", "within 10.0%"]
    assert len(rows) == 1 + len(found.grid)
    assert ["wrn-20-0.125", "1/8", "4,556", "+7.0%", "lower", "match"] in rows
    assert ["wrn-8-0.25", "1/4", "5,214", "+22.5%", "higher", ""] in rows
    assert sum(row[-1] == "match" for row in rows) == len(found.matches)


@pytest.mark.parametrize(("budget", "tolerance"), [(0, 0.1), (-5, 0.1), (100, -0.1), (100, float("nan"))])
def test_a_budget_or_tolerance_that_cannot_be_is_refused(budget: int, tolerance: float) -> None:
    with pytest.raises(UsageError, match="from 1 parameter up and a tolerance from 0 up"):
        search(budget, tolerance=tolerance)
