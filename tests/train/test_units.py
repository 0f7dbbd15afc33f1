"""Units in one piece: the gradients of torch's own operators, for no more memory and work than the arm needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from bnrepro.spec import layers
from bnrepro.spec.recipe import Precision
from bnrepro.spec.trainer import Interrupted
from bnrepro.train.batches import Split, training_batches
from bnrepro.train.kernels import calls
from bnrepro.train.model import TrainedModel
from bnrepro.train.network import Block, Unit
from bnrepro.train.run import train
from tests.train.helpers import MemorySlot, recipe, run_spec, striped_images
from tests.train.test_arms import LEARNS, RANDOM

pytestmark = pytest.mark.skipif(not calls.available(), reason="no C compiler is here, or the kernels are off")

CPU = torch.device("cpu")
BATCH = 16
NARROW = {side: striped_images(train=BATCH, side=side) for side in (8, 32)}
SMALL = [("resnet-8", 8), ("resnet-14", 8), ("vgg-11-0.0625", 32)]
LARGE = [("imagenet-resnet-18", 32)]
OF_EACH_KIND = ["all", "batchnorm", "random_2", "batchnorm_shortcut_output"]


def model_of(
    arm: str,
    network: str = "resnet-8",
    *,
    side: int = 8,
    fused: bool = True,
    dtype: torch.dtype = torch.float32,
    **changes: Any,
) -> TrainedModel:
    spec = run_spec(NARROW[side], arm=arm, network=network, recipe=recipe(batch_size=BATCH, **changes))
    model = TrainedModel(spec, in_channels=3, classes=10, device=CPU)
    model.network.to(dtype)
    for _, unit in model.network.units():
        unit.fused = fused
    return model


def batch_of(model: TrainedModel, side: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """The first batch, in the type of the network's parameters."""
    split = Split.on_device(NARROW[side].train_images, NARROW[side].train_labels, CPU)
    inputs, labels = next(training_batches(split, model.spec.recipe, seed=0, epoch=0))
    return inputs.to(model.network.output.weight.dtype), labels


def one_pass(model: TrainedModel, side: int = 8, *, dtype: torch.dtype | None = None) -> torch.Tensor:
    """Forward and backward over a batch; the loss."""
    inputs, labels = batch_of(model, side)
    inputs = inputs if dtype is None else inputs.to(dtype)
    logits = model.network.train()(inputs)
    loss = functional.cross_entropy(logits if logits.dtype == torch.float64 else logits.float(), labels)
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach()


def gradients(model: TrainedModel) -> torch.Tensor:
    """Of everything that learns, end to end."""
    found = [p.grad.flatten().double() for p in model.network.parameters() if p.requires_grad and p.grad is not None]
    return torch.cat(found)


def running_statistics(model: TrainedModel) -> torch.Tensor:
    return torch.cat([b.flatten().double() for name, b in model.network.named_buffers() if "running" in name])


def distance(ours: torch.Tensor, exact: torch.Tensor) -> float:
    return float((ours - exact).norm() / exact.norm())


@pytest.mark.parametrize(
    ("arm", "network", "side"),
    [(arm, *size) for sizes, arms in ((SMALL, LEARNS), (LARGE, OF_EACH_KIND)) for size in sizes for arm in arms],
)
def test_a_step_in_one_piece_is_as_near_to_double_precision_as_torchs_own(arm: str, network: str, side: int) -> None:
    fused, own = (model_of(arm, network, side=side, fused=fused) for fused in (True, False))
    exact = model_of(arm, network, side=side, fused=False, dtype=torch.float64)
    losses = [one_pass(model, side).item() for model in (fused, own, exact)]
    assert abs(losses[0] - losses[2]) < 1e-6 * losses[2]
    # Measured: 0.2e-6 to 5e-6 for the gradients, always nearer than torch's own or about as near.
    assert distance(gradients(fused), gradients(exact)) < 2e-5
    assert distance(gradients(fused), gradients(exact)) < 2 * distance(gradients(own), gradients(exact)) + 1e-6
    assert distance(running_statistics(fused), running_statistics(exact)) < 2e-7
    assert [p.grad is None for p in fused.network.parameters()] == [p.grad is None for p in own.network.parameters()]


@pytest.mark.parametrize("arm", ["all", "batchnorm", "random_2"])
@pytest.mark.parametrize(("network", "side"), SMALL + LARGE)
def test_a_coarse_step_in_one_piece_is_as_near_to_double_precision_as_torchs_own(
    arm: str, network: str, side: int
) -> None:
    fused, own = (model_of(arm, network, side=side, fused=fused) for fused in (True, False))
    exact = model_of(arm, network, side=side, fused=False, dtype=torch.float64)
    for model in (fused, own):
        one_pass(model, side, dtype=torch.bfloat16)
    one_pass(exact, side)
    ours, theirs = (distance(gradients(model), gradients(exact)) for model in (fused, own))
    assert 1e-3 < ours < 1.5 * theirs
    assert distance(running_statistics(fused), running_statistics(exact)) < 2e-3


