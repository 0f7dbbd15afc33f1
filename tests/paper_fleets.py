"""The trainings of the paper on CIFAR-10 as a fleet of many workers, in several orders: for docs/scaling.md."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bnrepro.spec.run import RunSpec
from tests.paper_plan import HOUR, Paper
from tests.simulated_schedule import Arrival, LongestFirst, Order, Ours, Schedule, ShortestFirst, off_by, play

WORKERS = 64
LOST = 16
"""Workers that are lost, one after the other, at random times in the first half."""
FACTORS = (1.0, 1.5, 3.0)
"""By how much the estimates are off: see :func:`tests.simulated_schedule.off_by`."""
DISTURBANCES = (*((factor, 0) for factor in FACTORS), (FACTORS[1], LOST))
DRAWS = 3
BOUND = "no schedule ends before"
ORDERS: Mapping[str, type[Order]] = {
    "as asked for": Arrival,
    "shortest first": ShortestFirst,
    "longest first, first estimates": LongestFirst,
    "longest first, estimates refined (ours)": Ours,
}


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """One order under one disturbance: medians over draws."""

    order: str
    off: float
    lost: int
    hours: float
    utilisation: float


def fleets(paper: Paper) -> list[Fleet]:
    """Play every order, with estimates that are right and that are off, and with workers that are lost."""
    expected, found = paper.cifar(), []
    for off, lost in DISTURBANCES:
        bounds = [_bound(expected, off, lost, seed) / HOUR for seed in _draws(off, lost)]
        found.append(Fleet(order=BOUND, off=off, lost=lost, hours=round(statistics.median(bounds), 2), utilisation=1.0))
    for name, order in ORDERS.items():
        for off, lost in DISTURBANCES:
            played = [_played(expected, order, off, lost, seed) for seed in _draws(off, lost)]
            found.append(
                Fleet(
                    order=name,
                    off=off,
                    lost=lost,
                    hours=round(statistics.median(each.end for each in played) / HOUR, 2),
                    utilisation=round(statistics.median(each.utilisation for each in played), 4),
                )
            )
    return found


def _draws(off: float, lost: int) -> range:
    return range(DRAWS if lost or off != 1 else 1)


def _bound(expected: Mapping[RunSpec, float], off: float, lost: int, seed: int) -> float:
    """When all ends at the earliest: no worker idle, and no run shorter than it is."""
    actual, losses = _drawn(expected, off, lost, seed)
    staying = WORKERS - len(losses)
    return max((sum(actual.values()) - sum(losses.values())) / staying, *actual.values())


def _played(expected: Mapping[RunSpec, float], order: type[Order], off: float, lost: int, seed: int) -> Schedule:
    actual, losses = _drawn(expected, off, lost, seed)
    return play(actual, expected, order, WORKERS, losses=losses)


def _drawn(
    expected: Mapping[RunSpec, float], off: float, lost: int, seed: int
) -> tuple[dict[RunSpec, float], dict[int, float]]:
    """What runs take, and when workers are lost."""
    actual = off_by(expected, off, seed=seed)
    draw = np.random.Generator(np.random.PCG64([seed, lost]))
    half = sum(actual.values()) / WORKERS / 2
    return actual, {worker: float(at) for worker, at in enumerate(draw.uniform(0, half, size=lost))}


def busy_over_time(paper: Paper, points: int = 120) -> dict[str, list[tuple[float, int]]]:
    """Hours and workers at work, of every order but the one that only differs in its estimates; these are right."""
    expected = paper.cifar()
    orders = {name: order for name, order in ORDERS.items() if order is not Ours}
    played = {name: play(expected, expected, order, WORKERS) for name, order in orders.items()}
    last = max(each.end for each in played.values())
    times = [last * 1.0001 * point / points for point in range(points + 1)]
    return {name: [(round(at / HOUR, 3), each.busy(at)) for at in times] for name, each in played.items()}
