"""The plain loop is what it says it is, and the floor is the convolutions that a step needs, no more and no fewer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from bnrepro.spec.arms import Arm
from bnrepro.spec.bench import Contender, Workload
from bnrepro.spec.networks import Network
from bnrepro.spec.recipe import Precision
from bnrepro.train.batches import Split, training_batches
from bnrepro.train.bench.contenders import steps_of
from bnrepro.train.bench.floor import Floor
from bnrepro.train.bench.plain import PlainLoop, PlainNet, plain_batches
from bnrepro.train.bench.work import convolution_work
from bnrepro.train.model import TrainedModel
from bnrepro.train.network import ConvNet
from tests.train.helpers import recipe, run_spec, striped_images
from tests.train.test_plain_loop import plain_copy, plain_loop

CPU = torch.device("cpu")
BATCH = 4
NETWORKS = ["resnet-14", "wrn-8-0.5", "vgg-11-0.0625"]


def workload(network: str, arm: str, precision: Precision = Precision.FLOAT32, side: int = 16) -> Workload:
    images = striped_images(train=2 * BATCH, side=side)
    spec = run_spec(images, network=network, arm=arm, recipe=recipe(batch_size=BATCH, precision=precision))
    return Workload(
        spec=spec,
        images=images.train_images,
        labels=images.train_labels,
        classes=10,
        warmup_steps=1,
        memory_steps=1,
    )


def same_parameters(ours: ConvNet, plain: PlainNet) -> dict[str, nn.Parameter]:
    """The plain network's parameters by the names that ours has: both are in the order of the forward pass."""
    convs = [module for module in plain.modules() if isinstance(module, nn.Conv2d)]
    norms = [module for module in plain.modules() if isinstance(module, nn.BatchNorm2d)]
    matched: dict[str, nn.Parameter] = {}
    for (name, _), conv, norm in zip(ours.units(), convs, norms, strict=True):
        matched |= {f"{name}.conv.{own}": parameter for own, parameter in conv.named_parameters()}
        matched |= {f"{name}.bn.{own}": parameter for own, parameter in norm.named_parameters()}
    return matched | {f"output.{own}": parameter for own, parameter in plain.fc.named_parameters()}


@torch.no_grad()
def plain_like(ours: ConvNet, network: Network) -> tuple[PlainNet, dict[str, nn.Parameter]]:
    plain = PlainNet(network, in_channels=3, classes=10).to(next(ours.parameters()).dtype)
    matched = same_parameters(ours, plain)
    values = dict(ours.named_parameters())
    assert set(values) == set(matched)
    for name, parameter in matched.items():
        parameter.copy_(values[name])
    return plain, matched


@pytest.mark.parametrize("name", NETWORKS)
def test_the_plain_network_computes_the_logits_of_ours(name: str) -> None:
    torch.manual_seed(0)
    network = Network.parse(name)
    ours = ConvNet(network, in_channels=3, classes=10).double().eval()
    plain, _ = plain_like(ours, network)
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    torch.testing.assert_close(plain.eval()(images), ours(images))


@pytest.mark.parametrize(
    "arm", ["batchnorm", "all", "output", "random_2", "random_3_scattered", "batchnorm_shortcut_output"]
)
def test_the_plain_loop_loses_what_the_textbook_loop_loses(arm: str) -> None:
    torch.set_num_threads(1)
    images = striped_images(train=6 * 16, side=8)
    spec = run_spec(images, arm=arm, recipe=recipe(batch_size=16, peak_lr=0.05))
    model = TrainedModel(spec, in_channels=3, classes=10, device=CPU)
    split = Split.on_device(images.train_images, images.train_labels, CPU)
    drawn = training_batches(split, spec.recipe, seed=0, epoch=0)
    batches = [(inputs.double(), labels) for inputs, labels in drawn]
    copy, masks = plain_copy(model)
    plain, matched = plain_like(copy.double(), spec.network)
    given = {matched[name]: masks[name] for name in masks if arm.startswith("random") and ".conv." in name}
    loop = PlainLoop(plain, spec.arm, spec.recipe, masks=given)
    before = {weight: weight.detach().clone() for weight in given}
    ours = [loop.step(inputs, labels).item() for inputs, labels in batches]
    theirs = plain_loop(copy, masks, batches, 0.05)
    assert len(ours) == 6
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    for weight, mask in given.items():
        assert torch.equal(weight[~mask], before[weight][~mask])
        assert not torch.equal(weight[mask], before[weight][mask])


