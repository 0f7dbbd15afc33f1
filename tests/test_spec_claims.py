"""Claim files and reference numbers: the committed ones, and what is refused in others."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnrepro.errors import ReferenceMissing, SpecError
from bnrepro.spec.claim import Claim
from bnrepro.spec.load import (
    LoadedClaim,
    References,
    check_references,
    load_claim,
    load_claims,
    load_references,
)
from bnrepro.spec.metrics import Metric
from bnrepro.spec.scale import Scale
from bnrepro.spec.schema import claim_schema, schema_text
from bnrepro.spec.validation import validate
from bnrepro.spec.yaml_strict import read_document

ROOT = Path(__file__).parents[1]
CLAIM = ROOT / "claims" / "sec4_random_params.yaml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, so that paths in messages are short."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def small_claim(**changes: str) -> str:
    """A claim file of one check, one key a line; ``changes`` replaces, by key, what stands after the colon."""
    lines = {
        "id": "tiny",
        "title": "t",
        "where": "w",
        "rows": "[C18]",
        "claim": "c",
        "networks": "{cifar: {digits: [resnet-14]}}",
        "looks": "{seeds: [2, 3]}",
        "checks": check(kind="containment", reference="sec/gap"),
        "not_run": "{paper: p, reduced: r}",
        "assumed_sd": "{paper: 0.5, reduced: 1.0, digits: 3.0}",
    } | changes
    return "".join(f"{key}: {value}\n" for key, value in lines.items())


def problems_of(text: str, path: str = "tiny.yaml") -> list[str]:
    Path(path).write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_claim(Path(path))
    return str(caught.value).splitlines()


def check(**changes: object) -> str:
    """A list of one check, a key a line; ``changes`` replaces, by key, and ``None`` leaves a key out."""
    keys = {
        "id": "gap",
        "row": "C18",
        "states": "s",
        "networks": "cifar",
        "why": "w",
        "kind": "superiority",
        "better": "batchnorm",
        "worse": "random_2",
        "margin": 2,
    } | changes
    lines = [f"{key}: {value}" for key, value in keys.items() if value is not None]
    return "\n  - " + "\n    ".join(lines)


def test_the_committed_claims_load_and_their_references_exist() -> None:
    claims = load_claims([ROOT / "claims"])
    references = load_references(ROOT / "reference_numbers")
    check_references(claims, references)
    assert "sec4_random_params" in {loaded.claim.id for loaded in claims}


def test_the_random_parameters_claim_says_what_the_paper_says() -> None:
    claim = load_claim(CLAIM).claim
    assert len(claim.networks_at("cifar", Scale.PAPER)) == 12
    assert len(claim.networks_at("imagenet", Scale.PAPER)) == 5
    assert claim.networks_at("imagenet", Scale.DIGITS) == ()
    assert [(check.id, check.row, check.decides) for check in claim.checks] == [
        ("beats_random", "C18", True),
        ("gap_size", "C18", True),
        ("best_random", "C19", False),
        ("random_on_imagenet", "C20", False),
    ]


def test_a_claim_carries_the_digest_of_its_file() -> None:
    assert load_claim(CLAIM).sha256 == hashlib.sha256(CLAIM.read_bytes()).hexdigest()


def test_a_claim_loads_well_within_a_tenth_of_a_second() -> None:
    spent = []
    for _ in range(5):
        started = time.process_time()
        check_references([load_claim(CLAIM)], load_references(ROOT / "reference_numbers"))
        spent.append(time.process_time() - started)
    assert min(spent) < 0.1


def test_the_committed_schema_is_current() -> None:
    committed = (ROOT / "claims" / "claim.schema.json").read_text(encoding="utf-8")
    assert committed == schema_text(), "run python -m bnrepro.spec.schema"


def test_every_key_of_the_claim_file_is_in_the_schema_that_it_names() -> None:
    assert CLAIM.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=claim.schema.json\n")
    schema = claim_schema()
    known = set(schema["properties"]).union(*(part.get("properties", ()) for part in schema["$defs"].values()))
    named = set(load_claim(CLAIM).positions.keys)
    by_name = {"networks", "not_run", "assumed_sd"}  # below these, keys are names of groups and of scales
    written = {str(location[-1]) for location in named if location[0] not in by_name or len(location) == 1}
    assert written <= known
    assert json.loads(schema_text()) == schema


@pytest.mark.parametrize(
    ("written", "place"), [("../x", "1:5"), ("<b>", "1:5"), ("Tiny", "1:5"), ('""', "1:5"), ("é", "1:5")]
)
def test_an_id_that_is_no_safe_name_is_refused(folder: Path, written: str, place: str) -> None:
    (problem,) = problems_of(small_claim(id=written))
    assert problem.startswith(f"tiny.yaml:{place}: id '")
    assert problem.endswith("lower-case letters, digits and _, a letter first, 64 at most")


def test_an_id_is_the_name_of_its_file(folder: Path) -> None:
    assert problems_of(small_claim(id="other")) == [
        "tiny.yaml:1:5: id 'other' differs from the file's name; call the file other.yaml"
    ]


def test_ids_that_differ_in_case_only_cannot_both_load(folder: Path) -> None:
    Path("tiny.yaml").write_text(small_claim())
    Path("Tiny.yaml").write_text(small_claim(id="Tiny"))
    with pytest.raises(SpecError, match=r"Tiny.yaml:1:5: id 'Tiny' must have the form"):
        load_claims([Path("tiny.yaml"), Path("Tiny.yaml")])


def test_two_files_with_one_id_are_refused(folder: Path) -> None:
    for name in ("a", "b"):
        Path(name).mkdir()
        Path(name, "tiny.yaml").write_text(small_claim())
    with pytest.raises(SpecError) as caught:
        load_claims([Path("a"), Path("b")])
    assert str(caught.value) == "b/tiny.yaml:1:5: id 'tiny' is also the id of a/tiny.yaml"


def test_a_file_named_twice_is_loaded_once(folder: Path) -> None:
    Path("tiny.yaml").write_text(small_claim())
    assert len(load_claims([Path("tiny.yaml"), Path(), Path("./tiny.yaml")])) == 1


def test_a_directory_gives_its_yaml_files_by_name_and_no_hidden_ones(folder: Path) -> None:
    for name in ("b", "a", ".c"):
        Path(f"{name}.yaml").write_text(small_claim(id=name))
    Path("notes.txt").write_text("not a claim")
    assert [loaded.claim.id for loaded in load_claims([Path()])] == ["a", "b"]


def test_the_problems_of_all_files_are_said_at_once(folder: Path) -> None:
    Path("a.yaml").write_text(small_claim(id="a", rows="[]"))
    Path("b.yaml").mkdir()
    Path("c.yaml").write_text(small_claim(id="c", titel="t"))
    with pytest.raises(SpecError) as caught:
        load_claims([Path()])
    assert str(caught.value).splitlines() == [
        "a.yaml:4:7: rows must have at least 1 item",
        "b.yaml:1:1: this is a directory, not a YAML file",
        "c.yaml:21:1: unknown key 'titel' at the top of the file; did you mean 'title'?",
    ]


KINDS = (
    "above_chance, below_line, containment, count, equivalence, failure_rate, fixed_budget, growth, linearity, "
    "matching, monotone, non_inferiority, proportion_in_range, range, sd_bound, slope, slope_ratio, superiority, "
    "worst_case"
)
"""Every kind of check, as a message lists them."""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kind": "superority"}, "14:11: unknown kind 'superority' in checks, item 1; did you mean 'superiority'?"),
        (
            {"kind": None},
            f"9:5: missing key 'kind' in checks, item 1; choose from {KINDS}",
        ),
        ({"why": None}, "9:5: missing key 'why' in checks, item 1"),
        ({"better": "batchnrom"}, "15:13: unknown arm 'batchnrom'; did you mean 'batchnorm'?"),
        (
            {"worse": "random_0"},
            "16:12: k = 0 in 'random_0': random_K trains K entries a channel, K from 1 up",
        ),
        ({"margin": -1}, "17:13: checks, item 1, margin must be at least 0, got -1"),
        ({"margin": "'2'"}, "17:13: checks, item 1, margin must be a number, got the text '2'"),
        ({"margn": 2}, "18:5: unknown key 'margn' in checks, item 1; did you mean 'margin'?"),
        ({"networks": "cifra"}, "12:15: unknown group of networks 'cifra'; did you mean 'cifar'?"),
        (
            {"metric": "top_5"},
            f"18:13: unknown metric 'top_5' in checks, item 1; choose from {', '.join(Metric)}",
        ),
        ({"row": "C19"}, "4:7: rows are C18 but the checks decide C19"),
        ({"worse_networks": "wide"}, "18:21: unknown group of networks 'wide'; choose from cifar"),
        (
            {"kind": "equivalence", "worse": None},
            "9:5: give either 'arm', or both 'better' and 'worse'",
        ),
        (
            {"kind": "equivalence", "better": None, "worse": None, "arm": "all", "worse_networks": "cifar"},
            "17:21: 'worse_networks' goes with 'better' and 'worse'",
        ),
        (
            {"kind": "count", "better": None, "worse": None, "margin": None, "quantities": "[total]"},
            "9:5: give either 'reference' or 'table'",
        ),
    ],
)
def test_a_wrong_check_is_said_at_its_place(folder: Path, changes: dict[str, object], expected: str) -> None:
    assert problems_of(small_claim(checks=check(**changes))) == [f"tiny.yaml:{expected}"]


@pytest.mark.parametrize(
    ("key", "written", "expected"),
    [
        ("looks", "{seeds: [0]}", "7:17: looks.seeds, item 1 must be at least 2, got 0"),
        ("looks", "{seeds: [-3]}", "7:17: looks.seeds, item 1 must be at least 2, got -3"),
        ("looks", "{seeds: [5, 3]}", "7:16: looks must increase, got [5, 3]"),
        ("looks", "{seeds: 3}", "7:16: looks.seeds must be a list, got the number 3"),
        (
            "networks",
            "{cifar: {digits: [resnet-15]}}",
            "6:29: no CIFAR ResNet has depth 15 (in 'resnet-15'): "
            "depths are 6D + 2 with D >= 1; the nearest are 14 and 20",
        ),
        (
            "networks",
            "{cifar: {digits: [resnet-14, wrn-14-1]}}",
            "6:40: resnet-14 is listed twice",
        ),
        (
            "networks",
            "{cifar: {digit: [resnet-14]}}",
            "6:20: unknown key 'digit' in networks.cifar; did you mean 'digits'?",
        ),
    ],
)
def test_a_wrong_value_is_said_at_its_place(folder: Path, key: str, written: str, expected: str) -> None:
    assert problems_of(small_claim(**{key: written})) == [f"tiny.yaml:{expected}"]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_claim_with_any_value_anywhere_loads_or_is_a_spec_error(data: st.DataObject) -> None:
    document = read_document(CLAIM)
    location = data.draw(st.sampled_from(sorted(document.positions.values, key=str)))
    value = data.draw(st.sampled_from([None, True, -1, 1.5, "", "x", [], {}, ["x"], {"kind": "range"}, {"kind": [1]}]))
    holder: Any = {"top": document.data}
    inner: Any = holder
    step: str | int = "top"
    for following in location:
        inner, step = inner[step], following
    inner[step] = value
    with contextlib.suppress(SpecError):  # any other exception fails the test
        validate(dataclasses.replace(document, data=holder["top"]), Claim)


def test_two_checks_of_one_name_are_refused(folder: Path) -> None:
    assert problems_of(small_claim(checks=check() + check())) == ["tiny.yaml:18:9: two checks are called 'gap'"]


NUMBER = "{value: 18, unit: points, rounding: 1, n: 5, where: w, read_from: prose}"
ONE_ARM: dict[str, object] = {"better": None, "worse": None, "arm": "all"}
NO_ARM: dict[str, object] = {"better": None, "worse": None, "margin": None}
RANGE = "{low: 17, high: 21, unit: points, rounding: 1, n: 5, where: w, read_from: prose}"


def references(**numbers: str) -> References:
    Path("numbers").mkdir()
    entries = "".join(f"  {name}: {entry}\n" for name, entry in numbers.items())
    Path("numbers", "sec.yaml").write_text(f"source: s\nnumbers:\n{entries}")
    return load_references(Path("numbers"))


@pytest.fixture
def claim(folder: Path) -> LoadedClaim:
    Path("tiny.yaml").write_text(small_claim())
    return load_claim(Path("tiny.yaml"))


def test_a_missing_reference_is_said_at_its_place_with_the_next_step(claim: LoadedClaim) -> None:
    with pytest.raises(SpecError) as caught:
        check_references([claim], references(gpa=RANGE))
    assert str(caught.value) == (
        "tiny.yaml:18:16: sec/gap is not in numbers/ (did you mean 'sec/gpa'?); "
        "add it to numbers/sec.yaml with its place, precision and number of runs"
    )


def test_containment_needs_a_range(claim: LoadedClaim) -> None:
    with pytest.raises(SpecError) as caught:
        check_references([claim], references(gap=NUMBER))
    assert str(caught.value) == "tiny.yaml:18:16: sec/gap is one number; a containment check needs a range"


def test_an_upper_bound_is_one_number(folder: Path) -> None:
    checks = check(kind="worst_case", better=None, worse=None, arm="random_2", reference="sec/most")
    Path("tiny.yaml").write_text(small_claim(checks=checks))
    numbers = references(most=RANGE.replace("points", "percent"))
    with pytest.raises(SpecError) as caught:
        check_references([load_claim(Path("tiny.yaml"))], numbers)
    assert str(caught.value) == "tiny.yaml:17:16: sec/most is a range; a worst_case check needs one number"


@pytest.mark.parametrize("entry", [NUMBER, RANGE])
def test_a_range_check_takes_a_number_and_a_range(folder: Path, entry: str) -> None:
    Path("tiny.yaml").write_text(small_claim(checks=check(kind="range", margin=None, tolerance=2, reference="sec/gap")))
    check_references([load_claim(Path("tiny.yaml"))], references(gap=entry))


@pytest.mark.parametrize(
    ("keys", "unit", "needed"),
    [
        ({"kind": "range", "margin": None, "tolerance": 2}, "percent", "points"),
        ({"kind": "range", "margin": None, "tolerance": 2, "metric": "gamma_sd"}, "points", "gamma"),
        ({"kind": "range", "margin": None, "tolerance": 2, **ONE_ARM}, "points", "percent"),
        ({"kind": "range", "margin": None, "tolerance": 2, **ONE_ARM, "metric": "gamma_mean"}, "ratio", "gamma"),
        (
            {"kind": "range", "margin": None, "tolerance": 2, **ONE_ARM, "metric": "clamped_change_0.01"},
            "percent",
            "points",
        ),
        ({"kind": "worst_case", **ONE_ARM}, "points", "percent"),
        (
            {"kind": "slope_ratio", **ONE_ARM, "margin": None, "tolerance": 1, "other_networks": "cifar"},
            "points",
            "ratio",
        ),
        ({"kind": "count", **NO_ARM, "quantities": "[total]"}, "ratio", "parameters"),
        ({"kind": "count", **NO_ARM, "quantities": "[output_share]"}, "parameters", "percent"),
    ],
)
def test_a_number_in_another_unit_is_refused(folder: Path, keys: dict[str, object], unit: str, needed: str) -> None:
    text = small_claim(checks=check(**keys, reference="sec/gap"), networks="{cifar: {paper: [resnet-14]}}")
    Path("tiny.yaml").write_text(text.replace("paper: p", "digits: d"))
    with pytest.raises(SpecError, match=f"sec/gap is in {unit}; this check needs {needed}$"):
        check_references([load_claim(Path("tiny.yaml"))], references(gap=NUMBER.replace("points", unit)))


def test_every_cell_of_a_table_must_be_there(folder: Path) -> None:
    checks = check(kind="count", **NO_ARM, quantities="[total, output]", table="sec")
    Path("tiny.yaml").write_text(small_claim(checks=checks, networks="{cifar: {paper: [resnet-14, resnet-20]}}"))
    cells = {f"resnet-{depth}-total": NUMBER.replace("points", "parameters") for depth in (14, 20)}
    with pytest.raises(SpecError) as caught:
        check_references([load_claim(Path("tiny.yaml"))], references(**cells))
    assert [line.partition(" (")[0] for line in str(caught.value).splitlines()] == [
        f"tiny.yaml:16:12: sec/resnet-{depth}-output is not in numbers/" for depth in (14, 20)
    ]


def test_one_check_counts_in_one_unit(folder: Path) -> None:
    checks = check(kind="count", **NO_ARM, quantities="[total, output_share]", table="sec")
    assert problems_of(small_claim(checks=checks)) == [
        "tiny.yaml:15:17: one check counts in one unit, not in parameters and percent"
    ]


def test_a_lost_number_fits_any_check_of_its_unit(claim: LoadedClaim) -> None:
    check_references(
        [claim], references(gap="{missing: lost, unit: points, rounding: 1, n: 5, where: w, read_from: prose}")
    )


def test_a_scale_that_is_not_run_is_explained(folder: Path) -> None:
    assert problems_of(small_claim(not_run="{reduced: r}")) == [
        "tiny.yaml:19:10: say why cifar is not run at scale paper"
    ]


def test_arithmetic_needs_no_word_on_scales(folder: Path) -> None:
    checks = check(kind="growth", **NO_ARM, quantities="[shortcut]", grows="not at all")
    Path("tiny.yaml").write_text(small_claim(checks=checks, not_run="{}"))
    assert not load_claim(Path("tiny.yaml")).claim.trains


def test_a_scale_that_is_run_has_a_spread_to_plan_with(folder: Path) -> None:
    assert problems_of(small_claim(assumed_sd="{paper: 0.5}")) == [
        "tiny.yaml:20:13: say which spread between seeds to plan with at scale digits"
    ]
    assert problems_of(small_claim(assumed_sd="{digits: 0}")) == [
        "tiny.yaml:20:22: assumed_sd.digits must be above 0, got 0"
    ]


def test_a_check_may_plan_with_a_spread_of_its_own(folder: Path) -> None:
    Path("tiny.yaml").write_text(small_claim(checks=check(assumed_sd=0.02)))
    claim = load_claim(Path("tiny.yaml")).claim
    assert claim.planned_sd(claim.checks[0], Scale.DIGITS) == 0.02
    Path("tiny.yaml").write_text(small_claim())
    claim = load_claim(Path("tiny.yaml")).claim
    assert claim.planned_sd(claim.checks[0], Scale.DIGITS) == 3.0


def test_groups_that_are_compared_in_pairs_are_of_one_length(folder: Path) -> None:
    networks = "{cifar: {digits: [resnet-14]}, wide: {digits: [wrn-14-2, wrn-14-4]}}"
    assert problems_of(small_claim(networks=networks, checks=check(worse_networks="wide"))) == [
        "tiny.yaml:18:21: cifar has 1 networks at scale digits and wide has 2"
    ]


def test_references_are_found_by_file_and_entry(folder: Path) -> None:
    numbers = references(gap=RANGE)
    assert numbers.get("sec/gap").high == 21
    assert [name for name, _ in numbers] == ["sec/gap"]
    with pytest.raises(ReferenceMissing, match=r"fig2/gap is not in numbers/; add it to numbers/fig2.yaml"):
        numbers.get("fig2/gap")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{value: 1, low: 1, high: 2, unit: points, rounding: 1, n: 1, where: w, read_from: prose}", "give either"),
        ("{low: 3, high: 2, unit: points, rounding: 1, n: 1, where: w, read_from: prose}", "low 3.0 is above high 2.0"),
        ("{value: 1, unit: points, rounding: 0, n: 1, where: w, read_from: prose}", "must be above 0, got 0"),
        ("{value: 1, unit: points, rounding: 1, n: 0, where: w, read_from: prose}", "must be at least 1, got 0"),
        ("{value: 1, unit: points, rounding: 1, n: 1, where: w, read_from: memory}", "unknown read_from 'memory'"),
        ("{value: 1, unit: miles, rounding: 1, n: 1, where: w, read_from: prose}", "unknown unit 'miles'"),
        ("{unit: points, rounding: 1, n: 1, where: w, read_from: prose}", "say in 'missing' why there is none"),
        ("{low: 1, missing: m, unit: points, rounding: 1, n: 1, where: w, read_from: prose}", "both 'low' and 'high'"),
        ("{high: 2, missing: m, unit: points, rounding: 1, n: 1, where: w, read_from: prose}", "both 'low' and 'high'"),
        ("{value: 1, high: 2, unit: points, rounding: 1, n: 1, where: w, read_from: prose}", "both 'low' and 'high'"),
    ],
)
def test_a_reference_that_is_not_one_number_or_range_is_refused(folder: Path, entry: str, expected: str) -> None:
    with pytest.raises(SpecError) as caught:
        references(gap=entry)
    assert str(caught.value).startswith("numbers/sec.yaml:3:")
    assert expected in str(caught.value)
