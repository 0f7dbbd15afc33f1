"""A verdict file in, its page out beside it."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from bnrepro.errors import DocumentError
from bnrepro.files import write_atomically
from bnrepro.report.html import render_html
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


def write_report(json_path: Path) -> Path:
    """Write the page of a verdict file beside it and return where it lies.

    A reader sees the old page or the new one, never half of one.

    Raises:
        DocumentError: the verdict file is wrong.
        StoreError: the page cannot be written.
    """
    if json_path.suffix != ".json":
        raise DocumentError(f"{json_path}: a verdict file ends in .json; its page takes the same name with .html")
    page = render_html(load_document(json_path))
    target = json_path.with_suffix(".html")
    write_atomically(target, page.encode())
    return target


def _explain(path: Path, error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False)
    lines = []
    for problem in problems[:_MOST_PROBLEMS]:
        place = ".".join(str(step) for step in problem["loc"])
        lines.append(visible(f"  {place}: {problem['msg']}" if place else f"  {problem['msg']}"))
    if len(problems) > _MOST_PROBLEMS:
        lines.append(f"  and {len(problems) - _MOST_PROBLEMS} more")
    return "\n".join([f"{path}: not a verdict file of format 1; write it again with `bnrepro verify`", *lines])
