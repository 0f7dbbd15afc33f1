"""An arm does better than guessing by more than a margin, on every network."""

from __future__ import annotations

from bnrepro.checks.evidence import Evidence, evidence_of, samples_of
from bnrepro.checks.look import Finding, Look
from bnrepro.checks.region import Region
from bnrepro.checks.units import mean_unit
from bnrepro.checks.universal import every_part
from bnrepro.errors import UsageError
from bnrepro.spec.checks import AboveChanceCheck, Comparison, comparison_name
from bnrepro.stats import student


def evaluate(check: AboveChanceCheck, look: Look) -> Finding:
    """Mean (Student 1908) in (chance + margin, ∞); chance is that of the network's own data.

    Raises:
        UsageError: guessing scores nothing on the check's metric.
    """
    evidence = [_evidence(check, look, comparison) for comparison in look.comparisons]
    return every_part(evidence, look, unit=mean_unit(check))


def _evidence(check: AboveChanceCheck, look: Look, comparison: Comparison) -> Evidence:
    samples = samples_of(check, look, comparison)
    chance = samples[0].chance
    if chance is None:
        raise UsageError(f"check {check.id}: guessing scores nothing on {check.metric}, so nothing is above it")
    return evidence_of(comparison_name(comparison), samples, student, Region(low=chance + check.margin))
