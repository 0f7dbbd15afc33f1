"""Checks that must hold in every part: on every network, in every step.

To hold, every part's interval lies in its region at the full level: intersection-union needs no
correction (Berger 1982). To fail, some part's interval is disjoint from its region after Holm's (1979)
correction: with none, seven networks on the boundary would refute a true claim every fourth time.
"""

from __future__ import annotations

from collections.abc import Sequence

from bnrepro.checks import reasons
from bnrepro.checks.evidence import Evidence, distinct
from bnrepro.checks.look import Finding, Look, PartFinding
from bnrepro.checks.region import Region
from bnrepro.spec.scale import Outcome
from bnrepro.stats import Estimate, holm


def every_part(evidence: Sequence[Evidence], look: Look, *, unit: str, noun: str = "network") -> Finding:
    """Whether each estimate lies in its region; told by the least favourable part.

    Args:
        evidence: of at least one part.
        look: the data looked at.
        unit: of the estimates: ``points`` for a difference of percentages, else the metric's own.
        noun: what a part is, for the sentence.
    """
    regions = [each.region for each in evidence]
    primary = outcomes([each.estimate for each in evidence], regions, look.alpha)
    counted = outcomes([each.counted for each in evidence], regions, look.alpha)
    where = [
        _where(each, outcome, look.alpha, len(evidence), unit, noun)
        for each, outcome in zip(evidence, primary, strict=True)
    ]
    parts = tuple(
        PartFinding(
            name=each.name,
            outcome=outcome if outcome is alternative and not each.missing else Outcome.OPEN,
            estimate=each.estimate.value,
            interval=each.estimate.interval(look.alpha),
            region=each.region,
            n=each.estimate.n,
            reason="; ".join([told, *reasons.failures(each.samples, agrees=outcome is alternative)]),
            runs=each.runs,
        )
        for each, outcome, alternative, told in zip(evidence, primary, counted, where, strict=True)
    )
    lacking = any(each.missing for each in evidence)
    outcome = Outcome.OPEN if lacking else conjunction([part.outcome for part in parts])
    least = _least_favourable(evidence, parts, outcome)
    part = parts[least]
    what = reasons.quantity(part.estimate, part.interval, unit)
    lead = f"{part.name}: " if len(parts) == 1 else f"least favourable of {len(parts)} {noun}s: {part.name}, "
    samples = distinct(evidence)
    return Finding(
        outcome=outcome,
        estimate=part.estimate,
        interval=part.interval,
        region=part.region,
        unit=unit,
        reason="; ".join([lead + what, where[least], *reasons.failures(samples, agrees=primary == counted)]),
        n=min(each.estimate.n for each in evidence),
        diverged=sum(run.diverged for sample in samples for run in sample.observations),
        parts=parts,
    )


def conjunction(parts: Sequence[Outcome]) -> Outcome:
    """Outside where one is outside, else open where one is open, else inside."""
    for decisive in (Outcome.OUTSIDE, Outcome.OPEN):
        if decisive in parts:
            return decisive
    return Outcome.INSIDE


def outcomes(estimates: Sequence[Estimate], regions: Sequence[Region], alpha: float) -> list[Outcome]:
    """Of each part: inside at the full level, outside after Holm's correction over all parts, or open."""
    pairs = list(zip(estimates, regions, strict=True))
    rejected = holm([region.p_outside(estimate) for estimate, region in pairs]) < alpha
    return [
        Outcome.OUTSIDE if outside else Outcome.INSIDE if region.holds(estimate.interval(alpha)) else Outcome.OPEN
        for (estimate, region), outside in zip(pairs, rejected, strict=True)
    ]


def _least_favourable(evidence: Sequence[Evidence], parts: Sequence[PartFinding], outcome: Outcome) -> int:
    """Position of the part that the outcome hangs on: the surest failure, or the interval that clears least."""
    candidates = [position for position, part in enumerate(parts) if part.outcome is outcome] or range(len(parts))
    if outcome is Outcome.OUTSIDE:
        return min(candidates, key=lambda position: evidence[position].region.p_outside(evidence[position].estimate))
    return min(candidates, key=lambda position: parts[position].region.slack(parts[position].interval))


def _where(evidence: Evidence, outcome: Outcome, alpha: float, parts: int, unit: str, noun: str) -> str:
    """Where one part's interval lies, and what an open one still needs."""
    estimate, region = evidence.estimate, evidence.region
    told = reasons.relation(estimate, estimate.interval(alpha), region)
    told += reasons.corrected(estimate, region, outcome=outcome, alpha=alpha, parts=parts, unit=unit, noun=noun)
    if outcome is not Outcome.OPEN:
        return told
    needed = reasons.more_seeds(estimate, region, alpha=alpha, alpha_outside=alpha / parts)
    return f"{told}; {needed}" if needed else told
