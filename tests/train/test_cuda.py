"""What only a CUDA device can show; run with ``pytest -m gpu`` on a machine that has one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import pytest
import torch

from bnrepro.recipes import RECIPES
from bnrepro.spec.networks import Family
from bnrepro.spec.recipe import Precision, Recipe
from bnrepro.spec.run import DeviceKind
from bnrepro.spec.scale import Scale
from bnrepro.spec.trainer import Interrupted
from bnrepro.train import model as model_module
from bnrepro.train.batches import Split, training_batches
from bnrepro.train.capture import CudaRecorder
from bnrepro.train.environment import torch_device
from bnrepro.train.model import TrainedModel
from bnrepro.train.run import train
from tests.train.helpers import MemorySlot, recipe, run_spec, striped_images

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device"),
]

IMAGES = striped_images()
"""Four full batches of 20 and a short one in each epoch: the last full one of the first is the first to be replayed."""
CUDA = DeviceKind.CUDA


class Unwilling:
    """Records nothing, so that steps are taken one by one."""

    def beside(self) -> AbstractContextManager[None]:
        return nullcontext()

    def record(self, work: Callable[[], None]) -> None:  # noqa: ARG002 - never looked at
        raise RuntimeError("not today")

    def replay(self) -> None:
        raise AssertionError


class WaitsForTheDevice(CudaRecorder):
    """A recording that meets an operator which no CUDA graph can hold."""

    def record(self, work: Callable[[], None]) -> None:
        def with_a_wait() -> None:
            work()
            torch.ones((), device="cuda").item()

        super().record(with_a_wait)


def trained(spec: Any, **more: Any) -> tuple[Any, dict[str, np.ndarray]]:
    return train(spec, IMAGES, **({"slot": MemorySlot()} | more))


def assert_same(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> None:
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        np.testing.assert_array_equal(tensor, theirs[name], err_msg=name)


@pytest.mark.parametrize("arm", ["batchnorm", "all", "random_2"])
@pytest.mark.parametrize("precision", list(Precision))
def test_a_run_repeats_to_the_bit_on_one_device(arm: str, precision: Precision) -> None:
    spec = run_spec(IMAGES, arm=arm, device=CUDA, recipe=recipe(precision=precision))
    first, once = trained(spec)
    second, again = trained(spec)
    assert first.test_accuracy == second.test_accuracy
    assert_same(once, again)


def test_cuda_starts_from_the_tensors_and_batches_of_the_cpu() -> None:
    on_cpu, _ = trained(run_spec(IMAGES))
    on_cuda, _ = trained(run_spec(IMAGES, device=CUDA))
    assert on_cuda.initial_digest == on_cpu.initial_digest
    assert on_cuda.curve[0].train_loss == pytest.approx(on_cpu.curve[0].train_loss, rel=1e-3)


@pytest.mark.parametrize(
    ("network", "arm", "changes"),
    [
        ("resnet-8", "batchnorm", {}),
        ("resnet-8", "batchnorm", {"precision": Precision.TF32}),
        ("resnet-8", "batchnorm", {"precision": Precision.BFLOAT16}),
        ("resnet-8", "batchnorm", {"batch_parts": 2}),
        ("resnet-8", "batchnorm", {"warmup_epochs": 2, "milestones": ()}),
        ("resnet-8", "all", {}),
        ("resnet-8", "output", {}),
        ("resnet-8", "random_2", {}),
        ("resnet-8", "random_2", {"precision": Precision.BFLOAT16}),
        ("vgg-11", "all", {}),
    ],
)
def test_a_captured_run_ends_bit_for_bit_as_one_of_single_steps(
    network: str, arm: str, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = run_spec(IMAGES, network=network, arm=arm, device=CUDA, recipe=recipe(epochs=3, **changes))
    record, arrays = trained(spec)
    monkeypatch.setattr(model_module, "recorder_for", lambda *_: Unwilling())
    single, single_arrays = trained(spec)
    assert record.environment["step"] == "captured"
    assert single.environment["step"] == "one by one (not today)"
    assert [epoch.train_loss for epoch in record.curve] == [epoch.train_loss for epoch in single.curve]
    assert_same(arrays, single_arrays)


def test_a_step_that_cannot_be_captured_leaves_the_run_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = run_spec(IMAGES, arm="all", device=CUDA)
    monkeypatch.setattr(model_module, "recorder_for", lambda device, _: WaitsForTheDevice(device))
    record, arrays = trained(spec)
    monkeypatch.setattr(model_module, "recorder_for", lambda *_: Unwilling())
    _, single_arrays = trained(spec)
    assert record.environment["step"].startswith("one by one (")
    assert_same(arrays, single_arrays)


@pytest.mark.parametrize("stopped_after", [1, 3, 4, 5, 8])
def test_a_captured_run_that_was_interrupted_ends_bit_for_bit_as_one_that_was_not(stopped_after: int) -> None:
    spec, slot = run_spec(IMAGES, arm="all", device=CUDA), MemorySlot()
    asked = iter(range(1, 100))
    with pytest.raises(Interrupted):
        trained(spec, slot=slot, stop=lambda: next(asked) == stopped_after)
    _, resumed = trained(spec, slot=slot)
    _, arrays = trained(spec)
    assert_same(resumed, arrays)


def test_tf32_and_float32_are_two_arithmetics_where_the_device_has_both() -> None:
    if torch.cuda.get_device_capability() < (8, 0):
        pytest.skip("no TF32 before compute capability 8.0")
    products = {}
    for precision in (Precision.FLOAT32, Precision.TF32):
        torch_device(CUDA, precision)
        left, right = (torch.randn(256, 256, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
        exact = left.double() @ right.double()
        products[precision] = ((left.cuda() @ right.cuda()).cpu() - exact).abs().max().item()
    # Rounded to 10 bits of mantissa, products of this size are off by about 1e-2; by 1e-4 at most in float32.
    assert products[Precision.FLOAT32] < 1e-3 < products[Precision.TF32]


def test_batches_are_channels_last_and_on_the_device() -> None:
    # Of ImageNet's parts and of all else, digits excepted: one channel has no order.
    chosen: Recipe = RECIPES[Family.CIFAR, Scale.PAPER]
    device = torch_device(CUDA, Precision.FLOAT32)
    split = Split.on_device(IMAGES.train_images, IMAGES.train_labels, device)
    inputs, labels = next(training_batches(split, chosen, seed=0, epoch=0))
    assert (inputs.device.type, labels.device.type) == ("cuda", "cuda")
    assert inputs.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("precision", list(Precision))
def test_every_convolution_sees_images_and_frozen_weights_channels_last(precision: Precision) -> None:
    spec = run_spec(IMAGES, device=CUDA, recipe=recipe(precision=precision))
    model = TrainedModel(spec, in_channels=3, classes=10, device=torch_device(CUDA, precision))
    seen: list[bool] = []
    for _, unit in model.network.units():
        unit.conv.register_forward_pre_hook(
            lambda conv, inputs: seen.extend(
                tensor.is_contiguous(memory_format=torch.channels_last)
                for tensor in (inputs[0], conv.filter(inputs[0].dtype).weight)
            )
        )
    split = Split.on_device(IMAGES.train_images, IMAGES.train_labels, model.device)
    inputs, labels = next(training_batches(split, spec.recipe, seed=0, epoch=0))
    model.step(inputs, labels)
    assert seen
    assert all(seen)
