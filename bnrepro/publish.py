"""Verdicts to documents: everything that a report says, gathered once and written as JSON."""

from __future__ import annotations

import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import bnrepro
from bnrepro.data import PreparedData
from bnrepro.declared import declaration_notes
from bnrepro.files import write_atomically
from bnrepro.left_out import left_out_note
from bnrepro.measure import probe_of, value_of
from bnrepro.plan import Setting
from bnrepro.question import ARITHMETIC, Question
from bnrepro.recipes import RECIPE_VERSION
from bnrepro.robust import Robustness, robust_over
from bnrepro.spec.binning import distributions_of
from bnrepro.spec.checks import Cell, CountCheck
from bnrepro.spec.claim import Claim
from bnrepro.spec.distributions import Distributions
from bnrepro.spec.load import References
from bnrepro.spec.metrics import Metric
from bnrepro.spec.recipe import DatasetName, Recipe
from bnrepro.spec.results import (
    CheckResult,
    DataUsed,
    FailedRun,
    GroupSummary,
    PaperValue,
    RunRow,
    TrainingCounts,
    VerdictDocument,
)
from bnrepro.spec.run import RunRecord
from bnrepro.suite import Suite


def document_for(
    question: Question, suite: Suite, *, data: Mapping[DatasetName, PreparedData], scale_reason: str
) -> VerdictDocument:
    """Gather what a report says about one claim."""
    claim, judgement = question.claim, suite.judgements[question.claim.id]
    records = suite.runs_of(question)
    keys = {record.key for record in records}
    failed = suite.failed_of(question)
    looks_taken = max(check.look for check in judgement.checks)
    robustness = _robustness(suite)
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
        checks=_marked(judgement.checks, claim.id, robustness),
        robust_over=robustness.checks if robustness else None,
        runs=tuple(
            _run_row(
                record,
                _values(record, question, suite),
                _distributions(record, question, suite),
                from_cache=record.key not in suite.trained,
            )
            for record in records
        ),
        groups=_groups(records, question, suite),
        failed=tuple(
            FailedRun(key=key, description=str(event.spec), error=event.error, details=event.details)
            for key, event in failed.items()
        ),
        paper_values=_paper_values(claim, question, suite.references),
        flags=claim.flags,
        notes=(*_notes(question, suite, looks_taken), *_robustness_note(robustness)),
        trainings=TrainingCounts(
            needed=len(keys) + len(failed),
            cached=len(keys - suite.trained),
            trained=len(keys & suite.trained),
            failed=len(failed),
            fixed_seeds=len(question.cells) * claim.looks.seeds[-1],
        ),
        data=tuple(_data_used(data[recipe.dataset], recipe, records) for recipe in _recipes(records)),
        provenance=_provenance(question, suite.setting),
    )


def write_document(document: VerdictDocument, reports: Path) -> Path:
    """Write ``<reports>/<scale>/<claim>.json``; returns its path."""
    path = reports / document.scale / f"{document.claim}.json"
    write_atomically(path, (document.model_dump_json(indent=1) + "\n").encode())
    return path


def _run_row(
    record: RunRecord, values: dict[Metric, float], distributions: Distributions | None, *, from_cache: bool
) -> RunRow:
    return RunRow(
        key=record.key,
        network=record.spec.network,
        arm=record.spec.full_arm,
        arm_label=record.spec.full_arm.label,
        seed=record.spec.seed,
        status=record.status,
        divergence=record.divergence,
        test_accuracy=record.test_accuracy,
        values=values,
        distributions=distributions,
        trainable_parameters=record.trainable_parameters,
        batchnorm_parameters=record.spec.network.counts().batchnorm,
        total_parameters=record.total_parameters,
        wall_seconds=record.wall_seconds,
        images_per_second=record.images_per_second,
        from_cache=from_cache,
        curve=record.curve,
        environment=record.environment,
    )


def _metrics(question: Question) -> tuple[Metric, ...]:
    """What the claim's checks read, each once."""
    return tuple(dict.fromkeys(check.metric for check in question.claim.checks if check.trains))


def _values(record: RunRecord, question: Question, suite: Suite) -> dict[Metric, float]:
    measured = suite.measured.get(record.key, {})
    values = {metric: value_of(metric, record, measured) for metric in _metrics(question)}
    return {metric: value for metric, value in values.items() if value is not None}


def _distributions(record: RunRecord, question: Question, suite: Suite) -> Distributions | None:
    # Of the claim's own measurements only: a figure joins runs over claims, and one copy is enough.
    asked = {probe_of(metric) for metric in _metrics(question)}
    measured = suite.measured.get(record.key, {})
    return distributions_of({probe: value for probe, value in measured.items() if probe in asked})


