"""A mean, or a difference of means, agrees with a number that the paper reports.

Either every network is held against the number, or the best of a family is.

The largest mean is bounded by the intervals of all networks together (``rank_interval``). Taking the
interval of the network that came out best would bias both ends upwards: the best of m equal networks
owes its place to luck.

Agreement with a reported number widens every interval by the paper's own n (Patil, Peng & Leek
2016). With e the deviation, D the tolerance and u the printed rounding, it holds where the interval
of e lies in ±(D - u/2) and fails where it is disjoint from ±(D + u/2). The paper's choice of its best
network is not corrected for: it prints no other mean to correct with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from bnrepro.checks import reasons
from bnrepro.checks.evidence import Evidence, distinct, gather
from bnrepro.checks.look import Finding, Look, PartFinding
from bnrepro.checks.ranked import ranked
from bnrepro.checks.region import Region
from bnrepro.checks.units import difference_unit, mean_unit
from bnrepro.checks.universal import every_part
from bnrepro.spec.checks import RangeCheck
from bnrepro.spec.scale import Outcome
from bnrepro.stats import ConfidenceInterval, Estimate, prediction
from bnrepro.wording import plural


def evaluate(check: RangeCheck, look: Look) -> Finding:
    """Every mean, or the largest over the networks, within the tolerance of the reported number, rounding allowed for.

    Raises:
        ReferenceMissing: the reference is absent.
    """
    low, high, reference = look.ends_of(check.reference)
    region = Region(low=low - check.tolerance, high=high + check.tolerance, blur=reference.rounding / 2)
    unit = difference_unit(check) if check.of_difference else mean_unit(check)
    evidence = gather(check, look, partial(prediction, paper_n=reference.n), region)
    if check.statistic == "each":
        return every_part(evidence, look, unit=unit)
    return _largest(evidence, look, region, unit, paper_n=reference.n)


def _largest(evidence: Sequence[Evidence], look: Look, region: Region, unit: str, *, paper_n: int) -> Finding:
    networks = len(evidence)
    found = ranked(evidence, region, rank=networks, look=look)
    interval, outcome = found.interval, found.outcome
    best, samples = _best(evidence), distinct(evidence)
    share = look.alpha / networks
    sentences = [_lead(best, networks, interval, unit, paper_n), _where(best.estimate, interval, region)]
    if found.primary is Outcome.OPEN:
        sentences.append(reasons.more_seeds(best.estimate, region, alpha=share, alpha_outside=share))
    return Finding(
        outcome=outcome,
        estimate=best.estimate.value,
        interval=interval,
        region=region,
        unit=unit,
        reason="; ".join([*sentences, *reasons.failures(samples, agrees=found.agrees)]),
        n=min(each.estimate.n for each in evidence),
        diverged=sum(run.diverged for sample in samples for run in sample.observations),
        parts=tuple(_part(each, look, outcome if each is best else Outcome.NOT_ASSESSED) for each in evidence),
        p=found.p,
        fragile=found.fragile,
    )


def _best(evidence: Sequence[Evidence]) -> Evidence:
    measured = [each for each in evidence if each.estimate.value is not None]
    return max(measured, key=lambda each: each.estimate.value or 0.0, default=evidence[0])


def _lead(best: Evidence, networks: int, interval: ConfidenceInterval, unit: str, paper_n: int) -> str:
    told = reasons.quantity(best.estimate.value, interval, unit)
    if math.isfinite(interval.high):
        told += f", widened for the paper's {plural(paper_n, 'run')}"
    return f"{best.name}: {told}" if networks == 1 else f"best of {networks} networks: {best.name}, {told}"


def _where(best: Estimate, interval: ConfidenceInterval, region: Region) -> str:
    if not math.isfinite(best.interval(interval.alpha).high):
        return reasons.relation(best, interval, region)
    return reasons.position(interval, region)


def _part(evidence: Evidence, look: Look, outcome: Outcome) -> PartFinding:
    best = outcome is not Outcome.NOT_ASSESSED
    return PartFinding(
        name=evidence.name,
        outcome=outcome,
        estimate=evidence.estimate.value,
        interval=evidence.estimate.interval(look.alpha),
        region=evidence.region,
        n=evidence.estimate.n,
        reason="the largest mean, which the check is about" if best else "not the largest mean",
        runs=evidence.runs,
    )
