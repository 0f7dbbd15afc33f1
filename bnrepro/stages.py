"""The stages of a verify: look after look without a limit of time, else what fits in the budget, claim by claim.

Within a budget the aim is that every night settles what it can and loses nothing:

1. Each claim is judged on what the store has, up to the look that it lacks runs for.
2. Runs that are expected to end in what is left of the time are trained: first those that a checkpoint already holds,
   then claim by claim. Whose turn it is, :mod:`bnrepro.turns` says: the claims that cost least come first, where a
   run that several of them wait for costs each its part, if that gets as many claims through their look in the time
   that is left as counting it whole. This is asked anew after each stage, so that a claim that comes through its look
   goes on to its next look before a more expensive claim has its turn, and what one claim has trained is no cost to
   the next. Within a turn the longest run comes first, which packs the processes best.
3. With many processes, one turn would leave most of them idle while its last runs end. A stage takes further turns in
   until its work lasts twice as long as its longest run: then at most a third of the time is idle (Graham 1969).
4. When nothing more fits, the rest of the time goes to runs that are too long for it, in the same order. A checkpoint
   carries them into the next night, so that also a run longer than a whole budget ends some day.
5. At the deadline, runs under way write their checkpoints. What is left is kept in :attr:`Suite.unfinished`.

To a check, a run that is left is one without a result, as if it had failed: what needs it stays open.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bnrepro.deadline import Deadline
from bnrepro.execute.forecast import Forecast
from bnrepro.execute.window import ALWAYS_OPEN, Window
from bnrepro.plan import Need, Plan, PlannedRun, make_plan
from bnrepro.question import Question
from bnrepro.spec.run import RunSpec
from bnrepro.suite import Suite
from bnrepro.turns import order_of_turns
from bnrepro.unfinished import Unfinished
from bnrepro.wording import plural

ShareDone = Callable[[RunSpec, bytes], float]
"""The share of a run that its checkpoint holds, from 0 to 1."""

CHECKPOINTED = "runs that a checkpoint holds"
CARRIED_OVER = "runs too long for the time that is left, which checkpoints carry over"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A plan to carry out now, before the next stage is known."""

    name: str
    """As a person is told of it, after ``plan,``."""
    plan: Plan
    window: Window = ALWAYS_OPEN
    """Its forecast is of the runs of the plan."""


def look_name(look: int, *, of: int) -> str:
    """A look, counted from 1, as a person is told of it."""
    return f"look {look} of {of}"


def look_by_look(suite: Suite, share_done: ShareDone) -> Iterator[Stage]:
    """What to train, as long as it takes; the caller trains each stage before asking for the next.

    Usage:
        for stage in look_by_look(suite, share_done):
            suite.train(stage.plan, LocalPool(…, window=stage.window), listener)
        suite.judgements
    """
    looks = suite.looks()
    for look in looks:
        plan = suite.plan(look)
        begun = _begun({run.key: run.spec for run in plan.runs if not run.cached}, suite, share_done)
        yield Stage(name=look_name(look, of=len(looks)), plan=plan, window=Window(forecast=_forecast(plan, begun)))
        suite.judge(look)
        if suite.settled:
            return


def until(deadline: Deadline, suite: Suite, share_done: ShareDone, *, jobs: int = 1) -> Iterator[Stage]:
    """What to train until a deadline with ``jobs`` runs at once, as the module says; used as :func:`look_by_look`.

    In the end every claim is judged, and ``suite.unfinished`` holds those that time ran out on.
    """
    reached = {question.claim.id: 1 for question in suite.questions}
    while waiting := _advance(suite, reached):
        needs = [need for claim in waiting for need in claim.needs]
        plan = make_plan(needs, suite.setting, suite.store, known=suite.records)
        lacking = {key: spec for claim in waiting for key, spec in claim.lacking.items()}
        begun = _begun(lacking, suite, share_done)
        seconds = {run.key: _seconds_left(run, plan, begun) for run in plan.runs}
        suite.unfinished = {claim.id: claim.unfinished(seconds, begun) for claim in waiting}
        if deadline.passed:
            break
        turns = _turns(waiting, seconds, begun, left_seconds=deadline.left_seconds, jobs=jobs)
        yield _next_stage(turns, plan, begun, deadline, jobs)
    else:
        suite.unfinished = {}


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    """A claim that lacks runs at its look."""

    question: Question
    look: int
    needs: tuple[Need, ...]
    lacking: Mapping[str, RunSpec]
    """By key."""

    @property
    def id(self) -> str:
        return self.question.claim.id

    @property
    def looks(self) -> int:
        return len(self.question.claim.looks.seeds)

    def unfinished(self, seconds: Mapping[str, float], begun: Mapping[str, float]) -> Unfinished:
        return Unfinished(
            look=self.look,
            looks=self.looks,
            seconds={key: seconds[key] for key in self.lacking},
            begun=frozenset(self.lacking.keys() & begun.keys()),
        )


