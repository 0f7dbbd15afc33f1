"""Appendix D's grid search: small CIFAR ResNets with as many parameters as a larger network has in BatchNorm.

Training all parameters of such a network is compared with training only the BatchNorm of the larger one. The
paper does not say which grid it searched or how close is close enough; the constants below are our choice.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from bnrepro.errors import UsageError
from bnrepro.spec.networks import Family, Network

WIDTHS = tuple(Fraction(channels, 16) for channels in range(1, 9))
"""Every width up to 1/2, the widest of footnote 9, that gives whole channels."""
MAX_DEPTH = 284
"""At width 1/8 this is too deep even for the budget of ResNet-866, so that no match in a stratum is cut off."""
TOLERANCE = 0.1
"""Largest relative difference of a match. With it 6 of the 12 budgets of Table 1 have a match in each stratum. The five
smallest have none in the higher one, whose smallest network, of depth 8 and width 1/4, has 5,214 parameters, 16 % too
many at best. That of WRN-14-8 lies between two networks of that stratum, of which the nearer has 10.7 % too few."""
BUDGET_NETWORKS = tuple(
    Network.parse(name)
    for name in (
        *(f"resnet-{depth}" for depth in (14, 32, 56, 110, 218, 434, 866)),
        *(f"wrn-14-{width}" for width in (2, 4, 8, 16, 32)),
    )
)
"""The CIFAR ResNets of Table 1, whose BatchNorm counts are the budgets."""


class Stratum(StrEnum):
    """The two levels of accuracy that footnote 9 tells apart by width."""

    LOWER = "lower"
    """Width 1/8, deeper."""
    HIGHER = "higher"
    """Width 1/4 to 1/2, shallower."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One network of the grid beside a budget."""

    network: Network
    total: int
    """Parameters of the whole network."""
    relative_difference: float
    """Total over budget, less 1."""

    @property
    def stratum(self) -> Stratum | None:
        """By width; None for the widths 1/16 and 3/16, which footnote 9 does not name."""
        if self.network.width == Fraction(1, 8):
            return Stratum.LOWER
        return Stratum.HIGHER if self.network.width >= Fraction(1, 4) else None


@dataclass(frozen=True, kw_only=True)
class GridSearch:
    """A budget and all that was looked at for it."""

    budget: int
    tolerance: float
    grid: tuple[Candidate, ...]
    """The whole grid: by width, then by depth."""

    @property
    def matches(self) -> tuple[Candidate, ...]:
        """Candidates within the tolerance, the nearest first; of two equally near ones the shallower."""
        near = (candidate for candidate in self.grid if abs(candidate.relative_difference) <= self.tolerance)
        return tuple(sorted(near, key=_distance))

    def nearest(self, stratum: Stratum) -> Candidate:
        """The candidate of a stratum that is nearest to the budget, within the tolerance or not."""
        return min((candidate for candidate in self.grid if candidate.stratum is stratum), key=_distance)

    def rows(self) -> list[list[str]]:
        """The whole grid as text, one candidate a row, under a heading."""
        heading = ["network", "width", "parameters", "difference", "stratum", f"within {self.tolerance:.1%}"]
        return [heading] + [
            [
                str(candidate.network),
                str(candidate.network.width),
                f"{candidate.total:,}",
                f"{candidate.relative_difference:+.1%}",
                str(candidate.stratum or ""),
                "match" if abs(candidate.relative_difference) <= self.tolerance else "",
            ]
            for candidate in self.grid
        ]


def search(budget: int, *, tolerance: float = TOLERANCE) -> GridSearch:
    """Compare every network of the grid, as built for CIFAR-10, with a number of parameters.

    Usage:
        search(Network.parse("resnet-434").counts().batchnorm).matches[0].network   # wrn-128-0.125

    Raises:
        UsageError: the budget is below 1, or the tolerance below 0.
    """
    if budget < 1 or not tolerance >= 0:
        raise UsageError(f"a budget is from 1 parameter up and a tolerance from 0 up, not {budget} and {tolerance}")
    grid = tuple(
        Candidate(network=network, total=total, relative_difference=total / budget - 1) for network, total in _totals()
    )
    return GridSearch(budget=budget, tolerance=tolerance, grid=grid)


def summary_rows(tolerance: float = TOLERANCE) -> list[list[str]]:
    """For every budget of Table 1 the nearest network of each stratum as text, under a heading."""
    rows = [["BatchNorm of", "budget", *(f"nearest, {stratum} stratum" for stratum in Stratum)]]
    for network in BUDGET_NETWORKS:
        found = search(network.counts().batchnorm, tolerance=tolerance)
        rows.append([str(network), f"{found.budget:,}", *(_told(found, found.nearest(each)) for each in Stratum)])
    return rows


def _told(search: GridSearch, candidate: Candidate) -> str:
    close = "" if abs(candidate.relative_difference) <= search.tolerance else ", no match"
    return f"{candidate.network} ({candidate.relative_difference:+.1%}{close})"


@functools.cache
def _totals() -> tuple[tuple[Network, int], ...]:
    networks = (
        Network(family=Family.CIFAR, depth=depth, width=width)
        for width in WIDTHS
        for depth in range(8, MAX_DEPTH + 1, 6)
    )
    return tuple((network, network.counts().total) for network in networks)


def _distance(candidate: Candidate) -> tuple[float, int]:
    return abs(candidate.relative_difference), candidate.network.depth
