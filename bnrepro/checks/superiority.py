"""One arm beats another by more than a margin, on every network."""

from __future__ import annotations

from bnrepro.checks.look import Finding, Look
from bnrepro.checks.region import Region
from bnrepro.checks.universal import every_network
from bnrepro.spec.claim import SuperiorityCheck
from bnrepro.stats import welch


def evaluate(check: SuperiorityCheck, look: Look) -> Finding:
    """Difference of means (Welch 1947, unpaired) in (margin, ∞).

    Unpaired, because arms that share a seed share their first draw but not what training makes of it; pairing would
    spend half the degrees of freedom on a correlation that nobody has shown.
    """
    region = Region(low=check.margin_points)
    return every_network(check, look, estimator=welch, region=region, unit="points")
