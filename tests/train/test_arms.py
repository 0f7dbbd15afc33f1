"""Arms: exactly the right entries learn, and nothing reaches the others."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from bnrepro.cost import trainable_parameters
from bnrepro.spec.arms import ARMS, Arm
from bnrepro.spec.networks import Network
from bnrepro.train.batches import Split, training_batches
from bnrepro.train.convolution import EntryTrainedConv2d
from bnrepro.train.model import TrainedModel
from tests.train.helpers import recipe, run_spec, striped_images

IMAGES = striped_images()
CPU = torch.device("cpu")
ENTRIES = r".*conv\.values"
LEARNS = {
    "all": r".*",
    "all_but_affine": r"(.*conv|output)\.(weight|bias)",
    "batchnorm": r".*bn\.(weight|bias)",
    "output": r"output\.(weight|bias)",
    "batchnorm_output": r"(.*bn|output)\.(weight|bias)",
    "shortcut_output": r"(.*shortcut\.conv|output)\.(weight|bias)",
    "batchnorm_shortcut_output": r"(.*shortcut\.conv|.*bn|output)\.(weight|bias)",
    "random_1": ENTRIES,
    "random_2": ENTRIES,
    "random_16": ENTRIES,
    "random_64": ENTRIES,
    "random_2_scattered": ENTRIES,
    "random_2_output": rf"{ENTRIES}|output\.(weight|bias)",
}
"""The names of the parameters that each arm learns."""
RANDOM = [arm for arm in LEARNS if arm.startswith("random")]
FROZEN_AFFINE = [arm for arm in LEARNS if not Arm.parse(arm).affine]


def model_of(arm: str, *, network: str = "resnet-8", seed: int = 0, **changes: float) -> TrainedModel:
    spec = run_spec(IMAGES, arm=arm, network=network, seed=seed, recipe=recipe(**changes))
    return TrainedModel(spec, in_channels=3, classes=10, device=CPU)


def train_steps(model: TrainedModel, steps: int) -> list[float]:
    """The losses of the first steps of an epoch."""
    split = Split.on_device(IMAGES.train_images, IMAGES.train_labels, CPU)
    batches = training_batches(split, model.spec.recipe, seed=model.spec.seed, epoch=0)
    return [model.step(*batch)[0].item() for _, batch in zip(range(steps), batches, strict=False)]


def entries_and_mask(model: TrainedModel) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Every drawn tensor by its name in an ordinary network, flat, and which of its entries learn."""
    found = {}
    for name, parameter in model.network.named_parameters():
        if not name.endswith(".values"):
            learns = torch.full((parameter.numel(),), parameter.requires_grad)
            found[name] = parameter.detach().flatten().clone(), learns
    for name, conv in entry_convolutions(model).items():
        weight = conv.full_weight().detach().flatten().clone()
        found[f"{name}.weight"] = weight, torch.zeros(len(weight), dtype=torch.bool).index_fill(0, conv.entries, 1)
        if conv.bias is not None:
            found[f"{name}.bias"] = conv.bias.clone(), torch.zeros(len(conv.bias), dtype=torch.bool)
    return found


def entry_convolutions(model: TrainedModel) -> dict[str, EntryTrainedConv2d]:
    return {f"{n}.conv": u.conv for n, u in model.network.units() if isinstance(u.conv, EntryTrainedConv2d)}


def test_every_arm_with_a_fixed_name_is_tried_here() -> None:
    assert set(LEARNS) >= set(ARMS)


@pytest.mark.parametrize("arm", LEARNS)
@pytest.mark.parametrize(
    ("network", "channels"), [("resnet-8", 3), ("resnet-14", 1), ("wrn-8-2", 3), ("vgg-13-0.125", 1)]
)
def test_an_arm_learns_as_many_values_as_the_plan_says(arm: str, network: str, channels: int) -> None:
    spec = run_spec(IMAGES, arm=arm, network=network)
    model = TrainedModel(spec, in_channels=channels, classes=10, device=CPU)
    assert model.trainable_parameters == trainable_parameters(spec.network, spec.arm, channels)
    assert sum(int(learns.sum()) for _, learns in entries_and_mask(model).values()) == model.trainable_parameters


@pytest.mark.parametrize("arm", ["all", "batchnorm", "batchnorm_shortcut_output", "random_2"])
@pytest.mark.parametrize("network", ["imagenet-resnet-18", "imagenet-resnet-50"])
def test_an_arm_learns_as_many_values_of_an_imagenet_network_as_the_plan_says(arm: str, network: str) -> None:
    model = model_of(arm, network=network)
    assert model.trainable_parameters == trainable_parameters(model.spec.network, model.spec.arm, 3, classes=10)


@pytest.mark.parametrize("arm", LEARNS)
@pytest.mark.parametrize("network", ["resnet-8", "vgg-11-0.0625"])
def test_an_arm_learns_exactly_the_names_it_says(arm: str, network: str) -> None:
    parameters = dict(model_of(arm, network=network).network.named_parameters())
    learned = {name for name, parameter in parameters.items() if parameter.requires_grad}
    assert learned == {name for name in parameters if re.fullmatch(LEARNS[arm], name)}
    assert learned


