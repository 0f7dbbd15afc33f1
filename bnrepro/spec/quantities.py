"""Quantities that are arithmetic on a network: what Table 1 and Appendix G count.

Each is a function from a network to an exact fraction; shares are in percent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from bnrepro.spec.metrics import Unit
from bnrepro.spec.networks import Network


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A named count, share or ratio."""

    count: Callable[[Network], Fraction]
    unit: Unit


def _count(row: str) -> Quantity:
    return Quantity(count=lambda network: Fraction(getattr(network.counts(), row)), unit=Unit.PARAMETERS)


def _share(*rows: str) -> Quantity:
    return Quantity(count=lambda network: 100 * _sum(network, rows) / network.counts().total, unit=Unit.PERCENT)


def _over_batchnorm(*rows: str) -> Quantity:
    return Quantity(count=lambda network: _sum(network, rows) / network.counts().batchnorm, unit=Unit.RATIO)


def _sum(network: Network, rows: tuple[str, ...]) -> Fraction:
    return Fraction(sum(getattr(network.counts(), row) for row in rows))


def _random_over_batchnorm(k: int) -> Quantity:
    def count(network: Network) -> Fraction:
        learned = sum(layer.out_channels * min(k, layer.fan_in) for layer in network.convolutions())
        return Fraction(learned, network.counts().batchnorm)

    return Quantity(count=count, unit=Unit.RATIO)


def _output_weights(network: Network) -> Fraction:
    return Fraction(network.features * network.classes)


def _convolutions_but_the_first(network: Network) -> Fraction:
    return Fraction(sum(layer.weights for layer in network.convolutions()[1:]))


def _batchnorm_over_resnet_14(network: Network) -> Fraction:
    return Fraction(network.counts().batchnorm, Network.parse("resnet-14").counts().total)


class QuantityName(StrEnum):
    """What an arithmetic check may count."""

    TOTAL = "total"
    BATCHNORM = "batchnorm"
    OUTPUT = "output"
    SHORTCUT = "shortcut"
    """Weights of the 1x1 convolutions on shortcuts, without their BatchNorm."""
    BATCHNORM_SHARE = "batchnorm_share"
    """Percent of all parameters, as the other shares."""
    OUTPUT_SHARE = "output_share"
    SHORTCUT_SHARE = "shortcut_share"
    SHORTCUT_OUTPUT_SHARE = "shortcut_output_share"
    SHORTCUT_OVER_BATCHNORM = "shortcut_over_batchnorm"
    """As a multiple of the BatchNorm parameters, as the other ratios."""
    SHORTCUT_OUTPUT_OVER_BATCHNORM = "shortcut_output_over_batchnorm"
    BATCHNORM_SHORTCUT_OVER_BATCHNORM = "batchnorm_shortcut_over_batchnorm"
    BATCHNORM_SHORTCUT_OUTPUT_OVER_BATCHNORM = "batchnorm_shortcut_output_over_batchnorm"
    RANDOM_8_OVER_BATCHNORM = "random_8_over_batchnorm"
    RANDOM_16_OVER_BATCHNORM = "random_16_over_batchnorm"
    OUTPUT_WEIGHTS = "output_weights"
    """Of the output layer, without its biases."""
    CONVOLUTIONS_BUT_THE_FIRST = "convolutions_but_the_first"
    """Weights of all convolutions but the one that reads the image."""
    BATCHNORM_OVER_RESNET_14_TOTAL = "batchnorm_over_resnet_14_total"


QUANTITIES: Mapping[QuantityName, Quantity] = {
    QuantityName.TOTAL: _count("total"),
    QuantityName.BATCHNORM: _count("batchnorm"),
    QuantityName.OUTPUT: _count("output"),
    QuantityName.SHORTCUT: _count("shortcut"),
    QuantityName.BATCHNORM_SHARE: _share("batchnorm"),
    QuantityName.OUTPUT_SHARE: _share("output"),
    QuantityName.SHORTCUT_SHARE: _share("shortcut"),
    QuantityName.SHORTCUT_OUTPUT_SHARE: _share("shortcut", "output"),
    QuantityName.SHORTCUT_OVER_BATCHNORM: _over_batchnorm("shortcut"),
    QuantityName.SHORTCUT_OUTPUT_OVER_BATCHNORM: _over_batchnorm("shortcut", "output"),
    QuantityName.BATCHNORM_SHORTCUT_OVER_BATCHNORM: _over_batchnorm("batchnorm", "shortcut"),
    QuantityName.BATCHNORM_SHORTCUT_OUTPUT_OVER_BATCHNORM: _over_batchnorm("batchnorm", "shortcut", "output"),
    QuantityName.RANDOM_8_OVER_BATCHNORM: _random_over_batchnorm(8),
    QuantityName.RANDOM_16_OVER_BATCHNORM: _random_over_batchnorm(16),
    QuantityName.OUTPUT_WEIGHTS: Quantity(count=_output_weights, unit=Unit.PARAMETERS),
    QuantityName.CONVOLUTIONS_BUT_THE_FIRST: Quantity(count=_convolutions_but_the_first, unit=Unit.PARAMETERS),
    QuantityName.BATCHNORM_OVER_RESNET_14_TOTAL: Quantity(count=_batchnorm_over_resnet_14, unit=Unit.RATIO),
}
"""How each is counted."""
