"""Text that wants out of wherever it stands: markup, quotes, controls, marks of writing direction, great length."""

from __future__ import annotations

import json

from bnrepro.spec.results import VerdictDocument

SCRIPT = "<script>alert(1)</script>"
BREAKOUT = '"><img src=x onerror=alert(1)>'
TERMINAL = "\x1b[31m[red]\u202e"
HOSTILE = f"{SCRIPT}{BREAKOUT}{TERMINAL}"
_KEPT = {
    "network",
    "networks",
    "networks_declared",
    "arm",
    "metric",
    "scale",
    "verdict",
    "status",
    "key",
    "dataset",
    "families",
}
_LISTS_KEPT = {"networks", "networks_declared", "runs", "families"}


def hostile(value: object, key: str = "", *, text: str = HOSTILE) -> object:
    """The JSON of a document with every free text replaced by something that wants out."""
    if isinstance(value, dict):
        return {name: hostile(item, name, text=text) for name, item in value.items()}
    if isinstance(value, list):
        if value and isinstance(value[0], str) and key in _LISTS_KEPT:
            return value
        return [hostile(item, key, text=text) for item in value]
    return text if isinstance(value, str) and key not in _KEPT else value


def hostile_document(honest: VerdictDocument, *, text: str = HOSTILE) -> VerdictDocument:
    """A document of hostile texts only."""
    return VerdictDocument.model_validate(hostile(json.loads(honest.model_dump_json()), text=text), strict=False)
