"""No network's accuracy exceeds a bound that the paper reports."""

from __future__ import annotations

from bnrepro.checks.look import Finding, Look
from bnrepro.checks.region import Region
from bnrepro.checks.universal import every_network
from bnrepro.spec.claim import WorstCaseCheck
from bnrepro.stats import student


def evaluate(check: WorstCaseCheck, look: Look) -> Finding:
    """Mean (Student 1908) in (-∞, bound + margin].

    Raises:
        ReferenceMissing: the reference is absent or is a range.
    """
    bound, _ = look.number_of(check.reference)
    region = Region(high=bound + check.margin_points)
    return every_network(check, look, estimator=student, region=region, unit="percent")
