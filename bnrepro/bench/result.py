"""What the rates of several rounds come to: medians, paired ratios with their spread, shares of the floor."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Self

from bnrepro.spec.arms import ArmField
from bnrepro.spec.bench import Memory
from bnrepro.spec.networks import NetworkField
from bnrepro.spec.recipe import Precision
from bnrepro.spec.run import DeviceKind
from bnrepro.spec.value import Value


class Rates(Value):
    """Images a second of one round, or medians of several."""

    plain: float
    """(a) The plain loop, alone on the machine."""
    ours: float
    """(b) One run of ours, alone on the machine."""
    filled: float
    """(c) Runs of ours on every core, or at once on one GPU: their sum."""
    floor_alone: float
    """(d) The floor, one process alone on the machine."""
    floor_filled: float
    """(d) As many floors at once as there are runs in (c): their sum."""


class Spread(Value):
    """A number that each round gives by itself."""

    median: float
    low: float
    """Of all rounds."""
    high: float

    @classmethod
    def over(cls, rounds: Sequence[Rates], value: Callable[[Rates], float]) -> Self:
        """What ``value`` gives of each round, one or more of them."""
        values = [value(each) for each in rounds]
        return cls(median=statistics.median(values), low=min(values), high=max(values))


class Comparisons(Value):
    """Rates of the same round divided by each other."""

    ours_to_plain: Spread
    """(b) / (a), of each round its own."""
    filled_to_plain: Spread
    """(c) / (a)."""
    ours_share_of_floor: Spread
    """(b) / (d), one process alone; 1 would be a run that does nothing but its convolutions."""
    filled_share_of_floor: Spread
    """(c) / (d), the machine filled."""

    @classmethod
    def over(cls, rounds: Sequence[Rates]) -> Self:
        """Those of one or more rounds."""
        return cls(
            ours_to_plain=Spread.over(rounds, lambda each: each.ours / each.plain),
            filled_to_plain=Spread.over(rounds, lambda each: each.filled / each.plain),
            ours_share_of_floor=Spread.over(rounds, lambda each: each.ours / each.floor_alone),
            filled_share_of_floor=Spread.over(rounds, lambda each: each.filled / each.floor_filled),
        )


class PeakMemory(Value):
    """Of a process that trains: resident memory on the CPU, what torch has allocated on the device on CUDA."""

    before_bytes: int
    """Held before the network was built: interpreter, libraries, images."""
    peak_bytes: int
    """At most while training, all included."""

    @property
    def network_bytes(self) -> int:
        """What training the network added at most."""
        return self.peak_bytes - self.before_bytes

    @classmethod
    def of(cls, memory: Memory | None) -> Self | None:
        """As a process told it."""
        return None if memory is None else cls(before_bytes=memory.before_bytes, peak_bytes=memory.peak_bytes)


class MemoryRatio(Value):
    """Ours to the plain loop."""

    peak: float
    """Of everything that the process holds."""
    network: float | None
    """Of what training the network added; ``None`` where the plain loop's added nothing that could be measured."""


class BenchResult(Value):
    """One benchmark: what was timed, every round, and what they come to."""

    network: NetworkField
    arm: ArmField
    device: DeviceKind
    precision: Precision
    """Of ours and of the floor."""
    plain_precision: Precision = Precision.FLOAT32
    batch_size: int
    image_side_pixels: int
    runs_at_once: int
    """In (c), and floors in (d) with the machine filled."""
    window_steps: int | None
    window_seconds: float | None
    """How long each rate was taken in each round: so many steps, or so many seconds."""
    rounds: tuple[Rates, ...]
    """Images a second."""
    core_share: float | None
    """The least of a core that a process of one thread got in any round; near 1 where nothing else was at work.
    ``None`` on CUDA."""
    median_images_per_second: Rates
    compared: Comparisons
    plain_memory: PeakMemory | None
    ours_memory: PeakMemory | None
    memory_ratio: MemoryRatio | None
    """``None`` where this machine does not tell memory."""
    plain_environment: dict[str, str]
    """Versions, device and threads of the plain loop's process."""
    ours_environment: dict[str, str]


def median_rates(rounds: Sequence[Rates]) -> Rates:
    """The median of each rate by itself."""
    return Rates(**{name: statistics.median(getattr(each, name) for each in rounds) for name in Rates.model_fields})


def memory_ratio(plain: PeakMemory | None, ours: PeakMemory | None) -> MemoryRatio | None:
    """Ours to the plain loop, where both are known."""
    if plain is None or ours is None:
        return None
    added = plain.network_bytes
    return MemoryRatio(
        peak=ours.peak_bytes / plain.peak_bytes, network=ours.network_bytes / added if added > 0 else None
    )
