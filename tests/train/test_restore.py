"""A network is a seed and what was learned: the store's promise, kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bnrepro.data import ImageSet
from bnrepro.errors import TrainingError
from bnrepro.spec.arms import FeatureInit
from bnrepro.spec.run import RunSpec
from bnrepro.store import Store
from bnrepro.train.batches import Split
from bnrepro.train.model import TrainedModel
from bnrepro.train.restore import restore
from bnrepro.train.run import train
from tests.train.helpers import MemorySlot, recipe, run_spec, striped_images


def assert_comes_back(spec: RunSpec, images: ImageSet, folder: Path) -> None:
    """Train, store, find, restore and evaluate: the same loss and accuracy, to the bit."""
    record, tensors = train(spec, images, slot=MemorySlot())
    store = Store(folder)
    store.save(record, tensors)
    found = store.find(record.key)
    assert found is not None
    model = restore(found, store.tensors(record.key), in_channels=3, classes=10)
    test_split = Split.on_device(images.test_images, images.test_labels, torch.device("cpu"))
    assert model.evaluate(test_split) == (record.test_loss, record.test_accuracy)
    untrained = restore(found, fresh_tensors(spec), in_channels=3, classes=10)
    assert untrained.evaluate(test_split)[0] != record.test_loss


def fresh_tensors(spec: RunSpec) -> dict[str, np.ndarray]:
    """What a network has in place of learned tensors before its first step."""
    return TrainedModel(spec, in_channels=3, classes=10, device=torch.device("cpu")).learned_arrays()


@pytest.mark.parametrize("arm", ["batchnorm", "random_2", "all", "batchnorm_output"])
@pytest.mark.parametrize("network", ["resnet-8", "vgg-11-0.125"])
def test_a_stored_run_comes_back_and_scores_what_it_scored(tmp_path: Path, arm: str, network: str) -> None:
    images = striped_images()
    assert_comes_back(run_spec(images, arm=arm, network=network), images, tmp_path)


@pytest.mark.parametrize(
    ("network", "arm"),
    [("imagenet-resnet-18", "random_2"), ("imagenet-resnet-50", "batchnorm")],
)
def test_a_stored_run_of_an_imagenet_network_comes_back_too(tmp_path: Path, network: str, arm: str) -> None:
    images = striped_images(train=24, test=20, side=32)
    spec = run_spec(images, arm=arm, network=network, recipe=recipe(epochs=1, milestones=(), batch_size=12))
    assert_comes_back(spec, images, tmp_path)


@pytest.mark.parametrize("choice", FeatureInit)
def test_a_run_from_any_features_comes_back(tmp_path: Path, choice: FeatureInit) -> None:
    images = striped_images()
    assert_comes_back(run_spec(images, feature_init=choice), images, tmp_path)


def test_a_batchnorm_run_stores_its_affine_parameters_and_statistics_and_nothing_else(tmp_path: Path) -> None:
    images = striped_images()
    record, tensors = train(run_spec(images), images, slot=MemorySlot())
    batchnorm = record.spec.network.counts().batchnorm
    assert sum(tensor.size for tensor in tensors.values()) == 2 * batchnorm


def test_a_seed_that_draws_other_tensors_is_refused() -> None:
    images = striped_images()
    record, tensors = train(run_spec(images), images, slot=MemorySlot())
    other = record.model_copy(update={"initial_digest": "0" * 64})
    with pytest.raises(TrainingError, match=r"draws tensors of digest .* the run had 000000000000"):
        restore(other, tensors, in_channels=3, classes=10)


def test_a_checkpoint_of_other_initial_tensors_is_rejected_and_the_run_starts_again() -> None:
    images = striped_images()
    slot = MemorySlot()
    train(run_spec(images, checkpoint_seconds=0.0), images, slot=slot)
    record, _ = train(run_spec(images, seed=1), images, slot=slot)
    assert "other initial tensors" in slot.rejected
    assert record.resumed == 0
