"""The time that a pool may take, and which of the waiting runs is begun in what is left of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from bnrepro.deadline import Deadline
from bnrepro.spec.run import RunSpec


@dataclass(frozen=True, kw_only=True)
class Window:
    """When a pool must stop; the default never closes, and begins runs in the order given.

    A run that is under way when the window closes is asked to write its checkpoint and end, as on Ctrl-C.
    """

    deadline: Deadline | None = None
    seconds: Mapping[RunSpec, float] = field(default_factory=lambda: MappingProxyType({}))
    """Expected of each run, from its beginning to its end; one that is not here takes no time worth counting."""
    carry_over: bool = False
    """Whether a run that is not expected to end in time is begun all the same, for a later window to go on with."""

    @property
    def closed(self) -> bool:
        """Whether the time is over."""
        return self.deadline is not None and self.deadline.passed

    def fits(self, spec: RunSpec) -> bool:
        """Whether a run that is begun now is expected to end in time."""
        return self.deadline is None or self.seconds.get(spec, 0.0) <= self.deadline.left_seconds

    def next_of(self, waiting: Sequence[RunSpec]) -> RunSpec | None:
        """The run to begin now: the first that fits, else the first where it may be carried over, else ``None``."""
        if self.closed:
            return None
        chosen = next((spec for spec in waiting if self.fits(spec)), None)
        if chosen is None and self.carry_over and waiting:
            return waiting[0]
        return chosen


ALWAYS_OPEN = Window()
"""As long as it takes."""
