"""Which files are claims, told without reading what other people's YAML means."""

from __future__ import annotations

import re
from pathlib import Path

_CLAIMS, _REFERENCES = "claims", "reference_numbers"
_SCHEMA = re.compile(rb"# yaml-language-server: \$schema=\S*claim\.schema\.json\s")
_LONGEST_HEAD_BYTES = 1000


def collection_of(path: Path) -> Path:
    """The folder that holds a claim's folder and the reference numbers beside it."""
    return path.resolve().parent.parent


def references_of(path: Path) -> Path:
    """The folder of reference numbers that a claim is held against."""
    return collection_of(path) / _REFERENCES


def is_claim_file(path: Path) -> bool:
    """Whether a file is a claim, broken or not.

    A claim lies in a folder that has ``reference_numbers/`` beside it, and that folder is called ``claims``, or the
    file names ``claim.schema.json`` in its first line. Hidden files are none.
    """
    if path.suffix != ".yaml" or path.name.startswith(".") or not references_of(path).is_dir():
        return False
    return path.resolve().parent.name == _CLAIMS or _names_schema(path)


def _names_schema(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return _SCHEMA.match(stream.read(_LONGEST_HEAD_BYTES)) is not None
    except OSError:
        return False
