"""What changed from one night to another, claim by claim and check by check."""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import StrEnum

from pydantic import AwareDatetime

from bnrepro.errors import UsageError
from bnrepro.history.night import CheckOutcome, ClaimOutcome, Night, NightId, outcome_of
from bnrepro.spec.scale import Outcome, Scale, Verdict
from bnrepro.spec.value import Value


class ChangeKind(StrEnum):
    """What became of a claim or a check, in the order in which a reader wants to know.

    Failing is to be refuted or contradicted; held is to be confirmed or supported.
    """

    NEW_FAILURE = "new failure"
    """Fails, and did not before."""
    LOST = "lost"
    """Held before, and is now inconclusive or not assessed."""
    MISSING = "missing"
    """Was there before, and every claim was asked; of a claim that is missing, its checks are not listed one by one."""
    STILL_FAILING = "still failing"
    CHANGED = "changed beyond noise"
    """The verdict is the same and the estimate is not, see :func:`beyond_noise`."""
    FIXED = "fixed"
    """Failed before, and holds."""
    GAINED = "gained"
    """Was inconclusive or not assessed, and holds."""
    MOVED = "otherwise changed"
    """Any other change of the verdict: no longer failing but not held either, asked whole and now in part."""
    ADDED = "newly there"
    """Was not there before, whatever it says; of a new claim, its checks are not listed one by one."""


class NightName(Value):
    """Which night is meant."""

    sequence: int
    id: NightId
    at: AwareDatetime


class Change(Value):
    """What became of one claim (its headline), or of one check."""

    kind: ChangeKind
    claim: str
    title: str
    scale: Scale
    """Of the claim's evidence."""
    check: str | None
    """``None`` for the claim's headline."""
    decides: bool
    """Whether a headline waits on it."""
    verdict_before: Verdict | None
    verdict_after: Verdict | None
    before: CheckOutcome | None
    """The numbers; of a headline, those of the check that settled it."""
    after: CheckOutcome | None
    beyond_noise: bool
    """Whether the estimate moved beyond noise, whatever the verdict did; never said of a headline."""
    reason: str
    """The claim's sentence, on the last night that had it."""


class Diff(Value):
    """All that changed between two nights of one scale."""

    before: NightName
    after: NightName
    scale: Scale
    notes: tuple[str, ...]
    """What else differs: device, code, recipe."""
    changes: tuple[Change, ...]
    """By kind, in the order of :class:`ChangeKind`; within a kind as the claims were asked."""
    unchanged_claims: int
    """Claims whose headline is what it was; one that still fails is listed and not counted here."""
    unchanged_checks: int

    def of(self, kind: ChangeKind) -> tuple[Change, ...]:
        """The changes of one kind, claims and checks."""
        return tuple(change for change in self.changes if change.kind is kind)

    @property
    def new_failures(self) -> tuple[Change, ...]:
        """What fails now and did not before."""
        return self.of(ChangeKind.NEW_FAILURE)


def diff(before: Night, after: Night) -> Diff:
    """Compare two nights.

    Raises:
        UsageError: they are of different scales, whose verdicts are not comparable.
    """
    if before.scale is not after.scale:
        raise UsageError(
            f"night {before.sequence} is of scale {before.scale} and night {after.sequence} of scale {after.scale}; "
            "scales are never compared with each other"
        )
    names = dict.fromkeys(outcome.claim for night in (after, before) for outcome in night.claims)
    changes: list[Change] = []
    unchanged_claims = unchanged_checks = 0
    for name in names:
        then, now = before.claim(name), after.claim(name)
        if now is None and not after.every:
            continue
        headline = _headline(then, now)
        changes += [headline] if headline else []
        unchanged_claims += headline is None
        if then is not None and now is not None:
            found = list(_checks(then, now))
            changes += [change for change in found if change]
            unchanged_checks += found.count(None)
    order = tuple(ChangeKind)
    return Diff(
        before=_name(before),
        after=_name(after),
        scale=after.scale,
        notes=_notes(before, after),
        changes=tuple(sorted(changes, key=lambda change: order.index(change.kind))),
        unchanged_claims=unchanged_claims,
        unchanged_checks=unchanged_checks,
    )


