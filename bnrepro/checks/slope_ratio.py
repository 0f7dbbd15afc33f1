"""How much steeper accuracy rises along one family of networks than along another, against a reported ratio."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from bnrepro.checks import reasons
from bnrepro.checks.evidence import Evidence, distinct, evidence_by_seed, samples_of
from bnrepro.checks.leave_one_out import tipping
from bnrepro.checks.lines import doublings, sizes, span, too_few
from bnrepro.checks.look import Finding, Look, PartFinding
from bnrepro.checks.region import Region
from bnrepro.checks.units import per_doubling
from bnrepro.measure import Sample
from bnrepro.spec.checks import SlopeRatioCheck
from bnrepro.spec.metrics import Unit
from bnrepro.spec.networks import Network
from bnrepro.spec.scale import Outcome
from bnrepro.stats import Estimate, FiellerEstimate, common_start_weights, fieller, slope_weights, weighted
from bnrepro.stats.student import FloatArray
from bnrepro.wording import plural


def evaluate(check: SlopeRatioCheck, look: Look) -> Finding:
    """Ratio of two mean slopes by Fieller (1954), within the tolerance of the reported one, rounding allowed for.

    At each seed, two least-squares slopes on log2(BatchNorm parameters); their variances and their covariance are over
    seeds. The slope that divides must be clearly positive itself, else there is no interval. How the lines were fitted
    for the reported ratio decides what it is, so a file may declare alternative fits: each is a part, and one that
    comes out otherwise than the first leaves the check open.

    Raises:
        ReferenceMissing: the reference is absent or is a range.
    """
    number, reference = look.number_of(check.reference)
    region = Region(low=number - check.tolerance, high=number + check.tolerance, blur=reference.rounding / 2)
    fits = _fits(check, look)
    if obstacle := next((each.obstacle for each in fits if each.obstacle), ""):
        return too_few(look, region, unit=Unit.RATIO, reason=obstacle)
    samples = samples_of(check, look, look.comparisons[0])
    evidence = [_evidence(fit, samples, region) for fit in fits]
    primary = [region.outcome(each.estimate.interval(look.alpha)) for each in evidence]
    counted = [region.outcome(each.counted.interval(look.alpha)) for each in evidence]
    agrees = _agreed(primary) is _agreed(counted)
    conclude = partial(_conclude, look=look)
    outcome = Outcome.OPEN if any(each.missing for each in evidence) else conclude(evidence)
    told = [_told(fit, each, look, per_doubling(check)) for fit, each in zip(fits, evidence, strict=True)]
    first, samples_read = evidence[0], distinct(evidence)
    return Finding(
        outcome=outcome,
        estimate=first.estimate.value,
        interval=first.estimate.interval(look.alpha),
        region=region,
        unit=Unit.RATIO,
        reason="; ".join(
            [
                f"{span(fits[0].above)} over {span(fits[0].below)}: {told[0].value}",
                told[0].where,
                *_alternatives(fits, told, primary),
                *(_more_seeds(first.estimate, region, look) if primary[0] is Outcome.OPEN else ()),
                *reasons.failures(samples_read, agrees=agrees),
            ]
        ),
        n=min(each.estimate.n for each in evidence),
        diverged=sum(run.diverged for sample in samples_read for run in sample.observations),
        parts=tuple(
            PartFinding(
                name=each.name,
                outcome=own if own is alternative and not each.missing else Outcome.OPEN,
                estimate=each.estimate.value,
                interval=each.estimate.interval(look.alpha),
                region=region,
                n=each.estimate.n,
                reason="; ".join(
                    [words.value, words.where, *reasons.failures(each.samples, agrees=own is alternative)]
                ),
                runs=each.runs,
            )
            for each, own, alternative, words in zip(evidence, primary, counted, told, strict=True)
        ),
        p=_p(evidence, outcome),
        fragile=tipping(evidence, outcome, stand=lambda part: part, conclude=conclude),
    )


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """One way to draw the two lines."""

    name: str
    above: tuple[Network, ...]
    """On the line whose slope is the numerator."""
    below: tuple[Network, ...]
    """On the line whose slope is the denominator."""
    common_start: bool = False
    obstacle: str = ""
    """Why it cannot be drawn, on any data."""

    def slopes(self, cells: Sequence[Network]) -> tuple[FloatArray, FloatArray]:
        """What each cell counts in the two slopes."""
        positions = np.array([[doublings(cell) if cell in line else np.nan for cell in cells] for line in self._lines])
        if self.common_start:
            return common_start_weights(*positions)
        above, below = (_on_the_line(row) for row in positions)
        return above, below

    @property
    def _lines(self) -> tuple[tuple[Network, ...], tuple[Network, ...]]:
        return self.above, self.below


def _on_the_line(positions: FloatArray) -> FloatArray:
    weights, here = np.zeros_like(positions), np.isfinite(positions)
    weights[here] = slope_weights(positions[here])
    return weights


def _fits(check: SlopeRatioCheck, look: Look) -> list[_Fit]:
    """The fit through all networks, and the alternatives that the file declares."""
    above, below = look.groups[check.networks], look.groups[check.other_networks]
    fits = [_Fit(name="every network", above=above, below=below, obstacle=_no_line(above, below))]
    if left_out := check.sensitivity_without:
        kept = [tuple(network for network in line if network not in left_out) for line in (above, below)]
        absent = [str(network) for network in left_out if network not in above + below]
        fits.append(
            _Fit(
                name=f"without {', '.join(map(str, left_out))}",
                above=kept[0],
                below=kept[1],
                obstacle=f"{absent[0]} is on neither line, so no fit can leave it out" if absent else _no_line(*kept),
            )
        )
    if check.sensitivity_common_start:
        start = min(map(doublings, above + below))
        shared = [str(network) for network in above if network in below and doublings(network) > start]
        obstacle = f"{shared[0]} is on both lines, which meet below it in a fit with a common start" if shared else ""
        fits.append(_Fit(name="with a common start", above=above, below=below, common_start=True, obstacle=obstacle))
    return fits


def _no_line(*lines: tuple[Network, ...]) -> str:
    short = [line for line in lines if sizes(line) < 2]
    return f"no slope goes through {span(short[0]) if short[0] else 'no network'} alone" if short else ""


def _evidence(fit: _Fit, samples: Sequence[Sample], region: Region) -> Evidence:
    read = tuple(sample for sample in samples if sample.network in fit.above + fit.below)
    above, below = fit.slopes([sample.network for sample in read])
    return evidence_by_seed(fit.name, read, partial(_ratio, above=above, below=below), region)


def _ratio(rows: FloatArray, *, above: FloatArray, below: FloatArray) -> FiellerEstimate:
    return fieller(weighted(rows, above), weighted(rows, below))


def _agreed(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome of all fits where it is one."""
    return outcomes[0] if len(set(outcomes)) == 1 else Outcome.OPEN


