"""The stages of a verify: look after look without a limit of time, else what fits in the budget, claim by claim.

Within a budget the aim is that every night settles what it can and loses nothing:

1. Each claim is judged on what the store has, up to the look that it lacks runs for.
2. Runs that are expected to end in what is left of the time are trained: first those that a checkpoint already holds,
   then claim by claim, the one that needs least first. A claim that comes through its look goes on to its next look
   before a more expensive claim has its turn.
3. When nothing more fits, the rest of the time goes to runs that are too long for it, in the same order. A checkpoint
   carries them into the next night, so that also a run longer than a whole budget ends some day.
4. At the deadline, runs under way write their checkpoints. What is left is kept in :attr:`Suite.unfinished`.

To a check, a run that is left is one without a result, as if it had failed: what needs it stays open.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bnrepro.deadline import Deadline
from bnrepro.execute.window import ALWAYS_OPEN, Window
from bnrepro.plan import Need, Plan, PlannedRun, make_plan
from bnrepro.question import Question
from bnrepro.spec.run import RunSpec
from bnrepro.suite import Suite
from bnrepro.unfinished import Unfinished

ShareDone = Callable[[RunSpec, bytes], float]
"""The share of a run that its checkpoint holds, from 0 to 1."""

CARRIED_OVER = "runs too long for the time that is left, which checkpoints carry over"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A plan to carry out now, before the next stage is known."""

    name: str
    """As a person is told of it, after ``plan,``."""
    plan: Plan
    window: Window = ALWAYS_OPEN


def look_by_look(suite: Suite) -> Iterator[Stage]:
    """What to train, as long as it takes; the caller trains each stage before asking for the next.

    Usage:
        for stage in look_by_look(suite):
            suite.train(stage.plan, LocalPool(…, window=stage.window), listener)
        suite.judgements
    """
    looks = suite.looks()
    for look in looks:
        yield Stage(name=f"look {look} of {len(looks)}", plan=suite.plan(look))
        suite.judge(look)
        if suite.settled:
            return


def until(deadline: Deadline, suite: Suite, share_done: ShareDone) -> Iterator[Stage]:
    """What to train until a deadline, as the module says; used as :func:`look_by_look`.

    In the end every claim is judged, and ``suite.unfinished`` holds those that time ran out on.
    """
    reached = {question.claim.id: 1 for question in suite.questions}
    while waiting := _advance(suite, reached):
        needs = [need for claim in waiting for need in claim.needs]
        plan = make_plan(needs, suite.setting, suite.store, known=suite.records)
        begun = _begun(waiting, suite, share_done)
        seconds = {run.key: _seconds_left(run, plan, begun) for run in plan.runs}
        suite.unfinished = {claim.id: claim.unfinished(seconds, begun) for claim in waiting}
        if deadline.passed:
            break
        yield _next_stage(_turns(waiting, seconds, begun), plan, seconds, deadline)
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


def _begun(waiting: Sequence[_Waiting], suite: Suite, share_done: ShareDone) -> dict[str, float]:
    """The share that is done of each run that a checkpoint holds, by key."""
    lacking = {key: spec for claim in waiting for key, spec in claim.lacking.items()}
    saved = {key: suite.store.checkpoint(key).load() for key in lacking}
    return {key: share_done(lacking[key], content) for key, content in saved.items() if content is not None}


def _seconds_left(run: PlannedRun, plan: Plan, begun: Mapping[str, float]) -> float:
    """Expected of a run; measuring a trained one counts as nothing."""
    return 0.0 if run.cached else plan.cost.seconds(run.spec) * (1 - begun.get(run.key, 0.0))


def _turns(
    waiting: Sequence[_Waiting], seconds: Mapping[str, float], begun: Mapping[str, float]
) -> list[tuple[str, list[str]]]:
    """Whose turn it is: runs with a checkpoint, then claim by claim, the one that needs least first.

    Each turn has a name and the keys of its runs. Of runs with a checkpoint the one that is nearest to its end comes
    first, so that two long ones do not share the nights; of a claim's the longest, which packs the processes best.
    """
    cheapest_first = sorted(waiting, key=lambda claim: sum(seconds[key] for key in claim.lacking))
    turns = [("runs that a checkpoint holds", sorted(begun, key=lambda key: seconds[key]))]
    for claim in cheapest_first:
        longest_first = sorted(claim.lacking, key=lambda key: -seconds[key])
        turns.append((f"{claim.id} at look {claim.look} of {claim.looks}", longest_first))
    return turns


def _next_stage(
    turns: Sequence[tuple[str, Collection[str]]], plan: Plan, seconds: Mapping[str, float], deadline: Deadline
) -> Stage:
    """The first turn of which a run fits, else all that is left, to be carried over."""
    runs = {run.key: run for run in plan.runs}
    window = Window(deadline=deadline, seconds={run.spec: seconds[key] for key, run in runs.items()})
    for name, keys in turns:
        if any(window.fits(runs[key].spec) for key in keys):
            return Stage(name=name, plan=_part(plan, (runs[key] for key in keys)), window=window)
    in_turn = dict.fromkeys(key for _, keys in turns for key in keys)
    return Stage(
        name=CARRIED_OVER, plan=_part(plan, (runs[key] for key in in_turn)), window=replace(window, carry_over=True)
    )


def _part(plan: Plan, runs: Iterable[PlannedRun]) -> Plan:
    """Some runs of a plan, in the order in which they are to be begun."""
    return replace(plan, runs=tuple(runs))
