"""Small multiples, one a network: which runs each of them draws, and how every one of them is introduced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bnrepro.report import svg, text
from bnrepro.report.arms import ArmStyle
from bnrepro.report.figures.frame import SMALL
from bnrepro.report.figures.groups import Group
from bnrepro.report.figures.looks import Series
from bnrepro.report.figures.pool import Pool
from bnrepro.spec.networks import Network
from bnrepro.spec.results import RunRow

DIVERGED = "Crosses at the bottom are runs that diverged; they have no curve and no mean holds them."


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """The runs of one arm on one network of which something was measured."""

    style: ArmStyle
    runs: tuple[RunRow, ...]
    """Those that did not diverge, by seed."""
    diverged: tuple[RunRow, ...]

    def crosses(self, row: int) -> Markup:
        """A cross at the bottom for each run that diverged; each arm has a row of its own."""
        at = ((SMALL.right - 8 - 9 * index, SMALL.bottom - 7 - 10 * row) for index in range(len(self.diverged)))
        return svg.element("g", *(svg.marker("cross", place, 2.6, "diverged") for place in at), class_=self.style.css)


@dataclass(frozen=True, kw_only=True)
class Multiple:
    """One network and what is drawn of it."""

    title: str
    network: Network
    bundles: tuple[Bundle, ...]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A group of networks of which each gets a panel, or one network of it."""

    group: Group
    only: Network | None = None
    """One network. Where it did not run, the deepest of its group that did stands in for it."""


def multiples_of(
    groups: Sequence[Wanted], series: tuple[Series, ...], pool: Pool, measured: Callable[[RunRow], bool]
) -> dict[Wanted, list[Multiple]]:
    """The panels of each group, in order of size; a network that several groups hold is drawn in the first.

    Networks of which nothing was measured are left out.
    """
    shown: set[Network] = set()
    found = {}
    for wanted in groups:
        by_network = {}
        for network in wanted.group.members(pool.networks):
            cells = ((own, pool.cells.get((network, own.arm), ())) for own in series)
            bundles = tuple(filter(None, (_bundle(runs, own, measured) for own, runs in cells)))
            if any(bundle.runs for bundle in bundles) and network not in shown:
                by_network[network] = bundles
        chosen = _chosen(wanted, tuple(by_network))
        shown |= set(chosen)
        found[wanted] = [
            Multiple(title=title, network=network, bundles=by_network[network]) for network, title in chosen.items()
        ]
    return found


def _chosen(wanted: Wanted, networks: Sequence[Network]) -> dict[Network, str]:
    """The networks that get a panel, and its title."""
    if wanted.only is None or not networks:
        return {network: str(network) for network in networks}
    if wanted.only in networks:
        return {wanted.only: str(wanted.only)}
    return {networks[-1]: f"{networks[-1]}, in place of {wanted.only}"}


def said_of(multiples: list[Multiple]) -> tuple[str, ...]:
    """Over how many seeds, and what stands for runs that diverged."""
    counts = tuple(len(bundle.runs) for multiple in multiples for bundle in multiple.bundles if bundle.runs)
    seeds = text.span_of(counts, "seed")
    diverged = any(bundle.diverged for multiple in multiples for bundle in multiple.bundles)
    return (f"{seeds[0].upper()}{seeds[1:]} an arm.", *([DIVERGED] if diverged else []))


def missing_of(wanted: Wanted, what: str, pool: Pool) -> str:
    """Why a group has no panel."""
    ran = wanted.group.members(pool.networks)
    if not ran:
        return f"{wanted.group.opening}: no run of these arms at {pool.scale} scale."
    return f"{wanted.group.opening}: {what} was not measured of any run at {pool.scale} scale."


def _bundle(runs: tuple[RunRow, ...], series: Series, measured: Callable[[RunRow], bool]) -> Bundle | None:
    diverged = tuple(run for run in runs if run.status == "diverged")
    own = tuple(run for run in runs if run.status == "completed" and measured(run))
    return Bundle(style=series.style, runs=own, diverged=diverged) if own or diverged else None