def _conclude(fits: Sequence[Evidence], *, look: Look) -> Outcome:
    """The outcome on which all fits agree, with diverged runs counted and without."""
    estimates = [(each.region, estimate) for each in fits for estimate in (each.estimate, each.counted)]
    return _agreed([region.outcome(estimate.interval(look.alpha)) for region, estimate in estimates])


def _p(fits: Sequence[Evidence], outcome: Outcome) -> float | None:
    """One-sided p value of a decided outcome: the largest, since every fit must say the same."""
    estimates = [(each.region, estimate) for each in fits for estimate in (each.estimate, each.counted)]
    match outcome:
        case Outcome.INSIDE:
            return max(region.p_inside(estimate) for region, estimate in estimates)
        case Outcome.OUTSIDE:
            return max(region.p_outside(estimate) for region, estimate in estimates)
    return None


@dataclass(frozen=True, kw_only=True)
class _Told:
    value: str
    """``1.180 [1.132, 1.229]``."""
    where: str
    """``the whole interval lies between 1.085 and 1.275``."""


def _told(fit: _Fit, evidence: Evidence, look: Look, unit: str) -> _Told:
    estimate, interval = evidence.estimate, evidence.estimate.interval(look.alpha)
    value = "no ratio" if estimate.value is None else reasons.quantity(estimate.value, interval, Unit.RATIO)
    if math.isfinite(interval.low):
        return _Told(value=value, where=reasons.position(interval, evidence.region))
    return _Told(value=value, where=f"no interval, {_why_none(fit, estimate, look, unit)}")


def _why_none(fit: _Fit, estimate: Estimate, look: Look, unit: str) -> str:
    if estimate.n < 2 or not isinstance(estimate, FiellerEstimate):
        return f"from {plural(estimate.n, 'seed')} that every network has"
    divisor = estimate.denominator
    if divisor.standard_error is None:
        return f"because all {estimate.n} seeds gave the same slope along {span(fit.below)}"
    if divisor.p_above(0) >= look.alpha:
        slope = reasons.quantity(divisor.value, divisor.interval(look.alpha), unit)
        return f"because the slope along {span(fit.below)}, {slope}, is not clearly positive"
    return f"because all {estimate.n} seeds gave the same ratio"


def _alternatives(fits: Sequence[_Fit], told: Sequence[_Told], outcomes: Sequence[Outcome]) -> list[str]:
    """Whether the alternative fits agree with the first, and what those say that do not."""
    others = list(zip(fits, told, outcomes, strict=True))[1:]
    differing = [
        f"{fit.name} it is {each.value}, and {each.where}"
        for fit, each, outcome in others
        if outcome is not outcomes[0]
    ]
    if differing:
        return [f"the outcome hangs on the fit: {'; '.join(differing)}"]
    return [f"so too {' and '.join(fit.name for fit, _, _ in others)}"] if others else []


def _more_seeds(estimate: Estimate, region: Region, look: Look) -> list[str]:
    """What would settle an open ratio at the nearer bound."""
    if not isinstance(estimate, FiellerEstimate) or estimate.value is None:
        return []
    nearer = min((region.low, region.high), key=lambda bound: abs(bound - (estimate.value or 0.0)))
    seen = estimate.seen_from(nearer)
    bounded = math.isfinite(estimate.interval(look.alpha).low)
    return [reasons.more_seeds(seen, region, alpha=look.alpha, alpha_outside=look.alpha)] if seen and bounded else []
