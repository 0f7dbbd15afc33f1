"""The paper's networks in torch, built from the same list of steps that counts their parameters."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from bnrepro.spec import layers
from bnrepro.spec.networks import Network


class Unit(nn.Module):
    """A convolution and its BatchNorm: the random features and their affine control."""

    def __init__(self, layer: layers.ConvLayer) -> None:
        super().__init__()
        self.conv: nn.Module = nn.Conv2d(
            layer.in_channels,
            layer.out_channels,
            layer.kernel,
            stride=layer.stride,
            padding=layer.kernel // 2,
            bias=layer.bias,
        )
        self.bn = nn.BatchNorm2d(layer.out_channels)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, C_in, H, W) to (N, C_out, H / stride, W / stride), before any ReLU."""
        normalised: torch.Tensor = self.bn(self.conv(images))
        return normalised


class Block(nn.Module):
    """Two units, or the three of a bottleneck, around a shortcut that is added before the last ReLU.

    A block that changes the shape has a 1x1 unit on its shortcut, any other one none.
    """

    def __init__(self, block: layers.Block) -> None:
        super().__init__()
        for number, layer in enumerate(block.body, start=1):
            self.add_module(f"conv{number}", Unit(layer))
            self.add_module(f"relu{number}", nn.ReLU(inplace=True))
        self.shortcut = None if block.shortcut is None else Unit(block.shortcut)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, C_in, H, W) to (N, C_out, H / stride, W / stride)."""
        *inner, last, relu = (module for name, module in self.named_children() if name != "shortcut")
        features = images
        for module in inner:
            features = module(features)
        features = last(features)
        features += images if self.shortcut is None else self.shortcut(images)
        activated: torch.Tensor = relu(features)
        return activated


class ConvNet(nn.Module):
    """A network of any family (the paper's Appendices B and C.1), named as in :meth:`Network.convolutions`.

    Every ReLU is a module of its own, so that a forward hook can read the activations of its units. The max
    pools of a VGG round up (torch's ``ceil_mode``), so that it takes images of 8x8 too; at 32x32 nothing is
    left to round.
    """

    def __init__(self, network: Network, *, in_channels: int, classes: int) -> None:
        super().__init__()
        for step in network.steps(in_channels):
            if isinstance(step, layers.Block):
                self._append(step.name, Block(step))
            elif isinstance(step, layers.MaxPool):
                pool = nn.MaxPool2d(step.kernel, stride=2, padding=(step.kernel - 1) // 2, ceil_mode=step.kernel == 2)
                self._append(step.name, pool)
            else:
                self._append(step.name, Unit(step))
                self._append(_relu_after(step.name), nn.ReLU(inplace=True))
        self.output = nn.Linear(network.features, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) normalised images to (N, classes) logits."""
        features = images
        for name, module in self.named_children():
            if name != "output":
                features = module(features)
        logits: torch.Tensor = self.output(features.mean(dim=(2, 3)))
        return logits

    def units(self) -> Iterator[tuple[str, Unit]]:
        """Every convolution with its BatchNorm, in the order of :meth:`Network.convolutions`."""
        for name, module in self.named_modules():
            if isinstance(module, Unit):
                yield name, module

    def _append(self, name: str, module: nn.Module) -> None:
        """Put a module last, a dot in its name meaning a group: ``group1.block2``."""
        group, _, own = name.rpartition(".")
        parent: nn.Module = self
        if group:
            if group not in self._modules:
                self.add_module(group, nn.Sequential())
            parent = self.get_submodule(group)
        parent.add_module(own, module)


def _relu_after(unit: str) -> str:
    """``relu`` after the stem, ``group1.relu2`` after ``group1.conv2``."""
    return unit.replace("stem", "relu").replace("conv", "relu")
