"""A difference, or a change within each run, is none but for a margin, on every network."""

from __future__ import annotations

import math
from functools import partial

from bnrepro.checks.evidence import Evidence, evidence_of, gather, samples_of
from bnrepro.checks.look import Finding, Look
from bnrepro.checks.region import Region
from bnrepro.checks.units import difference_unit
from bnrepro.checks.universal import every_part
from bnrepro.spec.checks import Comparison, EquivalenceCheck, comparison_name
from bnrepro.stats import student, welch


def evaluate(check: EquivalenceCheck, look: Look) -> Finding:
    """Difference of means (Welch 1947), or mean change (Student 1908, so the paired t), in (-margin, margin).

    Both one-sided tests reject at level alpha exactly where the interval with error alpha a side lies inside
    (Schuirmann 1987). A difference that is surely not 0 and surely within the margin is equivalence all the same.
    With ``lower_only`` there is no upper bound. A change within a run that no seed shows at all is known to one test
    image, not to be exactly none (``stats.student``).
    """
    region = Region(low=-check.margin, high=math.inf if check.lower_only else check.margin)
    if check.better is not None:
        evidence = gather(check, look, welch, region)
    else:
        evidence = tuple(_mean_change(check, look, comparison, region) for comparison in look.comparisons)
    return every_part(evidence, look, unit=difference_unit(check))


def _mean_change(check: EquivalenceCheck, look: Look, comparison: Comparison, region: Region) -> Evidence:
    samples = samples_of(check, look, comparison)
    estimator = partial(student, resolution=samples[0].resolution)
    return evidence_of(comparison_name(comparison), samples, estimator, region)