def beyond_noise(before: CheckOutcome, after: CheckOutcome) -> bool:
    """Whether two estimates differ by more than both intervals allow together.

    The interval of a difference of two estimates, made from an interval of each: its distance from the difference is
    the root of the sum of squares of the distances of the two bounds that face each other (Newcombe 1998, method 10;
    Zou and Donner 2008). For intervals with equal sides, that is the root of the sum of squares of the half-widths.
    The estimates differ beyond noise where that interval leaves 0 out. It holds for independent estimates. Two nights
    share seeds, and what they share makes the difference smaller, so the rule errs towards silence. Equal runs give
    equal numbers; a difference comes from other code, another recipe, other data, another device or other seeds.

    An estimate that came or went, or is in another unit, has changed. An unbounded side allows any difference.
    """
    if before.estimate is None or after.estimate is None:
        return before.estimate is not after.estimate
    if before.unit != after.unit:
        return True
    low, high = sorted((before, after), key=lambda each: each.estimate or 0.0)
    apart = abs(after.estimate - before.estimate)
    return apart > math.hypot(_side(low, low.interval[1]), _side(high, high.interval[0]))


def _side(check: CheckOutcome, bound: float | None) -> float:
    """How far a bound lies from the estimate."""
    return math.inf if bound is None or check.estimate is None else abs(bound - check.estimate)


def _checks(then: ClaimOutcome, now: ClaimOutcome) -> Iterator[Change | None]:
    """What became of every check of a claim; ``None`` for one that is unchanged."""
    befores, afters = ({check.id: check for check in outcome.checks} for outcome in (then, now))
    for name in dict.fromkeys([*afters, *befores]):
        before, after = befores.get(name), afters.get(name)
        moved = before is not None and after is not None and beyond_noise(before, after)
        kind = _kind(_verdict(before), _verdict(after), moved=moved)
        yield (
            None
            if kind is None
            else Change(
                kind=kind,
                claim=now.claim,
                title=now.title,
                scale=now.scale,
                check=name,
                decides=any(check.decides for check in (after, before) if check),
                verdict_before=_verdict(before),
                verdict_after=_verdict(after),
                before=before,
                after=after,
                beyond_noise=moved,
                reason=now.reason,
            )
        )


def _headline(then: ClaimOutcome | None, now: ClaimOutcome | None) -> Change | None:
    kind = _kind(_verdict(then), _verdict(now), moved=False)
    last = now or then
    if kind is None or last is None:
        return None
    return Change(
        kind=kind,
        claim=last.claim,
        title=last.title,
        scale=last.scale,
        check=None,
        decides=True,
        verdict_before=_verdict(then),
        verdict_after=_verdict(now),
        before=then.headline if then else None,
        after=now.headline if now else None,
        beyond_noise=False,
        reason=last.reason,
    )


def _verdict(said: ClaimOutcome | CheckOutcome | None) -> Verdict | None:
    return said.verdict if said else None


def _kind(before: Verdict | None, after: Verdict | None, *, moved: bool) -> ChangeKind | None:
    if after is None:
        return ChangeKind.MISSING
    if before is None:
        return ChangeKind.ADDED
    match outcome_of(before), outcome_of(after):
        case Outcome.OUTSIDE, Outcome.OUTSIDE:
            return ChangeKind.STILL_FAILING
        case _, Outcome.OUTSIDE:
            return ChangeKind.NEW_FAILURE
        case Outcome.OUTSIDE, Outcome.INSIDE:
            return ChangeKind.FIXED
        case Outcome.INSIDE, Outcome.OPEN | Outcome.NOT_ASSESSED:
            return ChangeKind.LOST
        case Outcome.OPEN | Outcome.NOT_ASSESSED, Outcome.INSIDE:
            return ChangeKind.GAINED
    if before.value != after.value:
        return ChangeKind.MOVED
    return ChangeKind.CHANGED if moved else None


def _name(night: Night) -> NightName:
    return NightName(sequence=night.sequence, id=night.id, at=night.at)


def _notes(before: Night, after: Night) -> tuple[str, ...]:
    told = (
        ("kind of device", before.device, after.device),
        ("precision", before.precision, after.precision),
        ("version of bnrepro", before.version, after.version),
        ("git commit", before.git_commit, after.git_commit),
        ("recipe version", before.recipe_version, after.recipe_version),
    )
    return tuple(f"{what} was {then} and is {now}" for what, then, now in told if then != now)
