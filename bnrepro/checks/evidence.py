"""The measurements that one check reads on one network, and what they estimate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bnrepro.checks.look import Look
from bnrepro.measure import CHANCE_POINTS, Sample
from bnrepro.spec.claim import CheckSpec
from bnrepro.spec.networks import Network
from bnrepro.stats import MeanEstimate

Estimator = Callable[..., MeanEstimate]
"""Takes one sample for each arm of the check, in the check's order."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One network's samples, one for each arm, estimated twice where a run diverged.

    A run that diverged has no accuracy that belongs with the others, yet leaving it out flatters the arm that fails.
    So both are computed, and an outcome stands only where they agree.
    """

    samples: tuple[Sample, ...]
    estimate: MeanEstimate
    """Over the runs that did not diverge."""
    counted: MeanEstimate
    """Over all runs, a diverged one at chance level; the same as ``estimate`` where none diverged."""

    @property
    def network(self) -> Network:
        """The network of all samples."""
        return self.samples[0].network

    @property
    def runs(self) -> tuple[str, ...]:
        """Keys of all runs, diverged ones included."""
        return tuple(run.key for sample in self.samples for run in sample.observations)

    @property
    def diverged(self) -> int:
        """Runs that diverged."""
        return sum(run.diverged for sample in self.samples for run in sample.observations)

    @property
    def missing(self) -> tuple[str, ...]:
        """Runs that should be there and are not, by network, arm and seed."""
        return tuple(f"{each.network} {each.arm} seed {seed}" for each in self.samples for seed in each.missing)


def gather(check: CheckSpec, look: Look, estimator: Estimator) -> tuple[Evidence, ...]:
    """The evidence of every network of a look, in its order."""
    return tuple(_evidence(check, look, network, estimator) for network in look.networks)


def _evidence(check: CheckSpec, look: Look, network: Network, estimator: Estimator) -> Evidence:
    table, metric = look.measurements, check.metric
    samples = tuple(table.sample(metric, network, arm, seeds=look.seeds) for arm in check.arms)
    estimate = estimator(*(sample.completed() for sample in samples))
    if not any(run.diverged for sample in samples for run in sample.observations):
        return Evidence(samples=samples, estimate=estimate, counted=estimate)
    chance = CHANCE_POINTS[metric]
    counted = estimator(*(sample.with_diverged_at(chance) for sample in samples))
    return Evidence(samples=samples, estimate=estimate, counted=counted)
