"""Lines through a few points, one line for each seed.

Where the points stand is known exactly, so a slope, a prediction or a residual is a fixed weighted sum of the values:
the functions here give those weights, and ``weighted`` applies them seed by seed. Networks of one seed share random
draws, so their residuals are not independent and a line's own standard error would be wrong. The error is taken over
seeds instead, by Student's t on one number a seed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bnrepro.stats.student import FloatArray, SampleError

_ROUNDING = 1e-12
"""Relative to what was summed, differences below this are floating-point rounding."""


def slope_weights(positions: npt.ArrayLike) -> FloatArray:
    """Weights whose sum with the values is the slope of their least-squares line.

        w = (x - mean(x)) / sum((x - mean(x))²)

    Args:
        positions: x of each point, shape (k,), at least two of them different.

    Returns:
        Shape (k,).

    Raises:
        SampleError: there is no line: fewer than two different positions.
    """
    x = _checked(positions)
    centred = x - x.mean()
    return np.asarray(centred / (centred @ centred))


def line_weights(positions: npt.ArrayLike, at: float) -> FloatArray:
    """Weights whose sum with the values is the height at ``at`` of their least-squares line.

    Args:
        positions: x of each point, shape (k,), at least two of them different.
        at: where the line is read; beyond the points it extrapolates.

    Returns:
        Shape (k,).

    Raises:
        SampleError: there is no line: fewer than two different positions.
    """
    x = _checked(positions)
    return np.asarray(1 / len(x) + (at - x.mean()) * slope_weights(x))


def residual_weights(positions: npt.ArrayLike) -> FloatArray:
    """Weights whose sums with the values are the deviations of the points from their least-squares line.

    Args:
        positions: x of each point, shape (k,), at least two of them different.

    Returns:
        Shape (k, k): row i gives point i less the line through all points, itself included.

    Raises:
        SampleError: there is no line: fewer than two different positions.
    """
    x = _checked(positions)
    return np.eye(len(x)) - np.stack([line_weights(x, at) for at in x])


def common_start_weights(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Weights of the slopes of two lines that meet at the smallest position, fitted together by least squares.

    The model is a + b₁ (x - x₀) on the first line and a + b₂ (x - x₀) on the second, with x₀ the smallest position of
    all. Points at x₀ say nothing about either slope alone, but all about where both start.

    Args:
        first: x of each point of the first line, shape (k,); NaN for a point that is not on it.
        second: the same points' x on the second line, shape (k,); a point at x₀ may stand on both.

    Returns:
        Two of shape (k,).

    Raises:
        SampleError: a line has no point away from the start, a point elsewhere stands on both lines, or one on none.
    """
    x = np.array([first, second], dtype=np.float64)
    start = np.nanmin(x)
    offsets = np.nan_to_num(x - start)
    if (np.isnan(x).all(axis=0)).any() or (offsets > 0).all(axis=0).any():
        raise SampleError("away from the common start, a point stands on one of the two lines")
    if not (offsets > 0).any(axis=1).all():
        raise SampleError("a line needs a point away from the common start")
    _, first_slope, second_slope = np.linalg.pinv(np.column_stack([np.ones(x.shape[1]), *offsets]))
    return first_slope, second_slope


def interpolation_weights(positions: npt.ArrayLike, at: float) -> FloatArray:
    """Weights whose sum with the values is their piecewise-linear interpolation at ``at``.

    Args:
        positions: x of each point, shape (k,), in any order; points at the same x count by their mean.
        at: within the range of the points.

    Returns:
        Shape (k,), zero for points that are no neighbour of ``at``.

    Raises:
        SampleError: ``at`` lies outside the range of the points.
    """
    x = np.asarray(positions, dtype=np.float64)
    if not x.size or not x.min() <= at <= x.max():
        raise SampleError(f"{at} lies outside the points {x.tolist()}")
    low, high = x[x <= at].max(), x[x >= at].min()
    share = 0.0 if high == low else (at - low) / (high - low)
    return np.asarray((1 - share) * _mean_at(x, low) + share * _mean_at(x, high))


def weighted(rows: FloatArray, weights: npt.ArrayLike) -> FloatArray:
    """One weighted sum for each seed.

    Sums that differ by no more than floating-point rounding come out equal, so that seeds which agree exactly are seen
    to tell nothing about the spread, also where the sum itself is nearly 0.

    Args:
        rows: values, shape (seeds, k).
        weights: shape (k,).

    Returns:
        Shape (seeds,).
    """
    coefficients = np.asarray(weights, dtype=np.float64)
    return without_rounding(rows @ coefficients, np.abs(rows) @ np.abs(coefficients))


def without_rounding(values: FloatArray, magnitudes: FloatArray) -> FloatArray:
    """Values, made equal where they differ by no more than the rounding of what they were summed from.

    Args:
        values: shape (n,).
        magnitudes: sum of the absolute terms of each, shape (n,).
    """
    if len(values) and np.ptp(values) <= _ROUNDING * magnitudes.max():
        return np.full_like(values, values.mean())
    return values


def _checked(positions: npt.ArrayLike) -> FloatArray:
    x = np.asarray(positions, dtype=np.float64)
    if x.ndim != 1 or not np.isfinite(x).all() or len(set(x.tolist())) < 2:
        raise SampleError(f"no line goes through points at {x.tolist()}: two different positions are needed")
    return x


def _mean_at(x: FloatArray, position: float) -> FloatArray:
    here = x == position
    return np.asarray(here / here.sum())
