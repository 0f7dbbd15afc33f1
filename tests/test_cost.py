"""Cost before training: an estimate from arithmetic, scaled by runs that were measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from bnrepro.budget import shared_budget
from bnrepro.cost import PUBLISHED_SHAPES, CostModel, trainable_parameters
from bnrepro.identity import run_key
from bnrepro.plan import Plan, PlannedRun
from bnrepro.question import Question, ask
from bnrepro.recipes import RECIPES
from bnrepro.spec.arms import Arm
from bnrepro.spec.load import LoadedClaim, References
from bnrepro.spec.metrics import Metric
from bnrepro.spec.networks import Family, Network
from bnrepro.spec.probe import Probe
from bnrepro.spec.run import DeviceKind, RunRecord, RunSpec
from bnrepro.spec.scale import Scale
from tests.small_claim import DIGITS, RESNET_8, made_up
from tests.worlds import check, claim

ARMS = ["all", "all_but_affine", "batchnorm", "output", "shortcut_output", "random_2", "random_2_scattered"]


def run(network: str = "resnet-14", arm: str = "batchnorm", scale: Scale = Scale.REDUCED, seed: int = 0) -> RunSpec:
    return RunSpec(
        scale=scale,
        recipe=RECIPES[Family.CIFAR, scale],
        network=Network.parse(network),
        arm=Arm.parse(arm),
        seed=seed,
        data_digest="0" * 64,
        device=DeviceKind.CPU,
        recipe_version=1,
    )


def record(spec: RunSpec, seconds: float) -> RunRecord:
    return RunRecord(
        key=run_key(spec),
        spec=spec,
        status="completed",
        divergence=None,
        test_accuracy=50.0,
        test_loss=1.0,
        curve=(),
        trainable_parameters=1,
        total_parameters=1,
        initial_digest="0" * 64,
        wall_seconds=seconds,
        images_per_second=1.0,
        resumed=0,
        environment={},
    )


def assumed() -> CostModel:
    return CostModel(shapes=PUBLISHED_SHAPES)


def fitted(records: list[RunRecord]) -> CostModel:
    return CostModel.fitted(PUBLISHED_SHAPES, [run()], records)


@pytest.mark.parametrize("scale", Scale)
@pytest.mark.parametrize("arm", ARMS)
def test_an_estimate_is_positive_in_time_and_on_disk(arm: str, scale: Scale) -> None:
    model = assumed()
    assert model.seconds(run(arm=arm, scale=scale)) > 0
    assert model.disk_bytes(run(arm=arm, scale=scale)) > 0
    assert model.measured_from == 0


def test_more_work_is_estimated_to_take_longer() -> None:
    model, usual = assumed(), assumed().seconds(run())
    for longer in (run("resnet-32"), run("wrn-14-4"), run(arm="all"), run(scale=Scale.PAPER)):
        assert model.seconds(longer) > usual
    assert model.seconds(run().model_copy(update={"device": DeviceKind.CUDA})) < usual


def test_time_grows_in_proportion_to_the_epochs() -> None:
    spec = run()
    longer = spec.model_copy(update={"recipe": spec.recipe.model_copy(update={"epochs": 3 * spec.recipe.epochs})})
    assert assumed().seconds(longer) == pytest.approx(3 * assumed().seconds(spec))


def test_a_pair_that_was_measured_takes_the_mean_of_its_runs() -> None:
    records = [record(run(seed=seed), seconds) for seed, seconds in enumerate([100.0, 140.0])]
    model = fitted(records)
    assert model.seconds(run(seed=9)) == 120.0
    assert model.measured_from == 2


def test_measured_runs_scale_the_estimate_of_pairs_without_any() -> None:
    slow = assumed().seconds(run()) * 7
    model = fitted([record(run(), slow)])
    assert model.seconds(run("resnet-32", "all")) == pytest.approx(7 * assumed().seconds(run("resnet-32", "all")))


def test_one_run_on_a_busy_machine_does_not_spoil_the_estimate() -> None:
    usual = assumed().seconds(run())
    records = [record(run(seed=seed), usual * factor) for seed, factor in enumerate([2.0, 2.0, 50.0])]
    assert fitted(records).corrections == {run().recipe: pytest.approx(2.0)}


def test_runs_of_another_recipe_or_kind_of_device_measure_nothing() -> None:
    elsewhere = run().model_copy(update={"device": DeviceKind.CUDA})
    records = [record(run(scale=Scale.PAPER), 1e6), record(elsewhere, 1e6)]
    model = fitted(records)
    assert model == assumed()


def test_a_run_that_diverged_and_ended_early_measures_nothing() -> None:
    early = record(run(), 0.1).model_copy(update={"status": "diverged", "divergence": "the loss stopped"})
    assert fitted([early]) == assumed()


def test_wall_time_packs_the_runs_longest_first() -> None:
    specs = [run(f"resnet-{depth}") for depth in (14, 20, 26, 32, 38)]
    seconds = [1.0, 2.0, 3.0, 4.0, 5.0]
    model = fitted([record(*pair) for pair in zip(specs, seconds, strict=True)])
    assert model.wall_seconds(specs, 1) == 15.0
    assert model.wall_seconds(specs, 2) == 8.0  # 5 + 2 + 1 and 4 + 3
    assert model.wall_seconds(specs, 5) == model.wall_seconds(specs, 9) == 5.0
    assert model.wall_seconds([], 2) == 0.0


def test_the_disk_holds_what_was_learned_and_running_statistics_never_the_frozen_rest() -> None:
    deep, model = Network.parse("resnet-866"), assumed()
    by_arm = {arm: model.disk_bytes(run("resnet-866", arm)) for arm in ("batchnorm", "random_2", "all")}
    assert by_arm["batchnorm"] == by_arm["random_2"] < 1e6
    learned = trainable_parameters(deep, Arm.parse("all"), 3)
    assert learned == deep.counts().total
    assert by_arm["all"] - by_arm["batchnorm"] == 4 * (learned - deep.counts().batchnorm)


MEASURED = (Probe.AFFINE, Probe.CLAMPING, Probe.ACTIVITY)


@pytest.mark.parametrize(
    ("network", "arm", "trained", "measured"),
    [
        ("resnet-14", "batchnorm", 14_320 + 5_206 + 233, 4_681 + 545 + 7_633),
        ("resnet-32", "batchnorm", 31_648 + 5_200 + 233, 10_065 + 545 + 18_385),
        ("wrn-14-2", "batchnorm", 23_352 + 5_205 + 233, 9_169 + 545 + 15_057),
        ("resnet-14", "all", 711_536 + 5_230 + 233, 4_681 + 545 + 7_633),
    ],
)
def test_the_disk_that_a_run_takes_is_near_what_runs_on_digits_took(
    network: str, arm: str, trained: int, measured: int
) -> None:
    spec = DIGITS.spec(Network.parse(network), Arm.parse(arm), 0)
    model = CostModel(shapes=DIGITS.shapes)
    assert model.disk_bytes(spec) == pytest.approx(trained, rel=0.03)
    assert model.measured_bytes(spec, MEASURED) == pytest.approx(measured, rel=0.01)


def test_each_measurement_takes_room_for_what_it_keeps() -> None:
    model, spec = assumed(), run()
    beside = model.measured_bytes(spec, [Probe.AFFINE]) - 2 * 4 * 560
    assert 0 < beside < 1000
    assert model.measured_bytes(spec, [Probe.ACTIVITY]) == beside + 2 * 8 * (560 - 32 - 64), "shortcuts have no ReLU"
    assert model.measured_bytes(spec, [Probe.CORRECTNESS]) == beside + 10_000
    assert model.measured_bytes(spec, Probe) == sum(model.measured_bytes(spec, [probe]) for probe in Probe)
    assert model.measured_bytes(spec, ()) == 0


def test_a_plan_needs_room_for_what_is_to_be_trained_and_for_what_is_to_be_measured() -> None:
    model, new, stored = assumed(), run(seed=0), run(seed=1)
    runs = (
        PlannedRun(spec=new, key=run_key(new), record=None, reason="new", probes=MEASURED, to_measure=MEASURED),
        PlannedRun(
            spec=stored,
            key=run_key(stored),
            record=made_up(stored, 50.0),
            reason="",
            probes=MEASURED,
            to_measure=(Probe.ACTIVITY,),
        ),
    )
    assert Plan(runs=runs, cost=model).disk_bytes == (
        model.disk_bytes(new) + model.measured_bytes(new, MEASURED) + model.measured_bytes(stored, [Probe.ACTIVITY])
    )


def question(metric: Metric) -> Question:
    made = claim(check("equivalence", metric=metric), networks=[RESNET_8], looks=(3,))
    return ask(LoadedClaim(claim=made, path=Path("made_up.yaml"), sha256="0" * 64), Scale.DIGITS)


def test_a_budget_counts_what_is_measured_once_on_every_network() -> None:
    model = CostModel(shapes=DIGITS.shapes)
    plain, probing = question(Metric.TEST_ACCURACY), question(Metric.GAMMA_BELOW_001)
    budget = shared_budget([plain, probing], References({}), DIGITS, model)
    alone, measured = budget.alone
    # Three seeds of two arms.
    affine = 6 * model.measured_bytes(DIGITS.spec(RESNET_8, Arm.parse("batchnorm"), 0), [Probe.AFFINE])
    assert measured.disk_bytes - alone.disk_bytes == affine > 0
    assert budget.together == measured


@pytest.mark.parametrize(
    ("arm", "learned"),
    [
        ("all", 175_258),
        ("all_but_affine", 175_258 - 1_120),
        ("batchnorm", 1_120),
        ("output", 650),
        ("batchnorm_output", 1_770),
        ("shortcut_output", 16 * 32 + 32 * 64 + 650),
        ("batchnorm_shortcut_output", 16 * 32 + 32 * 64 + 1_770),
        ("random_1", 560),
        ("random_2", 1_120),
        ("random_2_scattered", 1_120),
        ("random_2_output", 1_770),
        # Shortcuts have fewer than 64 entries a channel (16 and 32), and so has the stem (27).
        ("random_64", 64 * (560 - 16 - 32 - 64) + 27 * 16 + 16 * 32 + 32 * 64),
        ("random_9999", 175_258 - 1_120 - 650),
    ],
)
def test_an_arm_learns_this_many_values_on_resnet_14(arm: str, learned: int) -> None:
    assert trainable_parameters(Network.parse("resnet-14"), Arm.parse(arm), 3) == learned


def test_operations_count_forward_and_gradients_and_evaluation() -> None:
    forward = Network.parse("resnet-14").multiply_adds(32, 3)
    expected = 2 * 8 * (50_000 * 2 + 10_000) * forward
    assert assumed().flops(run()) == expected
    assert assumed().flops(run(arm="all")) == 2 * 8 * (50_000 * 3 + 10_000) * forward
