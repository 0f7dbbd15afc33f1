"""What a suite needs of whoever carries out its runs: this machine's processes, a Ray cluster, or SLURM."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from types import MappingProxyType
from typing import Protocol

from bnrepro.execute.events import Event
from bnrepro.spec.probe import Probe
from bnrepro.spec.run import RunSpec

Wanted = Mapping[str, tuple[Probe, ...]]
"""What is to be measured on a run, by the run's key."""

NOTHING: Wanted = MappingProxyType({})


class Executor(Protocol):
    """Carries out runs, each once, and says what becomes of them.

    Usage:
        with closing(executor.run(specs, {run_key(specs[0]): (Probe.CLAMPING,)})) as events:
            for event in events:
                print(event)
    """

    def run(self, specs: Iterable[RunSpec], probes: Wanted = NOTHING) -> Generator[Event, None, None]:
        """Train every run once, and measure on it what is wanted; what the store has is not done again.

        Leaving the loop early, also by an exception, asks all that is under way to write checkpoints and end.

        Raises:
            DataError, DeviceError, StoreError: what all runs need failed under one; the others are asked to stop.
        """
