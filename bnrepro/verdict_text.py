"""Verdicts as a person reads them on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bnrepro.spec.results import CheckResult, VerdictDocument
from bnrepro.terminal import Terminal, amount, bracket
from bnrepro.wording import decimals, plural


def check_rows(document: VerdictDocument) -> list[list[str]]:
    """The table of checks, heading first; what a verdict hangs on or survives stands last, where there is any."""
    rows = [["check", "verdict", "estimate", "interval", "level", "n"]]
    marked = any(_marks(check) for check in document.checks)
    if marked:
        rows[0].append("mark")
    for check in document.checks:
        digits = decimals(check.unit)
        cells = ["-"] * 4
        if check.estimate is not None:
            estimate, interval = amount(check.estimate, digits), bracket(check.interval, digits)
            cells = [estimate, interval, f"{check.level:.0%}", str(check.n)]
            if not check.runs:  # arithmetic
                cells = [f"{check.estimate:,.6g}", "exact", "-", "-"]
        rows.append([check.id, check.verdict, *cells, *([_marks(check)] if marked else [])])
    return rows


def not_assessed(document: VerdictDocument) -> dict[str, list[str]]:
    """The checks that could not be assessed, by reason."""
    reasons: dict[str, list[str]] = {}
    for check in document.checks:
        if check.verdict.value == "not assessed":
            reasons.setdefault(check.reason, []).append(check.id)
    return reasons


def show_verdict(out: Terminal, document: VerdictDocument) -> None:
    """The verdict with its scale, the sentence behind it, and the table of checks."""
    out.say()
    out.say(f"{document.verdict.upper()} at scale {document.scale}: {document.title}")
    for deviation in document.deviations:
        out.say(f"not as declared: {deviation}", indent="  ")
    out.say(document.reason, indent="  ")
    out.say()
    out.table(check_rows(document))
    for reason, names in not_assessed(document).items():
        out.say(f"{', '.join(names)}: {reason}", indent="  ")
    for check in document.checks:
        if check.fragile:
            out.say(f"fragile: {check.id}, {'; '.join(check.fragile)}", indent="  ")
    if document.robust_over and any(check.robust for check in document.checks):
        out.say(f"robust: survives Holm's correction over {plural(document.robust_over, 'check')}", indent="  ")
    for note in document.notes:
        out.say(f"note: {note}", indent="  ")
    for failure in document.failed:
        out.paragraphs(f"failed: {failure.description}: {failure.error}", indent="  ")
    counts = document.trainings
    out.say()
    out.say(
        f"trainings: {counts.needed} needed, {counts.cached} from the store, {counts.trained} trained"
        + (f", {counts.failed} failed" if counts.failed else "")
    )


def show_verdicts(out: Terminal, documents: Sequence[VerdictDocument]) -> None:
    """One line a claim, and how many came out how."""
    rows = [["claim", "scale", "verdict", "checks that held, failed, stayed open"]]
    for document in documents:
        words = Counter(check.verdict.value for check in document.checks)
        held = words["confirmed"] + words["supported"]
        counts = f"{held}, {words['refuted'] + words['contradicted']}, {words['inconclusive']}"
        left = words["not assessed"]
        rows.append(
            [document.claim, document.scale, document.verdict, counts + (f"; {left} not assessed" if left else "")]
        )
    out.say()
    out.table(rows)
    out.say()
    verdicts = Counter(document.verdict.value for document in documents)
    out.say(f"{plural(len(documents), 'claim')}: " + ", ".join(f"{count} {word}" for word, count in verdicts.items()))
    checks = [check for document in documents for check in document.checks]
    robust, fragile = sum(bool(check.robust) for check in checks), sum(bool(check.fragile) for check in checks)
    if over := documents[0].robust_over:
        out.say(
            f"of {plural(over, 'check')} held against runs, {robust} robust (survive Holm's correction over all) and "
            f"{fragile} fragile (hang on one run or on the margin)"
        )


def _marks(check: CheckResult) -> str:
    return ", ".join(name for name, given in (("robust", check.robust), ("fragile", check.fragile)) if given)
