"""Strict YAML: a file as plain data, with the line and column of every key and value.

The syntax is YAML's; the meaning is less. Plain scalars follow the YAML 1.2 core schema (so
``1e-4`` is a number and ``no`` is text), and whatever could surprise is refused: tags, anchors,
aliases, duplicate keys, several documents, numbers with leading zeros, NaN and infinity. Events are
read one by one and never recursed into, so no file can exhaust memory or stack.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from bnrepro.errors import Problem, SpecError
from bnrepro.spec.scalars import plain_scalar

MAX_BYTES = 2**20
MAX_DEPTH = 32
MAX_VALUES = 10_000
_MAX_MESSAGE = 300
"""Characters; a message repeats text of the file, which may be long."""

Location = tuple[str | int, ...]
"""The way from the top of a file to a value: keys, and items counted from 0."""

Mark = tuple[int, int]
"""Line and column, from 1."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NOT_YAML = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, kw_only=True)
class Positions:
    """Where the keys and values of a file stand."""

    keys: dict[Location, Mark] = field(default_factory=dict)
    values: dict[Location, Mark] = field(default_factory=dict)

    def of_value(self, location: Location) -> Mark:
        """The place of a value or, where the file has none there, of the nearest one around it."""
        while location and location not in self.values:
            location = location[:-1]
        return self.values.get(location, (1, 1))

    def of_key(self, location: Location) -> Mark:
        """The place of a key; of the value, where an item of a list has no key."""
        return self.keys.get(location) or self.of_value(location)


@dataclass(frozen=True, kw_only=True)
class Document:
    """A file as plain data. ``problems`` were found while reading, ``broken`` says at which values."""

    path: Path
    sha256: str
    """Of the file's bytes."""
    data: Any
    """None, bool, int, float, str, list and dict only."""
    positions: Positions
    problems: tuple[Problem, ...]
    broken: frozenset[Location]


def read_document(path: Path) -> Document:
    """Read a YAML file.

    Raises:
        SpecError: the file cannot be read, is not YAML, or exceeds a cap. Everything less stands in
            ``problems``, so that it can be reported along with what validation finds.
    """
    content = _read(path)
    reader = _Reader(path)
    try:
        for event in yaml.parse(_decode(path, content), Loader=_LOADER):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        said = ", ".join(part for part in (error.problem, error.context) if part)
        reader.stop(_mark(error.problem_mark or error.context_mark), f"not valid YAML: {said}")
    return Document(
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        data=reader.data,
        positions=reader.positions,
        problems=tuple(reader.problems),
        broken=frozenset(reader.broken),
    )


