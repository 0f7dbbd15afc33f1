"""Measurements on a trained network: small functions from a model and the test set to a typed value.

Every forward pass is the model's own evaluation, watched by hooks: what is measured is the network that was judged,
at the same precision and in the same batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from bnrepro.data import FolderImages, ImageSet
from bnrepro.errors import TrainingError
from bnrepro.processes import available_cores
from bnrepro.spec.probe import (
    CLAMPING_THRESHOLDS,
    AffineValues,
    ClampingCurve,
    Correctness,
    Measured,
    Probe,
    UnitActivity,
)
from bnrepro.spec.run import RunRecord
from bnrepro.train.batches import Images
from bnrepro.train.model import TrainedModel
from bnrepro.train.restore import restore
from bnrepro.train.splits import splits_on


def measure(
    record: RunRecord, learned: Mapping[str, np.ndarray], images: ImageSet | FolderImages, probes: Iterable[Probe]
) -> Iterator[tuple[Probe, Measured]]:
    """Restore a finished run once and measure it, in the order of ``probes``; each value comes when it is done.

    Usage:
        dict(measure(record, store.tensors(record.key), images, [Probe.AFFINE, Probe.CLAMPING]))

    Raises:
        TrainingError: the run cannot be restored here, or the images are not those that it was trained on.
    """
    spec = record.spec
    if images.digest != spec.data_digest:
        raise TrainingError(f"{spec}: the run had data of digest {spec.data_digest}, not {images.digest}")
    model = restore(record, learned, in_channels=images.channels, classes=images.classes)
    device = next(model.network.parameters()).device
    _, test_split = splits_on(device, images, decoders=available_cores() if spec.decoders is None else spec.decoders)
    for probe in probes:
        yield probe, _MEASURES[probe](model, test_split)


@torch.no_grad()
def affine_values(model: TrainedModel) -> AffineValues:
    """γ and β of every BatchNorm, shortcuts included."""
    norms = _norms(model)
    return AffineValues(
        gamma=torch.cat([norm.weight for norm in norms]).cpu().numpy(),
        beta=torch.cat([norm.bias for norm in norms]).cpu().numpy(),
    )


def clamping_curve(model: TrainedModel, test_split: Images) -> ClampingCurve:
    """Accuracy after setting small γ to 0, at each of :data:`CLAMPING_THRESHOLDS`."""
    values = affine_values(model)
    below = [values.below(threshold) for threshold in CLAMPING_THRESHOLDS]
    # What a higher threshold clamps holds what a lower one does: equal counts are equal networks.
    removed = [int(np.count_nonzero(values.gamma[clamped])) for clamped in below]
    unclamped = _accuracy(model, test_split)
    accuracies = {0: unclamped}
    for clamped, count in zip(below, removed, strict=True):
        if count not in accuracies:
            with _gamma_replaced(model, np.where(clamped, np.float32(0), values.gamma)):
                accuracies[count] = _accuracy(model, test_split)
    return ClampingCurve(
        thresholds=np.array(CLAMPING_THRESHOLDS),
        accuracies=np.array([accuracies[count] for count in removed]),
        shares_clamped=np.array([values.share_below(threshold) for threshold in CLAMPING_THRESHOLDS]),
        unclamped_accuracy=unclamped,
    )


def unit_activity(model: TrainedModel, test_split: Images) -> UnitActivity:
    """How often each channel of each ReLU's output is exactly 0, over all test images and pixels."""
    zeros: dict[nn.Module, torch.Tensor] = {}
    totals: dict[nn.Module, int] = {}

    def count(unit: nn.Module, _: object, output: torch.Tensor) -> None:
        found = torch.count_nonzero(output == 0, dim=(0, 2, 3))
        # A module is met in the order of the forward pass, which is the order that a dict keeps.
        zeros[unit] = zeros[unit] + found if unit in zeros else found
        totals[unit] = totals.get(unit, 0) + output.numel() // output.shape[1]

    # What comes out of a unit is what its ReLU gives, however the unit goes about it.
    units = [unit for _, unit in model.network.units() if unit.relu is not None]
    with _watched(units, count):
        model.evaluate(test_split)
    return UnitActivity(
        zeros=torch.cat(list(zeros.values())).cpu().numpy(),
        totals=np.repeat(list(totals.values()), [len(found) for found in zeros.values()]),
    )


def correctness(model: TrainedModel, test_split: Images) -> Correctness:
    """Which test images get their own class."""
    predictions: list[torch.Tensor] = []

    def keep(_: nn.Module, __: object, logits: torch.Tensor) -> None:
        predictions.append(logits.argmax(dim=1))

    with _watched([model.network], keep):
        model.evaluate(test_split)
    return Correctness(correct=(torch.cat(predictions) == test_split.labels).cpu().numpy())


_MEASURES: dict[Probe, Callable[[TrainedModel, Images], Measured]] = {
    Probe.AFFINE: lambda model, _: affine_values(model),
    Probe.CLAMPING: clamping_curve,
    Probe.ACTIVITY: unit_activity,
    Probe.CORRECTNESS: correctness,
}


def _accuracy(model: TrainedModel, test_split: Images) -> float:
    _, accuracy = model.evaluate(test_split)
    return accuracy


def _norms(model: TrainedModel) -> list[nn.BatchNorm2d]:
    return [unit.bn for _, unit in model.network.units()]


@contextmanager
def _gamma_replaced(model: TrainedModel, gamma: np.ndarray) -> Iterator[None]:
    """Give the network these γ (channels,), in the order of :func:`affine_values`, and its own back afterwards."""
    parameters = [norm.weight for norm in _norms(model)]
    trained = [parameter.detach().clone() for parameter in parameters]
    try:
        given = torch.split(torch.from_numpy(gamma), [len(parameter) for parameter in parameters])
        for parameter, values in zip(parameters, given, strict=True):
            parameter.data.copy_(values)
        yield
    finally:
        for parameter, values in zip(parameters, trained, strict=True):
            parameter.data.copy_(values)


@contextmanager
def _watched(modules: Iterable[nn.Module], hook: Callable[[nn.Module, object, torch.Tensor], None]) -> Iterator[None]:
    """Call ``hook`` with the output of each of these modules as it comes, before anything else sees it."""
    handles: list[RemovableHandle] = []
    try:
        handles += [module.register_forward_hook(hook) for module in modules]
        yield
    finally:
        for handle in handles:
            handle.remove()
