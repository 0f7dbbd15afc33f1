"""The paper's networks in torch, built from the same list of steps that counts their parameters."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional

from bnrepro.spec import layers
from bnrepro.spec.networks import Network
from bnrepro.train.convolution import Convolution, EntryTrainedConv2d
from bnrepro.train.kernels import calls
from bnrepro.train.unit import FusedUnit, Norm, evaluated

Features = torch.Tensor | tuple[torch.Tensor, torch.Tensor]
"""(N, C, H, W), or the same twice: for the body of the next block and for its shortcut (:class:`FusedUnit`)."""


class Unit(nn.Module):
    """A convolution and its BatchNorm, the random features and their affine control; ReLU after them, if any.

    Usage:
        unit.fused = True    # on the CPU in one piece, where the kernels are; torch's own operators else
        activations = unit(images)

    In one piece, hooks on ``conv``, ``bn`` and ``relu`` would hear nothing: in evaluation a unit that has any goes step
    by step, in training they are not heard. What comes out of the unit can always be listened to.
    """

    def __init__(self, layer: layers.ConvLayer, *, relu: bool) -> None:
        super().__init__()
        self.conv: Convolution | EntryTrainedConv2d = Convolution(layer)
        self.bn = nn.BatchNorm2d(layer.out_channels)
        self.relu = nn.ReLU(inplace=True) if relu else None
        self.fused = False

    def forward(self, images: torch.Tensor, shortcut: torch.Tensor | None = None) -> Features:
        """(N, C_in, H, W) to (N, C_out, H / stride, W / stride); ``shortcut`` is added before any ReLU."""
        if self.fused and calls.usable(images):
            if self.training:
                return self._in_one_piece(images, shortcut)
            if not torch.is_grad_enabled() and not self._watched:
                return evaluated(images, self.conv.filter(images.dtype), self.bn, shortcut, relu=self.relu is not None)
        features: torch.Tensor = self.bn(self.conv(images))
        if shortcut is not None:
            features += shortcut
        return features if self.relu is None else self.relu(features)

    @property
    def _watched(self) -> bool:
        """Whether someone hangs on what comes between the steps."""
        steps = (self.conv, self.bn, *(() if self.relu is None else (self.relu,)))
        return any(step._forward_hooks or step._forward_pre_hooks for step in steps)

    def _in_one_piece(self, images: torch.Tensor, shortcut: torch.Tensor | None) -> Features:
        bn, conv = self.bn, self.conv
        done: Features = FusedUnit.apply(
            images,
            conv.learning,
            conv.bias,
            bn.weight,
            bn.bias,
            shortcut,
            conv.filter(images.dtype),
            Norm.of(bn),
            self.relu is not None,
        )
        return done


class Block(nn.Module):
    """Two units, or the three of a bottleneck, around a shortcut that is added before the last ReLU.

    A block that changes the shape has a 1x1 unit on its shortcut, any other one none.
    """

    def __init__(self, block: layers.Block) -> None:
        super().__init__()
        self.body = [f"conv{number}" for number, _ in enumerate(block.body, start=1)]
        for name, layer in zip(self.body, block.body, strict=True):
            self.add_module(name, Unit(layer, relu=True))
        self.shortcut = None if block.shortcut is None else Unit(block.shortcut, relu=False)

    def forward(self, images: Features) -> Features:
        """(N, C_in, H, W) to (N, C_out, H / stride, W / stride)."""
        *inner, last = (self.get_submodule(name) for name in self.body)
        features, skipped = images if isinstance(images, tuple) else (images, images)
        for unit in inner:
            features = unit(features)
        activated: Features = last(features, skipped if self.shortcut is None else self.shortcut(skipped))
        return activated


class Output(nn.Linear):
    """The output layer, in the precision of its features."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, features) to (N, classes)."""
        return functional.linear(features, self.weight.to(features.dtype), self.bias.to(features.dtype))


class ConvNet(nn.Module):
    """A network of any family (the paper's Appendices B and C.1), named as in :meth:`Network.convolutions`.

    What comes out of a unit are its activations, which a forward hook on it can read. The max
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
                self._append(step.name, Unit(step, relu=True))
        self.output = Output(network.features, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) normalised images to (N, classes) logits, all in the precision of the images."""
        features: Features = images
        for name, module in self.named_children():
            if name != "output":
                features = module(features)
        last = features[0] if isinstance(features, tuple) else features
        logits: torch.Tensor = self.output(last.mean(dim=(2, 3)))
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
