"""Claims to verdicts, look by look: plan, train what is missing, measure, judge, until all is settled.

At each look only the arms that an unsettled check still needs get more seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass

from bnrepro.errors import TrainingError, UsageError
from bnrepro.execute.events import Event, Failed, Finished
from bnrepro.execute.pool import LocalPool
from bnrepro.identity import run_key
from bnrepro.measure import Measurements
from bnrepro.plan import Plan, Setting, make_plan
from bnrepro.recipes import RECIPES
from bnrepro.spec.arms import Arm
from bnrepro.spec.claim import Claim, Looks
from bnrepro.spec.load import LoadedClaim, References
from bnrepro.spec.networks import Network
from bnrepro.spec.recipe import Precision
from bnrepro.spec.run import RunRecord, RunSpec
from bnrepro.spec.scale import Scale
from bnrepro.store import Store
from bnrepro.verdict import Judgement, judge
from bnrepro.wording import plural


@dataclass(frozen=True, kw_only=True)
class Question:
    """A claim as it is asked this time: at one scale, perhaps otherwise than its file declares."""

    loaded: LoadedClaim
    claim: Claim
    """With the number of seeds asked for."""
    networks: dict[str, tuple[Network, ...]]
    """Of each group, what is evaluated."""
    declared: tuple[Network, ...]
    """All networks that the claim names at this scale and this version can train."""
    deviations: tuple[str, ...]
    """How this differs from what the file declares, in words; any of them rules out the paper's words."""

    @property
    def evaluated(self) -> tuple[Network, ...]:
        """The networks of all groups, each once."""
        return _each_once(self.networks)

    def pairs(self, checks: Collection[str]) -> list[tuple[Network, Arm]]:
        """Every network and arm that some checks read."""
        groups = self.claim.arms_needed(checks)
        return list(dict.fromkeys((network, arm) for group, arm in groups for network in self.networks[group]))

    @property
    def all_pairs(self) -> list[tuple[Network, Arm]]:
        """Every network and arm that any check reads."""
        return self.pairs([check.id for check in self.claim.checks])


def ask(
    loaded: LoadedClaim,
    scale: Scale,
    *,
    networks: Sequence[Network] = (),
    seeds: int | None = None,
    precision: Precision = Precision.FLOAT32,
    substitute_data: str | None = None,
) -> Question:
    """Put a claim as the command line asks for it; everything declared is the default.

    ``substitute_data`` names data that are not the published ones of this scale.

    Raises:
        UsageError: one of ``networks`` is not among the claim's at this scale.
    """
    claim, deviations = loaded.claim, []
    members = {group: _trainable(claim.networks_at(group, scale), scale) for group in claim.networks}
    declared = _each_once(members)
    if unknown := [str(network) for network in networks if network not in declared]:
        raise UsageError(
            f"{claim.id} at scale {scale} has no network {', '.join(unknown)} that this version can train; "
            f"choose from {', '.join(map(str, declared)) or 'nothing: it has no network there'}"
        )
    if networks and set(networks) != set(declared):
        asked = ", ".join(map(str, dict.fromkeys(networks)))
        deviations.append(f"{len(set(networks))} of its {len(declared)} networks, {asked}")
        members = {
            group: tuple(one for one in group_members if one in networks) for group, group_members in members.items()
        }
    if seeds is not None and claim.looks.seeds != (seeds,):
        planned = " and ".join(map(str, claim.looks.seeds))
        deviations.append(f"one look at {plural(seeds, 'seed')} instead of looks at {planned}")
        # Unlike a claim file, a person may ask for one seed: the interval is then infinite, and says so.
        claim = claim.model_copy(update={"looks": Looks.model_construct(seeds=(seeds,))})
    if precision is not Precision.FLOAT32:
        deviations.append(f"precision {precision}")
    if substitute_data is not None:
        deviations.append(f"{substitute_data} instead of the published data")
    return Question(loaded=loaded, claim=claim, networks=members, declared=declared, deviations=tuple(deviations))


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
        self.trained: set[str] = set()
        """Keys of the runs that were trained now and not found in the store."""
        self.failed: dict[str, Failed] = {}
        self.judgements: dict[str, Judgement] = {}
        """By claim id."""
        self._store = store
        # On no evidence every check that can be assessed here is open: that is what the first look plans for.
        self.judge(look=1)

    @property
    def settled(self) -> bool:
        """Whether no check of any claim is open."""
        return not any(judgement.open_checks for judgement in self.judgements.values())

    def looks(self) -> range:
        """The looks that some claim may take, counted from 1."""
        return range(1, 1 + max(len(question.claim.looks.seeds) for question in self.questions))

    def plan(self, look: int) -> Plan:
        """The trainings that open checks need at a look."""
        needs = [
            (network, arm, question.claim.looks.seeds[look - 1])
            for question in self.questions
            if look <= len(question.claim.looks.seeds)
            for network, arm in question.pairs(self.judgements[question.claim.id].open_checks)
        ]
        return make_plan(needs, self.setting, self._store, known=self.records)

    def train(self, plan: Plan, pool: LocalPool, listener: Callable[[Event], None]) -> None:
        """Train what a plan is missing. A run that fails is kept for the verdict, not raised.

        Raises:
            TrainingError: every run failed, so that there is nothing to judge.
        """
        with closing(pool.run(plan.missing)) as events:
            for event in events:
                if isinstance(event, Finished) and event.trained:
                    self.trained.add(run_key(event.spec))
                elif isinstance(event, Failed):
                    self.failed[run_key(event.spec)] = event
                listener(event)
        if plan.missing and not plan.cached and all(run_key(spec) in self.failed for spec in plan.missing):
            first = next(iter(self.failed.values()))
            raise TrainingError(f"every run failed; the first, {first.spec}: {first.error}\n{first.details}".rstrip())
        found = {run.key: run.record or self._store.find(run.key) for run in plan.runs}
        self.records |= {key: record for key, record in found.items() if record is not None}
        # A run that failed at one look and is done at the next has not failed.
        self.failed = {key: event for key, event in self.failed.items() if key not in self.records}

    def judge(self, look: int) -> None:
        """Judge every claim on the runs so far."""
        measurements = Measurements.from_records(self.records.values(), scale=self.setting.scale)
        for question in self.questions:
            self.judgements[question.claim.id] = judge(
                question.claim,
                scale=self.setting.scale,
                networks=question.networks,
                whole_claim=not question.deviations,
                measurements=measurements,
                references=self.references,
                look=min(look, len(question.claim.looks.seeds)),
            )

    def runs_of(self, question: Question) -> tuple[RunRecord, ...]:
        """The finished runs that a claim reads, by network, arm and seed."""
        order = {pair: position for position, pair in enumerate(question.all_pairs)}
        own = [record for record in self.records.values() if _pair(record.spec) in order]
        return tuple(sorted(own, key=lambda record: (order[_pair(record.spec)], record.spec.seed)))

    def failed_of(self, question: Question) -> dict[str, Failed]:
        """The failed runs that a claim would have read, by key."""
        pairs = question.all_pairs
        return {key: event for key, event in self.failed.items() if _pair(event.spec) in pairs}


def _pair(spec: RunSpec) -> tuple[Network, Arm]:
    return spec.network, spec.arm


def _each_once(groups: dict[str, tuple[Network, ...]]) -> tuple[Network, ...]:
    return tuple(dict.fromkeys(network for members in groups.values() for network in members))


def _trainable(networks: Sequence[Network], scale: Scale) -> tuple[Network, ...]:
    return tuple(network for network in networks if (network.family, scale) in RECIPES)
