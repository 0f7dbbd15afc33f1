"""Arms on a model: which parameters learn, which single entries learn, and what stays frozen.

The random arms train k entries of each filter. Those entries are a parameter of their own, put into a
frozen copy of the weights at each forward pass: the optimiser never sees a frozen entry, so neither
weight decay nor momentum can move one.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from bnrepro.spec.arms import Arm
from bnrepro.spec.layers import Role
from bnrepro.train.convolution import EntryTrainedConv2d
from bnrepro.train.network import ConvNet
from bnrepro.train.random import Purpose, generator


def set_trainable(model: ConvNet, arm: Arm, seed: int) -> None:
    """Freeze what the arm does not train; draw the entries of a random arm from the seed."""
    for parameter in model.parameters():
        parameter.requires_grad = False
    for name, unit in model.units():
        conv = unit.conv
        assert isinstance(conv, nn.Conv2d)  # noqa: S101 - an arm is set once, on a fresh model
        if arm.random_per_channel:
            unit.conv = EntryTrainedConv2d(conv, _draw_entries(arm, seed, name, tuple(conv.weight.shape)))
        else:
            for parameter in conv.parameters():
                parameter.requires_grad = arm.convolution or (arm.shortcut and role_of(name) is Role.SHORTCUT)
        for parameter in unit.bn.parameters():
            parameter.requires_grad = arm.affine
    for parameter in model.output.parameters():
        parameter.requires_grad = arm.output


def role_of(unit_name: str) -> Role:
    """Whether a unit sits on a shortcut."""
    return Role.SHORTCUT if unit_name.endswith(".shortcut") else Role.BODY


def learned_parameters(model: ConvNet) -> dict[str, nn.Parameter]:
    """What the optimiser sees, by name, in a fixed order."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def learned_tensors(model: ConvNet) -> dict[str, torch.Tensor]:
    """What a seed cannot give back: trained parameters and BatchNorm's running statistics."""
    running = {name: tensor for name, tensor in model.named_buffers() if ".running_" in name}
    return {**learned_parameters(model), **running}


def frozen_tensors(model: ConvNet) -> dict[str, torch.Tensor]:
    """What a seed gives back and training must not touch, the positions of random entries included."""
    learned = learned_tensors(model)
    return {
        name: tensor
        for name, tensor in (*model.named_parameters(), *model.named_buffers())
        if name not in learned and not name.endswith("num_batches_tracked")
    }


def _draw_entries(arm: Arm, seed: int, name: str, shape: tuple[int, ...]) -> np.ndarray:
    channels, fan_in = shape[0], int(np.prod(shape[1:]))
    k = min(arm.random_per_channel, fan_in)
    rng = generator(seed, Purpose.INITIALISATION, f"{name}.entries")
    if arm.scattered:
        return np.sort(rng.permutation(channels * fan_in)[: k * channels])
    chosen = np.sort(rng.permuted(np.tile(np.arange(fan_in), (channels, 1)), axis=1)[:, :k], axis=1)
    return (chosen + fan_in * np.arange(channels)[:, None]).ravel()
