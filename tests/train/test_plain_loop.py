"""Our training against a loop that anyone could write from torch's documentation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from bnrepro.train.batches import Split, training_batches
from bnrepro.train.convolution import EntryTrainedConv2d
from bnrepro.train.model import TrainedModel
from bnrepro.train.network import ConvNet
from tests.train.helpers import recipe, run_spec, striped_images

CPU = torch.device("cpu")
STEPS = 20


def plain_loop(
    network: ConvNet,
    masks: dict[str, torch.Tensor],
    batches: list[tuple[torch.Tensor, torch.Tensor]],
    lr: float,
) -> list[float]:
    """Textbook SGD. A mask says which entries of a tensor learn; the others are put back after each step."""
    parameters = dict(network.named_parameters())
    learning = [parameters[name] for name in masks]
    before = [parameter.detach().clone() for parameter in learning]
    optimiser = torch.optim.SGD(learning, lr=lr, momentum=0.9, weight_decay=1e-4)
    losses = []
    network.train()
    for inputs, labels in batches:
        loss = functional.cross_entropy(network(inputs), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            for parameter, start, mask in zip(learning, before, masks.values(), strict=True):
                parameter.copy_(torch.where(mask, parameter, start))
        losses.append(loss.item())
    return losses


def plain_copy(model: TrainedModel) -> tuple[ConvNet, dict[str, torch.Tensor]]:
    """The same initial tensors in an ordinary network, with a mask over the entries that the arm trains."""
    plain = ConvNet(model.spec.network, in_channels=3, classes=10)
    values, masks = {}, {}
    for name, parameter in model.network.named_parameters():
        if not name.endswith(".values"):
            values[name] = parameter.detach().clone()
            if parameter.requires_grad:
                masks[name] = torch.ones_like(parameter, dtype=torch.bool)
    for name, unit in model.network.units():
        if isinstance(unit.conv, EntryTrainedConv2d):
            values[f"{name}.conv.weight"] = unit.conv.weight.clone()
            mask = torch.zeros(unit.conv.weight.numel(), dtype=torch.bool)
            mask[unit.conv.entries] = True
            masks[f"{name}.conv.weight"] = mask.view(unit.conv.weight.shape)
    plain.load_state_dict(values, strict=False)
    return plain.to(memory_format=torch.channels_last), masks


def both_losses(
    arm: str, side: int, dtype: torch.dtype, lr: float = 0.1
) -> tuple[TrainedModel, list[float], list[float]]:
    """Twenty steps of the recipe's batches, ours in this precision and the plain loop's in double."""
    torch.set_num_threads(1)
    images = striped_images(train=STEPS * 32, side=side)
    spec = run_spec(images, arm=arm, network="resnet-14", recipe=recipe(batch_size=32))
    model = TrainedModel(spec, in_channels=3, classes=10, device=CPU)
    split = Split.on_device(images.train_images, images.train_labels, CPU)
    drawn = list(training_batches(split, spec.recipe, seed=spec.seed, epoch=0))
    plain, masks = plain_copy(model)
    model.network.to(dtype)
    model.set_lr(lr)
    ours = [model.step(inputs.to(dtype), labels)[0].item() for inputs, labels in drawn]
    return model, ours, plain_loop(plain.double(), masks, [(inputs.double(), labels) for inputs, labels in drawn], lr)


@pytest.mark.parametrize("arm", ["batchnorm", "all", "random_2"])
@pytest.mark.parametrize("side", [8, 32])
def test_twenty_steps_lose_what_a_plain_loop_loses(arm: str, side: int) -> None:
    # At ten times this learning rate last digits would grow into other losses within twenty steps.
    _, ours, theirs = both_losses(arm, side, torch.float32, lr=0.001)
    assert len(ours) == STEPS
    np.testing.assert_allclose(ours, theirs, rtol=1e-3)
    np.testing.assert_allclose(ours[:3], theirs[:3], rtol=1e-5)


@pytest.mark.parametrize("arm", ["batchnorm", "all", "random_2", "random_4_scattered", "batchnorm_shortcut_output"])
def test_in_double_precision_the_two_loops_agree_to_the_last_digits(arm: str) -> None:
    # Rounding grows a thousandfold in twenty steps at this learning rate; a mistake in the update would show here.
    _, ours, theirs = both_losses(arm, 8, torch.float64)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("arm", ["random_2", "random_4_scattered"])
def test_frozen_entries_of_a_random_arm_keep_every_bit(arm: str) -> None:
    model, _, _ = both_losses(arm, 8, torch.float32)
    fresh = TrainedModel(model.spec, in_channels=3, classes=10, device=CPU)
    before = {name: unit.conv for name, unit in fresh.network.units()}
    for name, unit in model.network.units():
        assert isinstance(unit.conv, EntryTrainedConv2d)
        start, end = before[name].full_weight().flatten(), unit.conv.full_weight().flatten()
        learns = torch.zeros(len(start), dtype=torch.bool)
        learns[unit.conv.entries] = True
        assert torch.equal(start[~learns], end[~learns])
        assert not torch.equal(start[learns], end[learns])
