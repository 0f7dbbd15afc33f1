"""The CIFAR ResNets in torch, built from the same layer list that counts their parameters."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from bnrepro.spec.networks import ConvLayer, Network


class Unit(nn.Module):
    """A convolution without bias and its BatchNorm: the random features and their affine control."""

    def __init__(self, layer: ConvLayer) -> None:
        super().__init__()
        self.conv: nn.Module = nn.Conv2d(
            layer.in_channels,
            layer.out_channels,
            layer.kernel,
            stride=layer.stride,
            padding=layer.kernel // 2,
            bias=False,
        )
        self.bn = nn.BatchNorm2d(layer.out_channels)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, C_in, H, W) to (N, C_out, H / stride, W / stride), before any ReLU."""
        normalised: torch.Tensor = self.bn(self.conv(images))
        return normalised


class Block(nn.Module):
    """Two 3x3 units around a shortcut; a strided block's shortcut is a 1x1 unit, added before the ReLU."""

    def __init__(self, layers: dict[str, ConvLayer]) -> None:
        super().__init__()
        self.conv1 = Unit(layers["conv1"])
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = Unit(layers["conv2"])
        self.shortcut = Unit(layers["shortcut"]) if "shortcut" in layers else None
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, C_in, H, W) to (N, C_out, H / stride, W / stride)."""
        features = self.conv2(self.relu1(self.conv1(images)))
        features += images if self.shortcut is None else self.shortcut(images)
        activated: torch.Tensor = self.relu2(features)
        return activated


class ResNet(nn.Module):
    """A ResNet for small images (He et al. 2016; the paper's Appendix B.1).

    Every ReLU is a module of its own, so that a forward hook can read the activations of its units.
    """

    def __init__(self, network: Network, *, in_channels: int, classes: int) -> None:
        super().__init__()
        layers = {layer.name: layer for layer in network.convolutions(in_channels)}
        self.stem = Unit(layers["stem"])
        self.relu = nn.ReLU(inplace=True)
        for group in (1, 2, 3):
            blocks = nn.ModuleDict()
            for block in range(1, network.blocks_per_group + 1):
                prefix = f"group{group}.block{block}."
                blocks[f"block{block}"] = Block(
                    {name.removeprefix(prefix): layer for name, layer in layers.items() if name.startswith(prefix)}
                )
            self.add_module(f"group{group}", blocks)
        self.output = nn.Linear(network.features, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) normalised images to (N, classes) logits."""
        features = self.relu(self.stem(images))
        for block in self.blocks():
            features = block(features)
        logits: torch.Tensor = self.output(features.mean(dim=(2, 3)))
        return logits

    def blocks(self) -> Iterator[nn.Module]:
        """All blocks in the order of the forward pass."""
        for group in (self.group1, self.group2, self.group3):
            assert isinstance(group, nn.ModuleDict)  # noqa: S101 - as built above
            yield from group.values()

    def units(self) -> Iterator[tuple[str, Unit]]:
        """Every convolution with its BatchNorm, named as in :meth:`Network.convolutions`."""
        for name, module in self.named_modules():
            if isinstance(module, Unit):
                yield name, module
