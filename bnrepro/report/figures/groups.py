"""The groups of networks that the paper's figures lay side by side."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from fractions import Fraction

from bnrepro.report.panels import Panel, size_text
from bnrepro.spec.networks import Family, Network

_WIDENED_DEPTH = 14
"""Of every wide ResNet in Table 1."""


class Group(StrEnum):
    """Networks of one family that differ in depth or in width; the value is the group's name on the page."""

    DEPTH = "CIFAR ResNets by depth"
    WIDTH = "CIFAR ResNets by width, at depth 14"
    IMAGENET = "ImageNet ResNets by depth"
    VGG = "VGGs by depth"
    SMALL_DEEP = "small ResNets of width 1/8"
    """Appendix D, the lower stratum of footnote 9."""
    SMALL_SHALLOW = "small ResNets of width 1/4 to 1/2"
    """Appendix D, the higher stratum of footnote 9."""

    @property
    def opening(self) -> str:
        """The group's name at the head of a sentence."""
        return f"{self.value[0].upper()}{self.value[1:]}"

    def holds(self, network: Network) -> bool:
        """Whether a network belongs to the group. ResNet-14 opens the series of depths and that of widths."""
        cifar = network.family is Family.CIFAR
        match self:
            case Group.DEPTH:
                return cifar and network.width == 1
            case Group.WIDTH:
                return cifar and network.depth == _WIDENED_DEPTH and network.width >= 1
            case Group.IMAGENET:
                return network.family is Family.IMAGENET
            case Group.VGG:
                return network.family is Family.VGG
            case Group.SMALL_DEEP:
                return cifar and network.width == Fraction(1, 8)
            case Group.SMALL_SHALLOW:
                return cifar and Fraction(1, 4) <= network.width <= Fraction(1, 2)

    def members(self, networks: Iterable[Network]) -> tuple[Network, ...]:
        """Those of some networks that belong to the group, in their order."""
        return tuple(network for network in networks if self.holds(network))

    def panels(self, networks: Iterable[Network]) -> tuple[Panel, ...]:
        """The panels that some networks fill: one, but for VGGs one a width."""
        own = self.members(networks)
        if self is Group.WIDTH:
            return (_panel(self, self.value, "width (× 16 channels", own),) if own else ()
        by_width: dict[int | Fraction, list[Network]] = {}
        for network in own:
            by_width.setdefault(network.width, []).append(network)
        named = [(width, "" if width == 1 else f", at width {size_text(width)}") for width in sorted(by_width)]
        return tuple(_panel(self, self.value + at, "depth (layers", by_width[width]) for width, at in named)


def _panel(group: Group, title: str, axis: str, networks: Iterable[Network]) -> Panel:
    places = {network: float(network.width if group is Group.WIDTH else network.depth) for network in networks}
    log = ", log scale)" if len(places) > 1 else ")"
    return Panel(family=next(iter(places)).family, title=title, axis_title=axis + log, places=places)
