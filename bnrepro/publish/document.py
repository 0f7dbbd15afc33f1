"""One claim's document."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bnrepro.data import PreparedData
from bnrepro.files import write_atomically
from bnrepro.publish.notes import marked, notes, robustness_note, robustness_of
from bnrepro.publish.provenance import provenance
from bnrepro.publish.runs import groups, run_row
from bnrepro.publish.sources import data_used, paper_values
from bnrepro.question import ARITHMETIC, Question
from bnrepro.spec.recipe import DatasetName
from bnrepro.spec.results import FailedRun, TrainingCounts, VerdictDocument
from bnrepro.suite import Suite


def document_for(
    question: Question, suite: Suite, *, data: Mapping[DatasetName, PreparedData], scale_reason: str, commit: str
) -> VerdictDocument:
    """Gather what a report says about one claim.

    Args:
        question: the claim as it was asked.
        suite: with its judgement.
        data: that its runs were trained on.
        scale_reason: why the scale was taken.
        commit: of this code; see :func:`~bnrepro.publish.provenance.git_commit`.
    """
    claim, judgement = question.claim, suite.judgements[question.claim.id]
    records = suite.runs_of(question)
    keys = {record.key for record in records}
    failed = suite.failed_of(question)
    looks_taken = max(check.look for check in judgement.checks)
    robustness = robustness_of(suite)
    return VerdictDocument(
        claim=claim.id,
        title=claim.title,
        where=claim.where,
        statement=claim.claim,
        rows=claim.rows,
        scale=question.scale,
        scale_reason=scale_reason if claim.trains else ARITHMETIC,
        deviations=question.deviations,
        networks=question.evaluated,
        networks_declared=question.declared,
        verdict=judgement.verdict,
        reason=judgement.reason,
        headline_check=judgement.headline_check,
        checks=marked(judgement.checks, claim.id, robustness),
        robust_over=robustness.checks if robustness else None,
        runs=tuple(run_row(record, question, suite) for record in records),
        groups=groups(records, question, suite),
        failed=tuple(
            FailedRun(key=key, description=str(event.spec), error=event.error, details=event.details)
            for key, event in failed.items()
        ),
        paper_values=paper_values(question, suite.references),
        flags=claim.flags,
        notes=(*notes(question, suite, looks_taken), *robustness_note(robustness)),
        trainings=TrainingCounts(
            needed=len(keys) + len(failed),
            cached=len(keys - suite.trained),
            trained=len(keys & suite.trained),
            failed=len(failed),
            fixed_seeds=len(question.cells) * claim.looks.seeds[-1],
        ),
        data=data_used(data, records),
        provenance=provenance(question, suite.setting, commit),
    )


def write_document(document: VerdictDocument, reports: Path) -> Path:
    """Write ``<reports>/<scale>/<claim>.json``; returns its path."""
    path = reports / document.scale / f"{document.claim}.json"
    write_atomically(path, (document.model_dump_json(indent=1) + "\n").encode())
    return path
