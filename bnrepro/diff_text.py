"""What changed between two verifies, as a person reads it on a terminal."""

from __future__ import annotations

from bnrepro.history import Change, ChangeKind, CheckOutcome, Diff
from bnrepro.terminal import Terminal, amount, bracket
from bnrepro.wording import decimals, plural

_SHOWN = 20
"""Changes of one kind that are listed before the rest are counted."""


def show_diff(out: Terminal, diff: Diff, *, new_failures_alone: bool = False) -> None:
    """Every change, by kind, with the numbers before and after; then what stayed."""
    out.say(
        f"verify {diff.before.sequence} ({diff.before.at:%Y-%m-%d %H:%M}) to {diff.after.sequence} "
        f"({diff.after.at:%Y-%m-%d %H:%M}), at scale {diff.scale}"
    )
    for note in diff.notes:
        out.say(f"note: {note}", indent="  ")
    for kind in (ChangeKind.NEW_FAILURE,) if new_failures_alone else ChangeKind:
        if found := diff.of(kind):
            out.say()
            out.say(f"{kind} ({len(found)})")
            for change in found[:_SHOWN]:
                out.say(_told(change), indent="  ")
            if len(found) > _SHOWN:
                out.say(f"and {len(found) - _SHOWN} more", indent="  ")
    if new_failures_alone:
        return
    out.say()
    out.say(f"unchanged: {plural(diff.unchanged_claims, 'claim')}, {plural(diff.unchanged_checks, 'check')}")


def _told(change: Change) -> str:
    what = change.claim if change.check is None else f"{change.claim}, {change.check}"
    verdicts = [verdict.value for verdict in (change.verdict_before, change.verdict_after) if verdict is not None]
    numbers = [
        _number(each) for each in (change.before, change.after) if each is not None and each.estimate is not None
    ]
    told = f"{what}: {' to '.join(dict.fromkeys(verdicts))}"
    return f"{told}; {' to '.join(dict.fromkeys(numbers))}" if numbers else told


def _number(check: CheckOutcome) -> str:
    if check.exact:
        return f"{check.estimate:,.6g} exactly"
    digits = decimals(check.unit)
    return f"{amount(check.estimate or 0.0, digits)} {bracket(check.interval, digits)}"