def test_a_convolution_that_trains_single_entries_convolves_as_it_did_before() -> None:
    usual, random = (dict(model_of(arm, network="vgg-11-0.0625").network.units()) for arm in ("batchnorm", "random_2"))
    for name, unit in random.items():
        assert isinstance(unit.conv, EntryTrainedConv2d)
        assert unit.conv.bias is not None
        images = torch.randn(2, unit.conv.weight.shape[1], 4, 4, generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(unit.conv(images), usual[name].conv(images))


@pytest.mark.parametrize("arm", LEARNS)
@pytest.mark.parametrize("network", ["resnet-8", "vgg-11-0.0625"])
def test_three_steps_move_all_that_learns_and_no_bit_of_the_rest(arm: str, network: str) -> None:
    # A weight decay of 0.5 shrinks an entry that it wrongly reaches by a seventh in three steps.
    model = model_of(arm, network=network, weight_decay=0.5)
    before = entries_and_mask(model)
    train_steps(model, 3)
    after = entries_and_mask(model)
    moved = 0
    for name, (start, learns) in before.items():
        end = after[name][0]
        assert torch.equal(start[~learns], end[~learns]), name
        assert (start[learns] != end[learns]).all(), name
        moved += int((start != end).sum())
    assert moved == model.trainable_parameters
    model.check_frozen()


@pytest.mark.parametrize("arm", LEARNS)
@pytest.mark.parametrize("network", ["resnet-8", "vgg-11-0.0625"])
def test_weight_decay_pulls_every_learned_value_and_only_those(arm: str, network: str) -> None:
    # After one step, two decays leave weights that differ by lr · (difference in decay) · (weight at the start).
    models = [model_of(arm, network=network, weight_decay=decay) for decay in (0.0, 0.5)]
    before = entries_and_mask(models[0])
    assert train_steps(models[0], 1) == train_steps(models[1], 1)
    without, decayed = map(entries_and_mask, models)
    for name, (start, learns) in before.items():
        expected = torch.where(learns, 0.1 * 0.5 * start, 0.0)
        torch.testing.assert_close(without[name][0] - decayed[name][0], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("arm", LEARNS)
def test_momentum_is_kept_for_learned_values_alone(arm: str) -> None:
    model = model_of(arm)
    train_steps(model, 2)
    momenta = [array for name, array in model.state_arrays().items() if name.startswith("momentum/")]
    assert sum(array.size for array in momenta) == model.trainable_parameters
    assert all(p.grad is None for p in model.network.parameters() if not p.requires_grad)


@pytest.mark.parametrize("arm", LEARNS)
def test_the_store_gets_learned_values_and_running_statistics_and_no_more(arm: str) -> None:
    model = model_of(arm)
    arrays = model.learned_arrays()
    running = {name for name in arrays if re.fullmatch(r".*bn\.running_(mean|var)", name)}
    assert len(running) == 2 * len(list(model.network.units()))
    assert sum(array.size for name, array in arrays.items() if name not in running) == model.trainable_parameters
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", ["resnet-14", "resnet-32", "wrn-14-4", "vgg-11", "vgg-19", "imagenet-resnet-200"])
def test_two_random_entries_a_channel_are_as_many_as_batchnorm_has(name: str) -> None:
    network = Network.parse(name)
    assert trainable_parameters(network, Arm.parse("random_2"), 3) == network.counts().batchnorm
    assert trainable_parameters(network, Arm.parse("batchnorm"), 3) == network.counts().batchnorm


@pytest.mark.parametrize("k", [1, 2, 16, 64])
def test_each_channel_of_every_convolution_learns_k_distinct_entries(k: int) -> None:
    model = model_of(f"random_{k}")
    layers = {f"{layer.name}.conv": layer for layer in model.spec.network.convolutions()}
    drawn = entry_convolutions(model)
    assert list(drawn) == list(layers)
    assert {"stem.conv", "group2.block1.shortcut.conv", "group3.block1.shortcut.conv"} < set(drawn)
    assert not any(parameter.requires_grad for parameter in model.network.output.parameters())
    for name, conv in drawn.items():
        channels, fan_in = layers[name].out_channels, layers[name].fan_in
        learns = torch.zeros(channels, fan_in, dtype=torch.bool)
        learns.view(-1)[conv.entries] = True
        assert len(conv.entries) == channels * min(k, fan_in)
        assert learns.sum(dim=1).tolist() == [min(k, fan_in)] * channels


def test_random_entries_are_spread_evenly_over_the_fan_in() -> None:
    drawn = entry_convolutions(model_of("random_2", network="wrn-14-2"))
    places = torch.cat([conv.entries % conv.weight[0].numel() / conv.weight[0].numel() for conv in drawn.values()])
    counts = torch.histc(places, bins=8, min=0, max=1)
    assert places.numel() == 2 * 1_120
    assert (counts / places.numel() - 1 / 8).abs().max() < 0.03


def test_scattered_entries_ignore_the_channels() -> None:
    for name, conv in entry_convolutions(model_of("random_2_scattered")).items():
        channels = conv.weight.shape[0]
        in_each = torch.bincount(conv.entries // conv.weight[0].numel(), minlength=channels)
        assert len(conv.entries.unique()) == len(conv.entries) == 2 * channels
        assert in_each.unique().numel() > 1, name


def test_random_entries_are_the_seeds_own() -> None:
    one, again, with_output, other = (
        entry_convolutions(model_of(arm, seed=seed))
        for arm, seed in (("random_2", 0), ("random_2", 0), ("random_2_output", 0), ("random_2", 1))
    )
    for name, conv in one.items():
        assert torch.equal(conv.entries, again[name].entries)
        assert torch.equal(conv.entries, with_output[name].entries)
        assert not torch.equal(conv.entries, other[name].entries)


@pytest.mark.parametrize("arm", FROZEN_AFFINE)
def test_batchnorm_keeps_to_batch_statistics_where_its_affine_parameters_are_frozen(arm: str) -> None:
    usual, misled = model_of(arm), model_of(arm)
    for _, unit in misled.network.units():
        unit.bn.running_mean.fill_(5.0)
        unit.bn.running_var.fill_(9.0)
    assert train_steps(usual, 3) == train_steps(misled, 3)
    for _, unit in usual.network.units():
        assert (unit.bn.running_mean != 0).all()
        assert (unit.bn.running_var != 1).all()
