"""What a verify leaves for the items, small enough to hand from worker to worker."""

from __future__ import annotations

from bnrepro.spec.results import CheckResult, VerdictDocument
from bnrepro.spec.scale import Scale, Verdict
from bnrepro.spec.value import Value


class ClaimOutcome(Value):
    """The verdicts on one claim."""

    claim: str
    title: str
    scale: Scale
    verdict: Verdict
    """The headline."""
    deviations: tuple[str, ...]
    """How the claim was asked otherwise than its file declares."""
    checks: tuple[CheckResult, ...]
    page: str | None
    """Path of the report; ``None`` where none was asked for."""

    @classmethod
    def of(cls, document: VerdictDocument, *, page: str | None) -> ClaimOutcome:
        """What items need of a whole document."""
        return cls(
            claim=document.claim,
            title=document.title,
            scale=document.scale,
            verdict=document.verdict,
            deviations=document.deviations,
            checks=document.checks,
            page=page,
        )

    def check(self, name: str) -> CheckResult:
        """The verdict on one check."""
        return next(check for check in self.checks if check.id == name)


class Verified(Value):
    """One verify over all selected claims of a collection."""

    scale_told: str
    """The scale and why it was taken."""
    claims: tuple[ClaimOutcome, ...]
    trained: int
    """Runs that this verify trained."""
    cached: int
    """Runs that the store had, or that another process put there meanwhile."""
    failed: int
    """Runs that could not be trained or measured."""
    reports: str | None
    """The folder of reports, where one was asked for."""
    error: str | None = None
    """Why there are no verdicts."""

    @classmethod
    def broken(cls, error: str) -> Verified:
        """A verify that came to nothing."""
        return cls(scale_told="", claims=(), trained=0, cached=0, failed=0, reports=None, error=error)

    def claim(self, name: str) -> ClaimOutcome:
        """The verdicts on one claim."""
        return next(claim for claim in self.claims if claim.claim == name)
