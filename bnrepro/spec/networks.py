"""Networks by the names that the paper gives them, and their arithmetic (no torch).

``resnet-32`` is a CIFAR ResNet of depth 32 at width 1, ``wrn-14-4`` one of depth 14 at width 4, ``vgg-11`` a
VGG for CIFAR-10 and ``imagenet-resnet-50`` a ResNet for ImageNet. Widths may be fractions: ``wrn-20-0.125``
has an eighth of the channels of ``resnet-20`` (Appendix D). Their layers stand in :mod:`bnrepro.spec.layers`.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from bnrepro.errors import UnknownName, UsageError
from bnrepro.spec.layers import Block, ConvLayer, Role, Step, cifar_resnet, imagenet_resnet, vgg

_DEPTH = r"(?P<depth>0|[1-9]\d{0,3})"
_WIDTH = r"(?P<width>(0|[1-9]\d{0,2})(\.\d{1,6})?)"
_IMAGENET_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 200: (3, 24, 36, 3)}
_FIRST_BOTTLENECK_DEPTH = 50
_VGG_CONVOLUTIONS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


class Family(StrEnum):
    """The families of Table 1 and of Appendix C."""

    CIFAR = "cifar"
    """ResNets for CIFAR-10."""
    VGG = "vgg"
    """VGG for CIFAR-10."""
    IMAGENET = "imagenet"
    """ResNets for ImageNet."""


_NAMES = {
    re.compile(rf"resnet-{_DEPTH}", re.ASCII): Family.CIFAR,
    re.compile(rf"wrn-{_DEPTH}-{_WIDTH}", re.ASCII): Family.CIFAR,
    re.compile(rf"vgg-{_DEPTH}(-{_WIDTH})?", re.ASCII): Family.VGG,
}
_FORMS = ("resnet-DEPTH", "wrn-DEPTH-WIDTH", "vgg-DEPTH", "vgg-DEPTH-WIDTH", "imagenet-resnet-DEPTH")
_FIRST_CHANNELS = {Family.CIFAR: 16, Family.VGG: 64, Family.IMAGENET: 64}
_CLASSES = {Family.CIFAR: 10, Family.VGG: 10, Family.IMAGENET: 1000}


@dataclass(frozen=True, kw_only=True)
class ParameterCounts:
    """The rows of Table 1, exact. ``shortcut`` counts the 1x1 convolutions without their BatchNorm."""

    total: int
    batchnorm: int
    output: int
    shortcut: int


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network of the paper, named as the paper names it.

    Usage:
        Network.parse("wrn-14-0.25").counts().total   # 11374

    Raises:
        UsageError: the family has no network of this depth, or the width does not give whole channels.
    """

    family: Family
    depth: int
    width: int | Fraction = 1
    """Channels of each layer, relative to the standard network of the family."""

    def __post_init__(self) -> None:
        self._check_depth()
        first = self.width * _FIRST_CHANNELS[self.family]
        if first < 1 or first.denominator != 1:
            unit = Fraction(1, _FIRST_CHANNELS[self.family])
            raise UsageError(
                f"width {_decimal(self.width)} in '{self}': a width is a multiple of {unit} ({_decimal(unit)}), "
                f"from {unit} up"
            )

    def __hash__(self) -> int:
        # That of a Fraction takes a modular inverse, and networks are the keys of every table.
        return hash((self.depth, self.width.numerator, self.width.denominator))

    @classmethod
    def parse(cls, name: object) -> Network:
        """Read a name such as ``resnet-110``, ``wrn-14-0.25``, ``vgg-16`` or ``imagenet-resnet-50``.

        Raises:
            UnknownName: the name has no known form.
            UsageError: the family has no network of this depth or width.
        """
        if isinstance(name, Network):
            return name
        if not isinstance(name, str):
            raise UsageError(f"a network is named by text such as resnet-14, not by {name!r}")
        if name.startswith("imagenet-resnet-"):
            known = {f"imagenet-resnet-{depth}": depth for depth in _IMAGENET_BLOCKS}
            if name not in known:
                raise UnknownName("network", name, known)
            return cls(family=Family.IMAGENET, depth=known[name])
        for pattern, family in _NAMES.items():
            if match := pattern.fullmatch(name):
                found = match.groupdict()
                return cls(family=family, depth=int(found["depth"]), width=Fraction(found.get("width") or 1))
        raise UnknownName("network", name, _FORMS)

    def __str__(self) -> str:
        if self.family is Family.IMAGENET:
            return f"imagenet-resnet-{self.depth}"
        if self.family is Family.VGG:
            return f"vgg-{self.depth}" if self.width == 1 else f"vgg-{self.depth}-{_decimal(self.width)}"
        return f"resnet-{self.depth}" if self.width == 1 else f"wrn-{self.depth}-{_decimal(self.width)}"

    @property
    def classes(self) -> int:
        """Classes of the family's data set."""
        return _CLASSES[self.family]

    @property
    def blocks_per_group(self) -> tuple[int, ...]:
        """Residual blocks of each group; of a VGG, convolutions."""
        if self.family is Family.CIFAR:
            return ((self.depth - 2) // 6,) * 3
        return (_VGG_CONVOLUTIONS if self.family is Family.VGG else _IMAGENET_BLOCKS)[self.depth]

    def steps(self, in_channels: int = 3) -> tuple[Step, ...]:
        """The network in the order of the forward pass, up to the global average pool and the output layer."""
        first = int(self.width * _FIRST_CHANNELS[self.family])
        if self.family is Family.CIFAR:
            return cifar_resnet(width_channels=first, blocks=self.blocks_per_group, in_channels=in_channels)
        if self.family is Family.VGG:
            return vgg(width_channels=first, convolutions=self.blocks_per_group, in_channels=in_channels)
        bottleneck = self.depth >= _FIRST_BOTTLENECK_DEPTH
        return imagenet_resnet(blocks=self.blocks_per_group, bottleneck=bottleneck, in_channels=in_channels)

    def convolutions(self, in_channels: int = 3) -> tuple[ConvLayer, ...]:
        """Every convolution in the order of the forward pass, a block's shortcut after its body."""
        return _convolutions(self, in_channels)

    @property
    def features(self) -> int:
        """Channels that reach the output layer."""
        return self.convolutions()[-1].out_channels

    def counts(self, in_channels: int = 3, classes: int | None = None) -> ParameterCounts:
        """Exact parameter counts by the rows of Table 1, for the family's number of classes or another one."""
        return _counts(self, in_channels, self.classes if classes is None else classes)

    def multiply_adds(self, side: int, in_channels: int = 3) -> int:
        """Multiply-adds of all convolutions for one square image of ``side`` pixels, forward pass."""
        return _multiply_adds(self, side, in_channels)

    def _check_depth(self) -> None:
        if self.family is Family.CIFAR and (self.depth < 8 or (self.depth - 2) % 6):
            below = max(8, self.depth - (self.depth - 2) % 6)
            raise UsageError(
                f"no CIFAR ResNet has depth {self.depth} (in '{self}'): depths are 6D + 2 with D >= 1; "
                f"the nearest are {below} and {below + 6}"
            )
        if self.family is Family.VGG and self.depth not in _VGG_CONVOLUTIONS:
            raise UsageError(f"no VGG has depth {self.depth} (in '{self}'): depths are 11, 13, 16 and 19")
        if self.family is Family.IMAGENET and (self.depth not in _IMAGENET_BLOCKS or self.width != 1):
            raise UsageError("ImageNet ResNets have depth 18, 34, 50, 101 or 200, and width 1")


# Plans ask for the same arithmetic of the same deep networks thousands of times, hence the caches.


@functools.cache
def _convolutions(network: Network, in_channels: int) -> tuple[ConvLayer, ...]:
    layers: list[ConvLayer] = []
    for step in network.steps(in_channels):
        if isinstance(step, Block):
            layers += step.convolutions
        elif isinstance(step, ConvLayer):
            layers.append(step)
    return tuple(layers)


@functools.cache
def _counts(network: Network, in_channels: int, classes: int) -> ParameterCounts:
    layers = network.convolutions(in_channels)
    batchnorm = sum(2 * layer.out_channels for layer in layers)
    output = (layers[-1].out_channels + 1) * classes
    return ParameterCounts(
        total=sum(layer.parameters for layer in layers) + batchnorm + output,
        batchnorm=batchnorm,
        output=output,
        shortcut=sum(layer.weights for layer in layers if layer.role is Role.SHORTCUT),
    )


@functools.cache
def _multiply_adds(network: Network, side: int, in_channels: int) -> int:
    total = 0
    for step in network.steps(in_channels):
        if isinstance(step, Block):
            if step.shortcut is not None:
                total += step.shortcut.weights * step.shortcut.side_after(side) ** 2
            for layer in step.body:
                side = layer.side_after(side)
                total += layer.weights * side**2
        else:
            side = step.side_after(side)
            if isinstance(step, ConvLayer):
                total += step.weights * side**2
    return total


def _decimal(width: int | Fraction) -> str:
    return str(width.numerator) if width.denominator == 1 else str(float(width))


NetworkField = Annotated[
    Network,
    PlainValidator(Network.parse),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": (
                r"^(resnet-\d+|wrn-\d+-\d+(\.\d+)?|vgg-(11|13|16|19)(-\d+(\.\d+)?)?"
                r"|imagenet-resnet-(18|34|50|101|200))$"
            ),
            "description": "A network as the paper names it: resnet-14, wrn-14-4, vgg-11, imagenet-resnet-50.",
        }
    ),
]
"""A :class:`Network` written by its name in YAML and JSON."""
