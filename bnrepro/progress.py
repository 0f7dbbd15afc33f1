"""Progress of a plan under way: bars for a person who watches, lines for a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from bnrepro.errors import printable
from bnrepro.execute.events import Advanced, Event, Failed, Finished, Noted, Retried, Started, Waiting
from bnrepro.plan import Plan
from bnrepro.spec.run import RunSpec
from bnrepro.terminal import WIDTH, Terminal, duration


@contextmanager
def shown(plan: Plan, terminal: Terminal) -> Iterator[Listener]:
    """Show the training of a plan: bars where a person is watching, a line a finished run elsewhere."""
    if plan.missing and terminal.stream.isatty():
        bars = Bars(plan, terminal.stream)
        with bars.shown():
            yield bars
    else:
        yield Lines(terminal.say, plan)


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
                self._count(spec)
                self._say(f"{spec}: failed: {error}")
            case Retried(spec=spec, error=error):
                self._say(f"{spec}: {error}; it goes on from its last checkpoint")
            case Waiting(spec=spec):
                self._say(f"{spec}: another process is at work on it; waiting for its result")
            case Noted(text=text):
                self._say(text)
            case Advanced(spec=spec, progress=progress):
                self._fractions[spec] = progress.steps_done / progress.steps
            case Finished(spec=spec):
                self._count(spec)
            case Started():
                pass

    def _count(self, ended: RunSpec) -> None:
        if ended in self._seconds:
            self._done += 1
        self._fractions[ended] = 1.0

    @property
    def share_done(self) -> float:
        """Of the expected work, from 0 to 1."""
        total = sum(self._seconds.values())
        # A run that is only measured is no part of the plan's trainings.
        done = sum(self._seconds.get(run, 0.0) * share for run, share in self._fractions.items())
        return done / total if total else 1.0


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
            accuracy = self._accuracy.get(event.spec)
            reached = f" {accuracy:.1f} %," if accuracy is not None else ""
            left = ""
            if self._done < self._total and self.share_done:
                left = f"; about {duration((now - self._begun) * (1 / self.share_done - 1))} left"
            place = f"[{self._done}/{self._total}] " if event.spec in self._seconds else ""
            self._say(f"{place}{event.spec}:{reached} {self._how(event, now)}{left}")

    def _how(self, event: Finished, now: float) -> str:
        if event.trained:
            return duration(now - self._started[event.spec])
        if event.measured:
            return "measured"
        return "trained elsewhere" if event.spec in self._seconds else "measured elsewhere"


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
