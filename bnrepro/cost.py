"""What a training will cost, in time and on disk, before it is run.

The model is arithmetic: multiply-adds of the forward pass and of the gradients that the arm needs, plus
a fixed cost a layer and step. Runs that are already in the store, on the same kind of device, scale it
to the machine at hand; without any, the rates assumed below stand and the estimate says so.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bnrepro.spec.arms import Arm
from bnrepro.spec.networks import Network, Role
from bnrepro.spec.run import DeviceKind, RunRecord, RunSpec

ASSUMED_FLOPS = {DeviceKind.CPU: 50e9, DeviceKind.CUDA: 5e12}
"""Floating-point operations a second that a run is assumed to reach: one CPU core, or one GPU."""
ASSUMED_LAYER_SECONDS = 1e-4
"""Assumed fixed time a convolution, its BatchNorm and their gradients take in a step."""
_BYTES_PER_EPOCH, _BYTES_PER_RUN, _BYTES_PER_VALUE = 200, 6000, 4


@dataclass(frozen=True, kw_only=True)
class DataShape:
    """Of a data set: images to train on and to test on, and the form of one."""

    train_images: int
    test_images: int
    side: int
    channels: int


@dataclass(frozen=True, kw_only=True)
class CostModel:
    """Estimates for one data set. ``measured_from`` counts the runs that it was fitted to; 0 is assumed."""

    shape: DataShape
    correction: float = 1.0
    """Measured over modelled time, of the runs that the model was fitted to."""
    measured: dict[tuple[str, str], float]
    """Mean seconds of (network, arm) at the recipe in use, where runs exist."""
    measured_from: int = 0

    @classmethod
    def fitted(cls, shape: DataShape, spec: RunSpec, records: Iterable[RunRecord]) -> CostModel:
        """Fit to the finished runs that share ``spec``'s recipe and kind of device."""
        seconds: dict[tuple[str, str], list[float]] = {}
        ratios = []
        for record in records:
            done = record.status == "completed"  # a run that diverged may have stopped early
            if done and record.spec.recipe == spec.recipe and record.spec.device is spec.device:
                seconds.setdefault(_pair(record.spec), []).append(record.wall_seconds)
                ratios.append(record.wall_seconds / _modelled_seconds(record.spec, shape))
        return cls(
            shape=shape,
            correction=statistics.median(ratios) if ratios else 1.0,
            measured={pair: statistics.fmean(values) for pair, values in seconds.items()},
            measured_from=len(ratios),
        )

    def seconds(self, spec: RunSpec) -> float:
        """Expected wall time of one run."""
        measured = self.measured.get(_pair(spec))
        return self.correction * _modelled_seconds(spec, self.shape) if measured is None else measured

    def wall_seconds(self, specs: Sequence[RunSpec], jobs: int) -> float:
        """Expected time for all runs when ``jobs`` of them run at once, the longest first."""
        ends = [0.0] * jobs
        for seconds in sorted(map(self.seconds, specs), reverse=True):
            ends[ends.index(min(ends))] += seconds
        return max(ends)

    def disk_bytes(self, spec: RunSpec) -> int:
        """Expected size of one run in the store."""
        running_statistics = spec.network.counts(self.shape.channels).batchnorm
        values = trainable_parameters(spec.network, spec.arm, self.shape.channels) + running_statistics
        return _BYTES_PER_RUN + _BYTES_PER_EPOCH * spec.recipe.epochs + _BYTES_PER_VALUE * values


def trainable_parameters(network: Network, arm: Arm, in_channels: int) -> int:
    """How many values an arm learns on a network."""
    counts = network.counts(in_channels)
    learned = counts.batchnorm * arm.affine + counts.output * arm.output
    for layer in network.convolutions(in_channels):
        if arm.convolution or (arm.shortcut and layer.role is Role.SHORTCUT):
            learned += layer.weights
        else:
            learned += layer.out_channels * min(arm.random_per_channel, layer.fan_in)
    return learned


def _pair(spec: RunSpec) -> tuple[str, str]:
    return str(spec.network), str(spec.arm)


def _modelled_seconds(spec: RunSpec, shape: DataShape) -> float:
    # Forward and input gradient cost one pass each; gradients of the weights a third, where some are trained.
    passes = 3 if spec.arm.convolution or spec.arm.random_per_channel else 2
    forward = 2 * spec.network.multiply_adds(shape.side, shape.channels)
    images = shape.train_images * passes + shape.test_images
    steps = spec.recipe.steps_per_epoch(shape.train_images)
    layers = len(spec.network.convolutions(shape.channels))
    per_epoch = images * forward / ASSUMED_FLOPS[spec.device] + steps * layers * passes * ASSUMED_LAYER_SECONDS
    return spec.recipe.epochs * per_epoch
