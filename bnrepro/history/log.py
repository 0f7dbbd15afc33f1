"""The file of the history: one line a night, added under a lock, never written anew.

A line begins with its id, which is a checksum of the rest, so that damage shows. A last line without its line end is
one that a process was killed over, or that is being written just now: readers pass it over, and whoever adds the next
night puts it aside first.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock
from pydantic import ValidationError

from bnrepro.errors import DocumentError
from bnrepro.files import explained, sha256_of, write_atomically
from bnrepro.history.gather import contents
from bnrepro.history.night import Night
from bnrepro.spec.results import VerdictDocument

HISTORY = "history.jsonl"
_LOCK = ".history.lock"
_BLOCK_BYTES = 1 << 18
_ID_DIGITS = 12
_ID_STARTS = b'{"id":"'
_ID_ENDS = b'",'
_CLAIMS = b',"claims":['
_REMEDY = "restore it from a copy, or take the line out to go on without that night"


def append(
    reports: Path,
    documents: Sequence[VerdictDocument],
    *,
    at: datetime,
    every: bool = True,
    notify: Callable[[str], None] = lambda _: None,
) -> Night:
    """Add a verify to ``<reports>/history.jsonl`` and return it. Other processes may do the same at the same time.

    Reads from the end of the file as far back as the baseline lies; no earlier line is written again.

    Args:
        reports: the folder of reports.
        documents: the verdicts of one verify.
        at: when they were judged, with its time zone.
        every: whether every claim was asked.
        notify: is told, in words, where a line that was cut short had to be put aside.

    Raises:
        NothingSelected: there is no document.
        UsageError: the documents are not of one verify.
        DocumentError: the last line is damaged; nothing is added.
        StoreError: the file cannot be read or written; it stays as it was.
    """
    said = contents(documents, at=at)
    path, lock = reports / HISTORY, reports / _LOCK
    with explained(lock):
        reports.mkdir(parents=True, exist_ok=True)
        # A lock file without the kernel behind it would outlive its holder.
        held = FileLock(lock, fallback_to_soft=False)
        held.acquire()
    try:
        with explained(path):
            path.touch()
            _mend(path, notify)
            with path.open("rb") as file:
                last = next(_lines_backwards(file), None)
                draft = Night(
                    id="0" * _ID_DIGITS,
                    sequence=1 if last is None else _head(last, path).sequence + 1,
                    every=every,
                    baseline=_baseline(file, path, said, every=every),
                    **said,
                )
            line, night = _sealed(draft)
            _add(path, line)
        return night
    finally:
        held.release()


def load(reports: Path) -> tuple[Night, ...]:
    """Every night, oldest first; none where no history was written yet.

    Raises:
        DocumentError: a line is not what was written there, or stands out of order; the message names the line.
    """
    path = reports / HISTORY
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read: {error.strerror}") from error
    nights: list[Night] = []
    *whole, _ = content.split(b"\n")
    for number, line in enumerate(whole, start=1):
        if not line.strip():
            continue
        night = _read(line, f"{path}:{number}")
        if nights and night.sequence <= nights[-1].sequence:
            raise DocumentError(
                f"{path}:{number}: night {night.sequence} stands after night {nights[-1].sequence}; histories that "
                "were kept apart cannot be joined, so keep one of them"
            )
        nights.append(night)
    return tuple(nights)


def recent(reports: Path, most: int) -> tuple[Night, ...]:
    """The newest nights, oldest first; reads no further back than they lie.

    Raises:
        DocumentError: one of their lines is not what was written there.
    """
    path = reports / HISTORY
    try:
        with path.open("rb") as file:
            lines = list(itertools.islice(_lines_backwards(file), most))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read: {error.strerror}") from error
    return tuple(_read(line, f"{path}, line {place} from its end") for place, line in enumerate(lines, start=1))[::-1]


def baseline_of(reports: Path, night: Night) -> Night | None:
    """The night that a night is compared with; ``None`` where it has none. Reads no further back than that.

    Raises:
        DocumentError: it is no longer in the history, or damaged.
    """
    if night.baseline is None:
        return None
    path = reports / HISTORY
    wanted = _ID_STARTS + night.baseline.encode() + _ID_ENDS
    try:
        with path.open("rb") as file:
            for line in _lines_backwards(file):
                if line.startswith(wanted):
                    return _read(line, str(path))
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read: {error.strerror}") from error
    raise DocumentError(f"{path}: night {night.sequence} is compared with night {night.baseline}, which is not there")


def _baseline(file: BinaryIO, path: Path, said: Mapping[str, Any], *, every: bool) -> str | None:
    """The id of the newest night of the same kind that judged one of these claims, or every claim if that is asked."""
    kind, claims = (said["scale"], said["device"], said["precision"]), {each.claim for each in said["claims"]}
    for line in _lines_backwards(file):
        head = _head(line, path)
        if head.kind == kind and (head.every or not every):
            night = _read(line, str(path))
            if any(outcome.claim in claims for outcome in night.claims):
                return night.id
    return None


def _head(line: bytes, path: Path) -> Night:
    """A line without its claims, which are nearly all of it."""
    # Quotes within text are escaped, so the first match is the key itself.
    start, found, _ = line.partition(_CLAIMS)
    try:
        return Night.model_validate_json(start + found + b"]}")
    except ValidationError as error:
        raise DocumentError(f"{path}: one of the last lines is not a night; {_REMEDY}") from error


def _read(line: bytes, place: str) -> Night:
    line = line.rstrip(b"\r")
    try:
        night = Night.model_validate_json(line)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, problem["loc"]))
        raise DocumentError(
            f"{place}: not a night of format 1 ({where or 'line'}: {problem['msg']}); {_REMEDY}"
        ) from error
    if not line.startswith(_ID_STARTS) or _checksum(line[len(_ID_STARTS) + _ID_DIGITS + len(_ID_ENDS) :]) != night.id:
        raise DocumentError(f"{place}: night {night.sequence} is not what was written there; {_REMEDY}")
    return night


def _sealed(draft: Night) -> tuple[bytes, Night]:
    """A night as its line, with the id that belongs to it."""
    after_id = len(_ID_STARTS) + _ID_DIGITS + len(_ID_ENDS)
    rest = draft.model_dump_json().encode()[after_id:]
    identity = _checksum(rest)
    return _ID_STARTS + identity.encode() + _ID_ENDS + rest + b"\n", draft.model_copy(update={"id": identity})


def _checksum(rest: bytes) -> str:
    return sha256_of(rest)[:_ID_DIGITS]


def _add(path: Path, content: bytes) -> None:
    """Write at the end of a file, all of it or nothing."""
    # Unbuffered, so that nothing is left to be written after a failure.
    with path.open("ab", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        except BaseException:
            with contextlib.suppress(OSError):
                file.truncate(size)
            raise


def _mend(path: Path, notify: Callable[[str], None]) -> None:
    """See to it that the file ends with a whole line; what was cut short is kept in a file of its own."""
    with path.open("rb") as file:
        cut = _after_last_line(file)
    if not cut:
        return
    try:
        night = _read(cut, str(path))
    except DocumentError:
        aside = path.with_name(f"history-cut-{sha256_of(cut)[:8]}.txt")
        write_atomically(aside, cut)
        os.truncate(path, path.stat().st_size - len(cut))
        notify(
            f"{path}: the last line was cut short, {len(cut)} bytes; put aside in {aside}, the lines before are whole"
        )
    else:
        _add(path, b"\n")
        notify(f"{path}: the line end of night {night.sequence} was missing, and was added")


def _after_last_line(file: BinaryIO) -> bytes:
    """What stands behind the last line end."""
    end = file.seek(0, os.SEEK_END)
    found = b""
    while end:
        start = max(0, end - _BLOCK_BYTES)
        file.seek(start)
        _, line_end, after = file.read(end - start).rpartition(b"\n")
        found = after + found
        if line_end:
            break
        end = start
    return found


def _lines_backwards(file: BinaryIO) -> Iterator[bytes]:
    """The whole lines of a file, last first, read in blocks from the end."""
    end = file.seek(0, os.SEEK_END) - len(_after_last_line(file))
    rest = b""
    while end:
        start = max(0, end - _BLOCK_BYTES)
        file.seek(start)
        rest, *lines = (file.read(end - start) + rest).split(b"\n")
        yield from (line for line in reversed(lines) if line.strip())
        end = start
    if rest.strip():
        yield rest
