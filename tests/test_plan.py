"""What is planned for whom: each training once, only what an open check needs, and why."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bnrepro.cost import PUBLISHED_SHAPES
from bnrepro.data import digits
from bnrepro.errors import TrainingError, UsageError
from bnrepro.execute.events import Event, Failed, Finished
from bnrepro.identity import run_key
from bnrepro.plan import Need, Plan, Setting, make_plan
from bnrepro.question import Question, ask, refuse_unknown
from bnrepro.spec.arms import Arm, FrozenAffine
from bnrepro.spec.claim import Claim
from bnrepro.spec.load import LoadedClaim, References
from bnrepro.spec.networks import Network
from bnrepro.spec.probe import Probe
from bnrepro.spec.recipe import DatasetName, Precision
from bnrepro.spec.run import DeviceKind, RunSpec
from bnrepro.spec.scale import Scale
from bnrepro.store import Store
from bnrepro.suite import Suite
from tests.small_claim import DIGITS, RESNET_8, TENSORS, a_run, made_up
from tests.worlds import NUMBERS, check, claim, number

ALL, BATCHNORM, RANDOM = map(Arm.parse, ("all", "batchnorm", "random_2"))
RESNET_14 = Network.parse("resnet-14")
REFERENCES = References({"s/gap": number(low=17.0, high=21.0), "s/best": number(value=56.0)})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def small(*checks: dict[str, Any], looks: tuple[int, ...] = (2, 4), networks: Sequence[Network] = (RESNET_8,)) -> Claim:
    return claim(*(checks or [check("superiority")]), networks=networks, looks=looks)


def asked(made: Claim, name: str = "made_up", **more: Any) -> Question:
    renamed = made.model_copy(update={"id": name})
    return ask(LoadedClaim(claim=renamed, path=Path(f"{name}.yaml"), sha256="0" * 64), Scale.DIGITS, **more)


def suite(store: Store, *questions: Question) -> Suite:
    return Suite(questions, REFERENCES, setting=DIGITS, store=store)


def wants(plan: Plan) -> set[tuple[str, str, int]]:
    return {(str(run.spec.network), str(run.spec.arm), run.spec.seed) for run in plan.runs}


class MadeUpPool:
    """Puts runs of a given accuracy into the store; where none is given, the run fails."""

    def __init__(self, store: Store, accuracy: Callable[[RunSpec], float | None]) -> None:
        self.store = store
        self.accuracy = accuracy
        self.asked: list[RunSpec] = []

    def run(self, specs: Sequence[RunSpec], probes: Mapping[str, tuple[Probe, ...]]) -> Generator[Event, None, None]:
        assert not probes
        for spec in specs:
            self.asked.append(spec)
            value = self.accuracy(spec)
            if value is None:
                yield Failed(spec=spec, error="it broke")
            else:
                self.store.save(made_up(spec, value), TENSORS)
                yield Finished(spec=spec, trained=True)


def ignore(_: Event) -> None:
    pass


def test_a_run_that_two_claims_need_is_planned_once(store: Store) -> None:
    first = asked(small(check("superiority")), "first")
    second = asked(small(check("superiority", better=ALL, worse=BATCHNORM)), "second")
    plan = suite(store, first, second).plan(1)
    expected = {("resnet-8", arm, seed) for arm in ("all", "batchnorm", "random_2") for seed in range(2)}
    assert len(plan.runs) == len(expected) == 6
    assert wants(plan) == expected
    assert len({run.key for run in plan.runs}) == 6


def test_the_claim_that_asks_for_more_seeds_gets_them(store: Store) -> None:
    few = asked(small(looks=(2,)), "few")
    many = asked(small(check("superiority", better=ALL, worse=BATCHNORM), looks=(3,)), "many")
    planned = wants(suite(store, few, many).plan(1))
    assert {seed for _, arm, seed in planned if arm == "random_2"} == {0, 1}
    assert {seed for _, arm, seed in planned if arm == "batchnorm"} == {0, 1, 2}


def test_what_is_stored_is_counted_and_what_is_not_is_missing(store: Store) -> None:
    store.save(made_up(a_run(0), 50.0), TENSORS)
    plan = make_plan([Need(cell=(RESNET_8, BATCHNORM), seeds=3)], DIGITS, store)
    assert plan.cached == 1
    assert [spec.seed for spec in plan.missing] == [1, 2]
    assert {run.spec.seed: run.cached for run in plan.runs} == {0: True, 1: False, 2: False}
    assert plan.disk_bytes > 0
    assert plan.wall_seconds(jobs=2) < plan.wall_seconds(jobs=1)


def test_an_empty_plan_costs_nothing(store: Store) -> None:
    plan = make_plan([], DIGITS, store)
    assert (plan.runs, plan.missing, plan.cached, plan.disk_bytes, plan.wall_seconds(jobs=1)) == ((), (), 0, 0, 0.0)


def test_the_longest_trainings_come_first(store: Store) -> None:
    networks = [Network.parse(name) for name in ("resnet-8", "resnet-32", "resnet-14")]
    plan = make_plan([Need(cell=(network, BATCHNORM), seeds=1) for network in networks], DIGITS, store)
    assert [str(spec.network) for spec in plan.missing] == ["resnet-32", "resnet-14", "resnet-8"]


def test_a_run_that_resembles_a_stored_one_says_in_what_it_differs(store: Store) -> None:
    wanted = a_run(0)
    stored = wanted.model_copy(update={"recipe": wanted.recipe.model_copy(update={"peak_lr": 0.2})})
    far = wanted.model_copy(update={"recipe": wanted.recipe.model_copy(update={"peak_lr": 0.3, "epochs": 99})})
    for spec in (stored, far):
        store.save(made_up(spec, 50.0), TENSORS)
    (run,) = make_plan([Need(cell=(RESNET_8, BATCHNORM), seeds=1)], DIGITS, store).runs
    assert run.reason == "the nearest stored run differs in peak_lr 0.2 → 0.1"
    assert not run.cached


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("recipe_version", 0, "recipe_version 0 → "),
        ("data_digest", "f" * 64, f"data_digest {'f' * 64} → "),
        ("device", DeviceKind.CUDA, "device cuda → cpu"),
        ("frozen_affine", FrozenAffine.ONE, "frozen_affine one → draw"),
    ],
)
def test_a_run_of_another_setting_is_another_run_and_that_is_said(
    store: Store, name: str, value: object, told: str
) -> None:
    store.save(made_up(a_run(0).model_copy(update={name: value}), 50.0), TENSORS)
    (run,) = make_plan([Need(cell=(RESNET_8, BATCHNORM), seeds=1)], DIGITS, store).runs
    assert not run.cached
    assert run.reason.startswith(f"the nearest stored run differs in {told}")


def test_a_run_of_another_precision_is_another_run(store: Store) -> None:
    store.save(made_up(a_run(0), 50.0), TENSORS)
    half = Setting(**{**vars(DIGITS), "precision": Precision.BFLOAT16})
    (run,) = make_plan([Need(cell=(RESNET_8, BATCHNORM), seeds=1)], half, store).runs
    assert run.reason == "the nearest stored run differs in precision float32 → bfloat16"


def test_a_run_like_no_other_says_so(store: Store) -> None:
    store.save(made_up(a_run(0), 50.0), TENSORS)
    (run,) = make_plan([Need(cell=(RESNET_14, BATCHNORM), seeds=1)], DIGITS, store).runs
    assert run.reason == "the store has no run of their network, arm and seed"


def test_how_often_checkpoints_are_written_does_not_change_a_run(store: Store) -> None:
    store.save(made_up(a_run(0), 50.0), TENSORS)
    often = Setting(**{**vars(DIGITS), "checkpoint_seconds": 0.1})
    assert make_plan([Need(cell=(RESNET_8, BATCHNORM), seeds=1)], often, store).cached == 1


def test_a_check_that_cannot_be_assessed_at_this_scale_trains_nothing(store: Store) -> None:
    question = asked(small(check("containment"), check("range", arm=RANDOM)))
    made = suite(store, question)
    assert made.settled
    assert made.plan(1).runs == ()
    both = asked(small(check("superiority"), check("containment", better=ALL)))
    assert {arm for _, arm, _ in wants(suite(store, both).plan(1))} == {"batchnorm", "random_2"}


def test_the_second_look_needs_only_the_arms_of_open_checks(store: Store) -> None:
    question = asked(small(check("superiority"), check("superiority", id="close", better=ALL, worse=BATCHNORM)))
    made = suite(store, question)
    means = {"all": 75.0, "batchnorm": 60.0, "random_2": 20.0}
    pool = MadeUpPool(store, lambda spec: means[str(spec.arm)] + 5 * (-1) ** spec.seed * (spec.arm == ALL) + spec.seed)
    made.train(made.plan(1), pool, ignore)
    made.judge(1)
    assert made.judgements["made_up"].open_checks == ("close",)
    second = made.plan(2)
    assert {arm for _, arm, _ in wants(second)} == {"all", "batchnorm"}
    assert second.cached == 4
    assert sorted((str(spec.arm), spec.seed) for spec in second.missing) == [
        ("all", 2),
        ("all", 3),
        ("batchnorm", 2),
        ("batchnorm", 3),
    ]


def test_a_settled_suite_needs_no_second_look(store: Store) -> None:
    made = suite(store, asked(small()))
    made.train(made.plan(1), MadeUpPool(store, lambda spec: 60.0 + spec.seed - 40 * (spec.arm == RANDOM)), ignore)
    made.judge(1)
    assert made.settled
    assert made.plan(2).runs == ()


def test_a_claim_with_fewer_looks_is_left_alone_in_later_ones(store: Store) -> None:
    short = asked(small(looks=(2,)), "short")
    long = asked(small(check("superiority", better=ALL, worse=BATCHNORM), looks=(2, 3)), "long")
    made = suite(store, short, long)
    assert list(made.looks()) == [1, 2]
    assert {arm for _, arm, _ in wants(made.plan(2))} == {"all", "batchnorm"}


def test_a_failed_run_leaves_its_claim_open_and_is_not_forgotten(store: Store) -> None:
    question = asked(small(looks=(2,)))
    made = suite(store, question)
    broken = a_run(1, "random_2")
    made.train(made.plan(1), MadeUpPool(store, lambda spec: None if spec == broken else 60.0 + spec.seed), ignore)
    made.judge(1)
    assert made.judgements["made_up"].verdict.value == "inconclusive"
    assert list(made.failed_of(question)) == [run_key(broken)]
    assert len(made.runs_of(question)) == 3


def test_what_an_earlier_look_read_is_not_read_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    made = suite(store, asked(small(looks=(2, 3))))
    made.train(made.plan(1), MadeUpPool(store, lambda spec: 40.0 + 20 * spec.seed), ignore)
    made.judge(1)
    found: list[str] = []
    monkeypatch.setattr(Store, "find", lambda _, key: found.append(key))
    second = made.plan(2)
    assert (len(second.runs), second.cached) == (6, 4)
    assert sorted(found) == sorted(run.key for run in second.runs if not run.cached)


def test_when_every_run_fails_there_is_nothing_to_judge(store: Store) -> None:
    made = suite(store, asked(small(looks=(2,))))
    with pytest.raises(TrainingError, match=r"every run failed; the first, resnet-8 .* it broke"):
        made.train(made.plan(1), MadeUpPool(store, lambda _: None), ignore)


def test_a_network_that_was_trained_and_could_not_be_measured_is_still_judged(store: Store) -> None:
    made = suite(store, asked(small(looks=(2,))))

    class MeasuringFails(MadeUpPool):
        def run(
            self, specs: Sequence[RunSpec], probes: Mapping[str, tuple[Probe, ...]]
        ) -> Generator[Event, None, None]:
            for event in super().run(specs, probes):
                yield Failed(spec=event.spec, error="the probe broke")

    made.train(made.plan(1), MeasuringFails(store, lambda spec: 60.0 + spec.seed - 40 * (spec.arm == RANDOM)), ignore)
    made.judge(1)
    assert made.judgements["made_up"].verdict.value == "supported"


def test_a_run_that_failed_at_one_look_and_ended_at_the_next_has_not_failed(store: Store) -> None:
    question = asked(small(looks=(2, 3)))
    made = suite(store, question)
    broken = a_run(1, "random_2")
    made.train(made.plan(1), MadeUpPool(store, lambda spec: None if spec == broken else 60.0 + spec.seed), ignore)
    made.judge(1)
    made.train(made.plan(2), MadeUpPool(store, lambda spec: 60.0 + spec.seed), ignore)
    made.judge(2)
    assert made.failed_of(question) == {}
    assert len(made.runs_of(question)) == 6


def test_networks_can_be_chosen_from_the_claims_own_only() -> None:
    made = small(networks=(RESNET_8, RESNET_14))
    question = asked(made, networks=(RESNET_14,))
    assert question.evaluated == (RESNET_14,)
    assert question.declared == (RESNET_8, RESNET_14)
    assert question.deviations == ("1 of its 2 networks, resnet-14",)
    assert asked(made, networks=(RESNET_14, RESNET_8)).deviations == ()
    with pytest.raises(UsageError, match=r"resnet-20.*; choose from resnet-8, resnet-14"):
        refuse_unknown((Network.parse("resnet-20"),), [question])


def test_another_number_of_seeds_is_one_look_and_rules_out_the_papers_words(store: Store) -> None:
    question = asked(small(looks=(2, 4)), seeds=1)
    assert question.claim.looks.seeds == (1,)
    assert question.deviations == ("one look at 1 seed instead of looks at 2 and 4",)
    made = suite(store, question)
    assert list(made.looks()) == [1]
    assert {seed for _, _, seed in wants(made.plan(1))} == {0}
    assert asked(small(looks=(3,)), seeds=3).deviations == ()
    assert asked(small(), precision=Precision.BFLOAT16).deviations == ("precision bfloat16",)


def test_the_settings_used_here_are_those_of_digits() -> None:
    assert DIGITS.shapes == {DatasetName.DIGITS: PUBLISHED_SHAPES[DatasetName.DIGITS]}
    assert a_run(0).data_digest == digits.DIGEST
    assert NUMBERS.get("s/gap").low == 17
