"""Whether one run tips a check: what comes out when each is left out in turn.

A decided check whose outcome is another without some run is called fragile. Each run that the check reads is left out
at the look that settled it, at that look's level, diverged runs like any other. What is left says less: intervals
widen, and where two runs remain of three they widen a lot, so a check that three seeds just settled is mostly fragile.
That is meant, since one run then carries it.

An open check is not marked. Leaving a run out hardly ever narrows an interval, so where it settles something it does
so by taking away the one value that spoke against it; to say that such a check "would have held" would invite
leaving that run out.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self, TypeVar

from bnrepro.measure import Sample
from bnrepro.spec.scale import Outcome
from bnrepro.wording import plural

_NAMED = 3
"""Of many runs that tip a check, those that are named before the rest are counted."""
WOULD = {Outcome.INSIDE: "would hold", Outcome.OUTSIDE: "would fail", Outcome.OPEN: "would stay open"}
"""What a check would do, of each outcome that an assessed one can have."""


class Leavable(Protocol):
    """A part of a check that can be estimated again without a run."""

    @property
    def samples(self) -> tuple[Sample, ...]:
        """What it reads."""

    @property
    def by_seed(self) -> bool:
        """Whether the runs of one seed make one value, so that leaving out any of them leaves out all."""

    def without(self, run: str) -> Self:
        """The part without the run of this key."""


Part = TypeVar("Part", bound=Leavable)
Standing = TypeVar("Standing")


def tipping(
    parts: Sequence[Part],
    outcome: Outcome,
    *,
    stand: Callable[[Part], Standing],
    conclude: Callable[[Sequence[Standing]], Outcome],
) -> tuple[str, ...]:
    """One sentence for each run without which the outcome would be another.

    Only the parts that read a run are estimated again.

    Args:
        parts: of one check, at least one.
        outcome: of the check, on all runs.
        stand: what one part contributes to the outcome.
        conclude: the outcome that all contributions together make.

    Returns:
        At most three sentences, those that turn the outcome round first, and a count of the others; empty where no
        run tips the check, and where it is not decided.
    """
    if outcome not in {Outcome.INSIDE, Outcome.OUTSIDE}:
        return ()
    standing = [stand(part) for part in parts]
    found: dict[Outcome, list[str]] = {Outcome.INSIDE: [], Outcome.OUTSIDE: [], Outcome.OPEN: []}
    for runs in _alike(parts):
        changed = list(standing)
        for position in runs.readers:
            changed[position] = stand(parts[position].without(runs.keys[0]))
        other = conclude(changed)
        if other is not outcome:
            found[other].append(f"without {runs.name} it {WOULD[other]}")
    return shortened([sentence for sentences in found.values() for sentence in sentences])


def shortened(sentences: Sequence[str]) -> tuple[str, ...]:
    """The first few of many, and how many more there are."""
    if len(sentences) <= _NAMED:
        return tuple(sentences)
    return (*sentences[:_NAMED], f"and {len(sentences) - _NAMED} more")


def leave_out(samples: Iterable[Sample], run: str) -> tuple[Sample, ...]:
    """Samples without one run, which is not counted as missing."""
    return tuple(
        replace(sample, observations=tuple(each for each in sample.observations if each.key != run))
        for sample in samples
    )


@dataclass(frozen=True)
class _Runs:
    """Runs of which leaving out any one does the same."""

    keys: tuple[str, ...]
    names: tuple[str, ...]
    seed: int
    readers: tuple[int, ...]
    """Positions of the parts that read them."""

    @property
    def name(self) -> str:
        if len(self.names) == 1:
            return self.names[0]
        return f"any one of the {plural(len(self.names), 'run')} of seed {self.seed}"


def _alike(parts: Sequence[Leavable]) -> list[_Runs]:
    """Every run that the parts read, those of one seed together where they make one value."""
    readers: dict[str, list[int]] = {}
    names: dict[str, tuple[str, int]] = {}
    for position, part in enumerate(parts):
        for sample in part.samples:
            for run in sample.observations:
                readers.setdefault(run.key, []).append(position)
                names[run.key] = (f"{sample.network} {sample.arm} seed {run.seed}", run.seed)
    # A diverged run may take with it all that is unknown, so it is not like the others of its seed.
    together = [part.by_seed and not _any_diverged(part) for part in parts]
    groups: dict[Hashable, list[str]] = {}
    for key, positions in readers.items():
        one_value = all(together[position] for position in positions)
        groups.setdefault((names[key][1], tuple(positions)) if one_value else key, []).append(key)
    return [_runs(keys, names, readers) for keys in groups.values()]


def _runs(keys: Sequence[str], names: Mapping[str, tuple[str, int]], readers: Mapping[str, Sequence[int]]) -> _Runs:
    return _Runs(
        keys=tuple(keys),
        names=tuple(names[key][0] for key in keys),
        seed=names[keys[0]][1],
        readers=tuple(dict.fromkeys(readers[keys[0]])),
    )


def _any_diverged(part: Leavable) -> bool:
    return any(run.diverged for sample in part.samples for run in sample.observations)
