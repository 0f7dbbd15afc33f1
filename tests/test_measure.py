"""Run records to arm × network × seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bnrepro.errors import UnknownName
from bnrepro.measure import Measurements, PoolingError, Sample, probe_of
from bnrepro.recipes import RECIPE_VERSION, recipe_for
from bnrepro.spec.arms import AffineInit, Arm
from bnrepro.spec.metrics import Metric
from bnrepro.spec.networks import Family, Network
from bnrepro.spec.probe import AffineValues, ClampingCurve, Measured, Probe, UnitActivity
from bnrepro.spec.recipe import Precision
from bnrepro.spec.run import DeviceKind, RunRecord, RunSpec
from bnrepro.spec.scale import Scale

NETWORK, ARM = Network.parse("resnet-14"), Arm.parse("batchnorm")
CELL = (NETWORK, ARM)
ACCURACIES = (Metric.TEST_ACCURACY, Metric.TOP5_ACCURACY)
MEASURED: dict[Probe, Measured] = {
    Probe.AFFINE: AffineValues(
        gamma=np.array([1.0, 0.5, -0.03, 0.005], np.float32), beta=np.zeros(4, dtype=np.float32)
    ),
    Probe.CLAMPING: ClampingCurve(
        thresholds=np.array([0.01, 0.05]),
        accuracies=np.array([68.5, 50.0]),
        shares_clamped=np.array([20.0, 40.0]),
        unclamped_accuracy=70.0,
    ),
    Probe.ACTIVITY: UnitActivity(zeros=np.array([1000, 2, 500, 600, 800]), totals=np.full(5, 1000)),
}


def record(seed: int, accuracy: float = 50.0, *, status: str = "completed", **changes: Any) -> RunRecord:
    scale = changes.get("scale", Scale.DIGITS)
    settings: dict[str, Any] = {
        "scale": scale,
        "recipe": recipe_for(NETWORK, scale),
        "network": NETWORK,
        "arm": ARM,
        "seed": seed,
        "data_digest": "0" * 64,
        "device": DeviceKind.CPU,
        "recipe_version": RECIPE_VERSION,
    }
    spec = RunSpec(**settings | changes)
    return RunRecord(
        key=f"key-{spec}",
        spec=spec,
        status=status,
        divergence="the loss became NaN" if status == "diverged" else None,
        test_accuracy=accuracy,
        test_loss=None,
        curve=(),
        trainable_parameters=1,
        total_parameters=1,
        initial_digest="0" * 64,
        wall_seconds=1.0,
        images_per_second=1.0,
        resumed=0,
        environment={},
    )


CLASSES = {Family.CIFAR: 10, Family.IMAGENET: 1000}


def measure(*records: RunRecord, **changes: Any) -> Measurements:
    settings: dict[str, Any] = {"scale": Scale.DIGITS, "classes": CLASSES} | changes
    return Measurements.from_records(records, **settings)


def accuracies(*records: RunRecord, seeds: int) -> Sample:
    return measure(*records).sample(Metric.TEST_ACCURACY, CELL, seeds=seeds)


def gammas(*seeds: int) -> dict[str, dict[Probe, Measured]]:
    return {record(seed).key: MEASURED for seed in seeds}


def test_a_sample_holds_the_first_seeds_in_order_and_names_the_missing_ones() -> None:
    sample = accuracies(record(4, 54.0), record(2, 52.0), record(0, 50.0), seeds=4)
    assert [run.seed for run in sample.observations] == [0, 2]
    assert sample.completed().tolist() == [50.0, 52.0]
    assert sample.missing == (1, 3)


def test_an_arm_that_never_ran_misses_every_seed() -> None:
    sample = accuracies(seeds=2)
    assert sample.missing == (0, 1)
    assert sample.completed().shape == (0,)


def test_a_diverged_run_is_kept_apart_and_can_be_counted_at_chance() -> None:
    sample = accuracies(record(0, 50.0), record(1, 12.0, status="diverged"), seeds=2)
    assert sample.completed().tolist() == [50.0]
    assert np.array_equal(sample.with_diverged_at_chance(), [50.0, 10.0])


def test_chance_is_that_of_the_data_and_the_metric() -> None:
    table = measure()
    imagenet = Network.parse("imagenet-resnet-18")
    chances = [table.chance(metric, each) for metric in ACCURACIES for each in (NETWORK, imagenet)]
    assert chances == [10.0, 0.1, 50.0, 0.5]
    assert table.chance(Metric.GAMMA_MEAN, NETWORK) is None


def test_a_diverged_run_has_no_chance_level_where_guessing_says_nothing() -> None:
    table = measure(record(0), record(1, status="diverged"), metrics=[Metric.GAMMA_MEAN], measured=gammas(0))
    sample = table.sample(Metric.GAMMA_MEAN, CELL, seeds=2)
    assert sample.completed().tolist() == [pytest.approx(0.36875)]
    assert sample.with_diverged_at_chance() is None
    assert sample.missing == ()


def test_a_run_that_was_not_measured_is_missing_where_the_measurement_counts() -> None:
    table = measure(record(0), record(1), metrics=[Metric.TEST_ACCURACY, Metric.GAMMA_MEAN], measured=gammas(1))
    assert table.sample(Metric.TEST_ACCURACY, CELL, seeds=2).missing == ()
    assert table.sample(Metric.GAMMA_MEAN, CELL, seeds=2).missing == (0,)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        (Metric.GAMMA_MEAN, 0.36875),
        (Metric.GAMMA_SD, float(np.std([1.0, 0.5, -0.03, 0.005]))),
        (Metric.GAMMA_POSITIVE, 75.0),
        (Metric.GAMMA_NEGATIVE, 25.0),
        (Metric.GAMMA_BELOW_001, 25.0),
        (Metric.GAMMA_BELOW_005, 50.0),
        (Metric.CLAMPED_CHANGE_001, -1.5),
        (Metric.CLAMPED_CHANGE_005, -20.0),
        (Metric.UNITS_OFF, 20.0),
        (Metric.UNITS_EXTREME, 40.0),
        (Metric.UNITS_SOMETIMES, 60.0),
    ],
)
def test_every_probed_metric_is_read_from_its_probe(metric: Metric, value: float) -> None:
    probe = probe_of(metric)
    assert probe is not None
    table = measure(record(0), metrics=[metric], measured={record(0).key: {probe: MEASURED[probe]}})
    assert table.sample(metric, CELL, seeds=1).completed().tolist() == pytest.approx([value], rel=1e-6)


def test_every_metric_but_the_accuracies_is_probed() -> None:
    assert {metric for metric in Metric if probe_of(metric) is None} == set(ACCURACIES)


def test_initialisers_are_part_of_the_arm_and_told_apart() -> None:
    table = measure(record(0, 50.0), record(0, 60.0, affine_init=AffineInit.BETA_ONE))
    for arm, accuracy in ((ARM, 50.0), (Arm.parse("batchnorm@beta_one"), 60.0)):
        assert table.sample(Metric.TEST_ACCURACY, (NETWORK, arm), seeds=1).completed().tolist() == [accuracy]


def test_records_of_different_data_sets_share_a_table() -> None:
    imagenet = Network.parse("imagenet-resnet-18")
    other = record(
        0, 20.0, scale=Scale.PAPER, network=imagenet, recipe=recipe_for(imagenet, Scale.PAPER), data_digest="1" * 64
    )
    table = measure(record(0, 50.0, scale=Scale.PAPER), other, scale=Scale.PAPER)
    assert table.sample(Metric.TEST_ACCURACY, (imagenet, ARM), seeds=1).completed().tolist() == [20.0]
    assert table.sample(Metric.TEST_ACCURACY, CELL, seeds=1).completed().tolist() == [50.0]


@pytest.mark.parametrize(
    ("named", "changes"),
    [
        ("device", {"device": DeviceKind.CUDA}),
        ("data_digest", {"data_digest": "1" * 64}),
        ("recipe_version", {"recipe_version": RECIPE_VERSION + 1}),
        (
            "precision",
            {"recipe": recipe_for(NETWORK, Scale.DIGITS).model_copy(update={"precision": Precision.BFLOAT16})},
        ),
        ("epochs", {"recipe": recipe_for(NETWORK, Scale.DIGITS).model_copy(update={"epochs": 1})}),
        ("reduced", {"scale": Scale.REDUCED}),
    ],
)
def test_runs_that_differ_in_anything_but_network_arm_and_seed_are_not_pooled(
    named: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(PoolingError, match=named):
        measure(record(0), record(1, **changes))


def test_two_runs_of_one_seed_are_not_pooled() -> None:
    with pytest.raises(PoolingError, match="two runs of resnet-14 batchnorm seed 0"):
        measure(record(0), record(0))


def test_a_metric_that_was_not_arranged_is_an_unknown_name() -> None:
    with pytest.raises(UnknownName, match="top5_accuracy"):
        measure(record(0)).sample(Metric.TOP5_ACCURACY, CELL, seeds=1)
