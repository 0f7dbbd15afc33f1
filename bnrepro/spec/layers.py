"""What the paper's networks are made of, in the order of the forward pass (no torch).

A network is a row of steps. Both the arithmetic of :mod:`bnrepro.spec.networks` and the torch modules of
the training room are built from this one list, so that what is counted is what is trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a convolution is for; Appendix G trains shortcuts apart from the rest."""

    BODY = "body"
    SHORTCUT = "shortcut"


@dataclass(frozen=True, kw_only=True)
class ConvLayer:
    """One convolution, followed by BatchNorm over its output channels. The kernel is odd and padded by half."""

    name: str
    role: Role = Role.BODY
    in_channels: int
    out_channels: int
    kernel: int
    stride: int = 1
    bias: bool = False
    """The VGG networks have biases, the ResNets none: the paper's totals tell."""

    @property
    def fan_in(self) -> int:
        """Weights that feed one output channel."""
        return self.in_channels * self.kernel**2

    @property
    def weights(self) -> int:
        """Weights of the whole layer, its biases left out."""
        return self.fan_in * self.out_channels

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.weights + self.out_channels * self.bias

    def side_after(self, side: int) -> int:
        """Side in pixels of the output for a square input."""
        return -(-side // self.stride)


@dataclass(frozen=True, kw_only=True)
class MaxPool:
    """A max pool of stride 2; a row or column that would be left over gets a window of its own."""

    name: str
    kernel: int
    """2, or 3 with a padding of 1."""

    def side_after(self, side: int) -> int:
        """Side in pixels of the output for a square input."""
        return -(-side // 2)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A residual block: convolutions with a ReLU after each, the shortcut added before the last one."""

    name: str
    body: tuple[ConvLayer, ...]
    shortcut: ConvLayer | None
    """None where the block keeps the shape of its input, which is then added as it is."""

    @property
    def convolutions(self) -> tuple[ConvLayer, ...]:
        """The body, then the shortcut."""
        return self.body if self.shortcut is None else (*self.body, self.shortcut)


Step = ConvLayer | MaxPool | Block
"""A convolution that stands alone is followed by BatchNorm and ReLU."""


def cifar_resnet(*, width_channels: int, blocks: tuple[int, ...], in_channels: int) -> tuple[Step, ...]:
    """Steps of a CIFAR ResNet (He et al. 2016, section 4.2; the paper's Appendix B.1).

    ``width_channels`` is the number of channels of the stem and of the first group.
    """
    stem = ConvLayer(name="stem", in_channels=in_channels, out_channels=width_channels, kernel=3)
    return (stem, *_residual_groups(width_channels, blocks, bottleneck=False))


def imagenet_resnet(*, blocks: tuple[int, ...], bottleneck: bool, in_channels: int) -> tuple[Step, ...]:
    """Steps of an ImageNet ResNet (He et al. 2016, table 1; the paper's Appendix B.2).

    The stem has 64 outputs: the text's "three" cannot give the totals of Table 1. A bottleneck has its stride
    on the 3x3 convolution.
    """
    stem = ConvLayer(name="stem", in_channels=in_channels, out_channels=64, kernel=7, stride=2)
    return (stem, MaxPool(name="pool", kernel=3), *_residual_groups(64, blocks, bottleneck=bottleneck))


def vgg(*, width_channels: int, convolutions: tuple[int, ...], in_channels: int) -> tuple[Step, ...]:
    """Steps of a VGG for CIFAR-10 (Appendix C.1): groups of 3x3 convolutions with max pools between them.

    The channels double from group to group, from ``width_channels`` up to eight times as many.
    """
    steps: list[Step] = []
    channels = in_channels
    for group, number in enumerate(convolutions, start=1):
        if group > 1:
            steps.append(MaxPool(name=f"group{group - 1}.pool", kernel=2))
        wide = width_channels * min(2 ** (group - 1), 8)
        for index in range(1, number + 1):
            name = f"group{group}.conv{index}"
            steps.append(ConvLayer(name=name, in_channels=channels, out_channels=wide, kernel=3, bias=True))
            channels = wide
    return tuple(steps)


def _residual_groups(channels: int, blocks: tuple[int, ...], *, bottleneck: bool) -> list[Block]:
    """Groups of blocks over an input of ``channels``; every group after the first halves the image."""
    steps = []
    narrow = channels
    for group, number in enumerate(blocks, start=1):
        for index in range(1, number + 1):
            stride = 2 if group > 1 and index == 1 else 1
            block = _block(f"group{group}.block{index}", channels, narrow, stride, bottleneck=bottleneck)
            channels = block.body[-1].out_channels
            steps.append(block)
        narrow *= 2
    return steps


def _block(name: str, in_channels: int, narrow: int, stride: int, *, bottleneck: bool) -> Block:
    basic = [(narrow, 3, stride), (narrow, 3, 1)]
    shapes = [(narrow, 1, 1), (narrow, 3, stride), (4 * narrow, 1, 1)] if bottleneck else basic
    body: list[ConvLayer] = []
    channels = in_channels
    for index, (wide, kernel, step) in enumerate(shapes, start=1):
        body.append(
            ConvLayer(name=f"{name}.conv{index}", in_channels=channels, out_channels=wide, kernel=kernel, stride=step)
        )
        channels = wide
    shortcut = ConvLayer(
        name=f"{name}.shortcut",
        role=Role.SHORTCUT,
        in_channels=in_channels,
        out_channels=channels,
        kernel=1,
        stride=stride,
    )
    keeps_shape = stride == 1 and in_channels == channels
    return Block(name=name, body=tuple(body), shortcut=None if keeps_shape else shortcut)
