"""No network's mean exceeds a bound that the paper reports."""

from __future__ import annotations

from bnrepro.checks.evidence import gather
from bnrepro.checks.look import Finding, Look
from bnrepro.checks.region import Region
from bnrepro.checks.units import mean_unit
from bnrepro.checks.universal import every_part
from bnrepro.spec.checks import WorstCaseCheck
from bnrepro.stats import student


def evaluate(check: WorstCaseCheck, look: Look) -> Finding:
    """Mean (Student 1908) in (-∞, bound + margin].

    Raises:
        ReferenceMissing: the reference is absent or is a range.
    """
    bound, _ = look.number_of(check.reference)
    region = Region(high=bound + check.margin)
    return every_part(gather(check, look, student, region), look, unit=mean_unit(check))
