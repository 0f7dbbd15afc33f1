"""Check results to a verdict on the claim.

Every check is looked at as often as its claim plans, with more seeds each time, and keeps the first
result that settles it. Asked again with all runs at hand, ``judge`` takes the same looks in the same
order and so comes to the same verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from bnrepro.checks import Look, References, evaluate
from bnrepro.measure import Measurements, PoolingError
from bnrepro.spec.checks import CheckSpec, Groups
from bnrepro.spec.claim import Claim
from bnrepro.spec.results import CheckResult
from bnrepro.spec.scale import Outcome, Scale, Verdict, word_for

_VERBS = {Outcome.OUTSIDE: "failed", Outcome.OPEN: "stayed open", Outcome.INSIDE: "held"}
"""The outcomes of an assessed check, the one that settles a conjunction first."""
_MOST_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The verdict on one claim, with what it rests on."""

    verdict: Verdict
    reason: str
    """The headline in one sentence."""
    headline_check: str | None
    """The deciding check that settles the headline; ``None`` where none could be assessed."""
    checks: tuple[CheckResult, ...]
    """In the order of the claim file."""
    open_checks: tuple[str, ...]
    """Checks that this look left open; ``Claim.cells_needed`` says what they read at the next."""


def judge(
    claim: Claim,
    *,
    scale: Scale,
    networks: Groups,
    whole_claim: bool,
    absent: Mapping[str, str] = MappingProxyType({}),
    measurements: Measurements,
    references: References,
    look: int,
) -> Judgement:
    """Judge a claim by everything seen up to a look.

    The headline is the conjunction of the deciding checks. A check that cannot be assessed keeps a whole claim at the
    paper's scale open; smaller evidence speaks for what it could assess.

    Args:
        claim: what is asserted.
        scale: of all measurements; it chooses the words.
        networks: the networks evaluated of each group; a group left out or empty is not assessed.
        whole_claim: whether these are all networks that the claim has at this scale, the absent groups aside.
        absent: for groups that cannot be run here, why: their data are not at hand.
        measurements: runs up to the last look's seeds; more are not looked at.
        references: the paper's numbers.
        look: looks taken, from 1.

    Raises:
        PoolingError: the measurements are of another scale.
        ReferenceMissing: a check names a number that there is not, or of the wrong form.
        ValueError: there is no such look, or ``whole_claim`` is said of a part of a group.
    """
    if not 1 <= look <= len(claim.looks.seeds):
        raise ValueError(f"claim {claim.id} has looks 1 to {len(claim.looks.seeds)}, got {look}")
    if measurements.scale is not scale:
        raise PoolingError(f"measurements at scale {measurements.scale} cannot judge a claim at scale {scale}")
    words = {word_for(outcome, scale, whole_claim=whole_claim): outcome for outcome in Outcome}
    results = []
    for check in claim.checks:
        unavailable = _why_unavailable(claim, check, networks, scale, absent, whole_claim=whole_claim)
        groups = {} if unavailable else {group: networks[group] for group in check.groups}
        comparisons = () if unavailable else check.comparisons(groups)
        for number in range(1, look + 1):
            view = Look(
                scale=scale,
                whole_claim=whole_claim,
                groups=groups,
                comparisons=comparisons,
                unavailable=unavailable,
                measurements=measurements,
                references=references,
                number=number,
                planned_seeds=claim.looks.seeds,
            )
            result = evaluate(check, view)
            if words[result.verdict] is not Outcome.OPEN:
                break
        results.append(result)
    outcome, reason, headline_check = _headline(
        [(result, words[result.verdict]) for result in results if result.decides],
        all_must_be_assessed=scale is Scale.PAPER and whole_claim,
    )
    return Judgement(
        verdict=word_for(outcome, scale, whole_claim=whole_claim),
        reason=reason,
        headline_check=headline_check,
        checks=tuple(results),
        open_checks=tuple(result.id for result in results if words[result.verdict] is Outcome.OPEN),
    )


def _headline(
    deciding: Sequence[tuple[CheckResult, Outcome]], *, all_must_be_assessed: bool
) -> tuple[Outcome, str, str | None]:
    """The conjunction of the deciding checks: outcome, sentence, and the check that settles it."""
    by_outcome = {outcome: [result for result, each in deciding if each is outcome] for outcome in Outcome}
    left_out = by_outcome[Outcome.NOT_ASSESSED]
    assessed = len(deciding) - len(left_out)
    if not assessed:
        why = f": {left_out[0].reason}" if left_out else ""
        return Outcome.NOT_ASSESSED, f"No deciding check could be assessed{why}.", None
    aside = f"; {_named(left_out)} not assessed" if left_out else ""
    outcome, verb = next((outcome, verb) for outcome, verb in _VERBS.items() if by_outcome[outcome])
    first = by_outcome[outcome][0]
    told = f"{_share(len(by_outcome[outcome]), assessed)} {verb}"
    told += f" – {first.reason}" if assessed == 1 else f"; {first.id} – {first.reason}"
    if outcome is Outcome.INSIDE and left_out and all_must_be_assessed:
        return Outcome.OPEN, f"{told}; but {left_out[0].id} is not assessed: {left_out[0].reason}.", left_out[0].id
    return outcome, f"{told}{aside}.", first.id


def _named(results: Sequence[CheckResult]) -> str:
    """A few checks by name, many by number."""
    if len(results) > _MOST_NAMED:
        return f"{len(results)} others"
    return ", ".join(result.id for result in results)


def _share(count: int, total: int) -> str:
    if count < total:
        return f"{count} of {total} deciding checks"
    return {1: "The deciding check", 2: "Both deciding checks"}.get(total, f"All {total} deciding checks")


def _why_unavailable(
    claim: Claim, check: CheckSpec, networks: Groups, scale: Scale, absent: Mapping[str, str], *, whole_claim: bool
) -> str:
    """Why a check cannot be evaluated on the networks at hand; empty where it can."""
    for group in check.groups:
        chosen, declared = networks.get(group, ()), claim.networks_at(group, scale)
        if not declared:
            why = claim.not_run.get(scale)
            return f"the networks '{group}' are not run at scale {scale}" + (f": {why}" if why else "")
        if group in absent:
            return absent[group]
        if whole_claim and set(chosen) != set(declared):
            raise ValueError(f"this is said to be the whole of {claim.id}, but '{group}' is here in part")
        if not chosen:
            return f"none of the networks '{group}' was asked for"
        if set(chosen) != set(declared) and check.needs_whole_groups:
            return f"it needs all networks of '{group}', and some were left out"
    return ""
