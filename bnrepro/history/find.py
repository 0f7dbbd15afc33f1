"""Nights by the names that people type: a sequence number, or the beginning of an id."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bnrepro.errors import NothingSelected, UnknownName, UsageError
from bnrepro.history.night import Night
from bnrepro.spec.scale import Scale

_LEAST_DIGITS = 4
_MOST_TOLD = 5


def find(nights: Sequence[Night], name: str) -> Night:
    """The night of a sequence number, or of an id's first four digits or more.

    A name that is the one and the other is a sequence number.

    Raises:
        NothingSelected: there is no night at all.
        UnknownName: no night has this name.
        UsageError: several ids begin so.
    """
    if not nights:
        raise NothingSelected("the history has no night yet; `bnrepro verify` adds one")
    # int() would also take signs, spaces, underscores and digits of other scripts.
    if re.fullmatch(r"[0-9]{1,9}", name):
        for night in nights:
            if night.sequence == int(name):
                return night
    begins = name.lower()
    if re.fullmatch(rf"[0-9a-f]{{{_LEAST_DIGITS},}}", begins):
        found = [night for night in nights if night.id.startswith(begins)]
        if len(found) == 1:
            return found[0]
        if found:
            told = ", ".join(f"{night.id} (night {night.sequence})" for night in found[:_MOST_TOLD])
            raise UsageError(f"{len(found)} nights have an id that begins with {begins}: {told}; write more of it")
    raise UnknownName("night", name, [*(str(night.sequence) for night in nights[-_MOST_TOLD:]), nights[-1].id])


def newest(nights: Sequence[Night], *, scale: Scale | None = None) -> Night:
    """The last night, or the last of one scale.

    Raises:
        NothingSelected: there is none.
    """
    for night in reversed(nights):
        if scale is None or night.scale is scale:
            return night
    at = f" at scale {scale}" if scale else ""
    raise NothingSelected(f"the history has no night{at} yet; `bnrepro verify` adds one")
