"""Verdict documents of one verify to a night."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bnrepro.errors import NothingSelected, UsageError
from bnrepro.history.night import CheckOutcome, ClaimOutcome, Work
from bnrepro.spec.results import CheckResult, RunRow, VerdictDocument
from bnrepro.spec.scale import Scale

_UNKNOWN = "unknown"


def contents(documents: Sequence[VerdictDocument], *, at: datetime) -> dict[str, Any]:
    """All that a night says by itself: every field of it but id, sequence and baseline.

    Raises:
        NothingSelected: there is no document.
        UsageError: they are not of one verify: of several scales, devices or precisions, or a claim stands there twice.
        ValueError: ``at`` has no time zone.
    """
    if not documents:
        raise NothingSelected("there is no verdict to record")
    if at.tzinfo is None:
        raise ValueError("a night's time needs its time zone")
    twice = [claim for claim, count in Counter(document.claim for document in documents).items() if count > 1]
    if twice:
        raise UsageError(f"claim {twice[0]} has two verdicts in one verify; record them one after the other")
    return {
        "at": at.astimezone(UTC).replace(microsecond=0),
        "scale": _scale(documents),
        "device": _shared("device kind", documents),
        "precision": _shared("precision", documents),
        "version": _shared("bnrepro", documents),
        "git_commit": _shared("git commit", documents),
        "recipe_version": _shared("recipe version", documents),
        "trainings": _all_trainings(documents),
        "claims": tuple(_claim(document) for document in documents),
    }


def _scale(documents: Sequence[VerdictDocument]) -> Scale:
    """The scale that was asked for: that of every claim that trains."""
    trained = dict.fromkeys(document.scale for document in documents if document.trainings.needed)
    # Arithmetic is at the paper's scale whatever was asked for, so any other scale is the one that was.
    asked = trained or dict.fromkeys(
        sorted((document.scale for document in documents), key=lambda scale: scale is Scale.PAPER)[:1]
    )
    smaller = {document.scale for document in documents} - {Scale.PAPER, *asked}
    if len(asked) > 1 or smaller:
        raise UsageError("one verify has one scale, and these verdicts have several; record each scale by itself")
    return next(iter(asked))


def _shared(name: str, documents: Sequence[VerdictDocument]) -> str:
    """What all documents tell of their provenance."""
    found = dict.fromkeys(document.provenance.get(name, _UNKNOWN) for document in documents)
    if len(found) > 1:
        raise UsageError(f"these verdicts are of several verifies: their {name} is {' and '.join(found)}")
    return next(iter(found))


def _claim(document: VerdictDocument) -> ClaimOutcome:
    counts = document.trainings
    return ClaimOutcome(
        claim=document.claim,
        title=document.title,
        scale=document.scale,
        verdict=document.verdict,
        reason=document.reason,
        deviations=document.deviations,
        headline_check=document.headline_check,
        checks=tuple(_check(check) for check in document.checks),
        trainings=Work(
            needed=counts.needed,
            cached=counts.cached,
            trained=counts.trained,
            failed=counts.failed,
            seconds=_seconds(document.runs),
        ),
    )


def _check(check: CheckResult) -> CheckOutcome:
    return CheckOutcome(
        id=check.id,
        verdict=check.verdict,
        decides=check.decides,
        estimate=check.estimate,
        interval=check.interval,
        region=check.region,
        level=check.level,
        exact=check.estimate is not None and not check.runs,
        unit=check.unit,
        n=check.n,
        look=check.look,
    )


def _all_trainings(documents: Sequence[VerdictDocument]) -> Work:
    """Claims share runs, so each run is counted by its key."""
    runs = {run.key: run for document in documents for run in document.runs}
    failed = {run.key for document in documents for run in document.failed}
    cached = sum(run.from_cache for run in runs.values())
    return Work(
        needed=len(runs.keys() | failed),
        cached=cached,
        trained=len(runs) - cached,
        failed=len(failed),
        seconds=_seconds(tuple(runs.values())),
    )


def _seconds(runs: Sequence[RunRow]) -> float:
    return round(sum(run.wall_seconds for run in runs if not run.from_cache), 3)
