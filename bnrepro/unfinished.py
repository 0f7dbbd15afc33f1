"""What a verify leaves undone when its time is over, and how a reader is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bnrepro.deadline import duration_text
from bnrepro.wording import plural


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """What one claim still lacks at the look where time ran out."""

    look: int
    """From 1."""
    looks: int
    """Planned."""
    seconds: Mapping[str, float]
    """Expected of each run that is to be trained or measured before the look can be taken, by key. What a checkpoint
    holds is taken off; measuring counts as nothing."""
    begun: frozenset[str]
    """Keys of those that a checkpoint holds."""

    @property
    def note(self) -> str:
        """The sentence for the claim's report."""
        return (
            f"The budget of time ran out at look {self.look} of {self.looks}: {_told(self.seconds, self.begun)}. "
            f"Checks that read {'it' if len(self.seconds) == 1 else 'them'} stay open; the next verify goes on."
        )


def unfinished_summary(unfinished: Mapping[str, Unfinished]) -> str | None:
    """What is left of all claims, a run that several share counted once; ``None`` where nothing is.

    Args:
        unfinished: by claim id.
    """
    if not unfinished:
        return None
    seconds = {key: time for each in unfinished.values() for key, time in each.seconds.items()}
    begun = frozenset(key for each in unfinished.values() for key in each.begun)
    claims = plural(len(unfinished), "claim")
    return f"the budget of time is over: {_told(seconds, begun)}, for {claims}; the same command again goes on"


def _told(seconds: Mapping[str, float], begun: frozenset[str]) -> str:
    """``3 runs are left, about 2h10m one after the other, 1 of them in a checkpoint``."""
    runs = f"{plural(len(seconds), 'run')} {'is' if len(seconds) == 1 else 'are'} left"
    in_turn = " one after the other" if len(seconds) > 1 else ""
    kept = f", {len(begun)} of them in a checkpoint" if begun else ""
    return f"{runs}, about {duration_text(sum(seconds.values()))}{in_turn}{kept}"
