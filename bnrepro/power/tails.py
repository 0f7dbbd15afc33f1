"""Power of checks on spreads between seeds and on how often runs fail: chi-square and binomial tails."""

from __future__ import annotations

import math

from bnrepro.checks import Look
from bnrepro.checks.units import mean_unit
from bnrepro.power.told import WORTH_ASKING, CheckPower, LookPower, named
from bnrepro.spec.checks import FailureRateCheck, SpreadCheck
from bnrepro.spec.metrics import Unit
from bnrepro.stats import clean_runs_to_refute, failures_to_hold, rate_for, resolved_sd_ratio, sd_power_to_hold
from bnrepro.wording import plural


def of_spread(check: SpreadCheck, look: Look, sd: float) -> CheckPower:
    """Of chi-square bounds, for each of the networks of which more than half must hold (``checks.sd_bound``)."""
    networks = len(look.comparisons)
    alpha = look.alpha / (networks - networks // 2)
    looks = tuple(
        LookPower(
            resolved=check.bound * (1 - resolved_sd_ratio(n=seeds, alpha=alpha)),
            power=sd_power_to_hold(sd / check.bound, n=seeds, alpha=alpha),
        )
        for seeds in look.planned_seeds
    )
    weak = (looks[-1].power or 0.0) < WORTH_ASKING
    return CheckPower(
        check=check.id,
        unit=mean_unit(check),
        parts=networks,
        assumed_sd=sd,
        seeds=look.planned_seeds,
        looks=looks,
        favourable=f"if the true spread is {sd:g}{named(mean_unit(check))}",
        warning="it stays open more likely than not if the spread is as assumed" if weak else "",
    )


def of_rate(check: FailureRateCheck, look: Look) -> CheckPower:
    """Of Clopper & Pearson's bounds alone: that the other arm fails less often may take more runs still."""
    networks, bound, last = len(look.comparisons), check.at_least_percent, look.planned_seeds[-1]
    failures = {n: failures_to_hold(bound, trials=n, alpha=look.alpha) for n in look.planned_seeds}
    rates = {n: math.inf if k is None else rate_for(k, trials=n) for n, k in failures.items()}
    clean = clean_runs_to_refute(bound, alpha=look.alpha, parts=networks)
    warnings = []
    if failures[last] is None:
        warnings.append(f"failures in all of {plural(last, 'run')} would not make it hold")
    if clean > last:
        warnings.append(f"it needs at least {plural(clean, 'clean run')} to be refuted")
    told = "never" if failures[last] is None else f"if the true rate is above {rates[last]:.3g} percent"
    return CheckPower(
        check=check.id,
        unit=Unit.PERCENT,
        parts=networks,
        assumed_sd=None,
        seeds=look.planned_seeds,
        looks=tuple(LookPower(resolved=rate - bound, power=None) for rate in rates.values()),
        favourable=f"{told} (from {failures[last]} failures; none in {clean} refutes)" if failures[last] else told,
        warning=" and ".join(warnings),
    )
