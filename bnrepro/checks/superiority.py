"""One arm beats another by more than a margin, on every network."""

from __future__ import annotations

from functools import partial

from bnrepro.checks.evidence import gather
from bnrepro.checks.look import Finding, Look
from bnrepro.checks.region import Region
from bnrepro.checks.units import difference_unit
from bnrepro.checks.universal import every_part
from bnrepro.spec.checks import SuperiorityCheck
from bnrepro.stats import Estimate, welch
from bnrepro.stats.student import FloatArray


def evaluate(check: SuperiorityCheck, look: Look) -> Finding:
    """Difference of means (Welch 1947, unpaired) in (margin, ∞).

    Unpaired, because arms that share a seed share their first draw but not what training makes of it; pairing would
    spend half the degrees of freedom on a correlation that nobody has shown. With ``times`` the difference is
    ``better`` - ``times`` · ``worse``.
    """
    estimator = partial(_difference, times=check.times)
    return every_part(gather(check, look, estimator, Region(low=check.margin)), look, unit=difference_unit(check))


def _difference(better: FloatArray, worse: FloatArray, *, times: float) -> Estimate:
    return welch(better, times * worse)
