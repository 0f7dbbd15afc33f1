"""What a training will cost, in time and on disk, before it is run.

The model is arithmetic: multiply-adds of the forward pass and of the gradients that the arm needs, plus
a fixed cost a layer and step. Runs that are already in the store, on the same kind of device, scale it
to the machine at hand; without any, the rates assumed below stand and the estimate says so.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from bnrepro.packing import end_of_all
from bnrepro.spec.arms import Arm
from bnrepro.spec.layers import Role
from bnrepro.spec.networks import Network
from bnrepro.spec.probe import CLAMPING_THRESHOLDS, Probe
from bnrepro.spec.recipe import DatasetName, Recipe
from bnrepro.spec.run import DeviceKind, RunRecord, RunSpec

ASSUMED_FLOPS = {DeviceKind.CPU: 50e9, DeviceKind.CUDA: 5e12}
"""Floating-point operations a second that a run is assumed to reach: one CPU core, or one GPU."""
ASSUMED_LAYER_SECONDS = 1e-4
"""Assumed fixed time a convolution, its BatchNorm and their gradients take in a step."""
_BYTES_PER_RUN, _BYTES_PER_EPOCH, _BYTES_PER_LAYER, _BYTES_PER_MEASUREMENT = 2500, 200, 360, 250
"""Of a run's files beside the numbers: its record, and what names and seals tensors and measured values."""
_BYTES_PER_VALUE, _BYTES_PER_COUNT = 4, 8


@dataclass(frozen=True, kw_only=True)
class DataShape:
    """Of a data set: images to train on and to test on, the form of one, and the classes."""

    train_images: int
    test_images: int
    side: int
    channels: int
    classes: int


PUBLISHED_SHAPES = {
    DatasetName.DIGITS: DataShape(train_images=1201, test_images=596, side=8, channels=1, classes=10),
    DatasetName.CIFAR10: DataShape(train_images=50_000, test_images=10_000, side=32, channels=3, classes=10),
    DatasetName.IMAGENET: DataShape(train_images=1_281_167, test_images=50_000, side=224, channels=3, classes=1000),
}
"""Of the data sets as everyone has them: what a plan counts on where the data are not at hand."""


@dataclass(frozen=True, kw_only=True)
class CostModel:
    """Estimates, fitted to finished runs where there are some. ``measured_from`` counts these; 0 is assumed."""

    shapes: Mapping[DatasetName, DataShape]
    corrections: Mapping[Recipe, float] = field(default_factory=dict)
    """Measured over modelled time, median over the runs that the model was fitted to, by recipe."""
    measured: Mapping[tuple[Recipe, Network, Arm], float] = field(default_factory=dict)
    """Mean seconds where runs exist."""
    measured_from: int = 0

    @classmethod
    def fitted(
        cls, shapes: Mapping[DatasetName, DataShape], specs: Iterable[RunSpec], records: Iterable[RunRecord]
    ) -> CostModel:
        """Fit to the finished runs that share the recipe and the kind of device of one of ``specs``."""
        alike = {(spec.recipe, spec.device) for spec in specs}
        seconds: dict[tuple[Recipe, Network, Arm], list[float]] = {}
        ratios: dict[Recipe, list[float]] = {}
        for record in records:
            spec = record.spec
            # A run that diverged may have stopped early.
            if record.status == "completed" and (spec.recipe, spec.device) in alike:
                seconds.setdefault(_kind_of(spec), []).append(record.wall_seconds)
                modelled = _modelled_seconds(spec, shapes[spec.recipe.dataset])
                ratios.setdefault(spec.recipe, []).append(record.wall_seconds / modelled)
        return cls(
            shapes=shapes,
            corrections={recipe: statistics.median(values) for recipe, values in ratios.items()},
            measured={kind: statistics.fmean(values) for kind, values in seconds.items()},
            measured_from=sum(map(len, ratios.values())),
        )

    def seconds(self, spec: RunSpec) -> float:
        """Expected wall time of one run."""
        measured = self.measured.get(_kind_of(spec))
        if measured is not None:
            return measured
        return self.corrections.get(spec.recipe, 1.0) * _modelled_seconds(spec, self.shapes[spec.recipe.dataset])

    def wall_seconds(self, specs: Sequence[RunSpec], jobs: int) -> float:
        """Expected time for all runs when ``jobs`` of them run at once, the longest first."""
        return end_of_all(map(self.seconds, specs), jobs)

    def flops(self, spec: RunSpec) -> float:
        """Floating-point operations of one run: a multiply-add counts as two, BatchNorm and the optimiser as none."""
        return _flops(spec, self.shapes[spec.recipe.dataset])

    def disk_bytes(self, spec: RunSpec) -> int:
        """Expected size of one training in the store, before anything is measured on it."""
        shape = self.shapes[spec.recipe.dataset]
        overhead = _BYTES_PER_EPOCH * spec.recipe.epochs
        overhead += _BYTES_PER_LAYER * len(spec.network.convolutions(shape.channels))
        running_statistics = spec.network.counts(shape.channels).batchnorm
        values = trainable_parameters(spec.network, spec.arm, shape.channels, shape.classes) + running_statistics
        return _BYTES_PER_RUN + overhead + _BYTES_PER_VALUE * values

    def measured_bytes(self, spec: RunSpec, probes: Iterable[Probe]) -> int:
        """Expected size in the store of what is measured on one run."""
        shape = self.shapes[spec.recipe.dataset]
        return sum(_BYTES_PER_MEASUREMENT + _measured_bytes(probe, spec.network, shape) for probe in probes)


