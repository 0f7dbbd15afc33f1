"""Networks lie on a line over the logarithm of their BatchNorm parameters."""

from __future__ import annotations

from bnrepro.checks.evidence import samples_of
from bnrepro.checks.lines import doublings, mean_of, sizes, span, too_few
from bnrepro.checks.look import Finding, Look
from bnrepro.checks.region import Region
from bnrepro.checks.units import difference_unit
from bnrepro.checks.universal import every_part
from bnrepro.spec.checks import LinearityCheck
from bnrepro.stats import residual_weights


def evaluate(check: LinearityCheck, look: Look) -> Finding:
    """Deviation of every network's mean from the least-squares line through the means of all, in [-margin, margin].

    The mean over seeds of a network's residual from that seed's own line is the residual of the means, because lines
    are linear in the values; Student's t (1908) over seeds gives its error.
    """
    networks = look.groups[check.networks]
    region = Region(low=-check.margin, high=check.margin)
    unit = difference_unit(check)
    if sizes(networks) < 3:
        reason = f"a line meets any two points, and {span(networks)} are no more"
        return too_few(look, region, unit=unit, reason=reason)
    samples = samples_of(check, look, look.comparisons[0])
    residuals = residual_weights([doublings(network) for network in networks])
    evidence = [
        mean_of(str(network), samples, weights, region) for network, weights in zip(networks, residuals, strict=True)
    ]
    return every_part(evidence, look, unit=unit)
