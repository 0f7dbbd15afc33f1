"""A difference between two arms lies in the range that the paper reports, on every network."""

from __future__ import annotations

from bnrepro.checks.look import Finding, Look
from bnrepro.checks.region import Region
from bnrepro.checks.universal import every_network
from bnrepro.spec.claim import ContainmentCheck
from bnrepro.stats import welch


def evaluate(check: ContainmentCheck, look: Look) -> Finding:
    """Difference of means (Welch 1947, unpaired) in [lo - margin, hi + margin].

    Whether it reaches the ends of the range is another claim: "17 to 21" is contained by 19 everywhere.

    Raises:
        ReferenceMissing: the reference is absent or is not a range.
    """
    low, high = look.range_of(check.reference)
    region = Region(low=low - check.margin_points, high=high + check.margin_points)
    return every_network(check, look, estimator=welch, region=region, unit="points")
