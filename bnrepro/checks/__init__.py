"""Kinds of check: each turns what was measured into a finding, told as a CheckResult.

A new kind is a class in ``spec.claim``, a module here, and a line in ``KINDS``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bnrepro.checks import containment, range, superiority, worst_case  # noqa: A004 - the kind's own name
from bnrepro.checks.look import ERROR_A_SIDE, Finding, Look, References
from bnrepro.checks.region import Region
from bnrepro.measure import MEASURED
from bnrepro.spec.claim import CheckSpec
from bnrepro.spec.results import CheckResult, Interval, NetworkResult
from bnrepro.spec.scale import Outcome, Scale, word_for
from bnrepro.stats import ConfidenceInterval

__all__ = ["ERROR_A_SIDE", "KINDS", "Kind", "Look", "References", "evaluate", "obstacle_at"]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of check."""

    evaluate: Callable[[Any, Look], Finding]
    """Takes the kind's own spec; the registry's key vouches for its type."""
    against_paper: bool
    """Whether it compares with a number of the paper, which only the paper's own scale can match."""


KINDS: dict[str, Kind] = {
    "superiority": Kind(evaluate=superiority.evaluate, against_paper=False),
    "containment": Kind(evaluate=containment.evaluate, against_paper=True),
    "range": Kind(evaluate=range.evaluate, against_paper=True),
    "worst_case": Kind(evaluate=worst_case.evaluate, against_paper=True),
}
"""The evaluator of each ``kind`` in a claim file."""


def evaluate(check: CheckSpec, look: Look) -> CheckResult:
    """One check at one look, with all its evidence; ``not assessed`` where it cannot be evaluated.

    Raises:
        ReferenceMissing: the check names a number that there is not, or of the wrong form.
    """
    obstacle = _obstacle(check, look)
    finding = KINDS[check.kind].evaluate(check, look) if obstacle is None else _not_assessed(obstacle, look)
    low, high = finding.region.low + finding.region.blur, finding.region.high - finding.region.blur
    return CheckResult(
        id=check.id,
        row=check.row,
        kind=check.kind,
        states=check.states,
        decides=check.decides,
        verdict=word_for(finding.outcome, look.scale, whole_claim=look.whole_claim),
        estimate=finding.estimate,
        interval=_interval(finding.interval),
        level=finding.interval.level,
        n=finding.n,
        margin=check.margin,
        region=(_bound(low), _bound(high)),
        unit=finding.unit,
        reason=finding.reason,
        why=check.why,
        look=look.number,
        looks=look.planned_seeds,
        diverged=finding.diverged,
        networks=tuple(
            NetworkResult(
                network=part.network,
                verdict=word_for(part.outcome, look.scale, whole_claim=look.whole_claim),
                estimate=part.estimate,
                interval=_interval(part.interval),
                n=part.n,
                reason=part.reason,
                runs=part.runs,
            )
            for part in finding.networks
        ),
        runs=tuple(run for part in finding.networks for run in part.runs),
    )


def obstacle_at(check: CheckSpec, scale: Scale) -> str | None:
    """Why no data could make the check assessable at a scale, or ``None``."""
    if KINDS[check.kind].against_paper and scale is not Scale.PAPER:
        return f"only scale {Scale.PAPER} can be held against the paper's numbers, and this is scale {scale}"
    if check.metric not in MEASURED:
        return f"this version of bnrepro does not measure {check.metric.replace('_', ' ')}"
    return None


def _obstacle(check: CheckSpec, look: Look) -> str | None:
    """Why the check cannot be evaluated at this look, or ``None``."""
    return obstacle_at(check, look.scale) or (None if look.networks else look.unavailable)


def _not_assessed(reason: str, look: Look) -> Finding:
    everything = ConfidenceInterval(low=-math.inf, high=math.inf, alpha=look.alpha)
    return Finding(outcome=Outcome.NOT_ASSESSED, interval=everything, region=Region(), unit="points", reason=reason)


def _interval(interval: ConfidenceInterval) -> Interval:
    return (_bound(interval.low), _bound(interval.high))


def _bound(value: float) -> float | None:
    return value if math.isfinite(value) else None
