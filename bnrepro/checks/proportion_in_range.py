"""A share lies in the range that the paper reports, on every network."""

from __future__ import annotations

from bnrepro.checks.evidence import gather
from bnrepro.checks.look import Finding, Look
from bnrepro.checks.region import Region
from bnrepro.checks.units import mean_unit
from bnrepro.checks.universal import every_part
from bnrepro.spec.checks import ProportionInRangeCheck
from bnrepro.stats import student


def evaluate(check: ProportionInRangeCheck, look: Look) -> Finding:
    """Mean over seeds of the share (Student 1908) in [lo - margin, hi + margin].

    A share of a network's channels is one value a seed: its channels were trained together and are no replicates.

    Raises:
        ReferenceMissing: the reference is absent or is not a range.
    """
    low, high = look.range_of(check.reference)
    region = Region(low=low - check.margin, high=high + check.margin)
    return every_part(gather(check, look, student, region), look, unit=mean_unit(check))
