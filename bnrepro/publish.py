"""Verdicts to documents: everything that a report says, gathered once and written as JSON."""

from __future__ import annotations

import platform
import statistics
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import bnrepro
from bnrepro.data import PreparedData
from bnrepro.files import write_atomically
from bnrepro.plan import Setting
from bnrepro.recipes import RECIPE_VERSION
from bnrepro.spec.arms import Arm
from bnrepro.spec.claim import Claim
from bnrepro.spec.load import References
from bnrepro.spec.networks import Network
from bnrepro.spec.recipe import Recipe
from bnrepro.spec.results import (
    DataUsed,
    FailedRun,
    GroupSummary,
    PaperValue,
    RunRow,
    TrainingCounts,
    VerdictDocument,
)
from bnrepro.spec.run import RunRecord
from bnrepro.suite import Question, Suite


def document_for(question: Question, suite: Suite, *, data: PreparedData, scale_reason: str) -> VerdictDocument:
    """Gather what a report says about one claim."""
    claim, judgement = question.claim, suite.judgements[question.claim.id]
    records = suite.runs_of(question)
    keys = {record.key for record in records}
    failed = suite.failed_of(question)
    looks_taken = max(check.look for check in judgement.checks)
    return VerdictDocument(
        claim=claim.id,
        title=claim.title,
        where=claim.where,
        statement=claim.claim,
        rows=claim.rows,
        scale=suite.setting.scale,
        scale_reason=scale_reason,
        deviations=question.deviations,
        networks=question.evaluated,
        networks_declared=question.declared,
        verdict=judgement.verdict,
        reason=judgement.reason,
        headline_check=judgement.headline_check,
        checks=judgement.checks,
        runs=tuple(_run_row(record, from_cache=record.key not in suite.trained) for record in records),
        groups=_groups(records),
        failed=tuple(
            FailedRun(key=key, description=str(event.spec), error=event.error, details=event.details)
            for key, event in failed.items()
        ),
        paper_values=_paper_values(claim, question, suite.references),
        flags=claim.flags,
        notes=_notes(question, suite, looks_taken),
        trainings=TrainingCounts(
            needed=len(keys) + len(failed),
            cached=len(keys - suite.trained),
            trained=len(keys & suite.trained),
            failed=len(failed),
            fixed_seeds=len(question.all_pairs) * claim.looks.seeds[-1],
        ),
        data=DataUsed(
            name=data.name,
            digest=data.digest,
            train_images=data.train_images,
            test_images=data.test_images,
            chance_accuracy=100 / data.classes,
        ),
        recipe=_recipe_text(records[0].spec.recipe) if records else {},
        provenance=_provenance(question, suite.setting),
    )


def write_document(document: VerdictDocument, reports: Path) -> Path:
    """Write ``<reports>/<scale>/<claim>.json``; returns its path."""
    path = reports / document.scale / f"{document.claim}.json"
    write_atomically(path, (document.model_dump_json(indent=1) + "\n").encode())
    return path


def _run_row(record: RunRecord, *, from_cache: bool) -> RunRow:
    return RunRow(
        key=record.key,
        network=record.spec.network,
        arm=record.spec.arm,
        arm_label=record.spec.arm.label,
        seed=record.spec.seed,
        status=record.status,
        divergence=record.divergence,
        test_accuracy=record.test_accuracy,
        trainable_parameters=record.trainable_parameters,
        batchnorm_parameters=record.spec.network.counts().batchnorm,
        total_parameters=record.total_parameters,
        wall_seconds=record.wall_seconds,
        images_per_second=record.images_per_second,
        from_cache=from_cache,
        curve=record.curve,
        environment=record.environment,
    )


def _groups(records: Sequence[RunRecord]) -> tuple[GroupSummary, ...]:
    """Mean and sample standard deviation of each network and arm, over the runs that did not diverge."""
    groups: dict[tuple[Network, Arm], list[RunRecord]] = {}
    for record in records:
        groups.setdefault((record.spec.network, record.spec.arm), []).append(record)
    summaries = []
    for (network, arm), members in groups.items():
        values = [record.test_accuracy for record in members if record.status == "completed"]
        summaries.append(
            GroupSummary(
                network=network,
                arm=arm,
                arm_label=arm.label,
                n=len(values),
                mean=statistics.fmean(values) if values else None,
                sd=statistics.stdev(values) if len(values) > 1 else None,
            )
        )
    return tuple(summaries)


def _paper_values(claim: Claim, question: Question, references: References) -> tuple[PaperValue, ...]:
    """The numbers that the checks name, and those of the claim's arms on the networks evaluated."""
    named = {name for check in claim.checks for name in check.references}
    arms = {arm for check in claim.checks for arm in check.arms}
    return tuple(
        PaperValue(
            id=name,
            network=reference.network,
            arm=reference.arm,
            metric=reference.metric,
            value=reference.value,
            low=reference.low,
            high=reference.high,
            unit=reference.unit,
            n=reference.n,
            where=reference.where,
            read_from=reference.read_from,
            note=reference.note,
        )
        for name, reference in references
        if name in named or (reference.arm in arms and reference.network in question.evaluated)
    )


def _notes(question: Question, suite: Suite, looks_taken: int) -> tuple[str, ...]:
    notes = []
    looks = len(question.claim.looks.seeds)
    if looks_taken < looks and suite.runs_of(question):
        notes.append(f"Settled at look {looks_taken} of {looks}; later looks were not needed.")
    resumed = sum(1 for record in suite.runs_of(question) if record.resumed)
    if resumed:
        notes.append(f"{resumed} of the runs went on from a checkpoint after an interruption.")
    return tuple(notes)


def _recipe_text(recipe: Recipe) -> dict[str, str]:
    return {name.replace("_", " "): _text(value) for name, value in recipe.model_dump(mode="json").items()}


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _provenance(question: Question, setting: Setting) -> dict[str, str]:
    return {
        "bnrepro": bnrepro.__version__,
        "git commit": _git_commit(),
        "recipe version": str(RECIPE_VERSION),
        "claim file": question.loaded.path.name,
        "claim file SHA-256": question.loaded.sha256,
        "device kind": setting.device,
        "precision": setting.precision,
        "python": platform.python_version(),
        "judged at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
    }


def _git_commit() -> str:
    """The commit of the checkout that this code runs from; 'none' where it is installed, or git is not."""
    if not _git("ls-files", "--error-unmatch", Path(__file__).name):
        return "none"
    return _git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*") or "none"


def _git(*arguments: str) -> str:
    """What git prints in the folder of this file; nothing where it fails or is absent."""
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return ""
    return "" if done.returncode else done.stdout.strip()
