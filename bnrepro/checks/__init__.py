"""Kinds of check: each turns what was measured into a finding, told as a CheckResult.

A new kind is a class in ``spec.checks``, a module here, and a name in ``KINDS``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

from bnrepro.checks.leave_one_out import WOULD
from bnrepro.checks.look import ERROR_A_SIDE, Finding, Look, References
from bnrepro.checks.region import Region
from bnrepro.checks.units import margin_unit
from bnrepro.spec.checks import CheckSpec
from bnrepro.spec.checks.base import WithMargin
from bnrepro.spec.results import CheckResult, Interval, PartResult
from bnrepro.spec.scale import Outcome, Scale, word_for
from bnrepro.stats import ConfidenceInterval

__all__ = ["ERROR_A_SIDE", "KINDS", "Kind", "Look", "References", "evaluate", "obstacle_at"]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of check, whose module is imported when a check of it is first evaluated."""

    module: str
    """In this package, with a function ``evaluate``."""
    against_paper: bool
    """Whether it compares with a number of the paper, which only the paper's own scale can match."""

    @property
    def evaluate(self) -> Callable[[Any, Look], Finding]:
        """Takes the kind's own spec; the registry's key vouches for its type."""
        module = import_module(f"{__name__}.{self.module}")
        return cast(Callable[[Any, Look], Finding], module.evaluate)


_AGAINST_PAPER = ("containment", "proportion_in_range", "range", "worst_case", "slope_ratio", "count")
_AMONG_OUR_OWN = (
    *("superiority", "non_inferiority", "equivalence", "above_chance", "matching", "sd_bound", "failure_rate"),
    *("monotone", "slope", "linearity", "below_line", "fixed_budget", "growth"),
)
KINDS: dict[str, Kind] = {
    kind: Kind(module=kind, against_paper=kind in _AGAINST_PAPER) for kind in (*_AGAINST_PAPER, *_AMONG_OUR_OWN)
}
"""The evaluator of each ``kind`` in a claim file."""


def evaluate(check: CheckSpec, look: Look) -> CheckResult:
    """One check at one look, with all its evidence; ``not assessed`` where it cannot be evaluated.

    Raises:
        ReferenceMissing: the check names a number that there is not, or of the wrong form.
    """
    obstacle = _obstacle(check, look)
    finding = KINDS[check.kind].evaluate(check, look) if obstacle is None else _not_assessed(check, obstacle, look)
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
        margin=check.shown_margin,
        region=_region(finding.region),
        unit=finding.unit,
        reason=finding.reason,
        why=check.why,
        look=look.number,
        looks=look.planned_seeds,
        diverged=finding.diverged,
        parts=tuple(
            PartResult(
                name=part.name,
                verdict=word_for(part.outcome, look.scale, whole_claim=look.whole_claim),
                estimate=part.estimate,
                interval=_interval(part.interval),
                region=_region(part.region),
                n=part.n,
                reason=part.reason,
                runs=part.runs,
            )
            for part in finding.parts
        ),
        runs=tuple(dict.fromkeys(run for part in finding.parts for run in part.runs)),
        p=finding.p,
        fragile=(*finding.fragile, *_under_other_margins(check, look, finding)),
    )


def _under_other_margins(check: CheckSpec, look: Look, finding: Finding) -> list[str]:
    """What a decided check would say under the margins that its file declares beside the one that counts."""
    if not isinstance(check, WithMargin) or finding.outcome not in {Outcome.INSIDE, Outcome.OUTSIDE}:
        return []
    told = []
    for margin in check.alternative_margins:
        other = KINDS[check.kind].evaluate(check.model_copy(update={"margin": margin}), look).outcome
        if other is not finding.outcome:
            told.append(f"with a margin of {margin:g} it {WOULD[other]}")
    return told


def obstacle_at(check: CheckSpec, scale: Scale, references: References) -> str | None:
    """Why no data could make the check assessable at a scale, or ``None``.

    Raises:
        ReferenceMissing: the check names a number that there is not.
    """
    if KINDS[check.kind].against_paper and scale is not Scale.PAPER:
        return f"only scale {Scale.PAPER} can be held against the paper's numbers, and this is scale {scale}"
    lost = [reference.missing for name in check.references if (reference := references.get(name)).missing]
    return f"nothing to hold it against: {lost[0]}" if lost else None


def _obstacle(check: CheckSpec, look: Look) -> str | None:
    """Why the check cannot be evaluated at this look, or ``None``."""
    return look.unavailable or obstacle_at(check, look.scale, look.references)


def _not_assessed(check: CheckSpec, reason: str, look: Look) -> Finding:
    return Finding(
        outcome=Outcome.NOT_ASSESSED,
        interval=look.whole_line,
        region=Region(),
        unit=margin_unit(check),
        reason=reason,
    )


def _interval(interval: ConfidenceInterval) -> Interval:
    return (_bound(interval.low), _bound(interval.high))


def _region(region: Region) -> Interval:
    return (_bound(region.low + region.blur), _bound(region.high - region.blur))


def _bound(value: float) -> float | None:
    return value if math.isfinite(value) else None
