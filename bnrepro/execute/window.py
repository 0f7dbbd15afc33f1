"""The time that a pool may take, and which of the waiting runs is begun next in what is left of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from bnrepro.deadline import Deadline
from bnrepro.execute.events import Event
from bnrepro.execute.forecast import Forecast
from bnrepro.spec.run import RunSpec


@dataclass(frozen=True, kw_only=True)
class Window:
    """When a pool must stop, and whose turn it is; the default never closes, and begins runs in the order given.

    The longest expected run comes first, which packs workers best (Graham 1969); what is expected changes while runs
    end, and a run that is tried again takes its place among the others. A run that is under way when the window closes
    is asked to write its checkpoint and end, as on Ctrl-C.
    """

    deadline: Deadline | None = None
    forecast: Forecast = field(default_factory=Forecast)
    """Of the runs; the pool tells it what happens, through :meth:`take`."""
    turns: Mapping[RunSpec, int] = field(default_factory=lambda: MappingProxyType({}))
    """Runs of a lower turn are begun before longer ones of a higher; 0 for those that are not here."""
    carry_over: bool = False
    """Whether a run that is not expected to end in time is begun all the same, for a later window to go on with."""

    @property
    def closed(self) -> bool:
        """Whether the time is over."""
        return self.deadline is not None and self.deadline.passed

    def take(self, event: Event) -> None:
        """Learn from what a run under way does how long those that wait will take."""
        self.forecast.take(event)

    def fits(self, spec: RunSpec) -> bool:
        """Whether a run that is begun now is expected to end in time."""
        return self.deadline is None or self.forecast.left(spec) <= self.deadline.left_seconds

    def next_of(self, waiting: Sequence[RunSpec]) -> RunSpec | None:
        """The run to begin now: of those that fit, else of all where they may be carried over, the first in turn.

        ``None`` where there is none.
        """
        if self.closed:
            return None
        fitting = waiting if self.deadline is None else [spec for spec in waiting if self.fits(spec)]
        return min(fitting or (waiting if self.carry_over else ()), key=self._place, default=None)

    def _place(self, spec: RunSpec) -> tuple[int, float]:
        turn = self.turns.get(spec, 0) if self.turns else 0  # hashing a spec costs as much as the rest
        return turn, -self.forecast.left(spec)


ALWAYS_OPEN = Window()
"""As long as it takes, in the order given."""
