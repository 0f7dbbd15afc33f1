"""The base of every value that travels between stages."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class Value(BaseModel):
    """A frozen, keyword-only value: unknown keys, coercions, NaN and infinity are refused.

    Its validator is built when it is first used: no command uses all values, and building takes longer than importing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)


class MisplacedError(ValueError):
    """What a validator of a whole model raises about one value in it; ``at`` is the way to that value."""

    def __init__(self, message: str, *at: str | int) -> None:
        super().__init__(message)
        self.at = at


Identifier = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$"),
    Field(json_schema_extra={"patternErrorMessage": "lower-case letters, digits and _, a letter first, 64 at most"}),
]
"""A name that is safe as a file name, an HTML id and a shell word."""

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
"""Prose for a reader: never empty."""


def canonical_json(value: object) -> str:
    """One spelling for one JSON value: sorted keys, no spaces, no NaN. Used wherever a hash is taken."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest_of(value: object) -> str:
    """SHA-256 of a JSON value in its canonical spelling, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
