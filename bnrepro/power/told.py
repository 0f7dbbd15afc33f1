"""What the looks of a check can settle, as values."""

from __future__ import annotations

from dataclasses import dataclass

from bnrepro.spec.metrics import Unit

WORTH_ASKING = 0.5
"""Below this power a check stays open more likely than not, and a person is warned."""


@dataclass(frozen=True, kw_only=True)
class LookPower:
    """What one look can settle, in the part of a check where it can settle least."""

    resolved: float
    """The smallest distance of a true value from a bound that is told with power 0.8, in the check's unit; infinite
    where nothing is told."""
    power: float | None
    """The chance to hold at the most favourable true value; ``None`` where the region is open to one side, so that
    the chance only depends on how far inside the true value lies."""


@dataclass(frozen=True, kw_only=True)
class CheckPower:
    """What the looks of one check can settle for the spread that its claim assumes."""

    check: str
    unit: str
    parts: int
    """Networks, steps or comparisons that must all hold; power is that of each alone."""
    assumed_sd: float | None
    """Between seeds, of the metric; ``None`` where runs that fail are counted."""
    seeds: tuple[int, ...]
    """At each look."""
    looks: tuple[LookPower, ...]
    """One for each of ``seeds``; empty where power is not worked out."""
    favourable: str
    """At which true value it holds with that power, or with power 0.8 at the last look, in words."""
    warning: str
    """Which verdict cannot be expected at these looks; empty where all can."""


def named(unit: str) -> str:
    """The unit behind a number; γ and ratios have none."""
    return "" if unit in {Unit.GAMMA, Unit.RATIO} else f" {unit}"
