"""Claims to verdicts, look by look: plan, train what is missing, measure, judge, until all is settled.

At each look only the arms that an unsettled check still needs get more seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing

from bnrepro.errors import TrainingError
from bnrepro.execute.events import Event, Failed, Finished
from bnrepro.execute.pool import LocalPool
from bnrepro.identity import run_key
from bnrepro.measure import Measurements
from bnrepro.plan import Need, Plan, Setting, make_plan
from bnrepro.question import Question
from bnrepro.recipes import RECIPES
from bnrepro.spec.checks import Cell
from bnrepro.spec.load import References
from bnrepro.spec.probe import Measured, Probe
from bnrepro.spec.run import RunRecord, RunSpec
from bnrepro.spec.scale import Scale
from bnrepro.store import Store
from bnrepro.verdict import Judgement, judge


class Suite:
    """The claims of one invocation, the store that they share, and what has been found so far.

    Usage:
        suite = Suite(questions, references, setting=setting, store=store)
        for look in suite.looks():
            suite.train(suite.plan(look), pool, listener)
            suite.judge(look)
        suite.judgements
    """

    def __init__(
        self, questions: Sequence[Question], references: References, *, setting: Setting, store: Store
    ) -> None:
        self.questions = tuple(questions)
        self.references = references
        self.setting = setting
        self.records: dict[str, RunRecord] = {}
        """Every run that a look needed and that is done, by key."""
        self.measured: dict[str, dict[Probe, Measured]] = {}
        """What was measured on trained networks, by key of the run."""
        self.trained: set[str] = set()
        """Keys of the runs that were trained now and not found in the store."""
        self.failed: dict[str, Failed] = {}
        self.judgements: dict[str, Judgement] = {}
        """By claim id."""
        self._store = store
        self._shapes = {
            family: setting.data[recipe.dataset].shape
            for (family, scale), recipe in RECIPES.items()
            if scale is setting.scale and recipe.dataset in setting.data
        }
        # On no evidence every check that can be assessed here is open: that is what the first look plans for.
        self.judge(look=1)

    @property
    def settled(self) -> bool:
        """Whether no check of any claim is open."""
        return not any(judgement.open_checks for judgement in self.judgements.values())

    def looks(self) -> range:
        """The looks that some claim may take, counted from 1."""
        return range(1, 1 + max(len(question.claim.looks.seeds) for question in self.questions))

    def needs(self, look: int, question: Question) -> Iterator[Need]:
        """What the open checks of a claim read at a look; nothing where the claim has no such look."""
        seeds = question.claim.looks.seeds
        if look <= len(seeds):
            yield from question.needs(self.judgements[question.claim.id].open_checks, seeds[look - 1])

    def plan(self, look: int) -> Plan:
        """The trainings that open checks need at a look."""
        needs = [need for question in self.questions for need in self.needs(look, question)]
        return make_plan(needs, self.setting, self._store, known=self.records)

    def train(self, plan: Plan, pool: LocalPool, listener: Callable[[Event], None]) -> None:
        """Train and measure what a plan is missing. A run that fails is kept for the verdict, not raised.

        Raises:
            TrainingError: every run failed, so that there is nothing to judge.
        """
        with closing(pool.run(plan.work, plan.to_measure)) as events:
            for event in events:
                if isinstance(event, Finished) and event.trained:
                    self.trained.add(run_key(event.spec))
                elif isinstance(event, Failed):
                    self.failed[run_key(event.spec)] = event
                listener(event)
        for run in plan.runs:
            record = run.record or self._store.find(run.key)
            if record is not None:
                self.records[run.key] = record
                self._read_measured(run.key, run.probes)
        if plan.runs and self.failed and not any(run.key in self.records for run in plan.runs):
            first = next(iter(self.failed.values()))
            raise TrainingError(f"every run failed; the first, {first.spec}: {first.error}\n{first.details}".rstrip())
        # A run that failed at one look and is done at the next has not failed.
        lacking = {run.key for run in plan.runs if set(run.probes) - set(self.measured.get(run.key, ()))}
        self.failed = {key: event for key, event in self.failed.items() if key not in self.records or key in lacking}

    def judge(self, look: int) -> None:
        """Judge every claim on the runs so far."""
        arithmetic = Measurements(scale=Scale.PAPER, values={}, classes={})
        trained = Measurements.from_records(
            self.records.values(),
            scale=self.setting.scale,
            classes={family: shape.classes for family, shape in self._shapes.items()},
            test_images={family: shape.test_images for family, shape in self._shapes.items()},
            metrics={check.metric for question in self.questions for check in question.claim.checks},
            measured=self.measured,
        )
        for question in self.questions:
            self.judgements[question.claim.id] = judge(
                question.claim,
                scale=question.scale,
                networks=question.networks,
                whole_claim=not question.deviations,
                absent=question.absent,
                measurements=trained if question.claim.trains else arithmetic,
                references=self.references,
                look=min(look, len(question.claim.looks.seeds)),
            )

    def runs_of(self, question: Question) -> tuple[RunRecord, ...]:
        """The finished runs that a claim reads, by network, arm and seed."""
        order = {cell: position for position, cell in enumerate(question.cells)}
        own = [record for record in self.records.values() if _cell(record.spec) in order]
        return tuple(sorted(own, key=lambda record: (order[_cell(record.spec)], record.spec.seed)))

    def failed_of(self, question: Question) -> dict[str, Failed]:
        """The failed runs that a claim would have read, by key."""
        return {key: event for key, event in self.failed.items() if _cell(event.spec) in question.cells}

    def _read_measured(self, key: str, probes: Iterable[Probe]) -> None:
        own = self.measured.setdefault(key, {})
        for probe in probes:
            if probe not in own and (value := self._store.measured(key, probe)) is not None:
                own[probe] = value


def _cell(spec: RunSpec) -> Cell:
    return spec.network, spec.full_arm
