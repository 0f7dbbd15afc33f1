"""A fleet of workers, simulated event by event: what an order of runs comes to when the estimates are off.

The order of the product is not imitated here but asked: :class:`bnrepro.execute.window.Window` with its forecast, on a
clock that the simulation moves.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from bnrepro.execute.events import Advanced, Event, Finished, Retried, Started
from bnrepro.execute.forecast import Forecast
from bnrepro.execute.window import Window
from bnrepro.spec.run import RunSpec
from bnrepro.spec.trainer import Progress

CHECKPOINT_SECONDS = 60.0
"""Between two checkpoints: what a lost worker's run has to do again, at most."""
_PARTS = 1_000_000

Seconds = Mapping[RunSpec, float]


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """One run on one worker."""

    spec: RunSpec
    worker: int
    begin: float
    end: float
    """Of the run, or when the worker was lost."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What became of a fleet. Times in seconds from its beginning."""

    stretches: tuple[Stretch, ...]
    needed: float
    """Seconds of all runs, each once."""
    offered: float
    """Seconds of all workers, from the beginning until the last run ended or the worker was lost."""

    @property
    def end(self) -> float:
        """When the last run ended."""
        return max((stretch.end for stretch in self.stretches), default=0.0)

    @property
    def utilisation(self) -> float:
        """Share of the workers' time that went into results: neither idle nor done again."""
        return self.needed / self.offered if self.offered else 1.0

    def busy(self, at: float) -> int:
        """Workers at work at a time."""
        return sum(stretch.begin <= at < stretch.end for stretch in self.stretches)


class Clock:
    """Moved by the simulation."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Order:
    """Which waiting run is begun next: the base takes them as they are given."""

    def __init__(self, expected: Seconds, clock: Clock) -> None:
        self._expected, self._clock = expected, clock

    def next_of(self, waiting: Sequence[RunSpec]) -> RunSpec:
        """One of those that wait."""
        return waiting[0]

    def take(self, event: Event) -> None:
        """Told what happens."""


class Arrival(Order):
    """As the claims ask for them, file by file."""


class ShortestFirst(Order):
    """By the first estimate."""

    def next_of(self, waiting: Sequence[RunSpec]) -> RunSpec:
        return min(waiting, key=self._expected.__getitem__)


class LongestFirst(Order):
    """By the first estimate."""

    def next_of(self, waiting: Sequence[RunSpec]) -> RunSpec:
        return max(waiting, key=self._expected.__getitem__)


class Ours(Order):
    """As bnrepro does: the longest first, by estimates that runs which end make better."""

    def __init__(self, expected: Seconds, clock: Clock) -> None:
        super().__init__(expected, clock)
        self._window = Window(forecast=Forecast(self._expected, clock=self._clock))

    def next_of(self, waiting: Sequence[RunSpec]) -> RunSpec:
        chosen = self._window.next_of(waiting)
        assert chosen is not None
        return chosen

    def take(self, event: Event) -> None:
        self._window.take(event)


def play(
    actual: Seconds,
    expected: Seconds,
    order: Callable[[Seconds, Clock], Order],
    workers: int,
    *,
    losses: Mapping[int, float] | None = None,
) -> Schedule:
    """Carry out runs that take ``actual`` seconds, in an order chosen from what is ``expected``.

    Args:
        actual: in the order in which the runs are asked for.
        expected: of the same runs.
        order: a class of :class:`Order`.
        workers: how many there are at first, from 1.
        losses: when a worker is lost for good, by its number; its run goes on elsewhere from its last checkpoint.

    Raises:
        ValueError: all workers are lost before the runs are done.
    """
    clock, waiting, left, tie = Clock(), list(actual), dict(actual), count()
    chosen = order(expected, clock)
    free, lost_at = list(range(workers)), dict(losses or {})
    under_way: dict[int, Stretch] = {}
    done: list[Stretch] = []
    coming: list[tuple[float, int, int, RunSpec | None]] = []
    """When, a number that breaks ties, which worker, and the run that ends; ``None`` where the worker is lost."""
    for worker, at in lost_at.items():
        heapq.heappush(coming, (at, next(tie), worker, None))
    while waiting or under_way:
        while waiting and free:
            spec = chosen.next_of(waiting)
            waiting.remove(spec)
            worker, end = free.pop(), clock.now + left[spec]
            under_way[worker] = Stretch(spec=spec, worker=worker, begin=clock.now, end=end)
            heapq.heappush(coming, (end, next(tie), worker, spec))
            chosen.take(Started(spec=spec))
        if not coming:
            raise ValueError("all workers are lost")
        clock.now, _, worker, ended = heapq.heappop(coming)
        if ended is not None:
            if worker in under_way and under_way[worker].spec == ended and under_way[worker].end == clock.now:
                done.append(under_way.pop(worker))
                free.append(worker)
                chosen.take(_told(ended, 1.0))
                chosen.take(Finished(spec=ended, trained=True))
        elif worker in under_way:
            was = under_way.pop(worker)
            kept = (clock.now - was.begin) // CHECKPOINT_SECONDS * CHECKPOINT_SECONDS
            left[was.spec] -= kept
            done.append(Stretch(spec=was.spec, worker=worker, begin=was.begin, end=clock.now))
            waiting.append(was.spec)
            chosen.take(_told(was.spec, 1 - left[was.spec] / actual[was.spec]))
            chosen.take(Retried(spec=was.spec, error="its worker was lost"))
        elif worker in free:
            free.remove(worker)
    end = max((stretch.end for stretch in done), default=0.0)
    offered = sum(min(end, lost_at.get(worker, end)) for worker in range(workers))
    return Schedule(stretches=tuple(done), needed=sum(actual.values()), offered=offered)


def _told(spec: RunSpec, share: float) -> Advanced:
    progress = Progress(steps_done=round(_PARTS * share), steps=_PARTS, test_accuracy=None)
    return Advanced(spec=spec, progress=progress)


def off_by(expected: Seconds, factor: float, *, seed: int) -> dict[RunSpec, float]:
    """What runs take where the estimate of each network and arm is wrong by a lognormal factor.

    Args:
        expected: seconds.
        factor: one standard deviation of the logarithm up: two thirds of all estimates are right within it.
        seed: of the draw.
    """
    draw = np.random.Generator(np.random.PCG64(seed))
    wrong: dict[tuple[object, object], float] = {}
    for spec in expected:
        wrong.setdefault((spec.network, spec.full_arm), float(np.exp(draw.normal() * np.log(factor))))
    return {spec: seconds * wrong[spec.network, spec.full_arm] for spec, seconds in expected.items()}
