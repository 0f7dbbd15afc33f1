"""Every error that bnrepro raises on purpose.

    BnreproError                 exit 3 unless said otherwise
    ├── UsageError               exit 2: the command line asks for what cannot be
    │   └── UnknownName          exit 2: a name that no registry has; lists the choices
    ├── NothingSelected          exit 5: no claim or verdict to work on
    ├── SpecError                exit 2: a claim or reference file is wrong; carries every problem
    ├── ReferenceMissing         exit 2: a claim names a number that reference_numbers/ lacks
    ├── DataError                exit 3: data absent, truncated or altered
    ├── StoreError               exit 3: the store cannot be read or written
    │   └── StoreFull            exit 3: no space, or no right to write
    ├── DeviceError              exit 3: the device asked for cannot be used
    ├── TrainingError            exit 3: runs could not be trained (not: runs that diverged)
    └── DocumentError            exit 3: a verdict file is not what it says it is

Messages say what, where and the next step.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


class BnreproError(Exception):
    """Base of all errors raised on purpose; its text is meant for the user."""

    exit_code = 3


class UsageError(BnreproError, ValueError):
    """The command line asks for something that does not exist or cannot be done."""

    exit_code = 2


class NothingSelected(BnreproError):
    """There is no claim or verdict to work on."""

    exit_code = 5


class UnknownName(UsageError):
    """A name that its registry does not have.

    Usage:
        raise UnknownName("arm", "batchnrom", ["all", "batchnorm"])
    """

    def __init__(self, kind: str, name: str, choices: Iterable[str]) -> None:
        self.choices = tuple(choices)
        super().__init__(f"unknown {kind} '{name}'; {suggest(name, self.choices)}")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong in a file; ``line`` and ``column`` count from 1."""

    path: Path
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return printable(f"{self.path}:{self.line}:{self.column}: {self.message}")


class SpecError(BnreproError):
    """A claim or reference file is wrong. ``problems`` holds all of them, in file order."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ReferenceMissing(BnreproError):
    """A claim names a reference number that no file under reference_numbers/ has."""

    exit_code = 2


class DataError(BnreproError):
    """A data set is absent, truncated or altered."""


class StoreError(BnreproError):
    """The store cannot be read or written."""


class StoreFull(StoreError):
    """The disk behind the store is full or may not be written."""


class DeviceError(BnreproError):
    """The device asked for cannot be used."""


class TrainingError(BnreproError):
    """Runs could not be trained; a run that diverged is a result, not this."""


class DocumentError(BnreproError):
    """A verdict file is not what it says it is."""


def suggest(name: str, choices: Iterable[str]) -> str:
    """The tail of an error about an unknown name: the nearest choice, or all of them."""
    choices = tuple(choices)
    near = difflib.get_close_matches(name, choices, n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(choices)}"


def printable(text: str) -> str:
    r"""The text with every character that a terminal might act on written out: ESC becomes ``\x1b``.

    Line breaks too, so that text from a file cannot pass for a line of our own; and the marks that
    turn the direction of writing.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
