"""What checks along networks share: where a network stands, and estimates from one number a seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, partial

from bnrepro.checks.evidence import Evidence, evidence_by_seed
from bnrepro.checks.look import Finding, Look
from bnrepro.checks.region import Region
from bnrepro.measure import Sample
from bnrepro.spec.networks import Network
from bnrepro.spec.scale import Outcome
from bnrepro.stats import MeanEstimate, student, weighted
from bnrepro.stats.student import FloatArray


@cache
def doublings(network: Network) -> float:
    """Where a network stands on every line: log2 of its BatchNorm parameters (Figure 3)."""
    return math.log2(network.counts().batchnorm)


def sizes(networks: Sequence[Network]) -> int:
    """How many different numbers of BatchNorm parameters the networks have."""
    return len({doublings(network) for network in networks})


def span(networks: Sequence[Network]) -> str:
    """Networks from the fewest BatchNorm parameters to the most: ``resnet-14 to resnet-866``."""
    ordered = sorted(networks, key=doublings)
    return " to ".join(dict.fromkeys((str(ordered[0]), str(ordered[-1]))))


def mean_of(name: str, samples: Sequence[Sample], weights: FloatArray, region: Region) -> Evidence:
    """Student's t (1908) over seeds of one weighted sum a seed.

    Args:
        name: of the part.
        samples: one for each cell; a seed that lacks one is left out.
        weights: shape (cells,).
        region: of the sum.
    """
    return evidence_by_seed(name, tuple(samples), partial(_student_of, weights=weights), region)


def too_few(look: Look, region: Region, *, unit: str, reason: str) -> Finding:
    """An open finding: on networks this few the check asks nothing that runs could answer."""
    return Finding(outcome=Outcome.OPEN, interval=look.whole_line, region=region, unit=unit, reason=reason)


def _student_of(rows: FloatArray, *, weights: FloatArray) -> MeanEstimate:
    return student(weighted(rows, weights))
