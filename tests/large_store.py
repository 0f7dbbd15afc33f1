"""A store of thousands of made-up runs: all that the claims of the paper read on digits, and others beside them."""

from __future__ import annotations

import itertools
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

import numpy as np

from bnrepro.plan import Need, resolved
from bnrepro.question import ask
from bnrepro.spec.load import LoadedClaim
from bnrepro.spec.probe import AffineValues, ClampingCurve, Correctness, Measured, Probe, UnitActivity
from bnrepro.spec.run import DeviceKind, EpochRecord, RunRecord, RunSpec
from bnrepro.spec.scale import Scale
from bnrepro.store import Store
from tests.small_claim import DIGITS, TENSORS, made_up

CHANNELS = 500


def fill(root: Path, claims: Sequence[LoadedClaim], runs: int) -> int:
    """Put so many runs into a store; how many of them the claims read on digits.

    The others stand in the same places, of other recipe versions and devices.

    Raises:
        ValueError: the claims read more.
    """
    store = Store(root)
    specs, probes = resolved(_needs(claims), DIGITS)
    if len(specs) > runs:
        raise ValueError(f"the claims read {len(specs)} runs, which is more than {runs}")
    # Nothing here must outlive a power failure; waiting for the disk would take most of the time.
    with mock.patch.object(os, "fsync", return_value=None):
        for key, spec in specs.items():
            record = _record(spec)
            store.save(record, TENSORS)
            for probe in probes[key]:
                store.save_measured(key, probe, _measured(probe, spec))
        for spec in itertools.islice(_strangers(list(specs.values())), runs - len(specs)):
            store.save(_record(spec), TENSORS)
    return len(specs)


def _needs(claims: Sequence[LoadedClaim]) -> Iterator[Need]:
    for loaded in claims:
        question = ask(loaded, Scale.DIGITS)
        if loaded.claim.trains:
            yield from question.needs([check.id for check in loaded.claim.checks], loaded.claim.looks.seeds[-1])


def _strangers(specs: Sequence[RunSpec]) -> Iterator[RunSpec]:
    """Runs that no verdict may pool with these."""
    for version in itertools.count(2):
        for spec in specs:
            yield spec.model_copy(update={"recipe_version": 100 * version})
            yield spec.model_copy(update={"device": DeviceKind.CUDA, "recipe_version": 100 * version + 1})


def _record(spec: RunSpec) -> RunRecord:
    """With a curve as long as that of a training."""
    # Every network and arm has a mean of its own, every seed its deviation.
    mean = 20 + zlib.crc32(f"{spec.network} {spec.full_arm}".encode()) % 70
    accuracy = mean + (spec.seed % 5 - 2) / 2
    curve = tuple(
        EpochRecord(
            epoch=epoch,
            lr=0.1,
            train_loss=2 / epoch,
            train_accuracy=float(mean),
            test_loss=2.1 / epoch,
            test_accuracy=accuracy,
            seconds=1.234567,
        )
        for epoch in range(1, spec.recipe.epochs + 1)
    )
    return made_up(spec, accuracy, curve=curve, top5_accuracy=min(100.0, accuracy + 10))


def _measured(probe: Probe, spec: RunSpec) -> Measured:
    draws = np.random.default_rng(spec.seed)
    match probe:
        case Probe.AFFINE:
            gamma, beta = draws.uniform(-1, 1, (2, CHANNELS)).astype(np.float32)
            return AffineValues(gamma=gamma, beta=beta)
        case Probe.CLAMPING:
            thresholds = np.array([0.01, 0.05])
            accuracies = draws.uniform(40, 60, 2)
            return ClampingCurve(
                thresholds=thresholds, accuracies=accuracies, shares_clamped=thresholds, unclamped_accuracy=50.0
            )
        case Probe.ACTIVITY:
            totals = np.full(CHANNELS, 1000)
            return UnitActivity(zeros=draws.integers(0, 1000, CHANNELS), totals=totals)
        case Probe.CORRECTNESS:
            return Correctness(correct=draws.random(CHANNELS) < 0.5)
