"""Runs of one arm fail often, and more often than those of another, on every network.

Diverged runs are the data here, so none is counted at chance level and the metric's values are not read. Each network
has two parts. The rate of the arm has an exact interval and is judged as every estimate is. That the rate is higher
than the other arm's is a test without an interval: it holds where p is below the level, and is open otherwise, since
too few failures to tell two arms apart are no evidence that they are alike. So only a rate can fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from bnrepro.checks import reasons
from bnrepro.checks.evidence import samples_of
from bnrepro.checks.leave_one_out import leave_out, tipping
from bnrepro.checks.look import Finding, Look, PartFinding
from bnrepro.checks.region import Region
from bnrepro.checks.universal import Standing, conjunction, outcomes, p_of
from bnrepro.measure import Sample
from bnrepro.spec.checks import FailureRateCheck, comparison_name
from bnrepro.spec.metrics import Unit
from bnrepro.spec.scale import Outcome
from bnrepro.stats import RateEstimate, boschloo
from bnrepro.wording import plural


def evaluate(check: FailureRateCheck, look: Look) -> Finding:
    """Rate (Clopper & Pearson 1934) in [at_least, 100], and above the other arm's (Boschloo 1970).

    The bound belongs to the region, as "at least" says; an interval that touches it is open all the same, as ever.
    """
    region = Region(low=check.at_least_percent)
    failures = [
        _Failures(comparison_name(comparison), *samples_of(check, look, comparison)) for comparison in look.comparisons
    ]
    judged = [_judged(each, region, look) for each in failures]
    found = outcomes([each.rate for each in judged], look.alpha)
    rates = [each.rate_part(region, look, own, len(failures)) for each, own in zip(failures, found, strict=True)]
    pairs = [(rate, each.difference_part(look)) for each, rate in zip(failures, rates, strict=True)]
    parts = tuple(part for pair in pairs for part in pair)
    samples = [sample for each in failures for sample in (each.better, each.worse)]
    lacking = reasons.missing(samples)
    outcome = Outcome.OPEN if lacking else conjunction([part.outcome for part in parts])
    part = _deciding(parts, outcome)
    lead = "" if len(failures) == 1 else f"least favourable of {plural(len(failures), 'network')}: "
    return Finding(
        outcome=outcome,
        estimate=part.estimate,
        interval=part.interval,
        region=part.region,
        unit=Unit.PERCENT,
        reason="; ".join([f"{lead}{part.name}, {part.reason}", *lacking]),
        n=min(len(sample.observations) for sample in samples),
        diverged=sum(run.diverged for sample in samples for run in sample.observations),
        parts=tuple(
            _held_back(part, each.samples) for each, pair in zip(failures, pairs, strict=True) for part in pair
        ),
        p=_p_of(judged, outcome),
        fragile=tipping(
            failures,
            outcome,
            stand=partial(_judged, region=region, look=look),
            conclude=partial(_conclude, alpha=look.alpha),
        ),
    )


@dataclass(frozen=True)
class _Failures:
    """What failed on one network."""

    network: str
    better: Sample
    worse: Sample

    @property
    def by_seed(self) -> bool:
        return False

    @property
    def samples(self) -> tuple[Sample, Sample]:
        return self.better, self.worse

    def without(self, run: str) -> _Failures:
        better, worse = leave_out(self.samples, run)
        return _Failures(self.network, better, worse)

    @property
    def rate(self) -> RateEstimate:
        return _rate(self.worse)

    def rate_part(self, region: Region, look: Look, outcome: Outcome, networks: int) -> PartFinding:
        rate, interval = self.rate, self.rate.interval(look.alpha)
        told = [f"{_told(self.worse)} failed"]
        if rate.n:
            told = [f"{told[0]}, {reasons.quantity(rate.value, interval, Unit.PERCENT)}"]
            told.append(
                reasons.position(interval, region)
                + reasons.corrected(rate, region, outcome=outcome, alpha=look.alpha, parts=networks, unit=Unit.PERCENT)
            )
        if outcome is Outcome.OPEN and rate.n:
            told.append(reasons.more_seeds(rate, region, alpha=look.alpha, alpha_outside=look.alpha / networks))
        return PartFinding(
            name=f"{self.network} {self.worse.arm}",
            outcome=outcome,
            estimate=rate.value,
            interval=interval,
            region=region,
            n=rate.n,
            reason="; ".join(told),
            runs=_keys(self.worse),
        )

    @property
    def p_higher(self) -> float:
        """Of "the rate is no higher than the other arm's"."""
        rate, other = self.rate, _rate(self.better)
        return boschloo(rate.successes, rate.trials, other.successes, other.trials)

    def difference_part(self, look: Look) -> PartFinding:
        rate, other, p = self.rate, _rate(self.better), self.p_higher
        held = p < look.alpha
        told = f"{_told(self.worse)} failed against {_told(self.better)}; {_p(p)} by Boschloo's test, "
        told += f"{'below' if held else 'not below'} {look.alpha:.2g}"
        return PartFinding(
            name=f"{self.network} {self.worse.arm} against {self.better.arm}",
            outcome=Outcome.INSIDE if held else Outcome.OPEN,
            estimate=None if rate.value is None or other.value is None else rate.value - other.value,
            interval=look.whole_line,
            region=Region(low=0),
            n=min(rate.n, other.n),
            reason=told,
            runs=_keys(*self.samples),
        )


@dataclass(frozen=True)
class _Judged:
    """What one network says."""

    rate: Standing
    p_higher: float


def _judged(failures: _Failures, region: Region, look: Look) -> _Judged:
    return _Judged(Standing.of(failures.rate, region, alpha=look.alpha, parts=1), failures.p_higher)


def _conclude(judged: Sequence[_Judged], *, alpha: float) -> Outcome:
    rates = outcomes([each.rate for each in judged], alpha)
    return conjunction([*rates, *(Outcome.INSIDE if each.p_higher < alpha else Outcome.OPEN for each in judged)])


def _p_of(judged: Sequence[_Judged], outcome: Outcome) -> float | None:
    own = p_of([(each.rate, each.rate) for each in judged], outcome)
    return max(own, *(each.p_higher for each in judged)) if own is not None and outcome is Outcome.INSIDE else own


def _deciding(parts: Sequence[PartFinding], outcome: Outcome) -> PartFinding:
    """The part that the outcome hangs on: a rate where one does, since it has an interval to show."""
    rates = parts[::2]
    candidates = [part for part in rates if part.outcome is outcome]
    differences = [part for part in parts[1::2] if part.outcome is outcome]
    if differences and not candidates:
        return differences[0]
    # Where nothing but missing runs keeps the check open, no part is as open as the whole.
    return min(candidates or rates, key=lambda part: part.region.slack(part.interval))


def _held_back(part: PartFinding, samples: Sequence[Sample]) -> PartFinding:
    """The part, left open where runs are missing."""
    lacking = reasons.missing(samples)
    return replace(part, outcome=Outcome.OPEN, reason="; ".join([part.reason, *lacking])) if lacking else part


def _rate(sample: Sample) -> RateEstimate:
    return RateEstimate(successes=sum(run.diverged for run in sample.observations), trials=len(sample.observations))


def _told(sample: Sample) -> str:
    return f"{sum(run.diverged for run in sample.observations)} of {plural(len(sample.observations), 'run')}"


def _keys(*samples: Sample) -> tuple[str, ...]:
    return tuple(run.key for sample in samples for run in sample.observations)


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
