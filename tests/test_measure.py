"""Run records to arm × network × seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bnrepro.errors import UnknownName
from bnrepro.measure import Measurements, PoolingError
from bnrepro.recipes import RECIPE_VERSION, recipe_for
from bnrepro.spec.arms import AffineInit, Arm
from bnrepro.spec.claim import Metric
from bnrepro.spec.networks import Network
from bnrepro.spec.recipe import Precision
from bnrepro.spec.run import DeviceKind, RunRecord, RunSpec
from bnrepro.spec.scale import Scale

NETWORK, ARM = Network.parse("resnet-14"), Arm.parse("batchnorm")


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


def measure(*records: RunRecord) -> Measurements:
    return Measurements.from_records(records, scale=Scale.DIGITS)


def test_a_sample_holds_the_first_seeds_in_order_and_names_the_missing_ones() -> None:
    sample = measure(record(4, 54.0), record(2, 52.0), record(0, 50.0)).sample(
        Metric.TEST_ACCURACY, NETWORK, ARM, seeds=4
    )
    assert [run.seed for run in sample.observations] == [0, 2]
    assert sample.completed().tolist() == [50.0, 52.0]
    assert sample.missing == (1, 3)


def test_an_arm_that_never_ran_misses_every_seed() -> None:
    sample = measure().sample(Metric.TEST_ACCURACY, NETWORK, ARM, seeds=2)
    assert sample.missing == (0, 1)
    assert sample.completed().shape == (0,)


def test_a_diverged_run_is_kept_apart_and_can_be_counted_at_chance() -> None:
    sample = measure(record(0, 50.0), record(1, 12.0, status="diverged")).sample(
        Metric.TEST_ACCURACY, NETWORK, ARM, seeds=2
    )
    assert sample.completed().tolist() == [50.0]
    assert np.array_equal(sample.with_diverged_at(10.0), [50.0, 10.0])


@pytest.mark.parametrize(
    ("named", "changes"),
    [
        ("device", {"device": DeviceKind.CUDA}),
        ("data_digest", {"data_digest": "1" * 64}),
        ("recipe_version", {"recipe_version": RECIPE_VERSION + 1}),
        ("affine_init", {"affine_init": AffineInit.ONE}),
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


def test_a_metric_that_no_record_holds_is_an_unknown_name() -> None:
    with pytest.raises(UnknownName, match="top5_accuracy"):
        measure(record(0)).sample(Metric.TOP5_ACCURACY, NETWORK, ARM, seeds=1)
