"""A difference, or a change within each run, is none but for a margin, on every network."""

from __future__ import annotations

import math

from bnrepro.checks.evidence import gather
from bnrepro.checks.look import Finding, Look
from bnrepro.checks.region import Region
from bnrepro.checks.units import difference_unit
from bnrepro.checks.universal import every_part
from bnrepro.spec.checks import EquivalenceCheck
from bnrepro.stats import student, welch


def evaluate(check: EquivalenceCheck, look: Look) -> Finding:
    """Difference of means (Welch 1947), or mean change (Student 1908, so the paired t), in (-margin, margin).

    Both one-sided tests reject at level alpha exactly where the interval with error alpha a side lies inside
    (Schuirmann 1987). A difference that is surely not 0 and surely within the margin is equivalence all the same.
    With ``lower_only`` there is no upper bound.
    """
    region = Region(low=-check.margin, high=math.inf if check.lower_only else check.margin)
    estimator = student if check.better is None else welch
    return every_part(gather(check, look, estimator, region), look, unit=difference_unit(check))
