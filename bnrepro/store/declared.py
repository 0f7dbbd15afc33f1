"""The texts under which a claim was asked: one sealed file each, in the order of their sequence numbers.

<root>/declared/<claim id>/<sequence>-<first 16 digits of the file's SHA-256>.declared
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from bnrepro.spec.declared import Declaration
from bnrepro.store.sealed import DamagedError, read_sealed, write_sealed

_SUFFIX = ".declared"
_SHA_DIGITS = 16


def declaration_files(folder: Path) -> Iterator[Path]:
    """Every declaration in a claim's folder, first declared first."""
    yield from sorted(folder.glob(f"[!.]*{_SUFFIX}"), key=lambda path: (_sequence_in_name(path), path.name))


def next_sequence(folder: Path) -> int:
    """The number of the declaration to come."""
    return 1 + max(map(_sequence_in_name, declaration_files(folder)), default=0)


def read_declaration(path: Path) -> Declaration | None:
    """A stored declaration; ``None`` where there is no such file.

    Raises:
        DamagedError: the file is not what was written.
    """
    content = read_sealed(path)
    if content is None:
        return None
    try:
        declaration = Declaration.model_validate_json(content)
    except ValidationError as error:
        raise DamagedError("is not a declaration") from error
    if path != _file(path.parent, declaration):
        raise DamagedError("is not the declaration that its name says")
    return declaration


def write_declaration(folder: Path, declaration: Declaration) -> None:
    """Put a declaration in place, whole."""
    write_sealed(_file(folder, declaration), declaration.model_dump_json(indent=1).encode())


def _file(folder: Path, declaration: Declaration) -> Path:
    return folder / f"{declaration.sequence:06}-{declaration.sha256[:_SHA_DIGITS]}{_SUFFIX}"


def _sequence_in_name(path: Path) -> int:
    """0 for a file that was named by somebody else."""
    number = path.name.partition("-")[0]
    return int(number) if number.isascii() and number.isdecimal() else 0
