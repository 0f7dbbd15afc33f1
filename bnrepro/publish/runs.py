"""A claim's runs as a report shows them, and their means."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from bnrepro.measure import probe_of, value_of
from bnrepro.question import Question
from bnrepro.spec.binning import distributions_of
from bnrepro.spec.checks import Cell
from bnrepro.spec.distributions import Distributions
from bnrepro.spec.metrics import Metric
from bnrepro.spec.results import GroupSummary, RunRow
from bnrepro.spec.run import RunRecord
from bnrepro.suite import Suite


def run_row(record: RunRecord, question: Question, suite: Suite) -> RunRow:
    """One run, with what the claim's checks read of it."""
    return RunRow(
        key=record.key,
        network=record.spec.network,
        arm=record.spec.full_arm,
        arm_label=record.spec.full_arm.label,
        seed=record.spec.seed,
        status=record.status,
        divergence=record.divergence,
        test_accuracy=record.test_accuracy,
        values=_values(record, question, suite),
        distributions=_distributions(record, question, suite),
        trainable_parameters=record.trainable_parameters,
        batchnorm_parameters=record.spec.network.counts().batchnorm,
        total_parameters=record.total_parameters,
        wall_seconds=record.wall_seconds,
        images_per_second=record.images_per_second,
        from_cache=record.key not in suite.trained,
        curve=record.curve,
        environment=record.environment,
    )


def groups(records: Sequence[RunRecord], question: Question, suite: Suite) -> tuple[GroupSummary, ...]:
    """Mean and sample standard deviation of each network, arm and metric, over the runs that did not diverge."""
    by_cell: dict[Cell, list[RunRecord]] = {}
    for record in records:
        by_cell.setdefault((record.spec.network, record.spec.full_arm), []).append(record)
    summaries = []
    for metric in _metrics(question):
        for (network, arm), members in by_cell.items():
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
