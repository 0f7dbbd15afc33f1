"""The page of one night: what it found, and what changed since the night that it is compared with.

A page is written once. What later nights find does not change it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bnrepro.files import write_atomically
from bnrepro.history.compare import Change, ChangeKind, Diff, NightName
from bnrepro.history.night import CheckOutcome, ClaimOutcome, Night, outcome_of
from bnrepro.report import amounts, text
from bnrepro.report.html import render
from bnrepro.report.words import sign, tone
from bnrepro.spec.scale import Outcome, Scale

_EXPLAINED = {
    ChangeKind.NEW_FAILURE: "Refuted or contradicted now, and not before.",
    ChangeKind.LOST: "Held before; inconclusive or not assessed now.",
    ChangeKind.MISSING: "Judged before, and not this night: left out, renamed or gone.",
    ChangeKind.STILL_FAILING: "Refuted or contradicted on both nights.",
    ChangeKind.CHANGED: "The same verdict, with estimates further apart than the root of the sum of squares of the two "
    "intervals' sides that face each other.",
    ChangeKind.FIXED: "Failed before, and holds.",
    ChangeKind.GAINED: "Open or not assessed before, and holds.",
    ChangeKind.MOVED: "The verdict is another, without a failure or a hold coming or going.",
    ChangeKind.ADDED: "Not judged on the night before.",
}
_TONES = {
    ChangeKind.NEW_FAILURE: ("bad", "✗"),
    ChangeKind.LOST: ("open", "?"),
    ChangeKind.MISSING: ("open", "–"),
    ChangeKind.STILL_FAILING: ("bad", "✗"),
    ChangeKind.CHANGED: ("open", "≠"),
    ChangeKind.FIXED: ("good", "✓"),
    ChangeKind.GAINED: ("good", "✓"),
    ChangeKind.MOVED: ("none", "·"),
    ChangeKind.ADDED: ("none", "+"),
}


def night_href(sequence: int) -> str:
    """Where a night's page lies below the reports."""
    return f"nights/{sequence:06}.html"


def write_night(reports: Path, night: Night, diff: Diff | None) -> Path:
    """Write a night's page to ``<reports>/nights/<sequence>.html`` unless it is there; returns where it lies.

    A page of another night of this number, left from a history that was cut or begun anew, gives way.

    Raises:
        StoreError: the page cannot be written.
        ValueError: the comparison is another night's.
    """
    if diff is not None and diff.after.id != night.id:
        raise ValueError(
            f"a comparison of night {diff.after.sequence} cannot stand on the page of night {night.sequence}"
        )
    target = reports / night_href(night.sequence)
    if not target.is_file() or night.id.encode() not in target.read_bytes():
        before = diff is not None and (reports / night_href(diff.before.sequence)).exists()
        write_atomically(target, render_night(night, diff, link_before=before).encode())
    return target


def render_night(night: Night, diff: Diff | None, *, link_before: bool = False) -> str:
    """The page of a night. The same values give the same bytes.

    Args:
        night: what was found.
        diff: what changed since its baseline; ``None`` where it has none.
        link_before: whether the baseline has a page of its own to point to.
    """
    return render("night.html.jinja", page=NightPage(night=night, diff=diff, link_before=link_before))


@dataclass(frozen=True, kw_only=True)
class Group:
    """The changes of one kind."""

    kind: ChangeKind
    changes: tuple[Change, ...]

    @property
    def anchor(self) -> str:
        """Its place on the page."""
        return text.anchor(self.kind.value)

    @property
    def tone(self) -> str:
        """Its CSS class."""
        return _TONES[self.kind][0]

    @property
    def sign(self) -> str:
        """The mark before its name, for readers who see no colour."""
        return _TONES[self.kind][1]

    @property
    def explained(self) -> str:
        """What the kind means."""
        return _EXPLAINED[self.kind]

    @property
    def counted(self) -> str:
        """``2 claims, 3 checks``."""
        claims = sum(change.check is None for change in self.changes)
        checks = len(self.changes) - claims
        return ", ".join(text.count_of(count, noun) for count, noun in ((claims, "claim"), (checks, "check")) if count)

    @property
    def folded(self) -> bool:
        """Whether the page shows the group's name alone until it is opened: what a reader knows already."""
        return self.kind in {ChangeKind.STILL_FAILING, ChangeKind.ADDED}


@dataclass(frozen=True, kw_only=True)
class NightPage:
    """A night, ready for its template."""

    night: Night
    diff: Diff | None
    link_before: bool

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The changes, those first that a reader came for."""
        if self.diff is None:
            return ()
        return tuple(Group(kind=kind, changes=found) for kind in ChangeKind if (found := self.diff.of(kind)))

    @property
    def verdicts(self) -> tuple[tuple[str, str, str, int], ...]:
        """Tone, sign, word and count of every verdict that a claim got, held ones first."""
        order = tuple(Outcome)
        said = sorted(
            (claim.verdict for claim in self.night.claims), key=lambda verdict: order.index(outcome_of(verdict))
        )
        return tuple((tone(word), sign(word), word.value, count) for word, count in Counter(said).items())

    @property
    def tone(self) -> str:
        """Of the card that opens the page: what the comparison says, or nothing where there is none."""
        if self.diff is None:
            return "none"
        if self.diff.new_failures:
            return "bad"
        return "open" if any(group.tone == "open" for group in self.groups) else "good"

    @property
    def ruling(self) -> str:
        """The night in a few words."""
        if self.diff is None:
            return "nothing to compare with"
        new = len({change.claim for change in self.diff.new_failures})
        return f"new failures in {text.count_of(new, 'claim')}" if new else "no new failure"

    @property
    def several_scales(self) -> bool:
        """Whether arithmetic stands among claims of a smaller scale."""
        return any(claim.scale is not self.night.scale for claim in self.night.claims)

    def href_before(self, name: NightName) -> str:
        """The page of the night before, which lies beside this one."""
        return f"{name.sequence:06}.html"

    def claim_href(self, claim: str, scale: Scale) -> str:
        """A claim's page, as seen from here."""
        return f"../{scale.value}/{claim}.html"

    def numbers(self, check: CheckOutcome | None) -> str:
        """Estimate with unit and interval: ``+3.46 points [+1.20 to +5.72], n = 3``."""
        if check is None or check.estimate is None:
            return "no estimate"
        if check.exact:
            return f"{amounts.exact(check.estimate)} {amounts.unit_after(check.unit)}".strip() + ", exact"
        seeds = f"n{text.NO_BREAK}={text.NO_BREAK}{check.n}"
        return f"{amounts.told(check.estimate, check.unit)} [{amounts.interval(check.interval, check.unit)}], {seeds}"

    def counts(self, claim: ClaimOutcome) -> str:
        """How a claim's checks came out: ``3 held, 1 failed``."""
        found = Counter(outcome_of(check.verdict) for check in claim.checks)
        words = {
            Outcome.INSIDE: "held",
            Outcome.OUTSIDE: "failed",
            Outcome.OPEN: "open",
            Outcome.NOT_ASSESSED: "not assessed",
        }
        return ", ".join(f"{found[outcome]} {word}" for outcome, word in words.items() if found[outcome])
