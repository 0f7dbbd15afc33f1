"""What one training step takes on one CPU core, network by network, and how that grows with their size.

Written to docs/step_seconds.json by
    python -m tests.step_seconds          the better part of ten minutes of one core
and read by :mod:`tests.scaling`. Images are made up: what they show costs nothing.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from bnrepro.cost import PUBLISHED_SHAPES, passes
from bnrepro.recipes import RECIPE_VERSION, recipe_for
from bnrepro.spec.arms import Arm
from bnrepro.spec.layers import Block, ConvLayer
from bnrepro.spec.networks import Network
from bnrepro.spec.recipe import DatasetName
from bnrepro.spec.run import DeviceKind, RunSpec
from bnrepro.spec.scale import Scale

KEPT = Path(__file__).parent.parent / "docs" / "step_seconds.json"
NETWORKS = ("resnet-14", "resnet-20", "resnet-32", "resnet-56", "resnet-110", "wrn-14-2", "wrn-14-4")
ARMS = ("batchnorm", "random_2", "all")
DEEPEST = "resnet-110"
"""Foretold from the others, to see how far the formula carries."""
STEPS, ROUNDS = 2, 3
"""A round takes every network and arm in turn, so that a disturbance meets all alike."""
_SHAPE = PUBLISHED_SHAPES[DatasetName.CIFAR10]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """CPU seconds of a step of one network and arm: the least, and the greatest, over rounds."""

    network: str
    arm: str
    least: float
    greatest: float


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Seconds a step = ``a`` · multiply-adds + ``b`` · elements + ``c`` · layers, of one arm; none is negative.

    Fitted to relative errors by least squares (Lawson & Hanson 1974).
    """

    a: float
    b: float
    c: float

    @classmethod
    def to(cls, measured: Sequence[Measured]) -> Fit:
        """Fit to the least seconds of some networks, all of one arm."""
        rows = np.array([sizes(Network.parse(each.network), each.arm) for each in measured])
        seconds = np.array([each.least for each in measured])
        unit = rows.max(axis=0)
        found, _ = nnls(rows / unit / seconds[:, None], np.ones(len(seconds)))
        a, b, c = found / unit
        return cls(a=float(a), b=float(b), c=float(c))

    def seconds(self, network: Network, arm: str) -> float:
        """Of one step."""
        multiply_adds, elements, layers = sizes(network, arm)
        return self.a * multiply_adds + self.b * elements + self.c * layers


def sizes(network: Network, arm: str) -> tuple[float, float, float]:
    """Of one step: multiply-adds of all its passes, elements that come out of all convolutions, convolutions."""
    batch = recipe_for(network, Scale.PAPER).batch_size
    forward = network.multiply_adds(_SHAPE.side, _SHAPE.channels)
    elements = activations(network, _SHAPE.side, _SHAPE.channels)
    layers = len(network.convolutions(_SHAPE.channels))
    return float(batch * forward * passes(Arm.parse(arm))), float(batch * elements), float(layers)


def activations(network: Network, side: int, in_channels: int) -> int:
    """Elements that come out of all convolutions for one square image of ``side`` pixels."""
    total = 0
    for step in network.steps(in_channels):
        layers = step.body if isinstance(step, Block) else [step]
        if isinstance(step, Block) and step.shortcut is not None:
            total += step.shortcut.out_channels * step.shortcut.side_after(side) ** 2
        for layer in layers:
            side = layer.side_after(side)
            total += layer.out_channels * side**2 if isinstance(layer, ConvLayer) else 0
    return total


def measure() -> list[Measured]:
    """Time some steps of every network and arm, on one thread."""
    import torch

    from bnrepro.train.model import TrainedModel

    torch.set_num_threads(1)
    seconds: dict[tuple[str, str], list[float]] = {}
    for number in range(ROUNDS):
        for name in NETWORKS:
            for arm in ARMS:
                spec = _spec(Network.parse(name), Arm.parse(arm))
                device = torch.device("cpu")
                model = TrainedModel(spec, in_channels=_SHAPE.channels, classes=_SHAPE.classes, device=device)
                model.set_lr(spec.recipe.peak_lr)
                draw = torch.Generator().manual_seed(number)
                batch = spec.recipe.batch_size
                images = torch.randn(batch, _SHAPE.channels, _SHAPE.side, _SHAPE.side, generator=draw)
                images = images.to(memory_format=torch.channels_last)
                labels = torch.randint(_SHAPE.classes, (batch,), generator=draw)
                model.step(images, labels)
                begun = time.process_time()
                for _ in range(STEPS):
                    model.step(images, labels)
                seconds.setdefault((name, arm), []).append((time.process_time() - begun) / STEPS)
                sys.stderr.write(f"round {number + 1}: {name} {arm} {seconds[name, arm][-1]:.3f} s\n")
    return [
        Measured(network=name, arm=arm, least=min(times), greatest=max(times)) for (name, arm), times in seconds.items()
    ]


def kept(path: Path = KEPT) -> tuple[list[Measured], dict[str, str]]:
    """What was measured last, and on what."""
    content = json.loads(path.read_text())
    return [Measured(**each) for each in content["steps"]], content["machine"]


def worst_error(fit: Fit, measured: Sequence[Measured]) -> float:
    """The greatest relative error of a fit."""
    return max(abs(fit.seconds(Network.parse(each.network), each.arm) / each.least - 1) for each in measured)


def spread(measured: Sequence[Measured]) -> float:
    """Of the rounds: the median over networks and arms of the greatest time over the least."""
    return statistics.median(each.greatest / each.least for each in measured)


def _spec(network: Network, arm: Arm) -> RunSpec:
    return RunSpec(
        scale=Scale.PAPER,
        recipe=recipe_for(network, Scale.PAPER),
        network=network,
        arm=arm,
        seed=0,
        data_digest="0" * 64,
        device=DeviceKind.CPU,
        recipe_version=RECIPE_VERSION,
    )


def _processor() -> str:
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text().splitlines() if cpus.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    """Measure and keep."""
    import torch

    measured = measure()
    batch = recipe_for(Network.parse(DEEPEST), Scale.PAPER).batch_size
    precision = recipe_for(Network.parse(DEEPEST), Scale.PAPER).precision
    machine = {"processor": _processor(), "torch": torch.__version__, "batch": str(batch), "precision": precision}
    steps = [
        {**asdict(each), **{k: float(f"{getattr(each, k):.4g}") for k in ("least", "greatest")}} for each in measured
    ]
    KEPT.write_text(json.dumps({"machine": machine, "steps": steps}, indent=1) + "\n")


if __name__ == "__main__":
    main()
