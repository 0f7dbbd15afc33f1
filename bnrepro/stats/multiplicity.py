"""Several hypotheses at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bnrepro.stats.student import FloatArray, SampleError


def holm(p_values: npt.ArrayLike) -> FloatArray:
    """p values adjusted by the step-down procedure of Holm (1979).

    A hypothesis is rejected with familywise error alpha where its adjusted p is below alpha; the
    smallest of m is thus held against alpha / m.

    Args:
        p_values: shape (m,), each in [0, 1].

    Returns:
        Adjusted p values, shape (m,), in the order given.

    Raises:
        SampleError: a p value is NaN or outside [0, 1].
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise SampleError(f"p values are a one-dimensional array within [0, 1], got {p.tolist()}")
    order = np.argsort(p, kind="stable")
    remaining = np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(remaining * p[order]), 1.0)
    return adjusted
