"""What checks and verdicts say, and the document that a report is made from.

These values hold every number that a report prints; the report computes none. An interval bound of
``None`` is unbounded. Accuracies and differences are percentage points.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from bnrepro.spec.arms import ArmField
from bnrepro.spec.distributions import Distributions
from bnrepro.spec.metrics import Metric
from bnrepro.spec.networks import Family, NetworkField
from bnrepro.spec.recipe import DatasetName
from bnrepro.spec.run import EpochRecord
from bnrepro.spec.scale import Scale, Verdict, verdict_words
from bnrepro.spec.value import Value

Interval = tuple[float | None, float | None]
"""Lower and upper bound; ``None`` is unbounded on that side."""


class PartResult(Value):
    """One part of a check: a network, a pair of networks, a step, a cell of a table."""

    name: str
    verdict: Verdict
    estimate: float | None
    interval: Interval
    region: Interval
    """Where the part's interval must lie, margin included."""
    n: int
    """Seeds in the smallest arm."""
    reason: str
    runs: tuple[str, ...]


class CheckResult(Value):
    """A check's verdict with all its evidence."""

    id: str
    row: str
    kind: str
    states: str
    decides: bool
    verdict: Verdict
    estimate: float | None
    """Of the network that decides: the least favourable one."""
    interval: Interval
    level: float
    """Confidence level of the two-sided interval, e.g. 0.95 at two looks."""
    n: int
    """Seeds in the smallest arm of any network."""
    margin: float
    region: Interval
    """Where the interval must lie, margin included."""
    unit: str
    reason: str
    """One line for a reader."""
    why: str
    look: int
    """Looks taken, from 1."""
    looks: tuple[int, ...]
    """Seeds planned at each look."""
    diverged: int
    """Runs that diverged, of all that the check read."""
    parts: tuple[PartResult, ...]
    runs: tuple[str, ...]
    """Keys of every run that the check read."""
    p: float | None
    """One-sided p value of the verdict at its look; ``None`` where it is open or not assessed, and of arithmetic."""
    fragile: tuple[str, ...]
    """What would give another verdict: single runs left out, alternatives that the claim file declares. Empty where
    nothing does, and where the verdict is open."""
    robust: bool | None = None
    """Whether the verdict survives Holm's correction over every check of the suite; ``None`` where there is no p value
    or the claim was not asked with others."""


class RunRow(Value):
    """A run as a report shows it."""

    key: str
    network: NetworkField
    arm: ArmField
    arm_label: str
    seed: int
    status: Literal["completed", "diverged"]
    divergence: str | None
    """What was seen, where the run diverged."""
    test_accuracy: float
    values: dict[Metric, float]
    """Every metric that the claim's checks read, where it was measured."""
    distributions: Distributions | None = None
    """What the claim's checks read, as histograms and curves; ``None`` where they read nothing that has one."""
    trainable_parameters: int
    batchnorm_parameters: int
    """Of the network, whatever the arm trains: the x-axis of Figure 3."""
    total_parameters: int
    wall_seconds: float
    images_per_second: float
    from_cache: bool
    curve: tuple[EpochRecord, ...]
    environment: dict[str, str]


class GroupSummary(Value):
    """One metric of the runs of one arm on one network, for drawing; those that diverged are left out."""

    metric: Metric
    network: NetworkField
    arm: ArmField
    arm_label: str
    n: int
    """Seeds that did not diverge."""
    mean: float | None
    """In the metric's unit; ``None`` where every run diverged."""
    sd: float | None
    """Sample standard deviation over seeds; ``None`` below two seeds."""


class PaperValue(Value):
    """A number of the paper shown beside ours."""

    id: str
    network: NetworkField | None
    arm: ArmField | None
    metric: Metric | None
    value: float | None
    low: float | None
    high: float | None
    unit: str
    n: int
    where: str
    read_from: str
    missing: str | None
    """Why nothing can be held against it, where the text has lost what it takes."""
    note: str


class TrainingCounts(Value):
    """Trainings that the verdict needed, had, and ran."""

    needed: int
    cached: int
    trained: int
    failed: int
    fixed_seeds: int
    """What the last look's number of seeds would have needed, had there been no earlier look."""


class DataUsed(Value):
    """A data set that runs were trained on."""

    dataset: DatasetName
    families: tuple[Family, ...]
    """Of the networks trained on it."""
    name: str
    digest: str
    train_images: int
    test_images: int
    classes: int
    chance_accuracy: float
    """Percent that guessing reaches."""
    recipe: dict[str, str]
    """By which they were trained, as text."""


class FailedRun(Value):
    """A run that could not be trained; a diverged run is not one of these."""

    key: str
    description: str
    error: str
    details: str
    """The traceback, where there is one."""


class VerdictDocument(Value):
    """All that a report says about one claim at one scale."""

    format: Literal[1] = 1
    claim: str
    title: str
    where: str
    statement: str
    rows: tuple[str, ...]
    scale: Scale
    scale_reason: str
    deviations: tuple[str, ...]
    """How this differs from what the claim file declares: fewer networks, other looks, other data. Any of them rules
    out the paper's own words."""
    networks: tuple[NetworkField, ...]
    networks_declared: tuple[NetworkField, ...]
    verdict: Verdict
    reason: str
    """The headline in one sentence."""
    headline_check: str | None
    """The deciding check that settles the headline; its estimate and interval are shown first."""
    checks: tuple[CheckResult, ...]
    robust_over: int | None = None
    """Checks over which ``robust`` was decided; ``None`` where this claim was asked alone."""
    runs: tuple[RunRow, ...]
    groups: tuple[GroupSummary, ...]
    """Every arm on every network that has a run, in the order in which figures and tables list them."""
    failed: tuple[FailedRun, ...]
    paper_values: tuple[PaperValue, ...]
    flags: tuple[str, ...]
    notes: tuple[str, ...]
    """What was left out, overridden or assumed in this run of the suite."""
    trainings: TrainingCounts
    data: tuple[DataUsed, ...]
    """None for arithmetic."""
    provenance: dict[str, str]

    @property
    def whole_claim(self) -> bool:
        """Whether the claim was asked as its file declares it."""
        return not self.deviations

    @model_validator(mode="after")
    def _words_match_scale(self) -> Self:
        words = {word.value for word in verdict_words(self.scale, whole_claim=self.whole_claim)}
        spoken = [self.verdict, *(check.verdict for check in self.checks)]
        spoken += [part.verdict for check in self.checks for part in check.parts]
        wrong = sorted({word.value for word in spoken} - words)
        if wrong:
            raise ValueError(f"scale {self.scale} cannot say {', '.join(wrong)}")
        return self
