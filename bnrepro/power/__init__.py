"""What a claim's looks can settle, before anything is spent.

    told.py        the answer, as values
    means.py       estimates on Student's t
    estimators.py  what spreads make each of them
    tails.py       spreads between seeds, and how often runs fail

The regions are those of the shipped checks: each is evaluated on no runs at all, and its parts say what an estimate
would be held against. Only how an estimate spreads is told here, by kind.
"""

from __future__ import annotations

from collections.abc import Mapping

from bnrepro.checks import Look, References, evaluate, obstacle_at
from bnrepro.measure import Measurements
from bnrepro.plan import Setting
from bnrepro.power.means import of_means
from bnrepro.power.tails import of_rate, of_spread
from bnrepro.power.told import CheckPower, LookPower
from bnrepro.question import Question
from bnrepro.recipes import RECIPES
from bnrepro.spec.checks import CheckSpec, FailureRateCheck, SlopeRatioCheck, SpreadCheck
from bnrepro.spec.networks import Family
from bnrepro.spec.results import CheckResult

__all__ = ["CheckPower", "LookPower", "powers"]


def powers(question: Question, references: References, setting: Setting) -> tuple[CheckPower, ...]:
    """What the looks can settle, for each check on trained runs that can be assessed at this scale.

    Args:
        question: the claim as it is asked.
        references: the paper's numbers.
        setting: the data that the networks are trained on.

    Raises:
        ReferenceMissing: a check names a number that there is not.
    """
    classes = {
        family: setting.shapes[recipe.dataset].classes
        for (family, scale), recipe in RECIPES.items()
        if scale is question.scale and recipe.dataset in setting.shapes
    }
    planned = []
    for check in question.claim.checks:
        needed = check.trains and any(True for _ in question.needs({check.id}, 1))
        if needed and obstacle_at(check, question.scale, references) is None:
            planned.append(_power(check, _first_look(check, question, references, classes), question))
    return tuple(planned)


def _first_look(check: CheckSpec, question: Question, references: References, classes: Mapping[Family, int]) -> Look:
    """A look at no runs."""
    groups = {group: question.networks[group] for group in check.groups}
    return Look(
        scale=question.scale,
        whole_claim=False,
        groups=groups,
        comparisons=check.comparisons(groups),
        unavailable="",
        measurements=Measurements(scale=question.scale, values={check.metric: {}}, classes=classes),
        references=references,
        number=1,
        planned_seeds=question.claim.looks.seeds,
    )


def _power(check: CheckSpec, look: Look, question: Question) -> CheckPower:
    if isinstance(check, FailureRateCheck):
        return of_rate(check, look)
    sd = question.claim.planned_sd(check, question.scale)
    if isinstance(check, SpreadCheck):
        return of_spread(check, look, sd)
    # At no runs the shipped check still says what it would hold its estimates against.
    result = evaluate(check, look)
    if isinstance(check, SlopeRatioCheck) and result.parts:
        return _without_power(check, look, result, sd, favourable="not worked out: it hangs on both slopes")
    if not result.parts:
        return _without_power(check, look, result, sd, warning=f"it cannot be settled: {result.reason}")
    return of_means(check, look, result, sd)


def _without_power(
    check: CheckSpec, look: Look, result: CheckResult, sd: float, *, favourable: str = "", warning: str = ""
) -> CheckPower:
    return CheckPower(
        check=check.id,
        unit=result.unit,
        parts=len(result.parts),
        assumed_sd=sd,
        seeds=look.planned_seeds,
        looks=(),
        favourable=favourable,
        warning=warning,
    )
