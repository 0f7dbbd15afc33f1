"""One network falls short of where the line through the others points."""

from __future__ import annotations

import numpy as np

from bnrepro.checks.evidence import samples_of
from bnrepro.checks.lines import doublings, mean_of, sizes, span, too_few
from bnrepro.checks.look import Finding, Look
from bnrepro.checks.region import Region
from bnrepro.checks.units import difference_unit
from bnrepro.checks.universal import every_part
from bnrepro.spec.checks import BelowLineCheck
from bnrepro.spec.scale import Outcome
from bnrepro.stats import line_weights


def evaluate(check: BelowLineCheck, look: Look) -> Finding:
    """The network's value less the height there of the least-squares line through the others, in (-∞, 0).

    One difference for each seed, and Student's t (1908) over seeds. The line of a seed varies as its points do, so
    the error of the prediction is in the interval. Bend of the true curve is not: whatever the others' shape, the
    estimand is the distance from their straight line.
    """
    networks = look.groups[check.networks]
    region, unit = Region(high=0), difference_unit(check)
    others = [network for network in networks if network != check.network]
    if len(others) == len(networks):
        return Finding(
            outcome=Outcome.NOT_ASSESSED,
            interval=look.whole_line,
            region=region,
            unit=unit,
            reason=f"{check.network} is not among the networks '{check.networks}' at scale {look.scale}",
        )
    if sizes(others) < 2:
        through = span(others) if others else "no other network"
        return too_few(look, region, unit=unit, reason=f"no line goes through {through} alone")
    line = iter(line_weights([doublings(other) for other in others], doublings(check.network)))
    weights = np.array([1.0 if network == check.network else -next(line) for network in networks])
    samples = samples_of(check, look, look.comparisons[0])
    return every_part([mean_of(str(check.network), samples, weights, region)], look, unit=unit)
