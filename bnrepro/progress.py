"""Progress of a stage under way: bars for a person who watches, lines for a log.

The time left comes from the stage's forecast (:mod:`bnrepro.execute.forecast`), which the pool keeps up to date.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from bnrepro.errors import printable
from bnrepro.execute.events import Advanced, Event, Failed, Finished, Noted, Retried, Started, Waiting
from bnrepro.spec.run import RunSpec
from bnrepro.stages import Stage
from bnrepro.terminal import WIDTH, Terminal, duration

if TYPE_CHECKING:
    from rich.progress import Task, TaskID

DRAWINGS_A_SECOND = 2
"""Of the bars. A drawing takes some milliseconds of a core that could train."""


@contextmanager
def shown(stage: Stage, terminal: Terminal, *, jobs: int) -> Iterator[Listener]:
    """Show the training of a stage, ``jobs`` runs at once: bars where a person is watching, a line a run elsewhere."""
    if stage.plan.missing and terminal.stream.isatty():
        bars = Bars(stage, terminal.stream, jobs=jobs)
        with bars.shown():
            yield bars
    else:
        yield Lines(terminal.say, stage, jobs=jobs)


class Listener:
    """Follows the events of a pool and tells what needs words in either form."""

    def __init__(self, say: Callable[[str], None], stage: Stage, *, jobs: int) -> None:
        self._say = say
        self._missing = frozenset(stage.plan.missing)
        self._forecast = stage.window.forecast
        self._jobs = jobs
        self._done = 0

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
            case Finished(spec=spec):
                self._count(spec)

    def _count(self, ended: RunSpec) -> None:
        # A run that is only measured is no part of the plan's trainings.
        self._done += ended in self._missing

    @property
    def _left(self) -> str:
        """The time left, in words; nothing where all is done."""
        seconds = self._forecast.left_seconds(self._jobs)
        return f"about {duration(seconds)} left" if self._done < len(self._missing) and seconds else ""


class Lines(Listener):
    """A line when a run ends: for logs."""

    def __init__(self, say: Callable[[str], None], stage: Stage, *, jobs: int) -> None:
        super().__init__(say, stage, jobs=jobs)
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
            accuracy = self._accuracy.get(event.spec)
            reached = f" {accuracy:.1f} %," if accuracy is not None else ""
            place = left = ""
            if event.spec in self._missing:
                place, left = f"[{self._done}/{len(self._missing)}] ", self._left and f"; {self._left}"
            self._say(f"{place}{event.spec}:{reached} {self._how(event)}{left}")

    def _how(self, event: Finished) -> str:
        if event.trained:
            return duration(time.monotonic() - self._started[event.spec])
        if event.measured:
            return "measured"
        return "trained elsewhere" if event.spec in self._missing else "measured elsewhere"


class Bars(Listener):
    """One bar a run in flight, and one for the whole with the expected time to its end."""

    def __init__(self, stage: Stage, stream: TextIO, *, jobs: int) -> None:
        # A verify that trains nothing, or is told to a log, should not wait for rich to be imported.
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.text import Text

        super().__init__(lambda text: self._progress.console.print(Text(printable(text))), stage, jobs=jobs)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[told]}", markup=False),
            console=Console(file=stream, width=WIDTH, highlight=False),
            transient=True,
            refresh_per_second=DRAWINGS_A_SECOND,
        )
        self._whole = self._progress.add_task("all trainings", total=1.0, told="")
        self._tasks: dict[RunSpec, TaskID] = {}
        self._looked = -1.0

    @property
    def whole(self) -> Task:
        """The bar of all trainings."""
        return next(task for task in self._progress.tasks if task.id == self._whole)

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
            progress = event.progress
            told = "" if progress.test_accuracy is None else f"{progress.test_accuracy:5.1f} %"
            self._progress.update(self._tasks[event.spec], completed=progress.steps_done / progress.steps, told=told)
        elif isinstance(event, Finished | Failed | Waiting | Retried) and event.spec in self._tasks:
            self._progress.remove_task(self._tasks.pop(event.spec))
        now = time.monotonic()
        # Looking over all runs for every step of each would cost more than it tells.
        if not isinstance(event, Advanced) or now - self._looked >= 1 / DRAWINGS_A_SECOND:
            self._looked = now
            told = f"{self._done}/{len(self._missing)}  {self._left}"
            self._progress.update(self._whole, completed=self._forecast.share_done, told=told)
