"""Seeds differ little, on more than half of the networks.

"Mostly" is about the u-th smallest of the n true spreads, with u just more than half of n: it lies below the bound
where at least u spreads do. Its interval answers both ways (``rank_interval``): holding is the partial conjunction of
Benjamini & Heller (2008), "at least u lie below", and failing is that of "at least n - u + 1 lie above", each at the
level of one side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from bnrepro.checks import reasons
from bnrepro.checks.evidence import Evidence, distinct, evidence_of, samples_of
from bnrepro.checks.look import Finding, Look
from bnrepro.checks.ranked import ranked
from bnrepro.checks.region import Region
from bnrepro.checks.units import mean_unit
from bnrepro.checks.universal import each_part
from bnrepro.spec.checks import Comparison, SpreadCheck, comparison_name
from bnrepro.spec.scale import Outcome
from bnrepro.stats import ConfidenceInterval, spread
from bnrepro.wording import plural


def evaluate(check: SpreadCheck, look: Look) -> Finding:
    """Standard deviation between seeds, by chi-square bounds, in [0, bound) on more than half of the networks.

    The parts are told as if each were asked alone. Spreads are of the runs that did not diverge; a diverged run
    leaves its network open, since at chance level it would be nothing but spread.
    """
    region = Region(high=check.bound)
    evidence = [_evidence(check, look, comparison, region) for comparison in look.comparisons]
    rank = len(evidence) // 2 + 1
    found = ranked(evidence, region, rank=rank, look=look)
    interval = found.interval
    middle, samples = _at_rank(evidence, rank), distinct(evidence)
    told = [_lead(middle, interval, rank, len(evidence)), _where(middle, interval, region)]
    if found.primary is Outcome.OPEN:
        above, below = look.alpha / rank, look.alpha / (len(evidence) - rank + 1)
        told.append(reasons.more_seeds(middle.estimate, region, alpha=below, alpha_outside=above))
    return Finding(
        outcome=found.outcome,
        estimate=middle.estimate.value,
        interval=interval,
        region=region,
        unit=mean_unit(check),
        reason="; ".join([*told, *reasons.failures(samples, agrees=found.agrees)]),
        n=min(each.estimate.n for each in evidence),
        diverged=sum(run.diverged for sample in samples for run in sample.observations),
        parts=each_part(evidence, look, unit=mean_unit(check)),
        p=found.p,
        fragile=found.fragile,
    )


def _evidence(check: SpreadCheck, look: Look, comparison: Comparison, region: Region) -> Evidence:
    # A spread has no chance level, whatever the metric has.
    samples = tuple(replace(sample, chance=None) for sample in samples_of(check, look, comparison))
    return evidence_of(comparison_name(comparison), samples, spread, region)


def _at_rank(evidence: Sequence[Evidence], rank: int) -> Evidence:
    """The network whose measured spread has this rank; unmeasured ones come last."""
    values = [(each.estimate.value is None, each.estimate.value or 0.0, each) for each in evidence]
    return sorted(values, key=lambda value: value[:2])[rank - 1][2]


def _lead(middle: Evidence, interval: ConfidenceInterval, rank: int, networks: int) -> str:
    value = middle.estimate.value
    told = "no spread" if value is None else f"a standard deviation of {value:.2f} {reasons.bracket(interval, 2)}"
    return (
        f"{middle.name}: {told}"
        if networks == 1
        else f"number {rank} of {networks} networks by spread: {middle.name}, {told}"
    )


def _where(middle: Evidence, interval: ConfidenceInterval, region: Region) -> str:
    if middle.estimate.value is None:
        return f"none shows in {plural(middle.estimate.n, 'seed')}"
    own = middle.estimate.interval(interval.alpha)
    if math.isinf(own.high):
        return reasons.relation(middle.estimate, own, region)
    return reasons.position(interval, region)
