"""Claims to verdicts, look by look: plan, train what is missing, measure, judge, until all is settled.

At each look only the arms that an unsettled check still needs get more seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import cached_property, partial

from bnrepro.errors import TrainingError
from bnrepro.execute.events import Event, Failed, Finished, Left
from bnrepro.execute.executor import Executor
from bnrepro.identity import run_key
from bnrepro.measure import Measurements
from bnrepro.plan import Need, Plan, Setting, make_plan, resolved
from bnrepro.question import Question, ask
from bnrepro.recipes import RECIPES
from bnrepro.spec.checks import Cell
from bnrepro.spec.load import LoadedClaim, References
from bnrepro.spec.probe import Measured, Probe
from bnrepro.spec.run import RunRecord, RunSpec
from bnrepro.spec.scale import Scale
from bnrepro.store import Store
from bnrepro.unfinished import Unfinished
from bnrepro.verdict import Judgement, judge

_ARITHMETIC = Measurements(scale=Scale.PAPER, values={}, classes={})


class Suite:
    """The claims of one invocation, the store that they share, and what has been found so far.

    Usage:
        suite = Suite(questions, references, setting=setting, store=store)
        suite.declare()
        for look in suite.looks():
            suite.train(suite.plan(look), pool, listener)
            suite.judge(look)
        suite.judgements

    :mod:`bnrepro.stages` does the same within a budget of time.
    """

    def __init__(
        self, questions: Sequence[Question], references: References, *, setting: Setting, store: Store
    ) -> None:
        self.questions = tuple(questions)
        self.references = references
        self.setting = setting
        self.records: dict[str, RunRecord] = {}
        """Every run that a look needed and that is done, by key."""
        self._samples: dict[Cell, dict[int, RunRecord]] = {}
        """The same, by network and arm and by seed."""
        self.measured: dict[str, dict[Probe, Measured]] = {}
        """What was measured on trained networks, by key of the run."""
        self.trained: set[str] = set()
        """Keys of the runs that were trained now and not found in the store."""
        self.failed: dict[str, Failed] = {}
        self.unfinished: dict[str, Unfinished] = {}
        """Claims that time ran out on, by id."""
        self.judgements: dict[str, Judgement] = {}
        """By claim id."""
        self.store = store
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

    @cached_property
    def stored(self) -> dict[Cell, list[RunRecord]]:
        """What the store held of this scale when first asked, by network and arm, other devices and recipes included.

        Read once an invocation: a store may hold thousands of runs.
        """
        found: dict[Cell, list[RunRecord]] = {}
        for record in self.store.records():
            if record.spec.scale is self.setting.scale:
                found.setdefault(_cell(record.spec), []).append(record)
        return found

    def declare(self) -> None:
        """Keep in the store what each claim says, before any of its runs is read or trained.

        Runs of any device and recipe count as seen: they tell what to expect of those to come.
        """
        for question in self.questions:
            if question.claim.trains:
                self.store.declare(
                    question.loaded.claim,
                    sha256=question.loaded.sha256,
                    scale=question.scale,
                    count_runs=partial(self._runs_stored, question.loaded, question.scale),
                )

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
        return make_plan(needs, self.setting, self.store, known=self.records)

    def train(self, plan: Plan, pool: Executor, listener: Callable[[Event], None]) -> None:
        """Train and measure what a plan is missing. A run that fails is kept for the verdict, not raised.

        Raises:
            TrainingError: every run failed, so that there is nothing to judge.
        """
        with closing(pool.run(plan.work, plan.to_measure)) as events:
            for event in events:
                if isinstance(event, Finished | Failed | Left) and event.trained:
                    self.trained.add(run_key(event.spec))
                if isinstance(event, Failed):
                    self.failed[run_key(event.spec)] = event
                listener(event)
        for run in plan.runs:
            record = run.record or self.store.find(run.key)
            if record is not None:
                self._keep(record, run.spec, run.probes)
        # A run that failed at one look and is done at the next has not failed.
        for run in plan.runs:
            if self._is_whole(run.key, run.probes):
                self.failed.pop(run.key, None)
        left = {key for claim in self.unfinished.values() for key in claim.seconds}
        if self.failed and not self.records and left <= self.failed.keys():
            first = next(iter(self.failed.values()))
            raise TrainingError(f"every run failed; the first, {first.spec}: {first.error}\n{first.details}".rstrip())

    def read(self, needs: Iterable[Need]) -> dict[str, RunSpec]:
        """Read from the store what some needs name; returns what has yet to be trained or measured, by key.

        A run that failed now is none of these: nobody should wait for it.
        """
        specs, probes = resolved(needs, self.setting)
        lacking = {}
        for key, spec in specs.items():
            record = self.records.get(key) or self.store.find(key)
            if record is not None:
                self._keep(record, spec, probes[key])
            if key not in self.failed and not self._is_whole(key, probes[key]):
                lacking[key] = spec
        return lacking

    def judge(self, look: int) -> None:
        """Judge every claim on the runs so far."""
        trained = self._arranged(self.questions, self.records.values())
        for question in self.questions:
            self.judgements[question.claim.id] = self._judged(question, trained, look)

    def judge_one(self, question: Question, look: int) -> Judgement:
        """Judge one claim on the runs so far."""
        found = self._judged(question, self._arranged([question], self.records.values()), look)
        self.judgements[question.claim.id] = found
        return found

    def judged_now(self, question: Question) -> Judgement:
        """What a claim that is not of this suite comes to, such as an older text of one: on what there is, at its
        last look. Trains and measures nothing.

        Raises:
            ReferenceMissing: it names a number that there is not.
        """
        seeds = question.claim.looks.seeds
        needs = question.needs([check.id for check in question.claim.checks], seeds[-1])
        _, probes = resolved(needs, self.setting)
        found = {key: self.records.get(key) or self.store.find(key) for key in probes}
        records = {key: record for key, record in found.items() if record is not None}
        for key in records:
            self._read_measured(key, probes[key])
        return self._judged(question, self._arranged([question], records.values()), len(seeds))

    def _judged(self, question: Question, trained: Measurements, look: int) -> Judgement:
        return judge(
            question.claim,
            scale=question.scale,
            networks=question.networks,
            whole_claim=not question.deviations,
            absent=question.absent,
            measurements=trained if question.claim.trains else _ARITHMETIC,
            references=self.references,
            look=min(look, len(question.claim.looks.seeds)),
        )

    def _arranged(self, questions: Iterable[Question], records: Iterable[RunRecord]) -> Measurements:
        """What the checks of some claims read of some runs."""
        return Measurements.from_records(
            records,
            scale=self.setting.scale,
            classes={family: shape.classes for family, shape in self._shapes.items()},
            test_images={family: shape.test_images for family, shape in self._shapes.items()},
            metrics={check.metric for question in questions for check in question.claim.checks},
            measured=self.measured,
        )

    def runs_of(self, question: Question) -> tuple[RunRecord, ...]:
        """The finished runs that a claim reads, by network, arm and seed."""
        samples = (self._samples.get(cell, {}) for cell in question.cells)
        return tuple(sample[seed] for sample in samples for seed in sorted(sample))

    def failed_of(self, question: Question) -> dict[str, Failed]:
        """The failed runs that a claim would have read, by key."""
        return {key: event for key, event in self.failed.items() if _cell(event.spec) in question.cells}

    def _runs_stored(self, loaded: LoadedClaim, scale: Scale) -> int:
        """Of all networks and arms of a claim, also where less of it is asked."""
        return sum(len(self.stored.get(cell, ())) for cell in ask(loaded, scale).cells)

    def _keep(self, record: RunRecord, spec: RunSpec, probes: Iterable[Probe]) -> None:
        self.records[record.key] = record
        self._samples.setdefault(_cell(spec), {})[spec.seed] = record
        self._read_measured(record.key, probes)

    def _is_whole(self, key: str, probes: Iterable[Probe]) -> bool:
        """Whether a run is done, with all that is wanted of it; one that diverged is never measured."""
        record = self.records.get(key)
        return record is not None and (record.status == "diverged" or set(probes) <= set(self.measured.get(key, ())))

    def _read_measured(self, key: str, probes: Iterable[Probe]) -> None:
        own = self.measured.setdefault(key, {})
        for probe in probes:
            if probe not in own and (value := self.store.measured(key, probe)) is not None:
                own[probe] = value


def _cell(spec: RunSpec) -> Cell:
    return spec.network, spec.full_arm
