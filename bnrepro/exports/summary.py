"""Verdicts as Markdown for the summary of a CI job, or for an issue: what changed first, then every claim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bnrepro.errors import UsageError
from bnrepro.exports.markdown import Listing, code, escaped, fitted
from bnrepro.history import Change, ChangeKind, CheckOutcome, Diff
from bnrepro.report import amounts
from bnrepro.report.text import count_of, duration
from bnrepro.report.words import sign
from bnrepro.spec.results import CheckResult, VerdictDocument
from bnrepro.spec.scale import Scale, Verdict

LIMIT_BYTES = 1_000_000
"""A little less than the 1 MiB that GitHub takes of one step; of a longer summary it shows nothing."""
_LEAST_BYTES = 4_000
_MOST_NOTES = 6
_WORDS = ("confirmed", "supported", "refuted", "contradicted", "inconclusive", "not assessed")
_COLUMNS = ("", "claim", "scale", "verdict", "numbers", "checks", "why")
_HEADED = {
    ChangeKind.NEW_FAILURE: "New failures",
    ChangeKind.LOST: "Lost: held before, and no longer",
    ChangeKind.MISSING: "Missing: judged before, and not now",
    ChangeKind.CHANGED: "Same verdict, estimate changed beyond noise",
    ChangeKind.FIXED: "Fixed",
    ChangeKind.GAINED: "Gained: open before, and holds",
    ChangeKind.MOVED: "Otherwise changed",
    ChangeKind.ADDED: "Newly there",
    ChangeKind.STILL_FAILING: "Still failing",
}


def summary(documents: Sequence[VerdictDocument], diff: Diff | None = None, *, limit_bytes: int = LIMIT_BYTES) -> str:
    """A summary in GitHub's Markdown, cut to a size; what is cut is counted. Foreign text is escaped.

    Args:
        documents: the verdicts.
        diff: what changed since the last night; ``None`` where there is nothing to compare with.
        limit_bytes: the most that the result may take in UTF-8.

    Raises:
        UsageError: the limit is below 4,000 bytes, which the headings alone may need.
    """
    if limit_bytes < _LEAST_BYTES:
        raise UsageError(f"a summary needs {_LEAST_BYTES:,} bytes at least, not {limit_bytes:,}")
    listings = [Listing(head=_head(documents, diff), rows=(), noun="row")]
    if diff is not None:
        for kind, heading in _HEADED.items():
            if found := diff.of(kind):
                listings.append(
                    Listing(head=f"### {heading}\n\n", rows=[_change(each) for each in found], noun="change")
                )
    listings.append(
        Listing(
            head=f"### Claims\n\n| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}\n",
            rows=[_claim(document) for document in _worst_first(documents)],
            noun="claim",
        )
    )
    if failed := [f"- {escaped(run.description)}: {escaped(run.error)}" for each in documents for run in each.failed]:
        listings.append(Listing(head="### Runs that failed\n\n", rows=list(dict.fromkeys(failed)), noun="run"))
    return fitted(listings, limit_bytes)


def _head(documents: Sequence[VerdictDocument], diff: Diff | None) -> str:
    lines = [f"## {count_of(len(documents), 'claim')} of Training BatchNorm and Only BatchNorm", ""]
    for scale in Scale:
        found = Counter(document.verdict.value for document in documents if document.scale is scale)
        if found:
            told = ", ".join(f"**{found[word]}** {word}" for word in _WORDS if found[word])
            lines.append(f"- at scale {scale.value}: {told}")
    runs = {run.key: run for document in documents for run in document.runs}
    trained = [run.wall_seconds for run in runs.values() if not run.from_cache]
    failed = {run.key for document in documents for run in document.failed}
    lines.append(
        f"- {count_of(len(runs), 'run')}, {len(trained)} of them trained now"
        + (f" in {duration(sum(trained))} of training" if trained else "")
        + (f"; **{len(failed)} failed**" if failed else "")
    )
    if diff is not None:
        new = len({change.claim for change in diff.new_failures})
        lines.append(
            f"- since night {diff.before.sequence} ({diff.before.at:%Y-%m-%d}, {code(diff.before.id)}): "
            + (f"**new failures in {count_of(new, 'claim')}**" if new else "no new failure")
            + f"; {count_of(diff.unchanged_claims, 'claim')} and {count_of(diff.unchanged_checks, 'check')} unchanged"
        )
        lines += [f"- {escaped(note, 160)}" for note in diff.notes[:_MOST_NOTES]]
    return "\n".join(lines) + "\n"


def _change(change: Change) -> str:
    what = escaped(change.title, 160) if change.check is None else f"{code(change.claim)} {code(change.check)}"
    aside = f" ({code(change.claim)})" if change.check is None else "" if change.decides else " (beside the headline)"
    then, now = change.verdict_before, change.verdict_after
    told = [_word(word) for word in (then, now) if word is not None]
    if len(told) == 2 and told[0] == told[1]:
        told.pop()
    numbers = [_numbers(check) for check in (change.before, change.after) if check is not None]
    shown = " → ".join(dict.fromkeys(numbers))
    return f"- **{what}**{aside}: {' → '.join(told)}" + (f"; {shown}" if shown else "")


def _claim(document: VerdictDocument) -> str:
    headline = next((check for check in document.checks if check.id == document.headline_check), None)
    counts = Counter(check.verdict.value for check in document.checks)
    checks = ", ".join(f"{counts[word]} {word}" for word in _WORDS if counts[word])
    part = "" if document.whole_claim else ", in part"
    cells = (
        sign(document.verdict),
        f"{escaped(document.title, 160)}<br>{code(document.claim)}",
        f"{document.scale.value}{part}",
        f"**{document.verdict.value}**",
        _numbers(headline) if headline else "",
        checks,
        escaped(document.reason),
    )
    return f"| {' | '.join(cells)} |"


def _numbers(check: CheckResult | CheckOutcome) -> str:
    """Estimate, interval and seeds."""
    if check.estimate is None:
        return "no estimate"
    unit = escaped(amounts.unit_after(check.unit), 40)
    exact = check.exact if isinstance(check, CheckOutcome) else not check.runs
    if exact:
        return f"{amounts.exact(check.estimate)} {unit}".strip() + ", exact"
    value = f"{amounts.figure(check.estimate, check.unit)} {unit}".strip()
    return f"{value} ({amounts.interval(check.interval, check.unit)}; n = {check.n})"


def _word(verdict: Verdict) -> str:
    return f"{sign(verdict)} {verdict.value}"


def _worst_first(documents: Sequence[VerdictDocument]) -> list[VerdictDocument]:
    """What failed, then what is open, what holds, and what was not assessed; each as it was asked."""
    order = ("refuted", "contradicted", "inconclusive", "confirmed", "supported", "not assessed")
    return sorted(documents, key=lambda document: order.index(document.verdict.value))
