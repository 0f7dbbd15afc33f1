"""A difference between two arms lies in the range that the paper reports, on every network."""

from __future__ import annotations

from bnrepro.checks.evidence import gather
from bnrepro.checks.look import Finding, Look
from bnrepro.checks.region import Region
from bnrepro.checks.units import difference_unit
from bnrepro.checks.universal import every_part
from bnrepro.spec.checks import ContainmentCheck
from bnrepro.stats import welch


def evaluate(check: ContainmentCheck, look: Look) -> Finding:
    """Difference of means (Welch 1947, unpaired) in [lo - margin, hi + margin].

    Whether it reaches the ends of the range is another claim: "17 to 21" is contained by 19 everywhere.

    Raises:
        ReferenceMissing: the reference is absent or is not a range.
    """
    low, high = look.range_of(check.reference)
    region = Region(low=low - check.margin, high=high + check.margin)
    return every_part(gather(check, look, welch, region), look, unit=difference_unit(check))
