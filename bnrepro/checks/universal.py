"""Checks that must hold on every network.

To hold, every network's interval lies in the region at the full level: intersection-union needs no
correction (Berger 1982). To fail, some network's interval is disjoint from it after Holm's (1979)
correction: with none, seven networks on the boundary would refute a true claim every fourth time.
"""

from __future__ import annotations

from bnrepro.checks import reasons
from bnrepro.checks.evidence import Estimator, Evidence, gather
from bnrepro.checks.look import Finding, Look, NetworkFinding
from bnrepro.checks.region import Region
from bnrepro.spec.claim import CheckSpec
from bnrepro.spec.scale import Outcome
from bnrepro.stats import MeanEstimate, holm


def every_network(check: CheckSpec, look: Look, *, estimator: Estimator, region: Region, unit: str) -> Finding:
    """Whether the estimate lies in the region on every network; told by the least favourable one.

    Args:
        check: what is asserted.
        look: the data looked at, of at least one network.
        estimator: from one sample an arm to the estimate that the region is about.
        region: margin included.
        unit: ``points`` for a difference, ``percent`` for an accuracy.
    """
    evidence = gather(check, look, estimator)
    primary = _network_outcomes([each.estimate for each in evidence], region, look.alpha)
    counted = primary
    if any(each.diverged for each in evidence):
        counted = _network_outcomes([each.counted for each in evidence], region, look.alpha)
    where = [_where(each, look, region, outcome) for each, outcome in zip(evidence, primary, strict=True)]
    parts = tuple(
        NetworkFinding(
            network=each.network,
            outcome=outcome if outcome is alternative and not each.missing else Outcome.OPEN,
            estimate=each.estimate.value,
            interval=each.estimate.interval(look.alpha),
            n=each.estimate.n,
            reason="; ".join([told, *reasons.failures((each,), agrees=outcome is alternative)]),
            runs=each.runs,
        )
        for each, outcome, alternative, told in zip(evidence, primary, counted, where, strict=True)
    )
    lacking = any(each.missing for each in evidence)
    outcome = Outcome.OPEN if lacking else _conjunction([part.outcome for part in parts])
    least = _least_favourable(evidence, parts, outcome, region)
    part = parts[least]
    what = reasons.quantity(part.estimate, part.interval, unit)
    lead = f"{part.network}: " if len(parts) == 1 else f"least favourable of {len(parts)} networks: {part.network}, "
    return Finding(
        outcome=outcome,
        estimate=part.estimate,
        interval=part.interval,
        region=region,
        unit=unit,
        reason="; ".join([lead + what, where[least], *reasons.failures(evidence, agrees=primary == counted)]),
        n=min(each.estimate.n for each in evidence),
        diverged=sum(each.diverged for each in evidence),
        networks=parts,
    )


def _network_outcomes(estimates: list[MeanEstimate], region: Region, alpha: float) -> list[Outcome]:
    rejected = holm([region.p_outside(estimate) for estimate in estimates]) < alpha
    return [
        Outcome.OUTSIDE if outside else Outcome.INSIDE if region.holds(estimate.interval(alpha)) else Outcome.OPEN
        for estimate, outside in zip(estimates, rejected, strict=True)
    ]


def _conjunction(outcomes: list[Outcome]) -> Outcome:
    for decisive in (Outcome.OUTSIDE, Outcome.OPEN):
        if decisive in outcomes:
            return decisive
    return Outcome.INSIDE


def _least_favourable(
    evidence: tuple[Evidence, ...], parts: tuple[NetworkFinding, ...], outcome: Outcome, region: Region
) -> int:
    """Position of the network that the outcome hangs on: the surest failure, or the interval that clears least."""
    candidates = [position for position, part in enumerate(parts) if part.outcome is outcome]
    if outcome is Outcome.OUTSIDE:
        return min(candidates, key=lambda position: region.p_outside(evidence[position].estimate))
    return min(candidates, key=lambda position: region.slack(parts[position].interval))


def _where(evidence: Evidence, look: Look, region: Region, outcome: Outcome) -> str:
    """Where one network's interval lies, and what an open one still needs."""
    estimate, alpha, networks = evidence.estimate, look.alpha, len(look.networks)
    told = reasons.relation(estimate, estimate.interval(alpha), region)
    told += reasons.corrected(estimate, region, outcome=outcome, alpha=alpha, networks=networks)
    if outcome is not Outcome.OPEN:
        return told
    return f"{told}; {reasons.more_seeds(estimate, region, alpha=alpha, alpha_outside=alpha / networks)}"
