"""An arm matches another while the next smaller one does not, on every network."""

from __future__ import annotations

from bnrepro.checks.evidence import Evidence, evidence_of, samples_of
from bnrepro.checks.look import Finding, Look
from bnrepro.checks.region import Region
from bnrepro.checks.units import difference_unit
from bnrepro.checks.universal import every_part
from bnrepro.measure import Sample
from bnrepro.spec.checks import Comparison, MatchingCheck
from bnrepro.stats import welch


def evaluate(check: MatchingCheck, look: Look) -> Finding:
    """Two parts a network: ``at`` - ``target`` above -margin, and ``below`` - ``target`` below it (Welch 1947).

    The second asks for a real deficit. "Not shown to match" would be had for nothing, from too few seeds.
    """
    evidence = [part for comparison in look.comparisons for part in _parts(check, look, comparison)]
    return every_part(evidence, look, unit=difference_unit(check), noun="comparison")


def _parts(check: MatchingCheck, look: Look, comparison: Comparison) -> tuple[Evidence, Evidence]:
    target, at, below = samples_of(check, look, comparison)
    return (
        _difference(at, target, Region(low=-check.margin)),
        _difference(below, target, Region(high=-check.margin)),
    )


def _difference(sample: Sample, target: Sample, region: Region) -> Evidence:
    name = f"{sample.network} {sample.arm} against {target.arm}"
    return evidence_of(name, (sample, target), welch, region)
