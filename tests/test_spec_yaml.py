"""Strict YAML: what is read, what is refused, and where a message says it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import Field

from bnrepro.errors import SpecError
from bnrepro.spec.claim import Claim
from bnrepro.spec.validation import validate
from bnrepro.spec.value import Identifier, Text, Value
from bnrepro.spec.yaml_strict import MAX_BYTES, MAX_DEPTH, MAX_VALUES, read_document


class Recipe(Value):
    name: Text = "default"
    epochs: int = 1
    lr: float = 0.1
    nesterov: bool = False


class Sheet(Value):
    recipe: Recipe = Recipe()
    recipes: Annotated[dict[Identifier, Recipe], Field(default_factory=dict)]
    lrs: tuple[float, ...] = ()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("x.yaml")


def load(path: Path, text: str | bytes) -> Sheet:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return validate(read_document(path), Sheet)


def problems(path: Path, text: str | bytes) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load(path, text)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("written", "meant"),
    [("1e-4", 1e-4), ("5", 5.0), ("+.5", 0.5), ("1.", 1.0), ("0", 0.0), ("-0.0", 0.0), ("0x10", 16.0), ("0o17", 15.0)],
)
def test_numbers_follow_the_core_schema_of_yaml_1_2(path: Path, written: str, meant: float) -> None:
    assert load(path, f"recipe: {{lr: {written}}}").recipe.lr == meant


@pytest.mark.parametrize(
    "written", ["no", "on", "Y", "1:30", "1_000", "2021-05-04", "0b1", "=", "1e", "'12'", "'null'"]
)
def test_what_yaml_1_1_would_coerce_stays_text(path: Path, written: str) -> None:
    assert load(path, f"recipe: {{name: {written}}}").recipe.name == written.strip("'")


@pytest.mark.parametrize("written", ["true", "True", "TRUE"])
def test_true_is_true(path: Path, written: str) -> None:
    assert load(path, f"recipe: {{nesterov: {written}}}").recipe.nesterov is True


def test_a_word_that_yaml_1_1_takes_for_false_is_refused_as_one(path: Path) -> None:
    assert problems(path, "recipe:\n  nesterov: no\n") == [
        "x.yaml:2:13: recipe.nesterov must be true or false, got the text 'no'"
    ]


def test_a_time_is_not_a_number(path: Path) -> None:
    assert problems(path, "lrs: [0.1, 1:30]") == ["x.yaml:1:12: lrs, item 2 must be a number, got the text '1:30'"]


@pytest.mark.parametrize("written", ["010", "-010", "00", "01.5"])
def test_leading_zeros_are_ambiguous(path: Path, written: str) -> None:
    assert problems(path, f"recipe: {{epochs: {written}}}") == [
        f"x.yaml:1:18: {written} is ambiguous: write a number without leading zeros, or text in quotes"
    ]


def test_a_number_where_text_is_meant_asks_for_quotes(path: Path) -> None:
    assert problems(path, "recipe: {name: 12}") == [
        "x.yaml:1:16: recipe.name must be text, got the number 12; put it in quotes"
    ]


@pytest.mark.parametrize("written", [".nan", ".inf", "-.inf", "+.INF", ".NaN"])
def test_nan_and_infinity_are_refused(path: Path, written: str) -> None:
    assert problems(path, f"recipe: {{lr: {written}}}") == [
        f"x.yaml:1:14: {written} is not allowed; write a finite number"
    ]


@pytest.mark.parametrize("written", ["1e999", "9" * 5000, "0x" + "f" * 5000, "9007199254740992"])
def test_numbers_too_large_for_json_are_refused(path: Path, written: str) -> None:
    (problem,) = problems(path, f"recipe: {{lr: {written}}}")
    assert problem.startswith(f"x.yaml:1:14: {written[:40]}")
    assert len(problem) < 400


def test_duplicate_key_names_both_lines(path: Path) -> None:
    assert problems(path, "recipe: {}\nlrs: []\nrecipe: {lr: 1}\n") == [
        "x.yaml:3:1: duplicate key 'recipe': first on line 1, again on line 3"
    ]


def test_tags_are_refused_with_their_place(path: Path) -> None:
    assert problems(path, "recipe:\n  name: !!python/object/apply:os.system [ls]\n") == [
        "x.yaml:2:9: tag !!python/object/apply:os.system is not allowed; "
        "a file holds plain text, numbers, lists and mappings"
    ]


def test_anchors_and_aliases_are_refused(path: Path) -> None:
    assert problems(path, "recipes:\n  a: &a {lr: 1}\n  b: *a\n") == [
        "x.yaml:2:6: anchor &a is not allowed; write the value out where it is needed",
        "x.yaml:3:6: alias *a is not allowed; write the value out",
    ]


def test_a_merge_key_is_an_unknown_key(path: Path) -> None:
    assert problems(path, "recipe: {<<: {lr: 1}}") == [
        "x.yaml:1:10: unknown key '<<' in recipe; choose from name, epochs, lr, nesterov"
    ]


def test_an_alias_bomb_is_never_expanded(path: Path) -> None:
    levels = "".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]\n" for i in range(1, 9))
    found = problems(path, "l0: &l0 [x]\n" + levels)
    assert sum("alias" in line for line in found) == 72


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "a: [1, "])
def test_deep_nesting_is_refused(path: Path, opening: str) -> None:
    (problem,) = problems(path, opening * 3000)
    assert problem.endswith((f"nested more than {MAX_DEPTH} deep", "mapping values are not allowed in this context"))


def test_a_large_file_is_refused_before_it_is_parsed(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(100 * 2**20)
    with pytest.raises(SpecError, match=f"x.yaml:1:1: larger than {MAX_BYTES} bytes"):
        read_document(path)


def test_a_file_of_many_values_is_refused(path: Path) -> None:
    (problem,) = problems(path, f"lrs: [{'1, ' * MAX_VALUES}]")
    assert f"more than {MAX_VALUES} keys and values" in problem


def test_a_second_document_is_refused(path: Path) -> None:
    assert problems(path, "lrs: []\n---\nlrs: []\n") == ["x.yaml:2:1: a second document begins here; a file holds one"]


@pytest.mark.parametrize(("text", "column"), [("? [a]\n: b", 3), ("{[a]: b}", 2), ("*a : b", 1)])
def test_a_key_that_is_not_a_scalar_is_refused(path: Path, text: str, column: int) -> None:
    assert problems(path, text)[-1] == f"x.yaml:1:{column}: a key must be text"


def test_a_key_that_is_a_number_is_refused(path: Path) -> None:
    assert problems(path, "1: x")[0] == "x.yaml:1:1: a key must be text: put 1 in quotes"


def test_broken_syntax_says_where(path: Path) -> None:
    assert problems(path, "lrs: [1, 2\nrecipe: {}\n")[0].startswith("x.yaml:2:7: not valid YAML: ")


def test_an_empty_file_is_refused(path: Path) -> None:
    assert problems(path, "# nothing\n") == ["x.yaml:1:1: the file must be a mapping, got nothing"]


def test_unknown_key_suggests_the_nearest_of_that_place(path: Path) -> None:
    assert problems(path, "recipes:\n  long:\n    epoch: 1\n") == [
        "x.yaml:3:5: unknown key 'epoch' in recipes.long; did you mean 'epochs'?"
    ]


def test_all_problems_of_a_file_are_said_in_its_order(path: Path) -> None:
    text = "lrs: [x]\nrecipe:\n  lr: .nan\n  epochs: 1.5\n  epochs: 2\n  lrr: 010\n"
    assert [line.split(": ")[0] for line in problems(path, text)] == [
        "x.yaml:1:7",
        "x.yaml:3:7",
        "x.yaml:4:11",
        "x.yaml:5:3",
        "x.yaml:6:3",
        "x.yaml:6:8",
    ]


def test_a_key_of_the_wrong_form_is_pointed_at(path: Path) -> None:
    assert problems(path, "recipes:\n  Long: {}\n") == [
        "x.yaml:2:3: the key 'Long' in recipes must have the form: "
        "lower-case letters, digits and _, a letter first, 64 at most"
    ]


def test_crlf_and_byte_order_mark_simply_work(path: Path) -> None:
    assert load(path, b"\xef\xbb\xbfrecipe:\r\n  lr: 0.5\r\n").recipe.lr == 0.5
    assert problems(path, b"\xef\xbb\xbfrecipe:\r\n  lr: x\r\n")[0].startswith("x.yaml:2:7: ")


def test_other_encodings_are_named_with_the_byte(path: Path) -> None:
    assert problems(path, b"recipe:\n  name: caf\xe9\n") == [
        "x.yaml:2:12: byte 0xe9 is not UTF-8; save the file as UTF-8"
    ]


def test_columns_count_characters_not_bytes(path: Path) -> None:
    assert problems(path, "recipe: {name: γβγ, lr: x}")[0].startswith("x.yaml:1:25: ")


@pytest.mark.parametrize("target", ["folder.yaml", "missing.yaml", "/dev/null", "nul\0.yaml"])
def test_what_is_not_a_readable_file_gives_a_clear_error(path: Path, target: str) -> None:
    Path("folder.yaml").mkdir()
    expected = {
        "folder.yaml": "this is a directory, not a YAML file",
        "missing.yaml": "cannot be read: No such file or directory",
        "/dev/null": "this is not a regular file",
        "nul\0.yaml": "cannot be read: embedded null byte",
    }[target]
    with pytest.raises(SpecError) as caught:
        read_document(Path(target))
    assert caught.value.problems[0].message == expected


def test_control_characters_never_reach_the_terminal(path: Path) -> None:
    found = problems(path, r'"\e[31mred\u202e\n": 1' + "\n" + r'recipe: {lr: "\e]0;title\a[red]<b>"}')
    assert found == [
        r"x.yaml:1:1: unknown key '\x1b[31mred\u202e\n' at the top of the file; choose from recipe, recipes, lrs",
        r"x.yaml:2:14: recipe.lr must be a number, got the text '\x1b]0;title\x07[red]<b>'",
    ]


def test_a_raw_control_character_is_not_yaml(path: Path) -> None:
    assert problems(path, "lrs: []\n# \x1b[31m") == [
        "x.yaml:2:3: not valid YAML: character U+001B must not stand in a file"
    ]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text() | st.text(alphabet="ab01.:-?[]{}&*!|>'\"%#,\n \t\\xu", max_size=40) | st.binary(max_size=40))
def test_any_file_is_read_or_refused_as_a_spec_error(path: Path, text: str | bytes) -> None:
    path.write_bytes(text.encode(errors="replace") if isinstance(text, str) else text)
    with pytest.raises(SpecError) as caught:
        validate(read_document(path), Claim)
    assert all(line.isprintable() for line in str(caught.value).splitlines())


# JSON writes characters beyond U+FFFF as pairs, and YAML has no pairs.
json_text = st.text(st.characters(max_codepoint=0xD7FF), max_size=100)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(1 - 2**53, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | json_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(json_text, inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(json_text, json_values, max_size=4))
def test_json_is_read_as_yaml_with_the_same_meaning(path: Path, data: dict[str, object]) -> None:
    path.write_text(json.dumps(data), encoding="ascii")
    document = read_document(path)
    assert document.problems == ()
    assert document.data == data
