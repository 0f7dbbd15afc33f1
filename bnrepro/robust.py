"""Which verdicts survive when all checks of a suite count as one experiment.

Each check keeps its own chance of a wrong verdict to 5 % a side. Over two hundred checks some verdicts are then wrong,
and nobody knows which. Holm's (1979) correction over all of them leaves those that would stand even if a single wrong
one anywhere were too many; they are called robust.

"The true value lies in the region" and "it lies outside" exclude each other, so each check brings one p value, that of
the side on which it was decided. A check that stayed open brings 1: it was asked, so it counts. That Holm's steps keep
their error when either side may be rejected is shown for independent statistics (Shaffer 1980), and assumed for ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bnrepro.spec.results import CheckResult
from bnrepro.stats import holm

ERROR_OVER_ALL = 0.05
"""Chance that any verdict marked robust is wrong."""

CheckName = tuple[str, str]
"""Id of the claim and id of the check."""


@dataclass(frozen=True, kw_only=True)
class Robustness:
    """What survives, and among how many.

    Usage:
        robustness = robust_over({claim: judgement.checks for claim, judgement in judgements.items()})
        robustness.mark("sec4_random_params", check)    # True, False, or None where there is nothing to say
    """

    checks: int
    """Checks that were tested on runs."""
    survivors: frozenset[CheckName]

    def mark(self, claim: str, check: CheckResult) -> bool | None:
        """Whether a check is robust; ``None`` where it has no p value."""
        return None if check.p is None else (claim, check.id) in self.survivors


def robust_over(results: Mapping[str, Sequence[CheckResult]]) -> Robustness:
    """Correct every check of several claims together.

    A check that was looked at more than once spent its error in equal shares (Bonferroni), so its p value counts as
    often as there were looks planned.

    Args:
        results: of every claim of the suite, by its id.
    """
    p_values = {
        (claim, result.id): 1.0 if result.p is None else min(1.0, result.p * len(result.looks))
        for claim, own in results.items()
        for result in own
        if _tested(result)
    }
    adjusted = holm(list(p_values.values()))
    return Robustness(
        checks=len(p_values),
        survivors=frozenset(name for name, p in zip(p_values, adjusted, strict=True) if p < ERROR_OVER_ALL),
    )


def _tested(result: CheckResult) -> bool:
    """Whether runs were held against the check's region: arithmetic cannot err, and what was not assessed did not."""
    return result.p is not None or (bool(result.runs) and result.verdict.value == "inconclusive")