@cache  # a plan asks for each seed and each claim anew
def trainable_parameters(network: Network, arm: Arm, in_channels: int, classes: int | None = None) -> int:
    """How many values an arm learns on a network, for the family's number of classes or another one."""
    counts = network.counts(in_channels, classes)
    learned = counts.batchnorm * arm.affine + counts.output * arm.output
    for layer in network.convolutions(in_channels):
        if arm.convolution or (arm.shortcut and layer.role is Role.SHORTCUT):
            learned += layer.parameters
        else:
            learned += layer.out_channels * min(arm.random_per_channel, layer.fan_in)
    return learned


def _measured_bytes(probe: Probe, network: Network, shape: DataShape) -> int:
    """Of the arrays that a probe gives: see the values in :mod:`bnrepro.spec.probe`."""
    layers = network.convolutions(shape.channels)
    match probe:
        case Probe.AFFINE:
            return 2 * _BYTES_PER_VALUE * sum(layer.out_channels for layer in layers)
        case Probe.CLAMPING:
            return 3 * _BYTES_PER_COUNT * len(CLAMPING_THRESHOLDS)
        case Probe.ACTIVITY:
            # A ReLU follows every layer but a shortcut, which is added before one.
            units = sum(layer.out_channels for layer in layers if layer.role is not Role.SHORTCUT)
            return 2 * _BYTES_PER_COUNT * units
        case Probe.CORRECTNESS:
            return shape.test_images


def _kind_of(spec: RunSpec) -> tuple[Recipe, Network, Arm]:
    return spec.recipe, spec.network, spec.full_arm


def passes(arm: Arm) -> int:
    """Passes of the cost of a forward one: input gradients are another, gradients of weights a third."""
    return 3 if arm.convolution or arm.random_per_channel else 2


def _flops(spec: RunSpec, shape: DataShape) -> float:
    images = shape.train_images * passes(spec.arm) + shape.test_images
    return 2.0 * spec.recipe.epochs * images * spec.network.multiply_adds(shape.side, shape.channels)


def _modelled_seconds(spec: RunSpec, shape: DataShape) -> float:
    steps = spec.recipe.epochs * spec.recipe.steps_per_epoch(shape.train_images)
    layers = len(spec.network.convolutions(shape.channels))
    overhead = steps * layers * passes(spec.arm) * ASSUMED_LAYER_SECONDS
    return _flops(spec, shape) / ASSUMED_FLOPS[spec.device] + overhead
