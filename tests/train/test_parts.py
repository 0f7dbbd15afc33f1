"""Batches in parts, as on several GPUs: each normalised by itself, gradients averaged, the first one's statistics."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from bnrepro.errors import TrainingError
from bnrepro.recipes import RECIPES
from bnrepro.spec.networks import Family
from bnrepro.spec.recipe import DatasetName, ResizedCrop
from bnrepro.spec.run import RunRecord
from bnrepro.spec.scale import Scale
from bnrepro.train.batches import Split, training_batches
from bnrepro.train.model import TrainedModel
from bnrepro.train.run import train
from bnrepro.train.team import Team
from tests.train.helpers import MemorySlot, recipe, run_spec, striped_images

IMAGES = striped_images()
CPU = torch.device("cpu")
PAPER = RECIPES[Family.IMAGENET, Scale.PAPER]


def model_of(**changes: object) -> TrainedModel:
    spec = run_spec(IMAGES, arm="all", recipe=recipe(**changes))
    return TrainedModel(spec, in_channels=3, classes=10, device=CPU)


def first_batch() -> tuple[torch.Tensor, torch.Tensor]:
    split = Split.on_device(IMAGES.train_images, IMAGES.train_labels, CPU)
    return next(training_batches(split, recipe(), seed=0, epoch=0))


@pytest.mark.parametrize("size", [20, 18])
def test_a_step_in_parts_is_that_of_a_plain_loop_over_the_parts(size: int) -> None:
    inputs, labels = (tensor[:size] for tensor in first_batch())
    model = model_of(batch_parts=4)
    plain = copy.deepcopy(model.network)
    loss, correct = model.step(inputs, labels)

    networks = []
    for seen, wanted in zip(inputs.tensor_split(4), labels.tensor_split(4), strict=True):
        network = copy.deepcopy(plain).train()
        (functional.cross_entropy(network(seen), wanted, reduction="sum") / size).backward()
        networks.append(network)
    for name, parameter in plain.named_parameters():
        gradient = sum(dict(network.named_parameters())[name].grad for network in networks)
        expected = parameter - 0.1 * (gradient + 1e-4 * parameter)
        torch.testing.assert_close(dict(model.network.named_parameters())[name], expected, rtol=1e-5, atol=1e-6)
    for name, buffer in networks[0].named_buffers():
        assert torch.equal(dict(model.network.named_buffers())[name], buffer)
        if "running_mean" in name:
            assert not torch.equal(dict(networks[1].named_buffers())[name], buffer)
    with torch.no_grad():
        logits = torch.cat([copy.deepcopy(plain).train()(seen) for seen in inputs.tensor_split(4)])
    assert loss.item() == pytest.approx(functional.cross_entropy(logits, labels).item())
    assert correct == (logits.argmax(dim=1) == labels).sum()


def test_parts_make_another_run_and_one_part_is_the_whole_batch() -> None:
    batch = first_batch()
    losses = {parts: model_of(batch_parts=parts).step(*batch)[0].item() for parts in (1, 2, 4)}
    assert len(set(losses.values())) == 3
    with torch.no_grad():
        logits = model_of().network.train()(batch[0])
    assert losses[1] == functional.cross_entropy(logits, batch[1]).item()


@pytest.mark.parametrize("parts", [1, 2, 4, 8])
def test_the_shares_of_a_team_are_the_parts_in_order(parts: int) -> None:
    for count in range(parts, 40):
        expected = [part.tolist() for part in np.array_split(np.arange(100, 100 + count), parts)]
        for size in (size for size in (1, 2, 4, 8) if parts % size == 0):
            found = []
            for rank in range(size):
                share = Team(rank=rank, size=size).share(100, 100 + count, parts)
                own = torch.arange(share.start, share.stop)
                found += [part.tolist() for part in own.tensor_split(parts // size)]
            assert found == expected


def test_a_last_batch_too_small_for_its_parts_is_refused() -> None:
    images = striped_images(train=83)
    with pytest.raises(TrainingError, match="the last batch of an epoch has 3 of 83 images, too few for 4 parts"):
        train(run_spec(images, recipe=recipe(batch_parts=4)), images, slot=MemorySlot())


def test_recipes_and_runs_whose_parts_do_not_fit_are_refused() -> None:
    for wrong in (
        {"batch_parts": 3},
        {"resized_crop": ResizedCrop()},
        {"dataset": DatasetName.IMAGENET},
        {"dataset": DatasetName.IMAGENET, "resized_crop": ResizedCrop()},
    ):
        with pytest.raises(ValidationError):
            recipe(**wrong)
    with pytest.raises(ValidationError, match="3 processes cannot share 4 parts"):
        run_spec(IMAGES, recipe=recipe(batch_parts=4), processes=3)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"scale": (1.0, 0.1)}, "low end first"),
        ({"ratio": (0.0, 1.0)}, "range of positive numbers"),
        ({"scale": (0.1, 2.0)}, "times the area of its image"),
        ({"side": 300}, "a centre of 300 pixels cannot be cut from 256"),
    ],
)
def test_crops_that_cannot_be_are_refused(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        ResizedCrop(**wrong)


def test_the_imagenet_recipe_is_the_papers() -> None:
    assert (PAPER.epochs, PAPER.batch_size, PAPER.peak_lr) == (90, 1024, 0.4)
    assert (PAPER.milestones, PAPER.lr_drop, PAPER.warmup_epochs) == ((30, 60, 80), 0.1, 5)
    assert (PAPER.momentum, PAPER.weight_decay, PAPER.flip) == (0.9, 1e-4, True)
    assert PAPER.resized_crop == ResizedCrop(side=224, scale=(0.1, 1.0), ratio=(0.8, 1.25), test_resize=256)
    assert PAPER.steps_per_epoch(1_281_167) == 1252
    assert 1_281_167 % PAPER.batch_size > PAPER.batch_parts


def test_the_learning_rate_rises_linearly_from_zero_step_by_step() -> None:
    steps = 1252
    rates = [PAPER.lr_at(epoch, step=step, steps=steps) for epoch in range(5) for step in range(steps)]
    assert rates[0] == 0
    assert rates == pytest.approx([0.4 * done / (5 * steps) for done in range(5 * steps)])
    after = [PAPER.lr_at(epoch, step=step, steps=steps) for epoch in (5, 29, 30, 60, 80) for step in (0, steps - 1)]
    assert after == pytest.approx([0.4] * 4 + [0.04] * 2 + [0.004] * 2 + [0.0004] * 2)


def test_training_warms_up_and_its_first_step_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = []
    original = TrainedModel.set_lr
    monkeypatch.setattr(TrainedModel, "set_lr", lambda self, lr: (rates.append(lr), original(self, lr)))
    record, _ = train(run_spec(IMAGES, recipe=recipe(warmup_epochs=1)), IMAGES, slot=MemorySlot())
    assert rates == pytest.approx([0.0, 0.02, 0.04, 0.06, 0.08] + [0.01] * 5)
    assert [epoch.lr for epoch in record.curve] == pytest.approx([0.08, 0.01])


def test_top5_accuracy_is_that_of_a_direct_count() -> None:
    spec = run_spec(IMAGES, arm="all")
    record, arrays = train(spec, IMAGES, slot=MemorySlot())
    model = TrainedModel(spec, in_channels=3, classes=10, device=CPU)
    model.load(arrays)
    mean, std = (np.array(part)[:, None, None] for part in (spec.recipe.channel_mean, spec.recipe.channel_std))
    with torch.no_grad():
        logits = model.network.eval()(torch.from_numpy((IMAGES.test_images / 255 - mean) / std).float()).numpy()
    among = [label in np.argsort(row)[-5:] for row, label in zip(logits, IMAGES.test_labels, strict=True)]
    assert record.top5_accuracy == 100 * np.mean(among)
    assert record.test_accuracy < record.top5_accuracy < 100
    assert RunRecord.model_validate_json(record.model_dump_json()) == record


def test_a_run_without_finite_loss_has_top5_accuracy_at_chance_level() -> None:
    record, _ = train(run_spec(IMAGES, recipe=recipe(peak_lr=1e30)), IMAGES, slot=MemorySlot())
    assert (record.test_accuracy, record.top5_accuracy) == (10.0, 50.0)
