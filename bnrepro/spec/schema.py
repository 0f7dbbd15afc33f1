"""The JSON schema of a claim file, with which editors complete and check claims as they are written.

``python -m bnrepro.spec.schema`` writes it to ``claims/claim.schema.json`` of the working directory.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import ModelSchema

from bnrepro.spec.claim import Claim
from bnrepro.spec.value import Value

SCHEMA_PATH = Path("claims", "claim.schema.json")


class Described(GenerateJsonSchema):
    """Takes the docstrings below fields as their descriptions.

    pydantic's own ``use_attribute_docstrings`` does so whenever a class is made, which reads the source of every class
    at every start of every command.
    """

    def model_schema(self, schema: ModelSchema) -> dict[str, Any]:
        """The schema of one value, its fields described."""
        made = super().model_schema(schema)
        described = {name: text for each in reversed(schema["cls"].__mro__) for name, text in _field_docstrings(each)}
        for name, field in made.get("properties", {}).items():
            if name in described:
                field["description"] = described[name]  # says more than the field's type does
        return made


def claim_schema() -> dict[str, Any]:
    """The schema of :class:`~bnrepro.spec.claim.Claim`, as a JSON object."""
    schema = Claim.model_json_schema(schema_generator=Described)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema


def schema_text() -> str:
    """The schema as the file holds it."""
    return json.dumps(claim_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _field_docstrings(cls: type) -> Iterator[tuple[str, str]]:
    """The fields that a class declares itself with a docstring below them, and these."""
    if not issubclass(cls, Value):
        return
    definition = next(node for node in ast.walk(ast.parse(inspect.getsource(cls))) if isinstance(node, ast.ClassDef))
    for field, below in pairwise(definition.body):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)


if __name__ == "__main__":
    SCHEMA_PATH.write_text(schema_text(), encoding="utf-8")
