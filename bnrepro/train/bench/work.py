"""Which convolutions a step of SGD cannot do without, and which gradients of theirs (no torch)."""

from __future__ import annotations

from dataclasses import dataclass

from bnrepro.spec.arms import Arm
from bnrepro.spec.layers import Block, ConvLayer, Role
from bnrepro.spec.networks import Network


@dataclass(frozen=True, kw_only=True)
class ConvolutionWork:
    """One convolution of one step: its forward pass, and what its backward pass must give."""

    layer: ConvLayer
    side: int
    """Of its square input, in pixels."""
    input_gradient: bool
    """Something in front of it learns."""
    weight_gradient: bool
    """Its weights learn, all of them."""


def convolution_work(network: Network, arm: Arm, *, side: int, in_channels: int) -> tuple[ConvolutionWork, ...]:
    """Every convolution in the order of the forward pass, a block's shortcut after its body.

    A gradient is asked for where something that learns needs it. The first layer's input never does. Of a random
    arm's k entries a channel, k products of a shifted image and a gradient are enough: no convolution, so no work here.
    """
    done: list[ConvolutionWork] = []
    learns_in_front = False

    def add(layer: ConvLayer, side: int, *, in_front: bool) -> bool:
        """Put a convolution last; whether anything up to its BatchNorm learns."""
        whole = arm.convolution or (arm.shortcut and layer.role is Role.SHORTCUT)
        done.append(ConvolutionWork(layer=layer, side=side, input_gradient=in_front, weight_gradient=whole))
        return in_front or whole or arm.affine or bool(arm.random_per_channel)

    for step in network.steps(in_channels):
        if isinstance(step, Block):
            along, inner_side = learns_in_front, side
            for layer in step.body:
                along = add(layer, inner_side, in_front=along)
                inner_side = layer.side_after(inner_side)
            beside = learns_in_front
            if step.shortcut is not None:
                beside = add(step.shortcut, side, in_front=learns_in_front)
            learns_in_front, side = along or beside, inner_side
        else:
            if isinstance(step, ConvLayer):
                learns_in_front = add(step, side, in_front=learns_in_front)
            side = step.side_after(side)
    return tuple(done)
