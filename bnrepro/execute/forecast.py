"""How long runs still take, learned while they are under way.

A plan brings a first guess for each run. What a pool tells then corrects it:

- a run that has ended says what runs of the same network and arm take: their mean replaces the guess;
- for networks and arms of which none has ended, the guess is scaled by what ended runs of the same recipe on the same
  kind of device took against their guesses (the median, so that one run on a busy machine does not spoil it);
- where none of these has ended either, by the pace of those under way;
- a run under way is judged by its own pace, the more the further it has come; one that is late is not over.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType

from bnrepro.execute.events import Advanced, Event, Failed, Finished, Left, Noted, Retried, Started, Waiting
from bnrepro.packing import end_of_all
from bnrepro.spec.run import RunSpec

TRUSTED_SHARE = 0.2
"""From this share of a run on, its own pace is all that counts; before, the guess counts for the rest."""

_UNKNOWN: Mapping[RunSpec, float] = MappingProxyType({})


class Forecast:
    """What is left of some runs, by first guesses and by what a pool tells.

    Usage:
        forecast = Forecast({spec: 60.0 for spec in specs})
        for event in pool.run(specs):
            forecast.take(event)
            print(forecast.left_seconds(jobs=2))

    A run without a guess, such as one that is only measured, takes no time worth counting.

    Args:
        seconds: guess for each whole run.
        begun: share of a run that a checkpoint holds, from 0 to 1, where one does.
        clock: in seconds; one that nobody sets.
    """

    def __init__(
        self,
        seconds: Mapping[RunSpec, float] = _UNKNOWN,
        *,
        begun: Mapping[RunSpec, float] = _UNKNOWN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._runs: dict[RunSpec, _Run] = {}
        kinds: dict[object, _Kind] = {}
        paces: dict[object, _Pace] = {}
        for spec, guess in seconds.items():
            pace = paces.setdefault((spec.recipe, spec.device), _Pace())
            kind = kinds.setdefault((spec.recipe, spec.device, spec.network, spec.full_arm), _Kind(pace=pace))
            self._runs[spec] = _Run(guess=guess, kind=kind, share=begun.get(spec, 0.0))

    def take(self, event: Event) -> None:
        """Learn from one event, when it happens."""
        if isinstance(event, Noted) or event.spec not in self._runs:
            return
        run, now = self._runs[event.spec], self._clock()
        match event:
            case Started(late=False):
                run.begin(_State.UNDER_WAY, now)
            case Waiting():
                run.begin(_State.ELSEWHERE, now)
            case Retried():
                run.state = _State.WAITING
            case Advanced(progress=progress):
                run.advance(progress.steps_done / progress.steps, now)
            case Finished(trained=trained):
                if trained:
                    run.learn(now)
                run.state = _State.OVER
            case Failed() | Left():
                run.state = _State.OVER
        run.kind.pace.tell(event.spec, run.pace)

    def left(self, spec: RunSpec) -> float:
        """Seconds from now to the end of a run: of one that waits, if it is begun now."""
        run = self._runs.get(spec)
        return 0.0 if run is None else run.left(self._clock())

    def left_seconds(self, jobs: int) -> float:
        """Seconds from now to the end of all, if ``jobs`` run at once and the longest of those that wait come first."""
        now = self._clock()
        left: dict[_State, list[float]] = {state: [] for state in _State}
        for run in self._runs.values():
            left[run.state].append(run.left(now))
        here = end_of_all(left[_State.WAITING], jobs, busy=left[_State.UNDER_WAY])
        return max(here, *left[_State.ELSEWHERE], 0.0)

    @property
    def share_done(self) -> float:
        """Of all the work as it is expected now, from 0 to 1; 1 where there is none."""
        whole = sum(run.kind.seconds(run.guess) for run in self._runs.values())
        done = sum(run.kind.seconds(run.guess) * run.share_done for run in self._runs.values())
        return done / whole if whole else 1.0


class _State(Enum):
    WAITING = auto()
    UNDER_WAY = auto()
    ELSEWHERE = auto()
    """Another process is at work on it."""
    OVER = auto()


@dataclass(kw_only=True)
class _Pace:
    """Time over guess, of the runs of one recipe on one kind of device."""

    ended: list[float] = field(default_factory=list)
    under_way: dict[RunSpec, float] = field(default_factory=dict)
    now: float = 1.0
    """The median of those that ended; until one has, of those under way."""

    def tell(self, spec: RunSpec, pace: float | None) -> None:
        """Of a run, what its own pace is now; ``None`` where it has none."""
        self.under_way.pop(spec, None)
        if pace is not None:
            self.under_way[spec] = pace
        self.now = statistics.median(self.ended or self.under_way.values() or [1.0])


@dataclass(kw_only=True)
class _Kind:
    """The runs that differ in their seed alone."""

    pace: _Pace
    ended: list[float] = field(default_factory=list)
    mean: float | None = None

    def seconds(self, guess: float) -> float:
        """Of a whole run, as it is expected now."""
        return guess * self.pace.now if self.mean is None else self.mean


@dataclass(kw_only=True)
class _Run:
    """What is known of one run."""

    guess: float
    kind: _Kind
    share: float
    """Done, as far as it was told."""
    state: _State = _State.WAITING
    begun_at: float = 0.0
    begun_share: float = 0.0
    told_at: float = 0.0
    """When ``share`` was."""
    own: float = 0.0
    """Seconds of the whole run, at the pace that it had until then."""
    trust: float = 0.0
    """In ``own``, from 0 to 1."""

    def begin(self, state: _State, now: float) -> None:
        self.state, self.trust = state, 0.0
        self.begun_at = self.told_at = now
        self.begun_share = self.share

    def advance(self, share: float, now: float) -> None:
        """A share below the one that it began with tells an older checkpoint than was thought."""
        self.share, self.told_at, self.begun_share = share, now, min(self.begun_share, share)
        done = share - self.begun_share
        self.trust = min(1.0, done / TRUSTED_SHARE)
        self.own = (now - self.begun_at) / done if done else 0.0

    def learn(self, now: float) -> None:
        """From its end, unless it may have stopped early: a run that diverged is not at its last step."""
        if self.state is not _State.UNDER_WAY or self.begun_share < self.share < 1 or self.begun_share == 1:
            return
        seconds, pace = (now - self.begun_at) / (1 - self.begun_share), self.kind.pace
        self.kind.ended.append(seconds)
        self.kind.mean = statistics.fmean(self.kind.ended)
        if self.guess:
            pace.ended.append(seconds / self.guess)

    def left(self, now: float) -> float:
        if self.state is _State.OVER:
            return 0.0
        left = (1 - self.share) * self.kind.seconds(self.guess)
        if self.state is _State.WAITING:
            return left
        left = self.trust * (1 - self.share) * self.own + (1 - self.trust) * left
        # One that is late is expected to be late by as much again.
        return abs(left - (now - self.told_at))

    @property
    def pace(self) -> float | None:
        """Time over guess, as far as its own tells; ``None`` where it tells nothing."""
        if self.state is not _State.UNDER_WAY or not self.trust or not self.guess:
            return None
        return self.trust * self.own / self.guess + (1 - self.trust)

    @property
    def share_done(self) -> float:
        return 1.0 if self.state is _State.OVER else self.share
