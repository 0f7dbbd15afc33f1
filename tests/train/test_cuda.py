"""What only a CUDA device can show; run with ``pytest -m gpu`` on a machine that has one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bnrepro.spec.recipe import Precision
from bnrepro.spec.run import DeviceKind
from bnrepro.train.run import train
from tests.train.helpers import MemorySlot, recipe, run_spec, striped_images

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device"),
]


@pytest.mark.parametrize("arm", ["batchnorm", "all", "random_2"])
@pytest.mark.parametrize("precision", list(Precision))
def test_a_run_repeats_to_the_bit_on_one_device(arm: str, precision: Precision) -> None:
    images = striped_images()
    spec = run_spec(images, arm=arm, device=DeviceKind.CUDA, recipe=recipe(precision=precision))
    first, once = train(spec, images, slot=MemorySlot())
    second, again = train(spec, images, slot=MemorySlot())
    assert first.test_accuracy == second.test_accuracy
    for name, tensor in once.items():
        np.testing.assert_array_equal(tensor, again[name])


def test_cuda_starts_from_the_tensors_and_batches_of_the_cpu() -> None:
    images = striped_images()
    on_cpu, _ = train(run_spec(images), images, slot=MemorySlot())
    on_cuda, _ = train(run_spec(images, device=DeviceKind.CUDA), images, slot=MemorySlot())
    assert on_cuda.initial_digest == on_cpu.initial_digest
    assert on_cuda.curve[0].train_loss == pytest.approx(on_cpu.curve[0].train_loss, rel=1e-3)
