"""Made-up runs with every measurement, for the paper's figures at any scale."""

from __future__ import annotations

import numpy as np

from bnrepro.report.figures.catalogue import FIGURES
from bnrepro.spec.arms import Arm
from bnrepro.spec.binning import distributions_of
from bnrepro.spec.distributions import Distributions
from bnrepro.spec.metrics import Metric
from bnrepro.spec.probe import CLAMPING_THRESHOLDS, AffineValues, ClampingCurve, Probe, UnitActivity
from bnrepro.spec.results import RunRow, VerdictDocument
from bnrepro.spec.scale import Outcome, Scale
from tests.report_parts import document, run_row, seeded

EVERY_ARM = tuple(
    dict.fromkeys(arm for figure in FIGURES for part in figure.parts for arm in sorted(part.arms, key=str))
)
SMALL = ("resnet-14", "resnet-20", "wrn-14-2", "vgg-11-0.25", "vgg-19-0.25", "wrn-8-0.125", "wrn-14-0.25")
WHOLE = (
    *(f"resnet-{depth}" for depth in (14, 32, 56, 110, 218, 434, 866)),
    *(f"wrn-14-{width}" for width in (2, 4, 8, 16, 32)),
    *(f"vgg-{depth}" for depth in (11, 13, 16, 19)),
    *("wrn-8-0.4375", "wrn-38-0.25", "wrn-32-0.125", "wrn-68-0.125"),
    *(f"imagenet-resnet-{depth}" for depth in (18, 34, 50, 101, 200)),
)


def measured_of(seed: int, spread: float = 0.4) -> Distributions:
    """What is measured of one made-up network of 200 channels."""
    draw = np.random.default_rng(seed)
    zeros = draw.integers(0, 101, 200)
    found = distributions_of(
        {
            Probe.AFFINE: AffineValues(
                gamma=draw.normal(0.2, spread, 200).astype(np.float32), beta=draw.normal(0, 0.3, 200).astype(np.float32)
            ),
            Probe.CLAMPING: ClampingCurve(
                thresholds=np.array(CLAMPING_THRESHOLDS),
                accuracies=70.0 - 20 * np.array(CLAMPING_THRESHOLDS),
                shares_clamped=100 * np.array(CLAMPING_THRESHOLDS),
                unclamped_accuracy=70.0,
            ),
            Probe.ACTIVITY: UnitActivity(zeros=zeros, totals=np.full(200, 100)),
        }
    )
    assert found is not None
    return found


def run(network: str, arm: Arm | str, seed: int, accuracy: float, **changes: object) -> RunRow:
    return run_row(network, Arm.parse(arm), seed, accuracy, 1, **changes)


def full_run(network: str, arm: Arm, seed: int) -> RunRow:
    """A run with every metric and every distribution."""
    draw = seeded(f"{network} {arm} {seed} figure")
    shares = {metric: draw.uniform(1, 40) for metric in Metric if metric is not Metric.TEST_ACCURACY}
    accuracy = draw.uniform(20, 90)
    return run(
        network, arm, seed, accuracy, values=shares | {Metric.TEST_ACCURACY: accuracy}, distributions=measured_of(seed)
    )


def papers(runs: list[RunRow], scale: Scale = Scale.DIGITS, **changes: object) -> VerdictDocument:
    """A document of some runs and no check."""
    return document(runs, (), scale, Outcome.NOT_ASSESSED, **({"paper_values": ()} | changes))


def whole_document(scale: Scale, seeds: int = 2) -> VerdictDocument:
    networks = WHOLE if scale is Scale.PAPER else SMALL
    runs = [full_run(name, arm, seed) for name in networks for arm in EVERY_ARM for seed in range(seeds)]
    return papers(runs, scale)
