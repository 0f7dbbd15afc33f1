"""Evaluation through the kernels gives what torch's own operators give, and steps aside where someone watches."""

from __future__ import annotations

import pytest
import torch

from bnrepro.spec.recipe import Precision
from bnrepro.train.batches import Split, evaluation_batches, training_batches
from bnrepro.train.kernels import build, calls
from bnrepro.train.model import TrainedModel
from tests.train.helpers import recipe, run_spec, striped_images

CPU = torch.device("cpu")
IMAGES = striped_images()
TRAIN = Split.on_device(IMAGES.train_images, IMAGES.train_labels, CPU)
TEST = Split.on_device(IMAGES.test_images, IMAGES.test_labels, CPU)

pytestmark = pytest.mark.skipif(not calls.available(), reason=build.describe())


def trained(arm: str, network: str, precision: Precision) -> TrainedModel:
    """After a few steps, so that running statistics and what learns are not as drawn."""
    spec = run_spec(IMAGES, arm=arm, network=network, recipe=recipe(precision=precision))
    model = TrainedModel(spec, in_channels=3, classes=10, device=CPU)
    model.set_lr(0.01)
    for inputs, labels in training_batches(TRAIN, spec.recipe, seed=0, epoch=0):
        model.step(inputs, labels)
    return model


@torch.no_grad()
def logits(model: TrainedModel, *, fused: bool, dtype: torch.dtype) -> torch.Tensor:
    for _, unit in model.network.units():
        unit.fused = fused
    model.network.eval()
    batches = evaluation_batches(TEST, model.spec.recipe)
    return torch.cat([model.network(inputs.to(dtype)) for inputs, _ in batches]).float()


@pytest.mark.parametrize("network", ["resnet-8", "vgg-11-0.0625"])
@pytest.mark.parametrize("arm", ["batchnorm", "all", "random_2"])
def test_logits_are_those_of_torchs_operators(arm: str, network: str) -> None:
    model = trained(arm, network, Precision.FLOAT32)
    ours, theirs = (logits(model, fused=fused, dtype=torch.float32) for fused in (True, False))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_logits_in_bfloat16_are_as_near_to_float32_as_torchs_own() -> None:
    model = trained("batchnorm", "resnet-8", Precision.BFLOAT16)
    exact = logits(model, fused=False, dtype=torch.float32)
    ours, theirs = ((logits(model, fused=fused, dtype=torch.bfloat16) - exact).norm() for fused in (True, False))
    assert ours < 1.5 * theirs


def test_torchs_operators_are_not_asked_for_batchnorm_unless_someone_watches() -> None:
    model = trained("batchnorm", "resnet-8", Precision.FLOAT32)
    seen: list[torch.Tensor] = []
    model.network.eval()
    unit = model.network.get_submodule("group1.block1.conv1")
    with torch.no_grad(), torch.profiler.profile() as unwatched:
        model.scores(TEST)
    hook = unit.relu.register_forward_hook(lambda _, __, output: seen.append(output))
    with torch.no_grad():
        model.scores(TEST)
    hook.remove()
    assert not any("batch_norm" in event.key for event in unwatched.key_averages())
    assert len(seen) == len(list(evaluation_batches(TEST, model.spec.recipe)))
