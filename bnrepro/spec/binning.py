"""Measurements of a trained network, counted over fixed bins: arrays to the few numbers that figures need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from bnrepro.spec.distributions import (
    BETA_EDGES,
    CUT_OFFS,
    DECIMALS,
    GAMMA_EDGES,
    ZERO_SHARE_EDGES,
    ActivityDistribution,
    AffineDistribution,
    ClampingDistribution,
    Curve,
    Distributions,
    Histogram,
)
from bnrepro.spec.probe import CLAMPING_THRESHOLDS, AffineValues, ClampingCurve, Measured, Probe, UnitActivity


def distributions_of(measured: Mapping[Probe, Measured]) -> Distributions | None:
    """What the measurements of one run come to over the bins; ``None`` where none of them has a distribution."""
    parts: dict[str, object] = {}
    for value in measured.values():
        match value:
            case AffineValues():
                parts["affine"] = _affine(value)
            case ClampingCurve():
                parts["clamping"] = _clamping(value)
            case UnitActivity():
                parts["activity"] = _activity(value)
    return Distributions.model_validate(parts) if parts else None


def _affine(values: AffineValues) -> AffineDistribution:
    return AffineDistribution(
        gamma=_histogram(values.gamma, GAMMA_EDGES),
        beta=_histogram(values.beta, BETA_EDGES),
        small_gamma=_curve(CLAMPING_THRESHOLDS, map(values.share_below, CLAMPING_THRESHOLDS)),
    )


def _clamping(curve: ClampingCurve) -> ClampingDistribution:
    return ClampingDistribution(
        accuracy=_curve(curve.thresholds.tolist(), curve.accuracies.tolist()),
        unclamped_accuracy=round(curve.unclamped_accuracy, DECIMALS),
    )


def _activity(activity: UnitActivity) -> ActivityDistribution:
    return ActivityDistribution(
        zero_share=_histogram(activity.zero_share(), ZERO_SHARE_EDGES),
        off=_curve(CUT_OFFS, map(activity.share_inactive, CUT_OFFS)),
    )


def _histogram(values: NDArray[np.floating], edges: tuple[float, ...]) -> Histogram:
    exact = values.astype(np.float64)
    counts, _ = np.histogram(exact, edges)
    return Histogram(
        below=int(np.count_nonzero(exact < edges[0])),
        counts=tuple(counts.tolist()),
        above=int(np.count_nonzero(exact > edges[-1])),
    )


def _curve(thresholds: Iterable[float], percents: Iterable[float]) -> Curve:
    return Curve(thresholds=tuple(thresholds), percents=tuple(round(percent, DECIMALS) for percent in percents))
