"""Checks about one of several true values by rank: the largest of a family, or the one that most lie below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bnrepro.checks.evidence import Evidence
from bnrepro.checks.leave_one_out import tipping
from bnrepro.checks.look import Look
from bnrepro.checks.region import Region
from bnrepro.spec.scale import Outcome
from bnrepro.stats import ConfidenceInterval, Estimate, rank_interval, shared


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """What the interval of the value of one rank says about a region."""

    interval: ConfidenceInterval
    """Over the runs that did not diverge."""
    primary: Outcome
    """What that interval says."""
    agrees: bool
    """Whether it says so with diverged runs counted too."""
    outcome: Outcome
    """Open where they disagree or a run is missing."""
    p: float | None
    """One-sided p value of a decided outcome."""
    fragile: tuple[str, ...]


def ranked(evidence: Sequence[Evidence], region: Region, *, rank: int, look: Look) -> Ranked:
    """Judge the ``rank``-th smallest of the true values by its interval (``rank_interval``).

    Args:
        evidence: of at least one part.
        region: of the value.
        rank: from 1, the smallest.
        look: the data looked at.
    """

    def interval_of(estimates: Sequence[Estimate]) -> ConfidenceInterval:
        return rank_interval(estimates, rank=rank, alpha=look.alpha)

    def conclude(parts: Sequence[Evidence]) -> Outcome:
        primary, counted = (region.outcome(interval_of(each)) for each in _both(parts))
        return primary if primary is counted else Outcome.OPEN

    interval = interval_of([each.estimate for each in evidence])
    primary, agreed = region.outcome(interval), conclude(evidence)
    outcome = Outcome.OPEN if any(each.missing for each in evidence) else agreed
    return Ranked(
        interval=interval,
        primary=primary,
        agrees=primary is agreed,
        outcome=outcome,
        p=_p(evidence, region, outcome, rank),
        fragile=tipping(evidence, outcome, stand=lambda part: part, conclude=conclude),
    )


def _both(parts: Sequence[Evidence]) -> tuple[list[Estimate], list[Estimate]]:
    return [each.estimate for each in parts], [each.counted for each in parts]


def _p(evidence: Sequence[Evidence], region: Region, outcome: Outcome, rank: int) -> float | None:
    match outcome:
        case Outcome.INSIDE:
            return max(_p_inside(each, region, rank) for each in _both(evidence))
        case Outcome.OUTSIDE:
            return max(_p_outside(each, region, rank) for each in _both(evidence))
    return None


def _p_inside(estimates: Sequence[Estimate], region: Region, rank: int) -> float:
    low, high = region.inner
    return max(p_above_rank(estimates, low, rank=rank), p_below_rank(estimates, high, rank=rank))


def _p_outside(estimates: Sequence[Estimate], region: Region, rank: int) -> float:
    low, high = region.outer
    return min(p_below_rank(estimates, low, rank=rank), p_above_rank(estimates, high, rank=rank))


def p_above_rank(estimates: Sequence[Estimate], bound: float, *, rank: int) -> float:
    """One-sided p value of "the ``rank``-th smallest true value is at most ``bound``".

    The partial conjunction p = (m - u + 1) p_(u) of Benjamini & Heller (2008), with u = m - rank + 1 values above.
    """
    ordered = sorted(shared(estimate, rank).p_above(bound) for estimate in estimates)
    return min(1.0, rank * ordered[len(estimates) - rank])


def p_below_rank(estimates: Sequence[Estimate], bound: float, *, rank: int) -> float:
    """One-sided p value of "the ``rank``-th smallest true value is at least ``bound``": the mirror image."""
    parts = len(estimates) - rank + 1
    ordered = sorted(shared(estimate, parts).p_below(bound) for estimate in estimates)
    return min(1.0, parts * ordered[rank - 1])