def _groups(records: Sequence[RunRecord], question: Question, suite: Suite) -> tuple[GroupSummary, ...]:
    """Mean and sample standard deviation of each network, arm and metric, over the runs that did not diverge."""
    groups: dict[Cell, list[RunRecord]] = {}
    for record in records:
        groups.setdefault((record.spec.network, record.spec.full_arm), []).append(record)
    summaries = []
    for metric in _metrics(question):
        for (network, arm), members in groups.items():
            completed = [record for record in members if record.status == "completed"]
            found = [value_of(metric, record, suite.measured.get(record.key, {})) for record in completed]
            values = [value for value in found if value is not None]
            if values or len(completed) < len(members):
                summaries.append(
                    GroupSummary(
                        metric=metric,
                        network=network,
                        arm=arm,
                        arm_label=arm.label,
                        n=len(values),
                        mean=statistics.fmean(values) if values else None,
                        sd=statistics.stdev(values) if len(values) > 1 else None,
                    )
                )
    return tuple(summaries)


def _recipes(records: Sequence[RunRecord]) -> tuple[Recipe, ...]:
    """The recipes of some runs, one a data set."""
    return tuple({record.spec.recipe.dataset: record.spec.recipe for record in records}.values())


def _data_used(data: PreparedData, recipe: Recipe, records: Sequence[RunRecord]) -> DataUsed:
    families = (record.spec.network.family for record in records if record.spec.recipe.dataset is recipe.dataset)
    return DataUsed(
        dataset=recipe.dataset,
        families=tuple(dict.fromkeys(families)),
        name=data.name,
        digest=data.digest,
        train_images=data.train_images,
        test_images=data.test_images,
        classes=data.classes,
        chance_accuracy=100 / data.classes,
        recipe=_recipe_text(recipe),
    )


def _paper_values(claim: Claim, question: Question, references: References) -> tuple[PaperValue, ...]:
    """The numbers that the checks name, and those of the claim's arms on the networks evaluated."""
    named = {name for check in claim.checks for name in check.references}
    for check in claim.checks:
        if isinstance(check, CountCheck) and check.table is not None:
            networks = question.networks[check.networks]
            named |= {check.reference_for(network, each) for network in networks for each in check.quantities}
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
            missing=reference.missing,
            note=reference.note,
        )
        for name, reference in references
        if name in named or (reference.arm in arms and reference.network in question.evaluated)
    )


def _notes(question: Question, suite: Suite, looks_taken: int) -> tuple[str, ...]:
    notes = list(declaration_notes(question, suite))
    if (left_out := left_out_note(question, suite)) is not None:
        notes.append(left_out)
    if (unfinished := suite.unfinished.get(question.claim.id)) is not None:
        notes.append(unfinished.note)
    looks = len(question.claim.looks.seeds)
    if unfinished is None and looks_taken < looks and suite.runs_of(question):
        notes.append(f"Settled at look {looks_taken} of {looks}; later looks were not needed.")
    resumed = sum(1 for record in suite.runs_of(question) if record.resumed)
    if resumed:
        notes.append(f"{resumed} of the runs went on from a checkpoint after an interruption.")
    return tuple(notes)


def _robustness(suite: Suite) -> Robustness | None:
    """What survives Holm over all claims of the invocation; ``None`` where that is not more than one check."""
    if len(suite.judgements) < 2:
        return None
    found = robust_over({claim: judgement.checks for claim, judgement in suite.judgements.items()})
    return found if found.checks > 1 else None


def _marked(checks: Sequence[CheckResult], claim: str, robustness: Robustness | None) -> tuple[CheckResult, ...]:
    if robustness is None:
        return tuple(checks)
    return tuple(check.model_copy(update={"robust": robustness.mark(claim, check)}) for check in checks)


def _robustness_note(robustness: Robustness | None) -> tuple[str, ...]:
    if robustness is None:
        return ()
    return (
        f"A verdict is called robust where it survives Holm's correction over the {robustness.checks} checks that were "
        "held against runs in the same invocation; those that stayed open are counted among them.",
    )


def _recipe_text(recipe: Recipe) -> dict[str, str]:
    settings = recipe.model_dump(mode="json", exclude_none=True)
    return {name.replace("_", " "): _text(value) for name, value in settings.items()}


def _text(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name.replace('_', ' ')} {_text(part)}" for name, part in value.items())
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
