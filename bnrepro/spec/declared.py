"""What a claim file decides and what it only says: the fields whose change after runs exist must be told.

Every field of a claim and of every kind of check is declared as words or as meaning. Words are for a reader;
meaning is what a verdict rests on.
"""

from __future__ import annotations

from dataclasses import dataclass

from bnrepro.spec.checks import CheckSpec
from bnrepro.spec.claim import Claim
from bnrepro.spec.scale import Scale
from bnrepro.spec.value import Value, digest_of

# What a plan assumes enters no verdict, so it counts as words.
CLAIM_WORDS = frozenset({"id", "title", "where", "rows", "claim", "not_run", "flags", "assumed_sd"})
CLAIM_MEANING = frozenset({"networks", "looks", "checks"})
CHECK_WORDS = frozenset({"id", "row", "states", "why", "assumed_sd"})
CHECK_MEANING = frozenset(
    {
        "kind",
        "metric",
        "decides",
        # what is compared, and on which networks
        "networks",
        "worse_networks",
        "other_networks",
        "network",
        "arm",
        "better",
        "worse",
        "target",
        "at",
        "below",
        "quantities",
        "statistic",
        # with what
        "margin",
        "tolerance",
        "bound",
        "at_least_percent",
        "end_to_end",
        "times",
        "direction",
        "grows",
        "lower_only",
        "budgets",
        "reference",
        "table",
        # and under which other readings it must hold too
        "sensitivity_without",
        "sensitivity_common_start",
        "alternative_margins",
    }
)
"""Checks of two texts with one id are the same check."""

_SCALES = frozenset(scale.value for scale in Scale)


class Declaration(Value):
    """The text of a claim file at the moment when it was first asked at a scale, or asked again after another text."""

    sequence: int
    """From 1, in the order in which the texts of this claim were asked; clocks are not trusted with that."""
    sha256: str
    """Of the file's bytes."""
    scale: Scale
    runs: int
    """Runs of the claim's networks and arms at this scale that the store had at that moment."""
    claim: str
    """The claim as canonical JSON."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference of meaning between two texts of a claim."""

    what: str
    """Such as ``margin of beats_random``."""
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.what} was {self.before} and is {self.after}"


def meaning_digest(claim: Claim, scale: Scale) -> str:
    """SHA-256 of what a claim means at a scale: texts with one digest come to one verdict on the same runs."""
    return digest_of([_shared_meaning(claim, scale), _checks(claim, scale)])


def changes(before: Claim, after: Claim, scale: Scale) -> tuple[Change, ...]:
    """What two texts of a claim mean differently at a scale; none where only words differ."""
    found = _differences(_shared_meaning(before, scale), _shared_meaning(after, scale), of="")
    old, new = _checks(before, scale), _checks(after, scale)
    for name in dict.fromkeys([*old, *new]):
        if name not in old or name not in new:
            found.append(Change(what=f"check {name}", before=_presence(name in old), after=_presence(name in new)))
            continue
        ours, theirs = new[name], old[name]
        if ours["kind"] != theirs["kind"]:  # of another kind, only what both have can be compared
            ours, theirs = ({key: each[key] for key in ours.keys() & theirs.keys()} for each in (ours, theirs))
        found += _differences(theirs, ours, of=f" of {name}")
    return tuple(found)


def _shared_meaning(claim: Claim, scale: Scale) -> dict[str, object]:
    """What holds for all checks: the networks of each group, and the seeds at each look."""
    read = {group for check in claim.checks for group in check.groups}
    groups = {f"group {group}": [str(network) for network in claim.networks_at(group, scale)] for group in sorted(read)}
    return {**groups, "seeds at each look": list(claim.looks.seeds)}


def _checks(claim: Claim, scale: Scale) -> dict[str, dict[str, object]]:
    return {check.id: _check_meaning(check, scale) for check in claim.checks}


def _check_meaning(check: CheckSpec, scale: Scale) -> dict[str, object]:
    dumped = check.model_dump(mode="json", include=set(CHECK_MEANING))
    return {name: _at(value, scale) for name, value in dumped.items()}


def _at(value: object, scale: Scale) -> object:
    """A value that is given by scale, at one scale; any other as it is."""
    if isinstance(value, dict) and value and set(value) <= _SCALES:
        return value.get(scale.value)
    return value


def _differences(before: dict[str, object], after: dict[str, object], *, of: str) -> list[Change]:
    return [
        Change(what=f"{name.replace('_', ' ')}{of}", before=_text(before.get(name)), after=_text(after.get(name)))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _presence(there: bool) -> str:  # noqa: FBT001 - one word for each
    return "there" if there else "not there"


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "nothing"
    return f"{value:g}" if isinstance(value, float) else str(value)
