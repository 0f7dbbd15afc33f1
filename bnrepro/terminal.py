"""What a person reads while bnrepro works: plans, progress and verdicts, within 80 columns.

Text that came from a file is made printable before it reaches the terminal.
"""

from __future__ import annotations

import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from bnrepro.errors import printable
from bnrepro.execute.events import Advanced, Event, Failed, Finished, Noted, Retried, Started, Waiting
from bnrepro.plan import Plan
from bnrepro.spec.results import CheckResult, Interval, VerdictDocument
from bnrepro.spec.run import RunSpec

WIDTH = 80


class Terminal:
    """Prints lines to one stream; shows bars there while runs are in flight, if a person is watching."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def say(self, text: str = "", *, indent: str = "") -> None:
        """Print a paragraph, wrapped, with anything that a terminal would act on written out."""
        self._write(_wrapped(text, indent, indent))

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
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        self._stream.flush()

    @contextmanager
    def progress(self, plan: Plan) -> Iterator[Listener]:
        """Show the training of a plan: bars on a terminal, a line a finished run elsewhere."""
        if not plan.missing:
            yield Lines(self.say, plan)
        elif self._stream.isatty():
            bars = Bars(plan, self._stream)
            with bars.shown():
                yield bars
        else:
            yield Lines(self.say, plan)


class Listener:
    """Follows the events of a pool and tells what needs words in either form."""

    def __init__(self, say: Callable[[str], None], plan: Plan) -> None:
        self._say = say
        self._total = len(plan.missing)
        self._seconds = {spec: plan.cost.seconds(spec) if plan.cost else 0.0 for spec in plan.missing}
        self._done = 0
        self._fractions: dict[RunSpec, float] = {}

    def __call__(self, event: Event) -> None:
        """Take one event."""
        match event:
            case Failed(spec=spec, error=error):
                self._done += 1
                self._fractions[spec] = 1.0
                self._say(f"{spec}: failed: {error}")
            case Retried(spec=spec, error=error):
                self._say(f"{spec}: {error}; it goes on from its last checkpoint")
            case Waiting(spec=spec):
                self._say(f"{spec}: another process is training it; waiting for its result")
            case Noted(text=text):
                self._say(text)
            case Advanced(spec=spec, progress=progress):
                self._fractions[spec] = progress.steps_done / progress.steps
            case Finished(spec=spec):
                self._done += 1
                self._fractions[spec] = 1.0
            case Started():
                pass

    @property
    def share_done(self) -> float:
        """Of the expected work, from 0 to 1."""
        total = sum(self._seconds.values())
        return sum(self._seconds[run] * share for run, share in self._fractions.items()) / total if total else 1.0


class Lines(Listener):
    """A line when a run ends: for logs."""

    def __init__(self, say: Callable[[str], None], plan: Plan) -> None:
        super().__init__(say, plan)
        self._begun = time.monotonic()
        self._accuracy: dict[RunSpec, float | None] = {}
        self._started: dict[RunSpec, float] = {}

    def __call__(self, event: Event) -> None:
        """Take one event."""
        super().__call__(event)
        if isinstance(event, Started):
            self._started[event.spec] = time.monotonic()
        elif isinstance(event, Advanced):
            self._accuracy[event.spec] = event.progress.test_accuracy
        elif isinstance(event, Finished):
            now = time.monotonic()
            how = f"{duration(now - self._started[event.spec])}" if event.trained else "trained elsewhere"
            accuracy = self._accuracy.get(event.spec)
            reached = f" {accuracy:.1f} %," if accuracy is not None else ""
            rest = (now - self._begun) * (1 / self.share_done - 1) if self.share_done else 0.0
            left = f"; about {duration(rest)} left" if self._done < self._total else ""
            self._say(f"[{self._done}/{self._total}] {event.spec}:{reached} {how}{left}")


class Bars(Listener):
    """One bar a run in flight, and one with the expected end of the whole."""

    def __init__(self, plan: Plan, stream: TextIO) -> None:
        super().__init__(lambda text: self._progress.console.print(Text(printable(text))), plan)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[told]}", markup=False),
            TimeRemainingColumn(compact=True),
            console=Console(file=stream, width=WIDTH, highlight=False),
            transient=True,
        )
        self._whole = self._progress.add_task("all trainings", total=1.0, told="")
        self._tasks: dict[RunSpec, TaskID] = {}

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Keep the bars on the screen."""
        with self._progress:
            yield

    def __call__(self, event: Event) -> None:
        """Take one event."""
        super().__call__(event)
        if isinstance(event, Started):
            self._tasks[event.spec] = self._progress.add_task(str(event.spec), total=1.0, told="")
        elif isinstance(event, Advanced):
            accuracy = event.progress.test_accuracy
            told = "" if accuracy is None else f"{accuracy:5.1f} %"
            self._progress.update(self._tasks[event.spec], completed=self._fractions[event.spec], told=told)
        elif isinstance(event, Finished | Failed | Waiting | Retried) and event.spec in self._tasks:
            self._progress.remove_task(self._tasks.pop(event.spec))
        self._progress.update(self._whole, completed=self.share_done, told=f"{self._done}/{self._total}")


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


def size(count: int) -> str:
    """Bytes for a person: 12 kB, 3.4 MB."""
    value, units = float(count), ["B", "kB", "MB", "GB", "TB"]
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
    yield f"plan, {look}: {len(plan.runs)} trainings, {plan.cached} in the store, {len(plan.missing)} to train"
    if plan.missing and plan.cost:
        source = f"from {plan.cost.measured_from} runs in the store"
        basis = source if plan.cost.measured_from else "assumed, nothing measured here yet"
        workers = f"{jobs} process{'es' if jobs > 1 else ''}"
        yield f"about {duration(plan.wall_seconds(jobs))} on {workers} ({basis}), {size(plan.disk_bytes)} on disk"
    reasons = Counter(run.reason for run in plan.runs if not run.cached)
    yield from (f"{count} to train because {reason}" for reason, count in reasons.items())


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


def not_assessed(document: VerdictDocument) -> Iterator[CheckResult]:
    """The checks that could not be assessed."""
    return (check for check in document.checks if check.verdict.value == "not assessed")


def standard_output() -> Terminal:
    """For results."""
    return Terminal(sys.stdout)


def standard_error() -> Terminal:
    """For everything else, when results must stand alone."""
    return Terminal(sys.stderr)
