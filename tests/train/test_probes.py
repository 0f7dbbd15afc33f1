"""Measurements on trained networks, held against the same quantities computed by hand."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from bnrepro.data import ImageSet
from bnrepro.errors import TrainingError
from bnrepro.spec.layers import Role
from bnrepro.spec.probe import CLAMPING_THRESHOLDS, MEASURED_TYPES, ClampingCurve, Correctness, Probe
from bnrepro.spec.recipe import Precision
from bnrepro.train import probes
from bnrepro.train.batches import Images, Split, normalised
from bnrepro.train.entry import measure_prepared
from bnrepro.train.initialise import digest_of_tensors
from bnrepro.train.model import TrainedModel
from bnrepro.train.probes import affine_values, clamping_curve, correctness, measure, unit_activity
from bnrepro.train.run import train
from tests.train.folders import folder_recipe, prepared_folder, write_folder
from tests.train.helpers import MemorySlot, run_spec, striped_images

CPU = torch.device("cpu")
TEST_IMAGES = 150
UNITS = (
    "stem",
    "group1.block1.conv1",
    "group1.block1.conv2",
    "group2.block1.conv1",
    "group2.block1.conv2",
    "group2.block1.shortcut",
    "group3.block1.conv1",
    "group3.block1.conv2",
    "group3.block1.shortcut",
)
"""Of a ResNet-8, in the order of the forward pass."""
MAGNITUDES = torch.tensor([0.5, 0.0005, 1.0, 0.03, 0.15])


def split_of(images: ImageSet) -> Split:
    return Split.on_device(images.test_images, images.test_labels, CPU)


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return striped_images(test=TEST_IMAGES)


@pytest.fixture
def model(images: ImageSet) -> TrainedModel:
    """A ResNet-8 with γ and β made by hand.

    γ runs over the magnitudes 0.5, 0.0005, 1, 0.03 and 0.15, every third one negative. In the stem β decides:
    channels 0 to 3 are always off, 4 to 7 always on. Running statistics are the test set's, and the output layer
    is fitted to its labels, so that accuracy depends on the features.
    """
    model = TrainedModel(run_spec(images), in_channels=3, classes=10, device=CPU)
    network, position = model.network, 0
    for _, unit in network.units():
        index = torch.arange(position, position + len(unit.bn.weight))
        unit.bn.weight.data.copy_(MAGNITUDES[index % 5] * torch.where(index % 3 == 2, -1.0, 1.0))
        unit.bn.bias.data.copy_(0.2 * torch.sin(index.float()))
        unit.bn.momentum = 1.0
        position += len(index)
    stem = network.stem.bn
    stem.bias.data[:4], stem.bias.data[4:8] = -20.0, 20.0
    pooled: list[torch.Tensor] = []
    handle = network.output.register_forward_pre_hook(lambda _, inputs: pooled.append(inputs[0]))
    with torch.no_grad():
        inputs = normalised(torch.from_numpy(images.test_images), model.spec.recipe)
        network.train()(inputs)
        network.eval()(inputs)
    handle.remove()
    targets = functional.one_hot(torch.from_numpy(images.test_labels)).float()
    ridge = torch.eye(64) * 1e-3
    network.output.weight.data.copy_(torch.linalg.solve(pooled[1].T @ pooled[1] + ridge, pooled[1].T @ targets).T)
    network.output.bias.data.zero_()
    return model


def gammas(model: TrainedModel) -> dict[str, torch.Tensor]:
    return {name: unit.bn.weight.detach().clone() for name, unit in model.network.units()}


def by_hand(
    model: TrainedModel, images: ImageSet, gamma: dict[str, torch.Tensor]
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Logits (N, 10) of the whole test set and every ReLU's input, by plain calls, with the given γ."""
    tensors = model.network.state_dict()

    def unit(name: str, inputs: torch.Tensor, stride: int = 1) -> torch.Tensor:
        weight = tensors[f"{name}.conv.weight"]
        features = functional.conv2d(inputs, weight, stride=stride, padding=weight.shape[-1] // 2)
        mean, variance, beta = (tensors[f"{name}.bn.{part}"] for part in ("running_mean", "running_var", "bias"))
        scale = gamma[name] / torch.sqrt(variance + 1e-5)
        return (features - mean[:, None, None]) * scale[:, None, None] + beta[:, None, None]

    before_relu = []

    def relu(inputs: torch.Tensor) -> torch.Tensor:
        before_relu.append(inputs)
        return torch.clamp(inputs, min=0)

    features = relu(unit("stem", normalised(torch.from_numpy(images.test_images), model.spec.recipe)))
    for group, stride in ((1, 1), (2, 2), (3, 2)):
        name = f"group{group}.block1"
        shortcut = features if group == 1 else unit(f"{name}.shortcut", features, stride)
        inner = relu(unit(f"{name}.conv1", features, stride))
        features = relu(unit(f"{name}.conv2", inner) + shortcut)
    logits = features.mean(dim=(2, 3)) @ tensors["output.weight"].T + tensors["output.bias"]
    return logits, before_relu


def percent_right(logits: torch.Tensor, images: ImageSet) -> float:
    return 100 * float((logits.argmax(dim=1).numpy() == images.test_labels).mean())


def test_affine_values_are_all_channels_in_the_order_of_the_forward_pass(model: TrainedModel) -> None:
    values = affine_values(model)
    tensors = model.network.state_dict()
    np.testing.assert_array_equal(values.gamma, np.concatenate([tensors[f"{name}.bn.weight"] for name in UNITS]))
    np.testing.assert_array_equal(values.beta, np.concatenate([tensors[f"{name}.bn.bias"] for name in UNITS]))
    assert values.gamma.shape == (model.spec.network.counts().batchnorm // 2,)


def test_shares_of_gamma_are_those_that_were_put_in(model: TrainedModel) -> None:
    values = affine_values(model)
    # Of the 336 channels 336 / 5 have each magnitude, rounded up for the first; a third is negative.
    assert len(values.gamma) == 336
    assert values.share_below(0.001) == 100 * 67 / 336
    assert values.share_below(0.05) == 100 * (67 + 67) / 336
    assert values.share_below(0.2) == 100 * (67 + 67 + 67) / 336
    assert values.share_negative() == 100 * 112 / 336
    assert values.share_positive() == 100 * 224 / 336


def test_clamping_agrees_with_a_network_computed_by_hand(model: TrainedModel, images: ImageSet) -> None:
    curve = clamping_curve(model, split_of(images))
    trained = gammas(model)
    assert curve.unclamped_accuracy == percent_right(by_hand(model, images, trained)[0], images)
    for position, threshold in enumerate(CLAMPING_THRESHOLDS):
        clamped = {name: torch.where(gamma.abs() < threshold, 0.0, gamma) for name, gamma in trained.items()}
        assert curve.accuracies[position] == percent_right(by_hand(model, images, clamped)[0], images)
        zeros = sum(int((gamma == 0).sum()) for gamma in clamped.values())
        assert curve.shares_clamped[position] == 100 * zeros / sum(map(len, clamped.values()))
    assert len(set(curve.accuracies)) > 1, "else the network would show nothing"


def test_clamping_is_the_models_own_evaluation_with_gamma_set_by_hand(model: TrainedModel, images: ImageSet) -> None:
    split = split_of(images)
    curve = clamping_curve(model, split)
    for _, unit in model.network.units():
        unit.bn.weight.data[unit.bn.weight.abs() < 0.05] = 0
    assert curve.change_at(0.05) == model.evaluate(split)[1] - curve.unclamped_accuracy


def evaluations_of(model: TrainedModel, monkeypatch: pytest.MonkeyPatch) -> list[Images]:
    """A list that grows with every evaluation."""
    evaluated: list[Images] = []
    evaluate = model.evaluate

    def noted(split: Images) -> tuple[float, float]:
        evaluated.append(split)
        return evaluate(split)

    monkeypatch.setattr(model, "evaluate", noted)
    return evaluated


def test_a_threshold_that_clamps_nothing_new_needs_no_evaluation(
    model: TrainedModel, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluated = evaluations_of(model, monkeypatch)
    curve = clamping_curve(model, split_of(images))
    # The magnitudes 0.0005, 0.03 and 0.15 fall at 0.001, 0.05 and 0.2; the rest repeats.
    assert len(evaluated) == 1 + 3
    assert [after > before for before, after in pairwise(curve.shares_clamped)] == [
        threshold in (0.05, 0.2) for threshold in CLAMPING_THRESHOLDS[1:]
    ]


def test_a_gamma_that_is_0_already_counts_as_clamped_and_changes_nothing(
    model: TrainedModel, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _, unit in model.network.units():
        unit.bn.weight.data[unit.bn.weight.abs() < 0.4] = 0
    evaluated = evaluations_of(model, monkeypatch)
    curve = clamping_curve(model, split_of(images))
    assert len(evaluated) == 1
    assert set(curve.accuracies) == {curve.unclamped_accuracy}
    assert set(curve.shares_clamped) == {affine_values(model).share_below(0.4)}


def test_gamma_is_back_bit_for_bit_also_after_an_exception(
    model: TrainedModel, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digest_of_tensors(dict(model.network.state_dict()))
    clamping_curve(model, split_of(images))
    assert digest_of_tensors(dict(model.network.state_dict())) == before

    seen = []

    def failing(model: TrainedModel, _: Split) -> float:
        seen.append(affine_values(model).share_below(1e-9))
        if seen[-1]:
            raise RuntimeError("out of memory")
        return 50.0

    monkeypatch.setattr(probes, "_accuracy", failing)
    with pytest.raises(RuntimeError, match="out of memory"):
        clamping_curve(model, split_of(images))
    assert seen[-1] > 0, "it was clamped when it failed"
    assert digest_of_tensors(dict(model.network.state_dict())) == before


def test_activity_agrees_with_a_network_computed_by_hand(model: TrainedModel, images: ImageSet) -> None:
    activity = unit_activity(model, split_of(images))
    _, before_relu = by_hand(model, images, gammas(model))
    zeros = torch.cat([(inputs <= 0).sum(dim=(0, 2, 3)) for inputs in before_relu]).numpy()
    # Two orders of the same sums differ by rounding, which can turn the sign of what is nearly 0, and of nothing else.
    nearly = torch.cat([(inputs.abs() < 2e-5).sum(dim=(0, 2, 3)) for inputs in before_relu]).numpy()
    assert np.all(np.abs(activity.zeros - zeros) <= nearly)
    assert np.mean(nearly == 0) > 0.5, "most units must agree to the last count"
    pixels = TEST_IMAGES * np.array([8 * 8] * 3 * 16 + [4 * 4] * 2 * 32 + [2 * 2] * 2 * 64)
    np.testing.assert_array_equal(activity.totals, pixels)
    np.testing.assert_array_equal(activity.zero_share()[:8], [1, 1, 1, 1, 0, 0, 0, 0])
    assert 0 < activity.share_between(0.1, 0.7) < 100


def test_correctness_agrees_with_a_network_computed_by_hand(model: TrainedModel, images: ImageSet) -> None:
    found = correctness(model, split_of(images)).correct
    logits, _ = by_hand(model, images, gammas(model))
    np.testing.assert_array_equal(found, logits.argmax(dim=1).numpy() == images.test_labels)
    assert 100 * found.mean() == pytest.approx(model.evaluate(split_of(images))[1])
    assert 0 < found.mean() < 1


def test_no_measurement_changes_the_network_or_leaves_a_hook(model: TrainedModel, images: ImageSet) -> None:
    before = digest_of_tensors(dict(model.network.state_dict()))
    for probe in (affine_values, clamping_curve, unit_activity, correctness):
        probe(model) if probe is affine_values else probe(model, split_of(images))
        assert digest_of_tensors(dict(model.network.state_dict())) == before
        assert not any(module._forward_hooks for module in model.network.modules())


@pytest.mark.parametrize("name", ["resnet-8", "vgg-11-0.25", "imagenet-resnet-18"])
def test_every_channel_and_every_relu_of_a_network_is_measured(name: str) -> None:
    images = striped_images(test=3, side=16)
    model = TrainedModel(run_spec(images, network=name), in_channels=3, classes=10, device=CPU)
    layers = model.spec.network.convolutions()
    assert len(affine_values(model).gamma) == sum(layer.out_channels for layer in layers)
    # After each convolution but those on a shortcut stands one ReLU.
    body = [layer.out_channels for layer in layers if layer.role is not Role.SHORTCUT]
    activity = unit_activity(model, split_of(images))
    assert len(activity.zeros) == sum(body)
    assert len(np.unique(activity.totals[: body[0]])) == 1
    assert np.all(np.diff(activity.totals) <= 0), "maps shrink on the way through the network"


def test_a_run_on_an_image_folder_is_measured_on_its_own_test_images(tmp_path: Path) -> None:
    directory, folder = prepared_folder(write_folder(tmp_path / "root"), tmp_path / "cache")
    spec = run_spec(striped_images(), recipe=folder_recipe(), data_digest=folder.digest, decoders=0)
    record, learned = train(spec, folder, slot=MemorySlot())
    found = dict(measure_prepared(record, learned, directory, [Probe.CLAMPING, Probe.CORRECTNESS]))
    curve, answers = found[Probe.CLAMPING], found[Probe.CORRECTNESS]
    assert isinstance(curve, ClampingCurve)
    assert isinstance(answers, Correctness)
    assert curve.unclamped_accuracy == record.test_accuracy
    assert 100 * answers.correct.mean() == pytest.approx(record.test_accuracy)
    assert answers.correct.shape == (len(folder.test),)


@pytest.mark.parametrize("arm", ["batchnorm", "all", "random_2"])
def test_measuring_a_stored_run_twice_gives_the_same_bytes(images: ImageSet, arm: str) -> None:
    record, learned = train(run_spec(images, arm=arm), images, slot=MemorySlot())
    first, again = (dict(measure(record, learned, images, Probe)) for _ in range(2))
    backwards = dict(measure(record, learned, images, reversed(Probe)))
    assert list(first) == list(Probe)
    for probe in Probe:
        assert type(first[probe]) is MEASURED_TYPES[probe]
        for other in (again, backwards):
            for name, array in first[probe].arrays().items():
                assert other[probe].arrays()[name].tobytes() == array.tobytes()
    curve = first[Probe.CLAMPING]
    assert isinstance(curve, ClampingCurve)
    assert curve.unclamped_accuracy == record.test_accuracy


def test_a_run_is_restored_once_for_all_probes(images: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    record, learned = train(run_spec(images), images, slot=MemorySlot())
    restored = []
    restore = probes.restore
    monkeypatch.setattr(probes, "restore", lambda *a, **k: restored.append(a) or restore(*a, **k))
    assert set(dict(measure(record, learned, images, Probe))) == set(Probe)
    assert len(restored) == 1


def test_images_that_are_not_those_of_the_run_are_refused(images: ImageSet) -> None:
    record, learned = train(run_spec(images), images, slot=MemorySlot())
    with pytest.raises(TrainingError, match="had data of digest"):
        dict(measure(record, learned, striped_images(test=TEST_IMAGES - 1), [Probe.AFFINE]))


def test_a_bfloat16_run_is_measured_at_its_own_precision(images: ImageSet) -> None:
    spec = run_spec(images)
    spec = spec.model_copy(update={"recipe": spec.recipe.model_copy(update={"precision": Precision.BFLOAT16})})
    record, learned = train(spec, images, slot=MemorySlot())
    curve = dict(measure(record, learned, images, [Probe.CLAMPING]))[Probe.CLAMPING]
    assert isinstance(curve, ClampingCurve)
    assert curve.unclamped_accuracy == record.test_accuracy
