"""One verify as the history keeps it: the verdict and the numbers of every claim, without the runs behind them.

An interval bound of ``None`` is unbounded, as in :mod:`bnrepro.spec.results`.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from bnrepro.spec.results import Interval
from bnrepro.spec.scale import Outcome, Scale, Verdict, verdict_words
from bnrepro.spec.value import Value

NightId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]
"""The head of a SHA-256 over all that a night says beside its id."""


class Work(Value):
    """Trainings behind a claim, or behind a whole night with each of them counted once."""

    needed: int
    cached: int
    """Found in the store."""
    trained: int
    """Trained for this verify."""
    failed: int
    seconds: float
    """Training time of those that were trained for this verify, added up; several may have run side by side."""


class CheckOutcome(Value):
    """What a check said that night. Estimate, interval and region are in ``unit``."""

    id: str
    verdict: Verdict
    decides: bool
    estimate: float | None
    interval: Interval
    region: Interval
    """Where the interval must lie, margin included."""
    level: float
    """Confidence level of the interval."""
    exact: bool
    """Whether the estimate was counted, so that its interval has no width."""
    unit: str
    n: int
    """Seeds in the smallest arm."""
    look: int


class ClaimOutcome(Value):
    """What a claim said that night."""

    claim: str
    title: str
    scale: Scale
    """Of this claim's evidence: arithmetic is judged at the paper's scale, whichever was asked for."""
    verdict: Verdict
    reason: str
    deviations: tuple[str, ...]
    """How it was asked in part; empty where it was asked as its file declares it."""
    headline_check: str | None
    checks: tuple[CheckOutcome, ...]
    trainings: Work

    @property
    def headline(self) -> CheckOutcome | None:
        """The check that settled the verdict."""
        return next((check for check in self.checks if check.id == self.headline_check), None)

    @property
    def whole_claim(self) -> bool:
        """Whether the claim was asked as its file declares it."""
        return not self.deviations

    @model_validator(mode="after")
    def _words_match_scale(self) -> Self:
        words = {word.value for word in verdict_words(self.scale, whole_claim=self.whole_claim)}
        wrong = sorted({verdict.value for verdict in (self.verdict, *(each.verdict for each in self.checks))} - words)
        if wrong:
            raise ValueError(f"scale {self.scale} cannot say {', '.join(wrong)}")
        return self


class Night(Value):
    """One verify: when, with what, and what every claim said."""

    id: NightId
    format: Literal[1] = 1
    sequence: Annotated[int, Field(ge=1)]
    """Place in the history, from 1."""
    at: AwareDatetime
    """When it was judged, in UTC to the second. Clocks are not trusted with the order."""
    scale: Scale
    """That was asked for."""
    device: str
    """Kind of device; runs of different kinds are never pooled."""
    precision: str
    every: bool
    """Whether every claim was asked, so that one that is not here is missing and not just left out."""
    baseline: NightId | None
    """The newest night before, of the same scale, kind of device and precision, that judged one of these claims; of a
    night that asked every claim, the newest that did."""
    version: str
    """Of bnrepro."""
    git_commit: str
    recipe_version: str
    trainings: Work
    claims: tuple[ClaimOutcome, ...]
    """In the order in which they were asked. Stays the last field: readers of the head of a line stop here."""

    @property
    def kind(self) -> tuple[Scale, str, str]:
        """Nights of one kind can be compared without more ado."""
        return self.scale, self.device, self.precision

    def claim(self, name: str) -> ClaimOutcome | None:
        """What a claim said; ``None`` where it was not asked."""
        return next((outcome for outcome in self.claims if outcome.claim == name), None)


_OUTCOMES: dict[str, Outcome] = {
    "confirmed": Outcome.INSIDE,
    "supported": Outcome.INSIDE,
    "refuted": Outcome.OUTSIDE,
    "contradicted": Outcome.OUTSIDE,
    "inconclusive": Outcome.OPEN,
    "not assessed": Outcome.NOT_ASSESSED,
}


def outcome_of(verdict: Verdict) -> Outcome:
    """What a verdict's word says, whichever scale chose the word."""
    return _OUTCOMES[verdict.value]
