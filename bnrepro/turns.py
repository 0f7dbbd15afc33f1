"""Whose turn it is when time is short: an order of claims that gets as many as it can through their look.

Two rules are at hand. Both look anew after each turn, so that what one claim has trained is no cost to the next.

- *cheapest*: the claim that needs least has its turn first.
- *shared*: the same, but a run that several claims wait for costs each of them only its part. Claims that share come
  before one that is a little cheaper and serves nobody else.

Neither is best always. With time for 20 seconds, five claims that share 15 beat one of 10. But a part of a run is
cheap only if those that share it get to their other runs too before the time is over. So both are played to the
deadline, on the expected seconds, and the one that gets more claims through is taken; of two that get as many through,
the one that does so sooner on average. That is a rollout (Bertsekas, Tsitsiklis & Wu 1997): since it is repeated at
each turn, and each rule goes on as it was played, no fewer claims come through than by either rule alone. This holds as
far as the expected seconds are right, for one process: with several, a stage may take in more turns than one and the
next begins when all its runs have ended, which neither rule's play foresees.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

Lacking = Mapping[str, Set[str]]
"""Keys of the runs that each claim still needs at its look."""
Rule = Callable[[Lacking, Mapping[str, float]], list[str]]
"""What claims lack and the seconds of each run, to claims in the order of their turns."""


def order_of_turns(
    lacking: Lacking, seconds: Mapping[str, float], *, left_seconds: float, jobs: int, first: Sequence[str] = ()
) -> list[str]:
    """The claims, in the order in which they should have their turns.

    Args:
        lacking: what each claim still needs.
        seconds: expected of each run.
        left_seconds: until the deadline.
        jobs: how many runs are under way at once.
        first: keys of runs that are begun before any claim has its turn.
    """
    played = {
        rule: play(rule, lacking, seconds, left_seconds=left_seconds, jobs=jobs, first=first)
        for rule in (cheapest_first, shared_first)
    }
    return max(played, key=lambda rule: played[rule].worth)(lacking, seconds)


def cheapest_first(lacking: Lacking, seconds: Mapping[str, float]) -> list[str]:
    """By the seconds of all runs that a claim lacks."""
    return sorted(lacking, key=lambda claim: sum(seconds[key] for key in lacking[claim]))


def shared_first(lacking: Lacking, seconds: Mapping[str, float]) -> list[str]:
    """By the seconds of all runs that a claim lacks, those of each divided by the claims that lack it."""
    readers = Counter(key for keys in lacking.values() for key in keys)
    return sorted(lacking, key=lambda claim: sum(seconds[key] / readers[key] for key in lacking[claim]))


@dataclass(frozen=True, kw_only=True)
class Played:
    """What a rule comes to by the deadline, if runs take what is expected."""

    through: Mapping[str, float]
    """When each claim that comes through its look does, in seconds from now."""

    @property
    def worth(self) -> tuple[int, float]:
        """More is better: how many come through, then how soon."""
        return len(self.through), -sum(self.through.values())


def play(
    rule: Rule,
    lacking: Lacking,
    seconds: Mapping[str, float],
    *,
    left_seconds: float,
    jobs: int,
    first: Sequence[str] = (),
) -> Played:
    """Carry out a rule as :func:`bnrepro.stages.until` does, on expected seconds: what does not fit is left out.

    See :func:`order_of_turns` for the arguments.
    """
    free = [0.0] * jobs
    ended: dict[str, float] = {}

    def train(keys: Sequence[str]) -> bool:
        """Train those that fit; whether any did."""
        any_fits = False
        for key in keys:
            if free[0] + seconds[key] <= left_seconds:
                ended[key] = free[0] + seconds[key]
                heapq.heapreplace(free, ended[key])
                any_fits = True
        return any_fits

    train(first)
    while waiting := {claim: set(keys) - ended.keys() for claim, keys in lacking.items() if set(keys) - ended.keys()}:
        turns = (sorted(waiting[claim], key=lambda key: (-seconds[key], key)) for claim in rule(waiting, seconds))
        if not any(map(train, turns)):
            break
    return Played(
        through={claim: max(map(ended.__getitem__, keys)) for claim, keys in lacking.items() if ended.keys() >= keys}
    )
