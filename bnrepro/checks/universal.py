"""Checks that must hold in every part: on every network, in every step.

To hold, every part's interval lies in its region at the full level: intersection-union needs no
correction (Berger 1982). To fail, some part's interval is disjoint from its region after Holm's (1979)
correction: with none, seven networks on the boundary would refute a true claim every fourth time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from bnrepro.checks import reasons
from bnrepro.checks.evidence import Evidence, distinct
from bnrepro.checks.leave_one_out import tipping
from bnrepro.checks.look import Finding, Look, PartFinding
from bnrepro.checks.region import Region
from bnrepro.spec.scale import Outcome
from bnrepro.stats import Estimate, holm, shared


def every_part(evidence: Sequence[Evidence], look: Look, *, unit: str, noun: str = "network") -> Finding:
    """Whether each estimate lies in its region; told by the least favourable part.

    Args:
        evidence: of at least one part.
        look: the data looked at.
        unit: of the estimates: ``points`` for a difference of percentages, else the metric's own.
        noun: what a part is, for the sentence.
    """
    stand = partial(_judged, alpha=look.alpha, parts=len(evidence))
    judged = [stand(each) for each in evidence]
    primary, counted = _outcomes(judged, look.alpha)
    parts = _parts(evidence, primary, counted, look, unit, noun)
    lacking = any(each.missing for each in evidence)
    outcome = Outcome.OPEN if lacking else conjunction([part.outcome for part in parts])
    least = _least_favourable(evidence, parts, outcome)
    part = parts[least]
    what = reasons.quantity(part.estimate, part.interval, unit)
    lead = f"{part.name}: " if len(parts) == 1 else f"least favourable of {len(parts)} {noun}s: {part.name}, "
    samples = distinct(evidence)
    where = _where(evidence[least], primary[least], look.alpha, len(evidence), unit, noun)
    return Finding(
        outcome=outcome,
        estimate=part.estimate,
        interval=part.interval,
        region=part.region,
        unit=unit,
        reason="; ".join([lead + what, where, *reasons.failures(samples, agrees=primary == counted)]),
        n=min(each.estimate.n for each in evidence),
        diverged=sum(run.diverged for sample in samples for run in sample.observations),
        parts=parts,
        p=p_of(judged, outcome),
        fragile=tipping(evidence, outcome, stand=stand, conclude=partial(conclude, alpha=look.alpha)),
    )


def each_part(evidence: Sequence[Evidence], look: Look, *, unit: str, noun: str = "network") -> tuple[PartFinding, ...]:
    """What is found for each part by itself; the arguments are those of ``every_part``."""
    primary, counted = _outcomes(
        [_judged(each, alpha=look.alpha, parts=len(evidence)) for each in evidence], look.alpha
    )
    return _parts(evidence, primary, counted, look, unit, noun)


def _parts(
    evidence: Sequence[Evidence],
    primary: Sequence[Outcome],
    counted: Sequence[Outcome],
    look: Look,
    unit: str,
    noun: str,
) -> tuple[PartFinding, ...]:
    where = [
        _where(each, outcome, look.alpha, len(evidence), unit, noun)
        for each, outcome in zip(evidence, primary, strict=True)
    ]
    return tuple(
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


def conjunction(parts: Sequence[Outcome]) -> Outcome:
    """Outside where one is outside, else open where one is open, else inside."""
    for decisive in (Outcome.OUTSIDE, Outcome.OPEN):
        if decisive in parts:
            return decisive
    return Outcome.INSIDE


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What one estimate says about its region."""

    holds: bool
    """Whether its interval lies inside, at the full level."""
    p_inside: float
    p_outside: float
    """Before Holm's correction."""

    @classmethod
    def of(cls, estimate: Estimate, region: Region, *, alpha: float, parts: int) -> Standing:
        """Where one of so many estimates stands at error ``alpha`` a side."""
        return cls(
            holds=region.holds(estimate.interval(alpha)),
            p_inside=region.p_inside(estimate),
            p_outside=region.p_outside(shared(estimate, parts)),
        )


Judged = tuple[Standing, Standing]
"""Of one part: over the runs that did not diverge, and with diverged ones counted."""


def outcomes(standings: Sequence[Standing], alpha: float) -> list[Outcome]:
    """Of each part: inside at the full level, outside after Holm's correction over all parts, or open."""
    rejected = holm([each.p_outside for each in standings]) < alpha
    return [
        Outcome.OUTSIDE if outside else Outcome.INSIDE if each.holds else Outcome.OPEN
        for each, outside in zip(standings, rejected, strict=True)
    ]


def conclude(judged: Sequence[Judged], *, alpha: float) -> Outcome:
    """The outcome of all parts together, each decided only where both of its standings agree."""
    primary, counted = _outcomes(judged, alpha)
    return conjunction([one if one is other else Outcome.OPEN for one, other in zip(primary, counted, strict=True)])


def p_of(judged: Sequence[Judged], outcome: Outcome) -> float | None:
    """One-sided p value of a decided outcome; below alpha exactly where alpha decides it so.

    To hold, the largest over the parts (intersection-union); to fail, the smallest after Holm's correction. Where runs
    diverged, a part's own is the larger of its two.
    """
    match outcome:
        case Outcome.INSIDE:
            return max(each.p_inside for both in judged for each in both)
        case Outcome.OUTSIDE:
            adjusted = (holm([each.p_outside for each in every]) for every in zip(*judged, strict=True))
            return float(min(map(max, zip(*adjusted, strict=True))))
    return None


def _judged(evidence: Evidence, *, alpha: float, parts: int) -> Judged:
    primary = Standing.of(evidence.estimate, evidence.region, alpha=alpha, parts=parts)
    if evidence.counted is evidence.estimate:
        return primary, primary
    return primary, Standing.of(evidence.counted, evidence.region, alpha=alpha, parts=parts)


def _outcomes(judged: Sequence[Judged], alpha: float) -> tuple[list[Outcome], list[Outcome]]:
    primary = outcomes([one for one, _ in judged], alpha)
    if all(one is other for one, other in judged):
        return primary, primary
    return primary, outcomes([other for _, other in judged], alpha)


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
