"""Statistics over seeds: pure functions of numpy arrays that know nothing of claims.

Ignorance is wide throughout: where the data say nothing about the spread, the interval is the
whole line and p is 1.
"""

from __future__ import annotations

from bnrepro.stats.estimate import UNKNOWN, Estimate
from bnrepro.stats.fieller import FiellerEstimate, fieller
from bnrepro.stats.lines import (
    common_start_weights,
    interpolation_weights,
    line_weights,
    residual_weights,
    slope_weights,
    weighted,
)
from bnrepro.stats.multiplicity import holm, shared
from bnrepro.stats.order import rank_interval
from bnrepro.stats.power import (
    USUAL_POWER,
    Planned,
    clean_runs_to_refute,
    failures_to_hold,
    planned_mean,
    power_to_hold,
    rate_for,
    resolved_distance,
    resolved_sd_ratio,
    sd_power_to_hold,
)
from bnrepro.stats.proportions import RateEstimate, boschloo, clopper_pearson_upper
from bnrepro.stats.sample_size import seeds_needed
from bnrepro.stats.spread import SdEstimate, spread
from bnrepro.stats.student import ConfidenceInterval, MeanEstimate, SampleError, prediction, student, welch

__all__ = [
    "UNKNOWN",
    "USUAL_POWER",
    "ConfidenceInterval",
    "Estimate",
    "FiellerEstimate",
    "MeanEstimate",
    "Planned",
    "RateEstimate",
    "SampleError",
    "SdEstimate",
    "boschloo",
    "clean_runs_to_refute",
    "clopper_pearson_upper",
    "common_start_weights",
    "failures_to_hold",
    "fieller",
    "holm",
    "interpolation_weights",
    "line_weights",
    "planned_mean",
    "power_to_hold",
    "prediction",
    "rank_interval",
    "rate_for",
    "residual_weights",
    "resolved_distance",
    "resolved_sd_ratio",
    "sd_power_to_hold",
    "seeds_needed",
    "shared",
    "slope_weights",
    "spread",
    "student",
    "weighted",
    "welch",
]
