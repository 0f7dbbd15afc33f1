"""How a document's networks are spread over panels: by family, then by what they differ in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from bnrepro.spec.networks import Family, Network

FAMILY_NAMES = {Family.CIFAR: "CIFAR ResNets", Family.VGG: "VGGs", Family.IMAGENET: "ImageNet ResNets"}
_FIRST_CHANNELS = {Family.CIFAR: 16, Family.VGG: 64, Family.IMAGENET: 64}


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Networks of one family that differ in one thing, depth or width."""

    family: Family
    title: str
    axis_title: str
    places: dict[Network, float]
    """Each network's depth or width, in rising order."""


def panels_of(networks: Iterable[Network]) -> tuple[Panel, ...]:
    """The panels that networks fill: depth at width 1 and at each smaller width, then width at each depth.

    The network of width 1 opens the panel of its depth as well, as ResNet-14 does in the paper's Figure 2.
    """
    ordered = sorted(set(networks), key=lambda network: (network.depth, network.width))
    families = {family: [network for network in ordered if network.family is family] for family in Family}
    return tuple(panel for family, kin in families.items() for panel in _of_family(family, kin))


def _of_family(family: Family, kin: Sequence[Network]) -> Iterator[Panel]:
    standard = [network for network in kin if network.width == 1]
    if standard:
        yield _by_depth(family, standard)
    for width in sorted({network.width for network in kin if network.width < 1}):
        yield _by_depth(family, [network for network in kin if network.width == width])
    for depth in sorted({network.depth for network in kin if network.width > 1}):
        yield _by_width(family, [network for network in kin if network.depth == depth and network.width >= 1])


def size_text(size: float | Fraction) -> str:
    """A depth or a width: ``14``, ``0.25``."""
    return f"{float(size):g}"


def _by_depth(family: Family, networks: list[Network]) -> Panel:
    title = f"{FAMILY_NAMES[family]} by depth"
    if len(networks) == 1:
        title = str(networks[0])
    elif family is not Family.IMAGENET:
        title += f", at width {size_text(networks[0].width)}"
    places: dict[Network, float] = {network: network.depth for network in networks}
    return Panel(family=family, title=title, axis_title=f"depth (layers{_log(places)})", places=places)


def _by_width(family: Family, networks: list[Network]) -> Panel:
    places = {network: float(network.width) for network in networks}
    channels = _FIRST_CHANNELS[family]
    return Panel(
        family=family,
        title=str(networks[0])
        if len(networks) == 1
        else f"{FAMILY_NAMES[family]} by width, at depth {networks[0].depth}",
        axis_title=f"width (× {channels} channels{_log(places)})",
        places=places,
    )


def _log(places: dict[Network, float]) -> str:
    return ", log scale" if len(places) > 1 else ""
