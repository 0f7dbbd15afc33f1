"""What one arm gains over another grows, or shrinks, with the size of the network."""

from __future__ import annotations

import numpy as np

from bnrepro.checks.evidence import samples_of
from bnrepro.checks.lines import doublings, mean_of, sizes, span, too_few
from bnrepro.checks.look import Finding, Look
from bnrepro.checks.region import Region
from bnrepro.checks.units import per_doubling
from bnrepro.checks.universal import every_part
from bnrepro.spec.checks import SlopeCheck
from bnrepro.stats import slope_weights


def evaluate(check: SlopeCheck, look: Look) -> Finding:
    """Least-squares slope of the gain on log2(BatchNorm parameters), in (0, ∞) or (-∞, 0).

    One slope for each seed, of ``better`` - ``worse`` at that seed, and Student's t (1908) over seeds: networks of a
    seed share draws, so the points of one line are not independent (``docs/decisions/001``).
    """
    networks = look.groups[check.networks]
    region = Region(low=0) if check.direction == "rising" else Region(high=0)
    unit = per_doubling(check)
    if sizes(networks) < 2:
        return too_few(look, region, unit=unit, reason=f"no slope goes through {span(networks)} alone")
    # Cells stand network by network, better before worse.
    weights = np.outer(slope_weights([doublings(network) for network in networks]), [1, -1]).ravel()
    samples = samples_of(check, look, look.comparisons[0])
    return every_part([mean_of(span(networks), samples, weights, region)], look, unit=unit)
