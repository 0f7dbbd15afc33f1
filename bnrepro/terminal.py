"""What a person reads while bnrepro works: plans, progress and verdicts, within 80 columns.

Text that came from a file is made printable before it reaches the terminal.
"""

from __future__ import annotations

import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TextIO

from bnrepro.errors import printable
from bnrepro.plan import Plan
from bnrepro.spec.results import Interval, VerdictDocument
from bnrepro.wording import plural

WIDTH = 80


class Terminal:
    """Prints to one stream, so that nothing in the text can act on the terminal behind it."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def say(self, text: str = "", *, indent: str = "") -> None:
        """Print a paragraph, wrapped, with anything that a terminal would act on written out."""
        self._write(_wrapped(text, indent, indent))

    def paragraphs(self, text: str, *, indent: str = "") -> None:
        """Print a text of our own line by line, such as an error that lists several things."""
        for line in text.splitlines():
            self.say(line, indent=indent)

    def line(self, text: str) -> None:
        """Print one line, however long: what a person copies or an editor follows, such as file:line:column."""
        self._write([printable(text)])

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Print rows in columns, the first row as heading; the last column is wrapped into what is left."""
        widths = [max(len(printable(cell)) for cell in column) for column in zip(*rows, strict=True)]
        for *cells, last in rows:
            padded = [printable(cell).ljust(width) for cell, width in zip(cells, widths, strict=False)]
            begin = "".join(f"  {cell}" for cell in padded) + "  "
            self._write(_wrapped(last, begin, " " * len(begin)) or [begin.rstrip()])

    def _write(self, lines: Sequence[str]) -> None:
        text = "\n".join(lines or [""]) + "\n"
        # A terminal that cannot show γ or ∞ gets their numbers, not an error.
        encoding = self.stream.encoding or "utf-8"
        self.stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        self.stream.flush()


def duration(seconds: float) -> str:
    """A time for a person: 3.2 s, 4 min 10 s, 2 h 5 min, 3 days 4 h."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, name, below, part in ((86400, "day", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit:
            many = "s" if name == "day" and whole >= 2 * unit else ""
            return f"{whole // unit} {name}{many} {whole % unit // below} {part}"
    return f"{whole} s"


def size(number: int) -> str:
    """Bytes for a person: 12 kB, 3.4 MB."""
    value, units = float(number), ["B", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.3g} {units[0]}"


def points(value: float | None) -> str:
    """A number of points, or a dash."""
    return "-" if value is None else f"{value:.1f}"


def interval(bounds: Interval) -> str:
    """An interval in points; unbounded sides as infinity."""
    low, high = bounds
    return f"[{'-∞' if low is None else f'{low:.1f}'}, {'∞' if high is None else f'{high:.1f}'}]"


def plan_lines(plan: Plan, *, look: str, jobs: int) -> Iterator[str]:
    """A plan in words: how many trainings, what they will cost, and why they must run."""
    if not plan.runs:
        yield f"plan, {look}: nothing to train, no check can be assessed here"
        return
    trainings = plural(len(plan.runs), "training")
    yield f"plan, {look}: {trainings}, {plan.cached} in the store, {len(plan.missing)} to train"
    if plan.missing and plan.cost:
        source = f"from {plural(plan.cost.measured_from, 'run')} in the store"
        basis = source if plan.cost.measured_from else "assumed, nothing measured here yet"
        workers = f"{jobs} process{'es' if jobs > 1 else ''}"
        yield f"about {duration(plan.wall_seconds(jobs))} on {workers} ({basis}), {size(plan.disk_bytes)} on disk"
    reasons = Counter(run.reason for run in plan.runs if not run.cached)
    yield from (f"{number} to train because {reason}" for reason, number in reasons.items())


def check_rows(document: VerdictDocument) -> list[list[str]]:
    """The table of checks, heading first."""
    rows = [["check", "verdict", "estimate", "interval", "level", "n"]]
    for check in document.checks:
        assessed = check.estimate is not None
        rows.append(
            [
                check.id,
                check.verdict,
                points(check.estimate),
                interval(check.interval) if assessed else "-",
                f"{check.level:.0%}" if assessed else "-",
                str(check.n) if assessed else "-",
            ]
        )
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
    for failure in document.failed:
        out.paragraphs(f"failed: {failure.description}: {failure.error}", indent="  ")
    counts = document.trainings
    out.say()
    out.say(
        f"trainings: {counts.needed} needed, {counts.cached} from the store, {counts.trained} trained"
        + (f", {counts.failed} failed" if counts.failed else "")
    )


def standard_output() -> Terminal:
    """For results."""
    return Terminal(sys.stdout)


def standard_error() -> Terminal:
    """For everything else, when results must stand alone."""
    return Terminal(sys.stderr)


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    """Lines of at most WIDTH columns; a word that is longer, such as a path, stays whole."""
    return textwrap.wrap(
        printable(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
        break_long_words=False,
    )
