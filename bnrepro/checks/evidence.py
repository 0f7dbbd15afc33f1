"""The measurements that one part of a check reads, and what they estimate.

A run that diverged has no accuracy that belongs with the others, yet leaving it out flatters the arm that fails. So
everything is estimated twice, and an outcome stands only where both agree: over the runs that did not diverge, and
over all runs with a diverged one at chance level. Where guessing says nothing about the metric, a diverged run leaves
the second estimate unknown, and so the part open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bnrepro.checks.leave_one_out import leave_out
from bnrepro.checks.look import Look
from bnrepro.checks.region import Region
from bnrepro.measure import Sample
from bnrepro.spec.checks import CheckSpec, Comparison, comparison_name
from bnrepro.stats import UNKNOWN, Estimate

FloatArray = npt.NDArray[np.float64]

Estimator = Callable[..., Estimate]
"""Takes one sample, shape (n,), for each cell of a comparison."""

RowEstimator = Callable[[FloatArray], Estimate]
"""Takes an array (seeds, cells)."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One part of a check: its samples, its region, and the two estimates."""

    name: str
    """As a report names it."""
    samples: tuple[Sample, ...]
    region: Region
    estimate: Estimate
    """Over the runs that did not diverge."""
    counted: Estimate
    """Over all runs, a diverged one at chance level; the same as ``estimate`` where none diverged."""
    again: Callable[[tuple[Sample, ...]], Evidence]
    """Makes the same part from other samples of the same cells."""
    by_seed: bool = False
    """Whether the runs of one seed make one value, so that leaving out any of them leaves out all."""

    @property
    def runs(self) -> tuple[str, ...]:
        """Keys of all runs, diverged ones included."""
        return tuple(run.key for sample in self.samples for run in sample.observations)

    @property
    def missing(self) -> bool:
        """Whether runs should be there and are not."""
        return any(sample.missing for sample in self.samples)

    def without(self, run: str) -> Evidence:
        """The part estimated again without the run of this key."""
        return self.again(leave_out(self.samples, run))


def gather(check: CheckSpec, look: Look, estimator: Estimator, region: Region) -> tuple[Evidence, ...]:
    """The evidence of every comparison of a check, each held against the same region."""
    return tuple(
        evidence_of(comparison_name(comparison), samples_of(check, look, comparison), estimator, region)
        for comparison in look.comparisons
    )


def samples_of(check: CheckSpec, look: Look, comparison: Comparison) -> tuple[Sample, ...]:
    """One sample for each cell."""
    return tuple(look.measurements.sample(check.metric, cell, seeds=look.seeds) for cell in comparison)


def evidence_of(name: str, samples: tuple[Sample, ...], estimator: Estimator, region: Region) -> Evidence:
    """What samples estimate when each is taken for itself."""

    def counted() -> Estimate:
        return estimator(*(sample.with_diverged_at_chance() for sample in samples))

    return Evidence(
        name=name,
        samples=samples,
        region=region,
        estimate=(estimate := estimator(*(sample.completed() for sample in samples))),
        counted=_counted(samples, estimate, counted),
        again=lambda others: evidence_of(name, others, estimator, region),
    )


def evidence_by_seed(name: str, samples: tuple[Sample, ...], estimator: RowEstimator, region: Region) -> Evidence:
    """What samples estimate when the runs of one seed belong together, such as a line through them.

    A seed that lacks a cell is left out.
    """

    def counted() -> Estimate:
        return estimator(by_seed(samples, diverged_at_chance=True))

    return Evidence(
        name=name,
        samples=samples,
        region=region,
        estimate=(estimate := estimator(by_seed(samples))),
        counted=_counted(samples, estimate, counted),
        again=lambda others: evidence_by_seed(name, others, estimator, region),
        by_seed=True,
    )


def _counted(samples: Sequence[Sample], estimate: Estimate, with_diverged: Callable[[], Estimate]) -> Estimate:
    """The estimate with diverged runs at chance level; the same where none diverged, unknown where there is none."""
    if not any_diverged(samples):
        return estimate
    return UNKNOWN if any(sample.with_diverged_at_chance() is None for sample in samples) else with_diverged()


def by_seed(samples: Sequence[Sample], *, diverged_at_chance: bool = False) -> FloatArray:
    """Values of the seeds that every sample has, shape (seeds, cells); a seed with a diverged run counts if asked."""
    columns = [
        {
            each.seed: sample.chance if each.diverged else each.value
            for each in sample.observations
            if diverged_at_chance or not each.diverged
        }
        for sample in samples
    ]
    seeds = sorted(set.intersection(*(set(column) for column in columns))) if columns else []
    rows = [[column[seed] for column in columns] for seed in seeds]
    return np.array(rows, dtype=np.float64).reshape(len(seeds), len(samples))


def any_diverged(samples: Sequence[Sample]) -> bool:
    """Whether any run among the samples diverged."""
    return any(run.diverged for sample in samples for run in sample.observations)


def distinct(evidence: Sequence[Evidence]) -> tuple[Sample, ...]:
    """The samples of several parts, each once: neighbouring parts may share some."""
    return tuple({(sample.network, sample.arm): sample for each in evidence for sample in each.samples}.values())
