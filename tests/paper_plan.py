"""The whole paper planned at its own scale, without data and with an empty store: what docs/scaling.md counts."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from pathlib import Path

import numpy as np

from bnrepro.budget import SharedBudget, setting_without_data, shared_budget
from bnrepro.checks import References, obstacle_at
from bnrepro.cost import CostModel
from bnrepro.packing import end_of_all
from bnrepro.plan import Need, resolved
from bnrepro.question import Question, ask
from bnrepro.session import load_suite
from bnrepro.spec.networks import Family
from bnrepro.spec.run import RunSpec
from bnrepro.spec.scale import Scale
from bnrepro.turns import cheapest_first, play, shared_first

ROOT = Path(__file__).parent.parent
HOUR = 3600.0


@dataclass(frozen=True, kw_only=True)
class Paper:
    """The whole paper at its own scale, planned without data and with an empty store."""

    questions: tuple[Question, ...]
    references: References
    model: CostModel
    budget: SharedBudget
    runs: Mapping[str, RunSpec]
    """By key, in the order in which the claims ask for them, if every look is taken."""

    @classmethod
    @cache
    def planned(cls) -> Paper:
        """Read the claims and plan them."""
        claims, references = load_suite([ROOT / "claims"])
        questions = tuple(ask(loaded, Scale.PAPER) for loaded in claims)
        setting = setting_without_data(Scale.PAPER)
        model = CostModel(shapes=setting.shapes)
        paper = cls(
            questions=questions,
            references=references,
            model=model,
            budget=shared_budget(questions, references, setting, model),
            runs={},
        )
        needs = (need for question in questions for need in paper.needs(question, paper.checks(question), -1))
        return replace(paper, runs=resolved(needs, setting)[0])

    def checks(self, question: Question) -> list[str]:
        """Those of a claim that can be assessed at this scale."""
        found = question.claim.checks
        return [check.id for check in found if obstacle_at(check, question.scale, self.references) is None]

    def needs(self, question: Question, checks: Iterable[str], look: int) -> list[Need]:
        """What some checks of a claim read at a look, counted from 0."""
        return list(question.needs(list(checks), question.claim.looks.seeds[look]))

    def keys(self, needs: Iterable[Need]) -> dict[str, RunSpec]:
        """The runs of some needs."""
        return resolved(needs, setting_without_data(Scale.PAPER))[0]

    def lacking(self) -> dict[str, set[str]]:
        """Keys of the runs that each claim that trains needs at its first look."""
        found = {q.claim.id: set(self.keys(self.needs(q, self.checks(q), 0))) for q in self.questions}
        return {claim: keys for claim, keys in found.items() if keys}

    def seconds(self, runs: Iterable[RunSpec]) -> dict[RunSpec, float]:
        """Expected of each run, on one GPU."""
        return {spec: self.model.seconds(spec) for spec in runs}

    def of(self, *families: Family) -> dict[RunSpec, float]:
        """The runs of some families, with their seconds."""
        return self.seconds(spec for spec in self.runs.values() if spec.network.family in families)

    def cifar(self) -> dict[RunSpec, float]:
        """All that is trained on CIFAR-10."""
        return self.of(Family.CIFAR, Family.VGG)


@dataclass(frozen=True, kw_only=True)
class Looks:
    """Where some share of the checks stays open after the first look: what is trained, and until when."""

    open_share: float
    trainings: float
    gpu_hours: float
    days: float
    """On ``workers`` GPUs, the second look begun when the first is over."""


def looks(paper: Paper, share: float, *, workers: int, draws: int = 20) -> Looks:
    """The mean over draws of which checks stay open."""
    draw = np.random.Generator(np.random.PCG64(round(1000 * share)))
    first = paper.keys(need for q in paper.questions for need in paper.needs(q, paper.checks(q), 0))
    found = []
    for _ in range(draws if 0 < share < 1 else 1):
        needs: list[Need] = []
        for question in paper.questions:
            if len(question.claim.looks.seeds) > 1:
                open_now = [check for check in paper.checks(question) if draw.random() < share]
                needs += paper.needs(question, open_now, 1)
        second = {key: spec for key, spec in paper.keys(needs).items() if key not in first}
        stages = [list(paper.seconds(runs.values()).values()) for runs in (first, second)]
        wall = sum(end_of_all(stage, workers) for stage in stages)
        found.append((sum(map(len, stages)), sum(map(sum, stages)) / HOUR, wall / HOUR / 24))
    trainings, hours, days = (statistics.fmean(column) for column in zip(*found, strict=True))
    return Looks(open_share=share, trainings=trainings, gpu_hours=hours, days=days)


def trainings_by_claims(paper: Paper, *, draws: int = 200) -> dict[int, tuple[float, float]]:
    """By number of claims, taken in random orders: trainings one by one, and together."""
    keys = [set(paper.keys(paper.needs(q, paper.checks(q), -1))) for q in paper.questions]
    keys = [own for own in keys if own]
    draw = np.random.Generator(np.random.PCG64(0))
    alone, together = np.zeros(len(keys)), np.zeros(len(keys))
    for _ in range(draws):
        order = [keys[place] for place in draw.permutation(len(keys))]
        alone += np.cumsum([len(own) for own in order])
        together += [len(union) for union in accumulate(order, lambda one, other: one | other)]
    return {n: (alone[n - 1] / draws, together[n - 1] / draws) for n in (1, 5, 10, 15, len(keys))}


@dataclass(frozen=True, kw_only=True)
class Budgeted:
    """Claims through their first look by a deadline."""

    jobs: int
    hours: float
    cheapest: int
    """By the rule that looks at each claim alone."""
    shared: int
    """By the rule that counts shared runs in part."""

    @property
    def taken(self) -> int:
        """By the better of the two."""
        return max(self.cheapest, self.shared)


def budgeted(paper: Paper) -> list[Budgeted]:
    """Both rules under many budgets: of several sizes, with one GPU and with many."""
    lacking = paper.lacking()
    seconds = {key: paper.model.seconds(spec) for key, spec in paper.runs.items()}
    found = []
    for jobs in (1, 8, 64):
        for gpu_hours in np.geomspace(10, 20_000, 34).round():
            within = gpu_hours / jobs
            cheapest, shared = (
                len(play(rule, lacking, seconds, left_seconds=within * HOUR, jobs=jobs).through)
                for rule in (cheapest_first, shared_first)
            )
            found.append(Budgeted(jobs=jobs, hours=float(within), cheapest=cheapest, shared=shared))
    return found
