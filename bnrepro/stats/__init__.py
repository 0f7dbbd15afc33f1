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
from bnrepro.stats.multiplicity import holm
from bnrepro.stats.order import rank_interval
from bnrepro.stats.proportions import RateEstimate, boschloo, clopper_pearson_upper
from bnrepro.stats.sample_size import seeds_needed
from bnrepro.stats.spread import SdEstimate, spread
from bnrepro.stats.student import ConfidenceInterval, MeanEstimate, SampleError, prediction, student, welch

__all__ = [
    "UNKNOWN",
    "ConfidenceInterval",
    "Estimate",
    "FiellerEstimate",
    "MeanEstimate",
    "RateEstimate",
    "SampleError",
    "SdEstimate",
    "boschloo",
    "clopper_pearson_upper",
    "common_start_weights",
    "fieller",
    "holm",
    "interpolation_weights",
    "line_weights",
    "prediction",
    "rank_interval",
    "residual_weights",
    "seeds_needed",
    "slope_weights",
    "spread",
    "student",
    "weighted",
    "welch",
]
