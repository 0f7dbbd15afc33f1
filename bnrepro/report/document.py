"""Verdict files, read."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from bnrepro.errors import DocumentError
from bnrepro.report.text import visible
from bnrepro.spec.results import VerdictDocument

_MOST_PROBLEMS = 10


def load_document(path: Path) -> VerdictDocument:
    """Read a verdict file.

    Raises:
        DocumentError: the file cannot be read, is not JSON, or is not a verdict that this version
            can show; the message lists what is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read: {error.strerror}; write it with `bnrepro verify`") from error
    except UnicodeDecodeError as error:
        raise DocumentError(f"{path}: not a verdict file: byte {error.start} is not UTF-8") from error
    try:
        return VerdictDocument.model_validate_json(text)
    except ValidationError as error:
        raise DocumentError(_explain(path, error)) from error


def _explain(path: Path, error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False)
    lines = []
    for problem in problems[:_MOST_PROBLEMS]:
        place = ".".join(str(step) for step in problem["loc"])
        lines.append(visible(f"  {place}: {problem['msg']}" if place else f"  {problem['msg']}"))
    if len(problems) > _MOST_PROBLEMS:
        lines.append(f"  and {len(problems) - _MOST_PROBLEMS} more")
    return "\n".join([f"{path}: not a verdict file of format 1; write it again with `bnrepro verify`", *lines])
