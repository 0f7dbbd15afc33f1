"""The best network of a family agrees with the number that the paper reports for the best.

The interval of the maximum. Let mu_i be the true means of m networks and mu their largest. Each
network has its own interval; together they bound mu by

    lower = max_i lower_i, at error alpha / m each,    upper = max_i upper_i, at error alpha each.

``lower`` exceeds mu only if some lower_i exceeds mu >= mu_i: at most m * alpha / m. ``upper`` falls
below mu only if upper_j does for the network j whose mean is largest in truth: at most alpha, and no
correction is due, since j is fixed before any data. Taking the interval of the network that came out
best would bias both ends upwards: the best of m equal networks owes its place to luck.

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
from bnrepro.checks.evidence import Evidence, gather
from bnrepro.checks.look import Finding, Look, NetworkFinding
from bnrepro.checks.region import Region
from bnrepro.spec.claim import RangeCheck
from bnrepro.spec.scale import Outcome
from bnrepro.stats import ConfidenceInterval, MeanEstimate, prediction
from bnrepro.wording import plural


def evaluate(check: RangeCheck, look: Look) -> Finding:
    """The largest mean over the networks in [reported - tolerance, reported + tolerance], rounding allowed for.

    Raises:
        ReferenceMissing: the reference is absent or is a range.
    """
    reported, reference = look.number_of(check.reference)
    region = Region(
        low=reported - check.tolerance_points, high=reported + check.tolerance_points, blur=reference.rounding / 2
    )
    evidence = gather(check, look, partial(prediction, paper_n=reference.n))
    interval = maximum_interval([each.estimate for each in evidence], look.alpha)
    primary = _outcome(interval, region)
    counted = _outcome(maximum_interval([each.counted for each in evidence], look.alpha), region)
    lacking = any(each.missing for each in evidence)
    outcome = Outcome.OPEN if lacking or primary is not counted else primary
    best = _best(evidence)
    sentences = [_lead(best, len(evidence), interval, reference.n), _where(best.estimate, interval, region)]
    if primary is Outcome.OPEN:
        sentences.append(
            reasons.more_seeds(
                best.estimate,
                region,
                alpha=look.alpha / len(evidence),
                alpha_outside=look.alpha / len(evidence),
                other_mean=1 / reference.n,
            )
        )
    return Finding(
        outcome=outcome,
        estimate=best.estimate.value,
        interval=interval,
        region=region,
        unit="percent",
        reason="; ".join([*sentences, *reasons.failures(evidence, agrees=primary is counted)]),
        n=min(each.estimate.n for each in evidence),
        diverged=sum(each.diverged for each in evidence),
        networks=tuple(_part(each, look, outcome if each is best else Outcome.NOT_ASSESSED) for each in evidence),
    )


def maximum_interval(estimates: Sequence[MeanEstimate], alpha: float) -> ConfidenceInterval:
    """The interval of the largest true mean of m networks, with error ``alpha`` a side (see the module's docstring)."""
    return ConfidenceInterval(
        low=max(estimate.interval(alpha / len(estimates)).low for estimate in estimates),
        high=max(estimate.interval(alpha).high for estimate in estimates),
        alpha=alpha,
    )


def _outcome(interval: ConfidenceInterval, region: Region) -> Outcome:
    if region.holds(interval):
        return Outcome.INSIDE
    return Outcome.OUTSIDE if region.excludes(interval) else Outcome.OPEN


def _best(evidence: Sequence[Evidence]) -> Evidence:
    measured = [each for each in evidence if each.estimate.value is not None]
    return max(measured, key=lambda each: each.estimate.value or 0.0, default=evidence[0])


def _lead(best: Evidence, networks: int, interval: ConfidenceInterval, paper_n: int) -> str:
    told = reasons.quantity(best.estimate.value, interval, "percent")
    if math.isfinite(interval.high):
        told += f", widened for the paper's {plural(paper_n, 'run')}"
    return f"{best.network}: {told}" if networks == 1 else f"best of {networks} networks: {best.network}, {told}"


def _where(best: MeanEstimate, interval: ConfidenceInterval, region: Region) -> str:
    if best.standard_error is None:
        return reasons.relation(best, interval, region)
    return reasons.position(interval, region)


def _part(evidence: Evidence, look: Look, outcome: Outcome) -> NetworkFinding:
    best = outcome is not Outcome.NOT_ASSESSED
    return NetworkFinding(
        network=evidence.network,
        outcome=outcome,
        estimate=evidence.estimate.value,
        interval=evidence.estimate.interval(look.alpha),
        n=evidence.estimate.n,
        reason="the largest mean, which the check is about" if best else "not the largest mean",
        runs=evidence.runs,
    )