@pytest.mark.parametrize("arm", LEARNS)
@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16])
def test_a_step_of_two_parts_is_that_of_torchs_own_operators(arm: str, precision: Precision) -> None:
    fused, own = (model_of(arm, fused=fused, batch_parts=2, precision=precision) for fused in (True, False))
    before = {name: array.copy() for name, array in fused.learned_arrays().items()}
    losses = [model.step(*batch_of(model))[0].item() for model in (fused, own)]
    coarse = precision is Precision.BFLOAT16
    assert losses[0] == pytest.approx(losses[1], rel=1e-2 if coarse else 1e-6)
    ours, theirs = fused.learned_arrays(), own.learned_arrays()
    moved, apart = ({True: 0.0, False: 0.0} for _ in range(2))
    for name, array in ours.items():
        moved["running" in name] += float(np.square(array - before[name]).sum())
        apart["running" in name] += float(np.square(array - theirs[name]).sum())
    allowed = {True: 1e-2, False: 0.5} if coarse else {True: 1e-6, False: 1e-5}
    for running in (True, False):
        assert moved[running] > 0
        assert (apart[running] / moved[running]) ** 0.5 < allowed[running]


class Costs(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts which gradients convolutions computed: (of images, of weight, of bias)."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.wanted: Counter[tuple[bool, ...]] = Counter()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if function is torch.ops.aten.convolution_backward.default:
            self.wanted[tuple(args[-1])] += 1
        return function(*args, **(kwargs or {}))


@contextmanager
def kept_tensors() -> Iterator[list[torch.Tensor]]:
    """All that autograd keeps for the way back."""
    kept: list[torch.Tensor] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor)
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        yield kept


def memory(tensors: list[torch.Tensor]) -> set[int]:
    return {tensor.untyped_storage().data_ptr() for tensor in tensors}


def unit_of(*, relu: bool, frozen: bool) -> Unit:
    """A unit of 4 channels in one piece, whose convolution learns or not."""
    unit = Unit(layers.ConvLayer(name="unit", in_channels=4, out_channels=4, kernel=3, stride=1), relu=relu).train()
    unit.fused = True
    unit.conv.requires_grad_(not frozen)
    return unit


def images_of(channels: int = 4) -> torch.Tensor:
    """Activations of a layer before, which learns."""
    images = torch.randn(5, channels, 6, 6, generator=torch.Generator().manual_seed(0))
    return images.to(memory_format=torch.channels_last).requires_grad_()


def test_a_frozen_convolution_of_torchs_own_path_keeps_nothing() -> None:
    conv = unit_of(relu=False, frozen=True).conv
    images = images_of()
    with Costs() as costs, kept_tensors() as kept:
        output = conv(images)
        output.sum().backward()
    assert kept == []
    assert costs.wanted == {(True, False, False): 1}
    expected = images_of()
    functional.conv2d(expected, conv.weight, padding=1).sum().backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(images.grad, expected.grad)


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("with_shortcut", [True, False])
def test_a_unit_keeps_its_input_only_for_weights_that_learn(relu: bool, with_shortcut: bool) -> None:
    for frozen in (True, False):
        unit, images = unit_of(relu=relu, frozen=frozen), images_of()
        shortcut = images_of() if with_shortcut else None
        with Costs() as costs, kept_tensors() as kept:
            outputs = unit(images, shortcut)
            sum(output.sum() for output in (outputs if isinstance(outputs, tuple) else (outputs,))).backward()
        assert (images.data_ptr() in memory(kept)) is not frozen
        assert len(memory(kept)) == 1 + (relu and with_shortcut) + (not frozen)
        assert costs.wanted == {(True, not frozen, False): 1}


@pytest.mark.parametrize("network", ["resnet-8", "resnet-14", "imagenet-resnet-18"])
def test_a_frozen_network_keeps_one_tensor_a_unit_and_one_a_block(network: str) -> None:
    model = model_of("batchnorm", network)
    blocks, pools = (
        sum(isinstance(module, kind) for module in model.network.modules()) for kind in (Block, nn.MaxPool2d)
    )
    with kept_tensors() as kept:
        one_pass(model)
    activations = [tensor for tensor in kept if tensor.dim() == 4 and tensor.is_floating_point()]
    # A max pool keeps its input.
    assert len(memory(activations)) == len(list(model.network.units())) + blocks + pools


@pytest.mark.parametrize("arm", LEARNS)
@pytest.mark.parametrize("network", ["resnet-8", "vgg-11-0.0625"])
def test_no_arm_computes_a_weight_gradient_that_it_does_not_use(arm: str, network: str) -> None:
    model = model_of(arm, network, side=32)
    learning = [unit.conv.weight.requires_grad for _, unit in model.network.units()]
    with Costs() as costs:
        one_pass(model, 32)
    assert sum(number for (_, weight, _), number in costs.wanted.items() if weight) == sum(learning)
    assert sum(costs.wanted.values()) <= len(learning)
    if arm in RANDOM:
        own = model_of(arm, network, side=32, fused=False)
        with Costs() as costs:
            one_pass(own, 32)
        assert sum(number for (_, weight, _), number in costs.wanted.items() if weight) == len(learning)


