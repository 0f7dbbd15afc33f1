"""One arm is not worse than another by more than a margin, on every network."""

from __future__ import annotations

from bnrepro.checks.evidence import gather
from bnrepro.checks.look import Finding, Look
from bnrepro.checks.region import Region
from bnrepro.checks.units import difference_unit
from bnrepro.checks.universal import every_part
from bnrepro.spec.checks import NonInferiorityCheck
from bnrepro.stats import welch


def evaluate(check: NonInferiorityCheck, look: Look) -> Finding:
    """Difference of means (Welch 1947, unpaired) in (-margin, ∞): the lower of Schuirmann's (1987) two tests."""
    return every_part(gather(check, look, welch, Region(low=-check.margin)), look, unit=difference_unit(check))