@pytest.mark.parametrize(("arm", "rows"), [("random_2", True), ("random_3_scattered", False)])
def test_the_plain_loop_draws_as_many_entries_as_the_arm_trains(arm: str, *, rows: bool) -> None:
    plain = PlainNet(Network.parse("wrn-8-0.0625"), in_channels=3, classes=10)
    loop = PlainLoop(plain, Arm.parse(arm), recipe())
    k = int(arm.split("_")[1])
    convs = [module for module in plain.modules() if isinstance(module, nn.Conv2d)]
    assert len(loop.masks) == len(convs)
    for conv in convs:
        mask, fan_in = loop.masks[conv.weight], conv.weight[0].numel()
        assert mask.sum() == min(k, fan_in) * len(conv.weight)
        if rows:
            assert set(mask.flatten(1).sum(1).tolist()) == {min(k, fan_in)}


def test_the_plain_loop_gets_the_batches_that_ours_would_without_augmentation() -> None:
    made = workload("resnet-8", "batchnorm")
    still = made.spec.recipe.model_copy(update={"flip": False, "shift_pixels": 0})
    split = Split.on_device(made.images, made.labels, CPU)
    ours = torch.cat([inputs for inputs, _ in training_batches(split, still, seed=0, epoch=0)])
    plain = torch.cat([inputs for inputs, _ in plain_batches(made, CPU)])
    assert plain.is_contiguous()
    torch.testing.assert_close(plain.sum(0), ours.sum(0), rtol=1e-4, atol=1e-4)


class Calls(TorchDispatchMode):
    """Counts convolutions: shapes of images, kernel and stride, and of a backward pass the gradients that it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.forward: list[tuple[Any, ...]] = []
        self.backward: list[tuple[Any, ...]] = []
        self.dtypes: set[torch.dtype] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.convolution.default:
            self.forward.append((tuple(args[0].shape), tuple(args[1].shape), tuple(args[3])))
            self.dtypes.add(args[0].dtype)
        if func is torch.ops.aten.convolution_backward.default:
            shape = (tuple(args[0].shape), tuple(args[1].shape), tuple(args[2].shape))
            self.backward.append((*shape, tuple(args[10][:2])))
        return func(*args, **(kwargs or {}))


@contextmanager
def counted() -> Iterator[Calls]:
    calls = Calls()
    with calls:
        yield calls


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    "arm", ["batchnorm", "all", "all_but_affine", "output", "shortcut_output", "batchnorm_shortcut_output"]
)
def test_the_floor_makes_the_convolutions_that_autograd_makes_and_asks_for_the_same_gradients(
    name: str, arm: str
) -> None:
    made = workload(name, arm)
    plain = PlainLoop(PlainNet(made.spec.network, in_channels=3, classes=10), made.spec.arm, made.spec.recipe)
    batch = plain_batches(made, CPU)[0]
    with counted() as theirs:
        plain.step(*batch)
    floor = Floor(made, CPU)
    with counted() as ours:
        floor.step()
    assert len(ours.forward) == len(made.spec.network.convolutions())
    assert Counter(ours.forward) == Counter(theirs.forward)
    asked = [call for call in theirs.backward if any(call[3])]  # a bias alone is no convolution
    assert Counter(ours.backward) == Counter(asked)


def test_the_floor_of_a_random_arm_leaves_weight_gradients_out() -> None:
    batchnorm, random = Floor(workload("resnet-14", "batchnorm"), CPU), Floor(workload("resnet-14", "random_2"), CPU)
    with counted() as first:
        batchnorm.step()
    with counted() as second:
        random.step()
    assert first.backward == second.backward
    assert {call[3] for call in second.backward} == {(True, False)}
    assert len(second.backward) == len(second.forward) - 1


def test_the_floor_has_the_shapes_of_the_real_network_and_its_precision() -> None:
    made = workload("resnet-14", "batchnorm", Precision.BFLOAT16)
    shapes = []
    network = ConvNet(made.spec.network, in_channels=3, classes=10)
    hooks = [
        unit.conv.register_forward_hook(lambda _, seen, out: shapes.append((seen[0].shape[1:], out.shape[1:])))
        for _, unit in network.units()
    ]
    network.eval()(torch.zeros(1, 3, 16, 16))
    for hook in hooks:
        hook.remove()
    work = convolution_work(made.spec.network, made.spec.arm, side=16, in_channels=3)
    expected = [
        (
            (each.layer.in_channels, each.side, each.side),
            (each.layer.out_channels, *[each.layer.side_after(each.side)] * 2),
        )
        for each in work
    ]
    assert Counter((tuple(seen), tuple(out)) for seen, out in shapes) == Counter(expected)
    with counted() as calls:
        Floor(made, CPU).step()
    assert calls.dtypes == {torch.bfloat16}


@pytest.mark.parametrize("contender", list(Contender))
def test_every_contender_steps_on_beyond_its_images(contender: Contender) -> None:
    torch.set_num_threads(1)
    steps = steps_of(contender, workload("wrn-8-0.5", "batchnorm", side=8), CPU)
    for _ in range(5):  # there are two batches
        next(steps)