@pytest.mark.parametrize("fused", [True, False])
def test_no_gradient_is_computed_before_the_first_layer_that_learns(fused: bool) -> None:
    model = model_of("output", fused=fused)
    with Costs() as costs, kept_tensors() as kept:
        one_pass(model)
    assert costs.wanted == {}
    assert not [tensor for tensor in kept if tensor.dim() == 4]


@pytest.mark.parametrize(("arm", "wanted"), [("batchnorm", False), ("all", True), ("random_2", True)])
def test_the_first_layer_has_a_gradient_of_its_output_only_for_weights_that_learn(
    arm: str, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    original = calls.norm_backward

    def noted(*args: Any, wants_x: bool, **named: Any) -> calls.NormGradients:
        asked.append(wants_x)
        return original(*args, wants_x=wants_x, **named)

    monkeypatch.setattr(calls, "norm_backward", noted)
    one_pass(model_of(arm))
    assert asked == [True] * 8 + [wanted]


def test_a_graph_that_is_walked_back_twice_is_an_error() -> None:
    images = images_of()
    output = unit_of(relu=True, frozen=True)(images)
    assert isinstance(output, torch.Tensor)
    output.sum().backward(retain_graph=True)  # type: ignore[no-untyped-call]
    with pytest.raises(RuntimeError, match="walked back once"):
        output.sum().backward()  # type: ignore[no-untyped-call]


def test_both_outputs_of_a_block_bring_their_gradients_back() -> None:
    unit, weights = unit_of(relu=True, frozen=False), torch.randn(2, 5, 4, 6, 6)
    found = []
    for used in ((0, 1), (0,), (1,)):
        images, shortcut = images_of(), images_of()
        outputs = unit(images, shortcut)
        assert isinstance(outputs, tuple)
        sum((outputs[place] * weights[place]).sum() for place in used).backward()
        found.append((images.grad, shortcut.grad))
    both, first, second = found
    for together, one, other in zip(both, first, second, strict=True):
        assert one is not None
        assert other is not None
        torch.testing.assert_close(together, one + other)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("arm", ["batchnorm", "all", "random_2"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_in_one_pixel_reaches_the_loss_and_every_gradient(arm: str, fused: bool, bad: float) -> None:
    model = model_of(arm, fused=fused)
    inputs, labels = batch_of(model)
    inputs[3, 1, 4, 4] = bad
    loss = functional.cross_entropy(model.network.train()(inputs), labels)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.isnan()
    for name, parameter in model.network.named_parameters():
        assert not parameter.requires_grad or (parameter.grad is not None and parameter.grad.isnan().any()), name


@pytest.fixture
def normalised_by_kernels(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with every batch that a kernel normalises."""
    made: list[int] = []
    original = calls.norm_forward

    def counted(*args: Any, **kwargs: Any) -> tuple[torch.Tensor, torch.Tensor]:
        made.append(1)
        return original(*args, **kwargs)

    monkeypatch.setattr(calls, "norm_forward", counted)
    return made


@pytest.mark.parametrize("arm", ["batchnorm", "random_2"])
@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16])
def test_a_diverging_run_is_seen_with_kernels(arm: str, precision: Precision, normalised_by_kernels: list[int]) -> None:
    images = striped_images(test=45)
    record, _ = train(
        run_spec(images, arm=arm, recipe=recipe(peak_lr=1e30, precision=precision)), images, slot=MemorySlot()
    )
    assert normalised_by_kernels
    assert (record.status, record.divergence) == ("diverged", "the loss stopped being a finite number")


@pytest.mark.parametrize("arm", ["batchnorm", "all", "random_2"])
@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16])
def test_a_run_interrupted_in_mid_epoch_ends_to_the_bit_as_one_that_was_not(
    arm: str, precision: Precision, normalised_by_kernels: list[int]
) -> None:
    images = striped_images()
    spec = run_spec(images, arm=arm, recipe=recipe(precision=precision, batch_parts=2))
    slot, stops = MemorySlot(), iter([False, False, True])
    with pytest.raises(Interrupted):
        train(spec, images, slot=slot, stop=lambda: next(stops))
    record, arrays = train(spec, images, slot=slot)
    _, uninterrupted = train(spec, images, slot=MemorySlot())
    assert record.resumed == 1
    assert record.environment["kernels"].startswith("compiled by ")
    assert arrays.keys() == uninterrupted.keys()
    assert all(arrays[name].tobytes() == uninterrupted[name].tobytes() for name in arrays)
    # 9 units, 2 parts, 10 steps of which 3 were taken before the interruption; and all again.
    assert len(normalised_by_kernels) == 2 * 9 * 2 * 10
