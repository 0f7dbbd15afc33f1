"""What a step of single operators keeps for its way back, as on CUDA, is what the memory of a run is computed from."""

from __future__ import annotations

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional

from bnrepro.gpu_jobs import layer_outputs
from bnrepro.spec.recipe import Precision
from bnrepro.train.model import TrainedModel
from tests.train.helpers import recipe, run_spec, striped_images

SIDE, BATCH = 16, 8
IMAGES = striped_images(side=SIDE)


def kept_bytes(model: TrainedModel, inputs: torch.Tensor) -> int:
    """Of tensors that autograd holds after a forward pass, parameters and buffers left out."""
    own = {tensor.untyped_storage().data_ptr() for tensor in model.network.state_dict().values()}
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    for _, unit in model.network.units():
        unit.fused = False
    with saved_tensors_hooks(note, lambda tensor: tensor):
        logits = model.network.train()(inputs)
        loss = functional.cross_entropy(logits.float(), torch.zeros(len(inputs), dtype=torch.int64))
        assert loss.requires_grad
        return sum(kept.values())  # while the graph keeps each storage at its address


@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16])
@pytest.mark.parametrize("arm", ["batchnorm", "all", "random_2"])
@pytest.mark.parametrize("network", ["resnet-14", "wrn-14-0.25", "vgg-11"])
def test_two_outputs_of_each_layer_are_kept_and_at_most_a_copy_of_the_weights(
    network: str, arm: str, precision: Precision
) -> None:
    spec = run_spec(IMAGES, network=network, arm=arm, recipe=recipe(precision=precision))
    model = TrainedModel(spec, in_channels=3, classes=10, device=torch.device("cpu"))
    size = 2 if precision is Precision.BFLOAT16 else 4
    inputs = torch.zeros(BATCH, 3, SIDE, SIDE, dtype=torch.bfloat16 if size == 2 else torch.float32)
    outputs = 2 * size * BATCH * sum(layer_outputs(spec.network, side=SIDE, in_channels=3))
    weights = 4 * spec.network.counts(3, 10).total
    assert spec.arm.learns_before_output
    # What BatchNorm notes of each channel comes to it, and the 8-byte places of a pool's maxima.
    assert 0.9 * outputs < kept_bytes(model, inputs) < 1.25 * outputs + weights


def test_where_only_the_output_learns_next_to_nothing_is_kept() -> None:
    spec = run_spec(IMAGES, network="resnet-14", arm="output")
    model = TrainedModel(spec, in_channels=3, classes=10, device=torch.device("cpu"))
    counted = 2 * 4 * BATCH * sum(layer_outputs(spec.network, side=SIDE, in_channels=3))
    assert not spec.arm.learns_before_output
    assert kept_bytes(model, torch.zeros(BATCH, 3, SIDE, SIDE)) < 0.02 * counted
