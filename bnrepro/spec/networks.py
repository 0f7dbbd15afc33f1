"""Networks by the names that the paper gives them, and their arithmetic (no torch).

The CIFAR ResNets of He et al. (2016, section 4.2) as used in the paper's section 3 and Appendix B:
a 3x3 stem, three groups of D = (depth - 2) / 6 basic blocks with 16w, 32w and 64w channels, and a
linear output. ``resnet-32`` is depth 32 at width 1; ``wrn-14-4`` is depth 14 at width 4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from bnrepro.errors import UnknownName, UsageError

_CIFAR = re.compile(r"resnet-(0|[1-9]\d{0,3})|wrn-(0|[1-9]\d{0,3})-(0|[1-9]\d{0,2})", re.ASCII)
_IMAGENET_DEPTHS = (18, 34, 50, 101, 200)
_CLASSES = 10


class Family(StrEnum):
    """The two families of Table 1; each belongs to one data set."""

    CIFAR = "cifar"
    IMAGENET = "imagenet"


class Role(StrEnum):
    """What a convolution is for; Appendix G trains shortcuts apart from the rest."""

    BODY = "body"
    SHORTCUT = "shortcut"


@dataclass(frozen=True, kw_only=True)
class ConvLayer:
    """One convolution without bias, followed by BatchNorm over its output channels."""

    name: str
    role: Role
    in_channels: int
    out_channels: int
    kernel: int
    stride: int

    @property
    def fan_in(self) -> int:
        """Weights that feed one output channel."""
        return self.in_channels * self.kernel**2

    @property
    def weights(self) -> int:
        """Weights of the whole layer."""
        return self.fan_in * self.out_channels


@dataclass(frozen=True, kw_only=True)
class ParameterCounts:
    """The rows of Table 1, exact. ``shortcut`` counts the 1x1 convolutions without their BatchNorm."""

    total: int
    batchnorm: int
    output: int
    shortcut: int


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network of the paper, named as the paper names it."""

    family: Family
    depth: int
    width: int = 1

    @classmethod
    def parse(cls, name: object) -> Network:
        """Read a name such as ``resnet-110``, ``wrn-14-32`` or ``imagenet-resnet-50``.

        Raises:
            UnknownName: the name has no known form.
            UsageError: the depth is not 6D + 2, or the width is 0.
        """
        if isinstance(name, Network):
            return name
        if not isinstance(name, str):
            raise UsageError(f"a network is named by text such as resnet-14, not by {name!r}")
        if name.startswith("imagenet-resnet-"):
            known = {f"imagenet-resnet-{depth}": depth for depth in _IMAGENET_DEPTHS}
            if name not in known:
                raise UnknownName("network", name, known)
            return cls(family=Family.IMAGENET, depth=known[name])
        match = _CIFAR.fullmatch(name)
        if match is None:
            raise UnknownName("network", name, ["resnet-DEPTH", "wrn-DEPTH-WIDTH", "imagenet-resnet-DEPTH"])
        depth = int(match[1] or match[2])
        width = int(match[3]) if match[3] is not None else 1
        if depth < 8 or (depth - 2) % 6:
            below = max(8, depth - (depth - 2) % 6)
            raise UsageError(
                f"no CIFAR ResNet has depth {depth} (in '{name}'): depths are 6D + 2 with D >= 1; "
                f"the nearest are {below} and {below + 6}"
            )
        if width < 1:
            raise UsageError(f"width 0 in '{name}': a width is a whole number from 1 up")
        return cls(family=Family.CIFAR, depth=depth, width=width)

    def __str__(self) -> str:
        if self.family is Family.IMAGENET:
            return f"imagenet-resnet-{self.depth}"
        return f"resnet-{self.depth}" if self.width == 1 else f"wrn-{self.depth}-{self.width}"

    @property
    def blocks_per_group(self) -> int:
        """D of a CIFAR ResNet."""
        self._require_cifar()
        return (self.depth - 2) // 6

    def convolutions(self, in_channels: int = 3) -> tuple[ConvLayer, ...]:
        """Every convolution in the order of the forward pass, a block's shortcut after its body."""
        self._require_cifar()
        channels = 16 * self.width
        layers = [
            ConvLayer(name="stem", role=Role.BODY, in_channels=in_channels, out_channels=channels, kernel=3, stride=1)
        ]
        for group in range(3):
            wide = 16 * self.width * 2**group
            for block in range(self.blocks_per_group):
                stride = 2 if group > 0 and block == 0 else 1
                prefix = f"group{group + 1}.block{block + 1}"
                for name, role, inputs, kernel, step in (
                    ("conv1", Role.BODY, channels, 3, stride),
                    ("conv2", Role.BODY, wide, 3, 1),
                    ("shortcut", Role.SHORTCUT, channels, 1, stride),
                ):
                    if role is Role.BODY or stride == 2:
                        layers.append(
                            ConvLayer(
                                name=f"{prefix}.{name}",
                                role=role,
                                in_channels=inputs,
                                out_channels=wide,
                                kernel=kernel,
                                stride=step,
                            )
                        )
                channels = wide
        return tuple(layers)

    @property
    def features(self) -> int:
        """Channels that reach the output layer."""
        self._require_cifar()
        return 64 * self.width

    def counts(self, in_channels: int = 3) -> ParameterCounts:
        """Exact parameter counts by the rows of Table 1."""
        layers = self.convolutions(in_channels)
        batchnorm = sum(2 * layer.out_channels for layer in layers)
        output = (self.features + 1) * _CLASSES
        return ParameterCounts(
            total=sum(layer.weights for layer in layers) + batchnorm + output,
            batchnorm=batchnorm,
            output=output,
            shortcut=sum(layer.weights for layer in layers if layer.role is Role.SHORTCUT),
        )

    def multiply_adds(self, side: int, in_channels: int = 3) -> int:
        """Multiply-adds of all convolutions for one square image of ``side`` pixels, forward pass."""
        total, resolution = 0, side
        for layer in self.convolutions(in_channels):
            if layer.stride == 2 and layer.role is Role.BODY:
                resolution = (resolution + 1) // 2
            total += layer.weights * resolution**2
        return total

    def _require_cifar(self) -> None:
        if self.family is not Family.CIFAR:
            raise UsageError(f"{self}: this version of bnrepro builds the CIFAR ResNets only")


NetworkField = Annotated[
    Network,
    PlainValidator(Network.parse),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(resnet-\d+|wrn-\d+-\d+|imagenet-resnet-(18|34|50|101|200))$",
            "description": "A network as the paper names it: resnet-14, wrn-14-4, imagenet-resnet-50.",
        }
    ),
]
"""A :class:`Network` written by its name in YAML and JSON."""
