"""A YAML document as a validated model; what pydantic finds is said in the words of a claim file."""

from __future__ import annotations

import functools
import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from bnrepro.errors import Problem, SpecError, suggest
from bnrepro.spec.value import MisplacedError
from bnrepro.spec.yaml_strict import Document, Location, Mark

Model = TypeVar("Model", bound=BaseModel)
Schema = dict[str, Any]

_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "float_type": "a number",
    "int_type": "a whole number",
    "model_type": "a mapping",
    "string_type": "text",
    "tuple_type": "a list",
}
_BOUNDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}
_SHOWN = 60
"""Characters of a value that a message repeats."""


def validate(document: Document, model: type[Model]) -> Model:
    """The document as a model.

    Raises:
        SpecError: with everything wrong in the file, in its order.
    """
    problems = list(document.problems)
    try:
        # Through JSON: there a strict model takes a list for a tuple and a name for an enum, but still
        # no text for a number.
        value = model.model_validate_json(json.dumps(document.data))
    except ValidationError as error:
        reports = (_Report(document, _schema_of(model), dict(found)) for found in error.errors(include_url=False))
        problems += [report.problem() for report in reports if not report.is_consequence()]
    else:
        if not problems:
            return value
    raise SpecError(sorted(problems, key=lambda problem: (problem.line, problem.column)))


class _Report:
    """One of pydantic's errors: its place in the file, the schema there, and our words for it."""

    def __init__(self, document: Document, schema: Schema, found: dict[str, Any]) -> None:
        self.document = document
        self.kind: str = found["type"]
        self.input: Any = found["input"]
        self.context: dict[str, Any] = found.get("ctx", {})
        self.text: str = found["msg"]
        steps = list(found["loc"])
        self.of_key = steps[-1:] == ["[key]"]
        if self.of_key:
            steps.pop()
        self.given = steps[-1] if self.of_key else self.input
        self.parent_schema, _ = _descend(schema, steps[:-1])
        self.schema, self.location = _descend(schema, steps)
        if self.of_key:
            self.schema = _resolved(self.parent_schema.get("propertyNames", {}), schema)
        cause = self.context.get("error")
        if isinstance(cause, MisplacedError):
            self.location += cause.at

    def is_consequence(self) -> bool:
        """Whether this only follows from another problem: an unreadable value, or items refused one by one."""
        if self.kind == "too_short":
            return bool(len(self.input) >= self.context["min_length"])
        if self.kind in {"missing", "extra_forbidden"}:
            return False
        return any(
            self.location[: len(broken)] == broken or broken[: len(self.location)] == self.location
            for broken in self.document.broken
        )

    def problem(self) -> Problem:
        """The error with its position, as a user should read it."""
        line, column = self._mark()
        return Problem(path=self.document.path, line=line, column=column, message=self._message())

    def _mark(self) -> Mark:
        positions = self.document.positions
        if self.of_key or self.kind == "extra_forbidden":
            return positions.of_key(self.location)
        if self.kind == "union_tag_invalid":
            return positions.of_value((*self.location, self.schema["discriminator"]["propertyName"]))
        return positions.of_value(self.location)

    def _message(self) -> str:
        name, parent = _words(self.location), _words(self.location[:-1])
        match self.kind:
            case "extra_forbidden":
                key, known = str(self.location[-1]), self.parent_schema.get("properties", {})
                return f"unknown key '{_short(key)}' {_inside(parent)}; {suggest(key[:_SHOWN], known)}"
            case "missing":
                return f"missing key '{self.location[-1]}' {_inside(parent)}"
            case "union_tag_invalid" | "union_tag_not_found":
                discriminator = self.schema["discriminator"]
                key, kinds = discriminator["propertyName"], list(discriminator["mapping"])
                if key not in self.input:
                    return f"missing key '{key}' {_inside(name)}; choose from {', '.join(kinds)}"
                return _not_among(key, self.input[key], kinds, name)
            case "enum" | "literal_error":
                thing = "key" if self.of_key else str(self.location[-1])
                return _not_among(thing, self.given, self.schema.get("enum") or [self.schema["const"]], parent)
            case "value_error":
                return _short(str(self.context["error"]), 5 * _SHOWN)
            case "string_pattern_mismatch":
                form = self.schema.get("patternErrorMessage", self.context["pattern"])
                given = _short(str(self.given))
                thing = f"the key '{given}' {_inside(parent)}" if self.of_key else f"{name} '{given}'"
                return f"{thing} must have the form: {form}"
            case "string_too_short":
                return f"{name} must not be empty"
            case "too_short":
                return f"{name} must have at least {self.context['min_length']} item"
            case "too_long":
                return f"{name} must have at most {self.context['max_length']} items"
            case kind if kind in _BOUNDS:
                bound, words = _BOUNDS[kind]
                return f"{name} must be {words} {self.context[bound]:g}, got {self.input:g}"
            case kind if kind in _EXPECTED:
                hint = (
                    "; put it in quotes" if kind == "string_type" and isinstance(self.input, bool | int | float) else ""
                )
                return f"{name or 'the file'} must be {_EXPECTED[kind]}, got {_described(self.input)}{hint}"
        return f"{name}: {self.text}"


@functools.cache
def _schema_of(model: type[BaseModel]) -> Schema:
    return model.model_json_schema()


def _descend(schema: Schema, steps: list[str | int]) -> tuple[Schema, Location]:
    """The schema that holds at one of pydantic's locations, and the location as the file has it.

    They differ in the tags of discriminated unions, which pydantic counts as steps.
    """
    node, location = schema, ()  # type: tuple[Schema, Location]
    for step in steps:
        if "discriminator" in node:
            node = _resolved({"$ref": node["discriminator"]["mapping"][step]}, schema)
            continue
        location = (*location, step)
        by_name = (node.get("items"),) if isinstance(step, int) else (node.get("properties", {}).get(step),)
        by_form = (*node.get("patternProperties", {}).values(), node.get("additionalProperties"))
        inner = next((candidate for candidate in (*by_name, *by_form) if candidate), None)
        node = _resolved(inner, schema) if isinstance(inner, dict) else {}
    return node, location


def _resolved(node: Schema, root: Schema) -> Schema:
    """The node itself, past a reference or a choice between it and null."""
    for choice in node.get("anyOf", ()):
        if choice.get("type") != "null":
            return _resolved(choice, root)
    if "$ref" in node:
        found: Schema = root["$defs"][node["$ref"].removeprefix("#/$defs/")]
        return found
    return node


def _words(location: Location) -> str:
    """A location for a reader: ``("looks", "seeds", 0)`` is ``looks.seeds, item 1``."""
    words = ""
    for step in location:
        if isinstance(step, int):
            words += f", item {step + 1}"
        else:
            words += ("." if words and "," not in words else ", " if words else "") + _short(step)
    return words


def _not_among(thing: str, given: object, choices: list[str], place: str) -> str:
    if isinstance(given, str):
        return f"unknown {thing} '{_short(given)}' {_inside(place)}; {suggest(given[:_SHOWN], choices)}"
    return f"{thing} {_inside(place)} must be one of {', '.join(choices)}, got {_described(given)}"


def _inside(words: str) -> str:
    return f"in {words}" if words else "at the top of the file"


def _described(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text '{_short(value)}'"
        case list():
            return "a list"
    return "a mapping"


def _short(text: str, length: int = _SHOWN) -> str:
    return text if len(text) <= length else text[:length] + "…"