def _advance(suite: Suite, reached: dict[str, int]) -> list[_Waiting]:
    """Judge every claim on what the store has, up to the look that it lacks runs for; returns those that lack some."""
    waiting = []
    for question in suite.questions:
        last = len(question.claim.looks.seeds)
        while True:
            look = reached[question.claim.id]
            needs = tuple(suite.needs(look, question))
            lacking = suite.read(needs)
            judgement = suite.judge_one(question, look)
            if lacking:
                waiting.append(_Waiting(question=question, look=look, needs=needs, lacking=lacking))
            if lacking or look == last or not judgement.open_checks:
                break
            reached[question.claim.id] += 1
    return waiting


def _begun(lacking: Mapping[str, RunSpec], suite: Suite, share_done: ShareDone) -> dict[str, float]:
    """The share that is done of each run that a checkpoint holds, by key."""
    saved = {key: suite.store.checkpoint(key).load() for key in lacking}
    return {key: share_done(lacking[key], content) for key, content in saved.items() if content is not None}


def _forecast(plan: Plan, begun: Mapping[str, float], clock: Callable[[], float] = time.monotonic) -> Forecast:
    """What the cost model expects of the runs to train."""
    missing = {run.key: run.spec for run in plan.runs if not run.cached}
    return Forecast(
        {spec: plan.cost.seconds(spec) for spec in missing.values()},
        begun={missing[key]: share for key, share in begun.items() if key in missing},
        clock=clock,
    )


def _seconds_left(run: PlannedRun, plan: Plan, begun: Mapping[str, float]) -> float:
    """Expected of a run; measuring a trained one counts as nothing."""
    return 0.0 if run.cached else plan.cost.seconds(run.spec) * (1 - begun.get(run.key, 0.0))


@dataclass(frozen=True, kw_only=True)
class _Turn:
    name: str
    keys: Collection[str]


def _turns(
    waiting: Sequence[_Waiting],
    seconds: Mapping[str, float],
    begun: Mapping[str, float],
    *,
    left_seconds: float,
    jobs: int,
) -> list[_Turn]:
    """Whose turn it is: each run with a checkpoint, then claim by claim.

    Of runs with a checkpoint the one that is nearest to its end comes first, so that two long ones do not share the
    nights.
    """
    nearest_first = sorted(begun, key=seconds.__getitem__)
    claims = {claim.id: claim for claim in waiting}
    lacking = {name: claim.lacking.keys() for name, claim in claims.items()}
    order = order_of_turns(lacking, seconds, left_seconds=left_seconds, jobs=jobs, first=nearest_first)
    return [
        *(_Turn(name=CHECKPOINTED, keys=(key,)) for key in nearest_first),
        *(_Turn(name=_at_look(claims[name]), keys=lacking[name]) for name in order),
    ]


def _at_look(claim: _Waiting) -> str:
    return f"{claim.id} at look {claim.look} of {claim.looks}"


def _next_stage(turns: Sequence[_Turn], plan: Plan, begun: Mapping[str, float], deadline: Deadline, jobs: int) -> Stage:
    """From the first turn of which a run fits on, as many turns as keep the processes busy; else all that is left, to
    be carried over."""
    runs = {run.key: run for run in plan.runs}
    forecast = _forecast(plan, begun, deadline.clock)
    window = Window(deadline=deadline, forecast=forecast)
    fitting = [turn for turn in turns if any(window.fits(runs[key].spec) for key in turn.keys)]
    name, taken = (_joined(fitting, runs, forecast, jobs)) if fitting else (CARRIED_OVER, turns)
    number = {key: place for place, turn in reversed([*enumerate(taken)]) for key in turn.keys}
    window = replace(window, turns={runs[key].spec: place for key, place in number.items()}, carry_over=not fitting)
    in_turn = sorted(number, key=lambda key: (number[key], -forecast.left(runs[key].spec)))
    return Stage(name=name, plan=_part(plan, (runs[key] for key in in_turn)), window=window)


def _joined(
    turns: Sequence[_Turn], runs: Mapping[str, PlannedRun], forecast: Forecast, jobs: int
) -> tuple[str, list[_Turn]]:
    """The first turns that together last twice as long as their longest run; of one process, the first alone."""
    lengths: dict[str, float] = {}
    taken: list[_Turn] = []
    for turn in turns:
        busy = sum(lengths.values()) >= 2 * (jobs - 1) * max(lengths.values(), default=0.0)
        if taken and busy and turn.name != taken[-1].name:
            break
        taken.append(turn)
        lengths |= {key: forecast.left(runs[key].spec) for key in turn.keys}
    names = dict.fromkeys(turn.name for turn in taken)
    first, *others = names
    return f"{first} and {plural(len(others), 'turn')} more" if others else first, taken


def _part(plan: Plan, runs: Iterable[PlannedRun]) -> Plan:
    """Some runs of a plan, in the order in which they are to be begun."""
    return replace(plan, runs=tuple(runs))
