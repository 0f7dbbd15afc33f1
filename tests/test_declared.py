"""Declared beforehand: a claim that changed after its runs says so. Runs that no verdict may pool are listed."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest

from bnrepro.cost import PUBLISHED_SHAPES
from bnrepro.declared import declaration_notes
from bnrepro.plan import DataFacts, Setting
from bnrepro.question import ask
from bnrepro.spec.arms import Arm
from bnrepro.spec.checks import CheckSpec
from bnrepro.spec.claim import Claim
from bnrepro.spec.declared import (
    CHECK_MEANING,
    CHECK_WORDS,
    CLAIM_MEANING,
    CLAIM_WORDS,
    Declaration,
    changes,
    meaning_digest,
)
from bnrepro.spec.load import References, load_claim, load_claims, load_references
from bnrepro.spec.networks import Network
from bnrepro.spec.recipe import DatasetName, Precision
from bnrepro.spec.run import DeviceKind, RunSpec
from bnrepro.spec.scale import Scale
from bnrepro.store import Store
from bnrepro.suite import Suite
from tests.small_claim import REPOSITORY, TENSORS, World, a_run, call, made_up, shortened

HELD = {"batchnorm": [60, 62], "random_2": [30, 31]}
NO_REFERENCES = References({})
ON_CIFAR = Setting(
    scale=Scale.PAPER,
    device=DeviceKind.CUDA,
    data={DatasetName.CIFAR10: DataFacts(digest="0" * 64, shape=PUBLISHED_SHAPES[DatasetName.CIFAR10])},
)
KINDS = get_args(get_args(CheckSpec)[0])


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.write_claim()
    return made


def verify(world: World, *more: object) -> int:
    return call("verify", world.claims, "--scale", "digits", "--device", "cpu", *world.folders(), *more)


def notes(world: World, claim: str = "small") -> list[str]:
    told: list[str] = json.loads((world.reports / "digits" / f"{claim}.json").read_text())["notes"]
    return told


def declared(world: World) -> tuple[Declaration, ...]:
    return Store(world.store).declarations("small", Scale.DIGITS)


def declare_before_runs(world: World) -> None:
    """As a verify does that ends before it has trained anything."""
    loaded = load_claim(world.claims / "small.yaml")
    Store(world.store).declare(loaded.claim, sha256=loaded.sha256, scale=Scale.DIGITS, count_runs=lambda: 0)


def against_store(world: World) -> int:
    return call("validate", world.claims, "--against-store", "--store", world.store)


def small(world: World, **written: object) -> Claim:
    return load_claim(world.write_claim(**written)).claim


def test_every_field_of_a_claim_is_declared_words_or_meaning() -> None:
    assert set(Claim.model_fields) == CLAIM_WORDS | CLAIM_MEANING
    assert not CLAIM_WORDS & CLAIM_MEANING


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_a_kind_of_check_is_declared_words_or_meaning(kind: type[CheckSpec]) -> None:
    undeclared = set(kind.model_fields) - CHECK_WORDS - CHECK_MEANING
    assert not undeclared, f"say in spec/declared.py whether {undeclared} enter a verdict"


def test_nothing_is_declared_that_no_check_has() -> None:
    assert set().union(*(kind.model_fields for kind in KINDS)) == CHECK_WORDS | CHECK_MEANING
    assert not CHECK_WORDS & CHECK_MEANING


@pytest.mark.parametrize("path", sorted((REPOSITORY / "claims").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_claim_of_the_paper_keeps_its_meaning_through_the_store(path: Path, tmp_path: Path) -> None:
    loaded = load_claim(path)
    store = Store(tmp_path)
    store.declare(loaded.claim, sha256=loaded.sha256, scale=Scale.PAPER, count_runs=lambda: 7)
    (kept,) = store.declarations(loaded.claim.id, Scale.PAPER)
    assert (kept.sequence, kept.sha256, kept.runs) == (1, loaded.sha256, 7)
    again = Claim.model_validate_json(kept.claim)
    assert changes(again, loaded.claim, Scale.PAPER) == ()
    assert meaning_digest(again, Scale.PAPER) == meaning_digest(loaded.claim, Scale.PAPER)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"margin": 5}, "margin of better was 10 and is 5"),
        ({"better": "all"}, "better of better was batchnorm and is all"),
        ({"networks": "[resnet-8, resnet-14]"}, "group all was resnet-8 and is resnet-8, resnet-14"),
        ({"looks": "[2, 3]"}, "seeds at each look was 2 and is 2, 3"),
    ],
)
def test_a_change_of_meaning_is_told_with_the_old_and_the_new_value(
    world: World, written: dict[str, object], told: str
) -> None:
    before, after = small(world), small(world, **written)
    assert [str(change) for change in changes(before, after, Scale.DIGITS)] == [told]
    assert meaning_digest(before, Scale.DIGITS) != meaning_digest(after, Scale.DIGITS)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("kind: superiority", "kind: non_inferiority", {"kind of better was superiority and is non_inferiority"}),
        ("margin: 10", "margin: 10\n    decides: false", {"decides of better was yes and is no"}),
        ("margin: 10", "margin: 10\n    metric: units_off", {"metric of better was test_accuracy and is units_off"}),
        (
            "id: better",
            "id: best",
            {"check better was there and is not there", "check best was not there and is there"},
        ),
    ],
)
def test_a_change_of_a_check_is_told(world: World, old: str, new: str, told: set[str]) -> None:
    before = small(world)
    path = world.claims / "small.yaml"
    path.write_text(path.read_text().replace(old, new))
    assert {str(change) for change in changes(before, load_claim(path).claim, Scale.DIGITS)} == told


def test_networks_of_another_scale_are_not_a_change(world: World) -> None:
    before, after = small(world), small(world, networks="[resnet-8, resnet-14]")
    assert changes(before, after, Scale.PAPER) == ()
    assert meaning_digest(before, Scale.PAPER) == meaning_digest(after, Scale.PAPER)


def test_a_margin_edited_after_the_runs_exist_is_reported_as_such(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write_claim(margin=40)
    declare_before_runs(world)
    world.fill(HELD)
    assert verify(world) == 1
    assert notes(world) == []
    world.write_claim(margin=5)
    assert verify(world) == 0
    assert notes(world) == [
        "Changed since runs exist: margin of better was 40 and is 5. "
        "Under the text declared first the verdict on the runs that are here is contradicted."
    ]
    assert "margin of better was 40 and is 5" in (world.reports / "digits" / "small.html").read_text()
    capsys.readouterr()
    assert against_store(world) == 4
    told = capsys.readouterr().out
    assert "small at scale digits, since runs exist:\n  margin of better was 40 and is 5\n" in told


def test_an_edit_that_no_verify_has_seen_is_listed_by_validate(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    declare_before_runs(world)
    world.fill(HELD)
    assert against_store(world) == 0
    assert "no claim means anything else" in capsys.readouterr().out
    world.write_claim(margin=5)
    assert against_store(world) == 4
    assert call("validate", world.claims) == 0
    assert len(declared(world)) == 1, "validate asks, it declares nothing"


def test_validate_makes_no_store(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert against_store(world) == 0
    assert f"no store at {world.store} yet" in " ".join(capsys.readouterr().out.split())
    assert not world.store.exists()


def test_a_margin_edited_before_any_run_exists_is_nobody_s_concern(world: World) -> None:
    world.write_claim(margin=40)
    declare_before_runs(world)
    world.write_claim(margin=5)
    declare_before_runs(world)
    world.fill(HELD)
    assert verify(world) == 0
    assert notes(world) == []
    assert against_store(world) == 0


def test_a_claim_that_comes_after_its_runs_says_so(world: World) -> None:
    world.fill(HELD)
    assert verify(world) == 0
    assert notes(world) == ["First asked when the store had 4 runs of its networks and arms."]


def test_the_first_declaration_is_kept_over_a_second_verify(world: World) -> None:
    declare_before_runs(world)
    (first,) = declared(world)
    world.fill(HELD)
    verify(world)
    verify(world)
    assert declared(world) == (first,)


def test_changed_words_are_not_a_change(world: World) -> None:
    declare_before_runs(world)
    world.fill(HELD)
    world.write_claim(title="Another title", claim="In other words.", states="It still holds.", flag="Another flag.")
    assert verify(world) == 0
    assert notes(world) == []
    assert against_store(world) == 0


def test_a_meaning_that_was_tried_and_taken_back_is_told(world: World) -> None:
    declare_before_runs(world)
    world.fill(HELD)
    world.write_claim(margin=5)
    verify(world)
    world.write_claim()
    assert verify(world) == 0
    assert notes(world) == [
        "Asked with 1 other meaning too since runs exist, and now again with the meaning declared first."
    ]
    world.write_claim(margin=20)
    verify(world)
    assert [note.split(":")[0] for note in notes(world)] == [
        "Changed since runs exist",
        "Asked with 1 other meaning too since runs exist.",
    ]


def test_an_older_text_with_other_arms_is_judged_on_what_the_store_has(world: World) -> None:
    world.write_claim(better="all")
    declare_before_runs(world)
    world.fill(HELD | {"all": [20, 21]})
    world.write_claim()
    assert verify(world) == 0
    (note,) = notes(world)
    assert "better of better was all and is batchnorm" in note
    assert note.endswith("the verdict on the runs that are here is contradicted.")


def test_an_older_text_on_data_that_are_not_here_is_not_assessed(world: World, tmp_path: Path) -> None:
    path = world.write_claim()
    at_paper = path.read_text().replace("assumed_sd: {digits", "assumed_sd: {paper")
    path.write_text(at_paper.replace("digits: [resnet-8]", "paper: [imagenet-resnet-18]"))
    older = load_claim(path)
    path.write_text(at_paper.replace("digits: [resnet-8]", "paper: [resnet-14]"))
    store = Store(tmp_path / "store")
    store.declare(older.claim, sha256=older.sha256, scale=Scale.PAPER, count_runs=lambda: 4)
    suite = Suite([ask(load_claim(path), Scale.PAPER)], NO_REFERENCES, setting=ON_CIFAR, store=store)
    _, changed = declaration_notes(suite.questions[0], suite)
    assert changed.endswith("the verdict on the runs that are here is not assessed.")


def test_an_older_text_without_its_runs_is_inconclusive(world: World) -> None:
    world.write_claim(networks="[resnet-8, resnet-14]")
    declare_before_runs(world)
    world.fill(HELD)
    world.write_claim()
    assert verify(world) == 0
    assert notes(world)[0].endswith("is inconclusive.")


def test_an_older_text_of_another_version_is_said_to_be_past_comparing(world: World) -> None:
    store = Store(world.store)
    loaded = load_claim(world.claims / "small.yaml")
    older = loaded.claim.model_copy(update={"title": ""})  # which this version refuses
    store.declare(older, sha256="0" * 64, scale=Scale.DIGITS, count_runs=lambda: 0)
    world.fill(HELD)
    assert verify(world) == 0
    assert notes(world) == [
        "The text declared first is of another version of bnrepro and cannot be compared with this one."
    ]


def test_an_older_text_whose_number_is_gone_says_why_it_cannot_be_judged(world: World, tmp_path: Path) -> None:
    path = world.write_claim()
    path.write_text(
        path.read_text()
        .replace("digits: [resnet-8]", "paper: [resnet-14]")
        .replace("assumed_sd: {digits", "assumed_sd: {paper")
        .replace("superiority", "containment")
        .replace("margin:", "reference: gone/number\n    margin:")
    )
    older = load_claim(path)
    path.write_text(path.read_text().replace("gone/number", "section4/random-2-gap"))
    store = Store(tmp_path / "store")
    for arm in ("batchnorm", "random_2"):
        for seed in (0, 1):
            store.save(made_up(ON_CIFAR.spec(Network.parse("resnet-14"), Arm.parse(arm), seed), 50 + seed), TENSORS)
    store.declare(older.claim, sha256=older.sha256, scale=Scale.PAPER, count_runs=lambda: 4)
    references = load_references(REPOSITORY / "reference_numbers")
    question = ask(load_claim(path), Scale.PAPER)
    late, changed = declaration_notes(question, Suite([question], references, setting=ON_CIFAR, store=store))
    assert late == "First asked when the store had 4 runs of its networks and arms."
    assert "reference of better was gone/number and is section4/random-2-gap" in changed
    assert "Under the text declared first it cannot be judged any more: gone/number is not in" in changed


def test_fewer_seeds_asked_for_are_no_change_of_the_text(world: World) -> None:
    declare_before_runs(world)
    world.fill(HELD)
    verify(world, "--seeds", 1)
    assert notes(world) == []
    world.write_claim(margin=40)
    verify(world, "--seeds", 1)
    assert notes(world)[0].endswith("is inconclusive.")


@pytest.mark.parametrize("damage", [b"", b"nothing of ours", b"0" * 64 + b"\n{}"])
def test_a_damaged_declaration_is_set_aside_and_said(
    world: World, capsys: pytest.CaptureFixture[str], damage: bytes
) -> None:
    world.write_claim(margin=40)
    declare_before_runs(world)
    world.fill(HELD)
    (kept,) = (world.store / "declared" / "small").iterdir()
    kept.write_bytes(damage)
    world.write_claim(margin=5)
    assert verify(world) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "claim small: 000001-" in told
    assert "what was declared then can no longer be compared" in told
    assert len(list((world.store / "set-aside").iterdir())) == 1
    assert notes(world) == ["First asked when the store had 4 runs of its networks and arms."]


def test_a_declaration_under_another_s_name_is_damaged(world: World) -> None:
    declare_before_runs(world)
    (kept,) = (world.store / "declared" / "small").iterdir()
    kept.rename(kept.with_name(kept.name.replace("000001", "000002")))
    assert declared(world) == ()


def test_texts_are_ordered_by_sequence_when_the_clock_is_set_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare_before_runs(world)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 1e6)
    world.write_claim(margin=5)
    declare_before_runs(world)
    for file in (world.store / "declared" / "small").iterdir():
        age = 10 if file.name.startswith("000001") else 1_000_000  # the first seems to be the younger
        os.utime(file, (now - age, now - age))
    assert [json.loads(each.claim)["checks"][0]["margin"] for each in declared(world)] == [10, 5]


def _declare(store: Path, claims: Path, turns: int) -> None:
    (loaded,) = load_claims([claims])
    for _ in range(turns):
        Store(store).declare(loaded.claim, sha256=loaded.sha256, scale=Scale.DIGITS, count_runs=lambda: 0)


def test_two_processes_at_once_declare_a_text_once_and_each_text_in_an_order(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other")
    other.write_claim(margin=5)
    forked = multiprocessing.get_context("spawn")
    # Four processes, two of either text.
    workers = [
        forked.Process(target=_declare, args=(world.store, claims, 5)) for claims in (world.claims, other.claims) * 2
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    kept = declared(world)
    assert [each.sequence for each in kept] == list(range(1, len(kept) + 1))
    assert {each.sha256 for each in kept} == {load_claim(one.claims / "small.yaml").sha256 for one in (world, other)}
    assert all(one.sha256 != following.sha256 for one, following in pairwise(kept))


def put(world: World, *specs: RunSpec) -> None:
    store = Store(world.store)
    for spec in specs:
        store.save(made_up(spec, 50), TENSORS)


def test_runs_that_may_not_be_pooled_are_listed_by_why(world: World) -> None:
    declare_before_runs(world)
    world.fill(HELD)
    runs = [a_run(seed, arm) for seed in (0, 1) for arm in ("batchnorm", "random_2")]
    put(world, *(run.model_copy(update={"recipe_version": 0}) for run in runs))
    put(world, *(run.model_copy(update={"device": DeviceKind.CUDA}) for run in runs[:2]))
    put(world, runs[0].model_copy(update={"data_digest": "0" * 64}))
    put(world, runs[0].model_copy(update={"recipe": shortened(runs[0].recipe, 4)}))
    halved = runs[0].recipe.model_copy(update={"precision": Precision.BFLOAT16})
    put(world, runs[0].model_copy(update={"recipe": halved, "device": DeviceKind.CUDA}))
    assert verify(world) == 0
    assert notes(world) == [
        "Left out: 1 run in bfloat16 on cuda; 1 run of another recipe; 4 runs of recipe version 0; 2 runs on cuda; "
        "1 run on other data."
    ]


def test_what_is_no_run_of_the_claim_is_not_listed(world: World) -> None:
    declare_before_runs(world)
    world.fill(HELD)
    of_cuda = {"device": DeviceKind.CUDA}
    put(world, a_run(2).model_copy(update=of_cuda))  # a seed that no look takes
    put(world, a_run(0, "all").model_copy(update=of_cuda))
    put(world, a_run().model_copy(update={"scale": Scale.PAPER}))
    put(world, a_run(2))
    assert verify(world) == 0
    assert notes(world) == []
