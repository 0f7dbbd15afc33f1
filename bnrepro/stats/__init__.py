"""Statistics over seeds: pure functions of numpy arrays that know nothing of claims.

Ignorance is wide throughout: where the data say nothing about the spread, the interval is the
whole line and p is 1.
"""

from __future__ import annotations

from bnrepro.stats.multiplicity import holm
from bnrepro.stats.proportions import clopper_pearson_upper
from bnrepro.stats.sample_size import seeds_needed
from bnrepro.stats.student import ConfidenceInterval, MeanEstimate, SampleError, prediction, student, welch

__all__ = [
    "ConfidenceInterval",
    "MeanEstimate",
    "SampleError",
    "clopper_pearson_upper",
    "holm",
    "prediction",
    "seeds_needed",
    "student",
    "welch",
]
