"""A network is a seed and what was learned: the store's promise, kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bnrepro.errors import TrainingError
from bnrepro.store import Store
from bnrepro.train.batches import Split
from bnrepro.train.restore import restore
from bnrepro.train.run import train
from tests.train.helpers import MemorySlot, run_spec, striped_images


@pytest.mark.parametrize("arm", ["batchnorm", "random_2", "all", "batchnorm_output"])
def test_a_stored_run_comes_back_and_scores_what_it_scored(tmp_path: Path, arm: str) -> None:
    images = striped_images()
    record, tensors = train(run_spec(images, arm=arm), images, slot=MemorySlot())
    store = Store(tmp_path)
    store.save(record, tensors)
    found = store.find(record.key)
    assert found is not None
    model = restore(found, store.tensors(record.key), in_channels=3, classes=10)
    test_split = Split.on_device(images.test_images, images.test_labels, torch.device("cpu"))
    assert model.evaluate(test_split) == (record.test_loss, record.test_accuracy)


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