def _read(path: Path) -> bytes:
    def refuse(message: str) -> SpecError:
        return SpecError([Problem(path=path, line=1, column=1, message=message)])

    try:
        if path.is_dir():
            raise refuse("this is a directory, not a YAML file")
        if path.exists() and not path.is_file():
            raise refuse("this is not a regular file")
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise refuse(f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > MAX_BYTES:
        raise refuse(f"larger than {MAX_BYTES} bytes; a claim or reference file has a few thousand")
    return content


def _decode(path: Path, content: bytes) -> str:
    """The text of a file, without a byte order mark and without characters that YAML excludes."""

    def problem(before: str, message: str) -> Problem:
        lines = re.split(r"\r\n|\r|\n", before)
        return Problem(path=path, line=len(lines), column=len(lines[-1]) + 1, message=message)

    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8-sig")
        byte = error.object[error.start]
        raise SpecError([problem(before, f"byte 0x{byte:02x} is not UTF-8; save the file as UTF-8")]) from error
    excluded = _NOT_YAML.search(text)
    if excluded:
        before, code = text[: excluded.start()], ord(excluded[0])
        raise SpecError([problem(before, f"not valid YAML: character U+{code:04X} must not stand in a file")])
    return text


@dataclass
class _Open:
    """A mapping or list whose end has not been read yet."""

    node: dict[str, Any] | list[Any]
    location: Location
    key: str | None = None
    """Of a mapping: the key that waits for its value."""

    @property
    def next(self) -> Location:
        """Where the next value goes."""
        return (*self.location, len(self.node) if self.key is None else self.key)


class _Reader:
    """Builds plain data from YAML events; ``take`` them in order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data: Any = None
        self.positions = Positions()
        self.problems: list[Problem] = []
        self.broken: set[Location] = set()
        self._open: list[_Open] = []
        self._documents = 0
        self._values = 0

    def take(self, event: Any) -> None:
        """Add one event."""
        mark = _mark(event.start_mark)
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self.stop(mark, "a second document begins here; a file holds one")
            if event.version or event.tags:
                self._report(mark, "a % directive is not allowed")
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
        elif isinstance(event, yaml.NodeEvent):
            self._take_node(event, mark)

    def stop(self, mark: Mark, message: str) -> None:
        """Give up on the file: nothing after this can be trusted."""
        self._report(mark, message)
        raise SpecError(self.problems)

    def _take_node(self, event: Any, mark: Mark) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            self.stop(mark, f"more than {MAX_VALUES} keys and values; a claim or reference file has hundreds")
        parent = self._open[-1] if self._open else None
        if parent and isinstance(parent.node, dict) and parent.key is None:
            self._take_key(event, mark, parent)
            return
        location = parent.next if parent else ()
        for message in _decorations(event):
            self._report(mark, message)
        if isinstance(event, yaml.AliasEvent) or event.tag is not None:
            self.broken.add(location)
        value: Any = None
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event, mark, location)
        elif isinstance(event, yaml.CollectionStartEvent):
            value = {} if isinstance(event, yaml.MappingStartEvent) else []
        self.positions.values.setdefault(location, mark)
        if parent is None:
            self.data = value
        elif isinstance(parent.node, list):
            parent.node.append(value)
        elif parent.key is not None:
            parent.node.setdefault(parent.key, value)  # of a duplicate key, the first is kept
            parent.key = None
        if isinstance(event, yaml.CollectionStartEvent):
            if len(self._open) == MAX_DEPTH:
                self.stop(mark, f"nested more than {MAX_DEPTH} deep")
            self._open.append(_Open(value, location))

    def _take_key(self, event: Any, mark: Mark, mapping: _Open) -> None:
        if not isinstance(event, yaml.ScalarEvent):
            self.stop(mark, "a key must be text")
        key = event.value
        location = (*mapping.location, key)
        for message in _decorations(event):
            self._report(mark, message)
        if not isinstance(self._scalar(event, mark, location), str) and location not in self.broken:
            self._report(mark, f"a key must be text: put {key or 'it'} in quotes", location)
        first = self.positions.keys.setdefault(location, mark)
        if first != mark:
            self._report(mark, f"duplicate key '{key}': first on line {first[0]}, again on line {mark[0]}")
        mapping.key = key

    def _scalar(self, event: Any, mark: Mark, location: Location) -> object:
        text: str = event.value
        if not event.implicit[0]:  # quoted, or a block
            return text
        try:
            return plain_scalar(text)
        except ValueError as error:
            self._report(mark, str(error), location)
            return None

    def _report(self, mark: Mark, message: str, location: Location | None = None) -> None:
        self.problems.append(Problem(path=self.path, line=mark[0], column=mark[1], message=message[:_MAX_MESSAGE]))
        if location is not None:
            self.broken.add(location)


def _decorations(event: Any) -> Iterator[str]:
    if isinstance(event, yaml.AliasEvent):
        yield f"alias *{event.anchor} is not allowed; write the value out"
    elif event.anchor is not None:
        yield f"anchor &{event.anchor} is not allowed; write the value out where it is needed"
    if not isinstance(event, yaml.AliasEvent) and event.tag is not None:
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        yield f"tag {tag} is not allowed; a file holds plain text, numbers, lists and mappings"


def _mark(mark: Any) -> Mark:
    return (mark.line + 1, mark.column + 1)
