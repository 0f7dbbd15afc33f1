"""Whether bfloat16 trains to what float32 trains to: two one-sided tests over the runs of a store.

    bnrepro verify claims/sec4_random_params.yaml --scale digits --seeds 5 --store S
    bnrepro verify claims/sec4_random_params.yaml --scale digits --seeds 5 --store S --precision bfloat16
    python -m tests.precision S [--margin POINTS]

Runs of one seed share their network and batches, so the difference within a seed is what is tested, by the interval
that the suite's own equivalence checks use (Schuirmann 1987; Student 1908).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bnrepro.checks import ERROR_A_SIDE
from bnrepro.spec.recipe import Precision
from bnrepro.spec.run import RunRecord
from bnrepro.stats import ConfidenceInterval, student
from bnrepro.store import Store

SEEDS = 5
"""Fewer say nothing here."""
MARGIN_POINTS = 2.0


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One network and arm at one scale, trained in both precisions."""

    name: str
    differences_points: tuple[float, ...]
    """Accuracy of bfloat16 less that of float32, percent points, by seed."""

    @property
    def interval(self) -> ConfidenceInterval:
        """Of the mean difference, 5 % error a side."""
        return student(self.differences_points).interval(ERROR_A_SIDE)

    def equivalent(self, margin_points: float) -> bool:
        """Whether both one-sided tests reject a difference as large as the margin."""
        return -margin_points < self.interval.low and self.interval.high < margin_points

    def told(self, margin_points: float) -> str:
        """In a line."""
        interval, n = self.interval, len(self.differences_points)
        mean = sum(self.differences_points) / n
        word = "equivalent" if self.equivalent(margin_points) else "not shown"
        return f"{self.name:48} n {n}  {mean:+6.2f} [{interval.low:+.2f}, {interval.high:+.2f}]  {word}"


def comparisons(records: Iterable[RunRecord]) -> tuple[Comparison, ...]:
    """Every network and arm of which a store has at least :data:`SEEDS` seeds in both precisions."""
    accuracies: dict[tuple[str, int], dict[Precision, float]] = {}
    for record in records:
        spec = record.spec
        name = f"{spec.scale}: {spec.network} {spec.full_arm}"
        accuracies.setdefault((name, spec.seed), {})[spec.recipe.precision] = record.test_accuracy
    differences: dict[str, list[float]] = {}
    for (name, _), found in sorted(accuracies.items()):
        if {Precision.FLOAT32, Precision.BFLOAT16} <= found.keys():
            differences.setdefault(name, []).append(found[Precision.BFLOAT16] - found[Precision.FLOAT32])
    return tuple(
        Comparison(name=name, differences_points=tuple(values))
        for name, values in differences.items()
        if len(values) >= SEEDS
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Print every comparison; 0 where all are equivalent, 1 where one is not shown to be, 2 where there is none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stores", type=Path, nargs="+")
    parser.add_argument("--margin", type=float, default=MARGIN_POINTS, help="percent points (default: %(default)s)")
    arguments = parser.parse_args(argv)
    records = [record for root in arguments.stores for record in Store(root, notify=sys.stderr.write).records()]
    found = comparisons(records)
    for comparison in found:
        sys.stdout.write(f"{comparison.told(arguments.margin)}\n")
    if not found:
        return 2
    return 0 if all(comparison.equivalent(arguments.margin) for comparison in found) else 1


if __name__ == "__main__":
    sys.exit(main())
