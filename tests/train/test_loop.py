"""The loop: schedule, metrics, divergence, checkpoints, and the refusals."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from bnrepro.data import ImageSet
from bnrepro.errors import TrainingError
from bnrepro.identity import run_key
from bnrepro.recipes import RECIPES
from bnrepro.spec.networks import Family
from bnrepro.spec.recipe import Precision
from bnrepro.spec.run import RunRecord, RunSpec
from bnrepro.spec.scale import Scale
from bnrepro.spec.trainer import Interrupted, Progress
from bnrepro.train.batches import Split, training_batches
from bnrepro.train.model import TrainedModel
from bnrepro.train.record import divergence_of
from bnrepro.train.run import train
from tests.train.helpers import MemorySlot, recipe, run_spec, striped_images

IMAGES = striped_images()
CPU = torch.device("cpu")
STEPS = 5
"""Steps in each of the two epochs of the small recipe."""
Arrays = dict[str, np.ndarray]


class KeepingSlot(MemorySlot):
    """A slot that remembers all that was ever saved in it."""

    def __init__(self) -> None:
        super().__init__()
        self.saved: list[bytes] = []

    def save(self, content: bytes) -> None:
        super().save(content)
        self.saved.append(content)


def trained(spec: RunSpec, images: ImageSet = IMAGES, slot: MemorySlot | None = None) -> tuple[RunRecord, Arrays]:
    return train(spec, images, slot=slot or MemorySlot())


def stopping_after(steps: int) -> Callable[[], bool]:
    """Asked after every step; says yes once."""
    asked = iter(range(1, 1_000))
    return lambda: next(asked) == steps


def without_times(record: RunRecord) -> dict[str, Any]:
    """A record less what depends on the clock and on interruptions."""
    dumped = record.model_dump(mode="json", exclude={"wall_seconds", "images_per_second", "resumed"})
    for epoch in dumped["curve"]:
        del epoch["seconds"]
    return dumped


def same_bits(ours: Arrays, theirs: Arrays) -> bool:
    return ours.keys() == theirs.keys() and all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)


def refuse_constant(text: str) -> None:
    raise AssertionError(f"{text} in a record's JSON")


def normalised_by_hand(images: np.ndarray, spec: RunSpec) -> torch.Tensor:
    mean, std = (np.array(part)[:, None, None] for part in (spec.recipe.channel_mean, spec.recipe.channel_std))
    return torch.from_numpy((images / 255 - mean) / std).float()


def test_the_learning_rate_drops_tenfold_at_the_first_step_of_each_milestone() -> None:
    record, _ = trained(run_spec(IMAGES, recipe=recipe(epochs=5, milestones=(2, 4))))
    assert [epoch.epoch for epoch in record.curve] == [1, 2, 3, 4, 5]
    assert [epoch.lr for epoch in record.curve] == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])


def test_every_step_of_an_epoch_takes_the_epochs_learning_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = []

    def step(self: TrainedModel, *batch: Any, **named: Any) -> tuple[torch.Tensor, torch.Tensor]:
        rates.append(self._lr)
        return original(self, *batch, **named)

    original = TrainedModel.step
    monkeypatch.setattr(TrainedModel, "step", step)
    trained(run_spec(IMAGES))
    assert rates == pytest.approx([0.1] * STEPS + [0.01] * STEPS)


def test_the_papers_recipe_drops_at_epochs_80_and_120() -> None:
    paper = RECIPES[Family.CIFAR, Scale.PAPER]
    rates = [paper.lr_at(epoch) for epoch in (0, 79, 80, 119, 120, 159)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


@pytest.mark.parametrize("scale", [Scale.REDUCED, Scale.DIGITS])
def test_smaller_scales_drop_at_the_papers_shares_of_the_epochs(scale: Scale) -> None:
    smaller = RECIPES[Family.CIFAR, scale]
    assert [milestone / smaller.epochs for milestone in smaller.milestones] == [80 / 160, 120 / 160]


def test_each_epochs_test_metrics_are_those_of_a_direct_computation() -> None:
    for epochs in (1, 2):
        spec = run_spec(IMAGES, arm="all", recipe=recipe(epochs=epochs))
        record, arrays = trained(spec)
        model = TrainedModel(spec, in_channels=3, classes=10, device=CPU)
        model.load(arrays)
        with torch.no_grad():
            logits = model.network.eval()(normalised_by_hand(IMAGES.test_images, spec)).double().numpy()
        right = logits.argmax(axis=1) == IMAGES.test_labels
        losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(right)), IMAGES.test_labels]
        assert len(record.curve) == epochs
        assert record.curve[-1].test_loss == pytest.approx(losses.mean(), rel=1e-5)
        assert record.curve[-1].test_accuracy == 100 * right.mean()
        assert (record.test_loss, record.test_accuracy) == (record.curve[-1].test_loss, record.curve[-1].test_accuracy)


def test_each_epochs_training_metrics_are_means_over_its_images() -> None:
    spec = run_spec(IMAGES, arm="all")
    record, _ = trained(spec)
    model = TrainedModel(spec, in_channels=3, classes=10, device=CPU)
    split = Split.on_device(IMAGES.train_images, IMAGES.train_labels, CPU)
    for epoch, rate in enumerate([0.1, 0.01]):
        model.set_lr(rate)
        losses, right = [], []
        for inputs, labels in training_batches(split, spec.recipe, seed=spec.seed, epoch=epoch):
            with torch.no_grad():
                logits = model.network.train()(inputs)
            losses += functional.cross_entropy(logits, labels, reduction="none").tolist()
            right += (logits.argmax(dim=1) == labels).tolist()
            model.step(inputs, labels)
        assert len(losses) == 96  # the last batch is of 16: a mean over batches would weigh it like one of 20
        assert record.curve[epoch].train_loss == pytest.approx(np.mean(losses), rel=1e-5)
        assert record.curve[epoch].train_accuracy == pytest.approx(100 * np.mean(right))


def test_evaluation_does_not_depend_on_its_batch_size() -> None:
    runs = [trained(run_spec(IMAGES, recipe=recipe(evaluation_batch_size=size))) for size in (1, 7, 40)]
    for record, arrays in runs[1:]:
        assert same_bits(arrays, runs[0][1])
        assert record.test_accuracy == runs[0][0].test_accuracy
        assert record.test_loss == pytest.approx(runs[0][0].test_loss, rel=1e-5)


def test_a_record_says_what_was_run() -> None:
    spec = run_spec(IMAGES, arm="all", recipe=recipe(epochs=4, milestones=(3,)))
    record, arrays = trained(spec)
    assert (record.key, record.spec, record.resumed) == (run_key(spec), spec, 0)
    assert (record.status, record.divergence) == ("completed", None)
    assert record.trainable_parameters == record.total_parameters == spec.network.counts().total
    assert sum(array.size for name, array in arrays.items() if "running" not in name) == record.trainable_parameters
    assert record.wall_seconds > sum(epoch.seconds for epoch in record.curve) > 0
    assert record.images_per_second > 0
    assert RunRecord.model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize("arm", ["all", "batchnorm", "random_2"])
def test_a_loss_that_stops_being_finite_is_recorded_as_diverged(arm: str) -> None:
    # Of these 45 labels 5 are 0, which is what a network without finite logits answers: more than one in ten.
    images = striped_images(test=45)
    record, _ = trained(run_spec(images, arm=arm, recipe=recipe(peak_lr=1e30)), images)
    assert (record.status, record.divergence) == ("diverged", "the loss stopped being a finite number")
    assert record.test_accuracy == 10.0 != record.curve[0].test_accuracy
    assert len(record.curve) == 1
    assert record.curve[0].train_loss is None
    text = record.model_dump_json()
    json.loads(text, parse_constant=refuse_constant)
    assert RunRecord.model_validate_json(text) == record


def test_a_run_that_diverged_before_its_checkpoint_diverges_after_it() -> None:
    spec = run_spec(IMAGES, recipe=recipe(peak_lr=1e30))
    slot = MemorySlot()
    with pytest.raises(Interrupted):
        train(spec, IMAGES, slot=slot, stop=stopping_after(STEPS - 1))
    assert without_times(trained(spec, slot=slot)[0]) == without_times(trained(spec)[0])


def test_a_loss_without_a_value_is_diverged_whatever_the_accuracy() -> None:
    for train_loss, test_loss in ((None, 1.0), (1.0, None), (None, None)):
        found = divergence_of(train_loss, test_loss, 90.0, classes=10, images=40)
        assert found == "the loss stopped being a finite number"


@pytest.mark.parametrize(
    ("accuracy", "diverged"), [(0.0, True), (10.0, True), (10.9, True), (11.0, False), (80.0, False)]
)
def test_an_accuracy_that_a_guesser_could_reach_is_diverged(accuracy: float, diverged: bool) -> None:
    # Of 10,000 images a guesser gets 10 %, with a standard error of 0.3 points.
    found = divergence_of(1.0, 1.0, accuracy, classes=10, images=10_000)
    assert found == (f"accuracy {accuracy:.1f} % is at chance level" if diverged else None)


def test_a_network_that_learned_nothing_is_recorded_as_diverged_at_its_accuracy() -> None:
    record, _ = trained(run_spec(IMAGES, recipe=recipe(peak_lr=1e-9, epochs=1)))
    assert record.status == "diverged"
    assert record.divergence == f"accuracy {record.test_accuracy:.1f} % is at chance level"
    assert record.test_accuracy == record.curve[-1].test_accuracy
    assert record.test_loss is not None


def test_bfloat16_is_another_run_that_learns_in_float32() -> None:
    precisions = (Precision.FLOAT32, Precision.BFLOAT16)
    spec, coarse = (run_spec(IMAGES, arm="random_2", recipe=recipe(precision=precision)) for precision in precisions)
    assert run_key(spec) != run_key(coarse)
    (record, arrays), (coarse_record, coarse_arrays) = trained(spec), trained(coarse)
    losses, coarse_losses = ([epoch.train_loss for epoch in run.curve] for run in (record, coarse_record))
    assert coarse_losses != losses
    assert coarse_losses == pytest.approx(losses, rel=0.1)
    assert math.isfinite(coarse_record.test_loss or math.nan)
    assert {array.dtype for array in coarse_arrays.values()} == {np.dtype(np.float32)}
    assert not same_bits(arrays, coarse_arrays)


@pytest.mark.parametrize("arm", ["batchnorm", "all", "random_2"])
def test_a_run_that_goes_on_from_any_checkpoint_ends_bit_for_bit_as_one_that_was_not_interrupted(arm: str) -> None:
    spec = run_spec(IMAGES, arm=arm, checkpoint_seconds=0.0)
    keeping = KeepingSlot()
    record, arrays = trained(spec, slot=keeping)
    assert len(keeping.saved) == 2 * STEPS
    # In mid-epoch, exactly at an epoch's end and after the last step.
    for done, content in enumerate(keeping.saved, start=1):
        slot = MemorySlot()
        slot.content = content
        resumed, resumed_arrays = trained(spec, slot=slot)
        assert resumed.resumed == 1
        assert without_times(resumed) == without_times(record), f"from step {done}"
        assert same_bits(resumed_arrays, arrays), f"from step {done}"


@pytest.mark.parametrize("arm", ["batchnorm", "all", "random_2"])
def test_a_run_that_is_interrupted_after_every_step_ends_bit_for_bit_as_one_that_was_not(arm: str) -> None:
    spec, slot = run_spec(IMAGES, arm=arm), MemorySlot()
    for _ in range(2 * STEPS):
        with pytest.raises(Interrupted):
            train(spec, IMAGES, slot=slot, stop=lambda: True)
    resumed, resumed_arrays = trained(spec, slot=slot)
    record, arrays = trained(spec)
    assert resumed.resumed == 2 * STEPS
    assert without_times(resumed) == without_times(record)
    assert same_bits(resumed_arrays, arrays)


def test_a_run_repeats_to_the_bit_and_another_seed_does_not() -> None:
    one, again, other = (trained(run_spec(IMAGES, seed=seed)) for seed in (0, 0, 1))
    assert same_bits(one[1], again[1])
    assert without_times(one[0]) == without_times(again[0])
    assert not same_bits(one[1], other[1])


def test_a_run_without_a_usable_checkpoint_starts_afresh() -> None:
    class DamagedSlot(KeepingSlot):
        def load(self) -> None:
            """What the store gives for a checkpoint whose checksum is wrong."""

    slot = DamagedSlot()
    slot.save(b"not a checkpoint")
    record, arrays = trained(run_spec(IMAGES), slot=slot)
    usual, usual_arrays = trained(run_spec(IMAGES))
    assert record.resumed == 0
    assert without_times(record) == without_times(usual)
    assert same_bits(arrays, usual_arrays)


def test_no_checkpoint_is_written_before_its_time() -> None:
    slot = KeepingSlot()
    trained(run_spec(IMAGES, checkpoint_seconds=3600.0), slot=slot)
    assert slot.saved == []


def test_the_last_report_says_that_all_steps_are_done() -> None:
    reports: list[Progress] = []
    record, _ = train(run_spec(IMAGES), IMAGES, slot=MemorySlot(), report=reports.append)
    assert reports[-1] == Progress(steps_done=2 * STEPS, steps=2 * STEPS, test_accuracy=record.test_accuracy)
    assert [report.steps_done for report in reports] == sorted(report.steps_done for report in reports)


@pytest.mark.parametrize("arm", ["batchnorm", "all", "output", "random_2", "random_2_scattered"])
def test_a_seed_and_what_was_learned_are_the_trained_network(arm: str) -> None:
    spec = run_spec(IMAGES, arm=arm)
    record, arrays = trained(spec)
    rebuilt = TrainedModel(spec, in_channels=3, classes=10, device=CPU)
    assert rebuilt.initial_digest == record.initial_digest
    rebuilt.load(arrays)
    rebuilt.check_frozen()
    test_split = Split.on_device(IMAGES.test_images, IMAGES.test_labels, CPU)
    assert rebuilt.evaluate(test_split) == (record.test_loss, record.test_accuracy)


def test_tensors_of_another_arm_or_network_are_refused() -> None:
    _, arrays = trained(run_spec(IMAGES, recipe=recipe(epochs=1)))
    for changes in ({"arm": "output"}, {"network": "resnet-14"}, {"network": "wrn-8-2"}):
        model = TrainedModel(run_spec(IMAGES, **changes), in_channels=3, classes=10, device=CPU)
        with pytest.raises(TrainingError, match=r"do not fit the network|has shape"):
            model.load(arrays)


def test_other_data_than_the_specs_are_refused_before_training() -> None:
    other = striped_images(train=90)
    with pytest.raises(TrainingError, match=f"digest {other.digest}, the spec asks for {IMAGES.digest}"):
        train(run_spec(IMAGES), other, slot=MemorySlot(), stop=lambda: pytest.fail("a step was taken"))


@pytest.mark.parametrize(
    ("arm", "tensor"),
    [("batchnorm", "stem.conv.weight"), ("output", "stem.bn.weight"), ("random_2", "group1.block1.conv1.conv.weight")],
)
def test_a_frozen_tensor_that_moves_is_an_error(arm: str, tensor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(self: TrainedModel, *batch: Any, **named: Any) -> tuple[torch.Tensor, torch.Tensor]:
        first = self.network.state_dict()[tensor]
        first[(0,) * first.dim()] *= 1 + 1e-6
        return original(self, *batch, **named)

    original = TrainedModel.step
    monkeypatch.setattr(TrainedModel, "step", step)
    with pytest.raises(TrainingError, match="a frozen tensor changed during training"):
        trained(run_spec(IMAGES, arm=arm, recipe=recipe(epochs=1)))
