"""How long bnrepro may take: durations as a person writes them, and the moment when the time is over."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from bnrepro.errors import UsageError, printable

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_FORM = re.compile("".join(f"(?:({_NUMBER}){unit})?" for unit in _UNITS))


def duration_seconds(text: str) -> float:
    """The seconds that a duration such as ``6h``, ``90m``, ``30s`` or ``1h30m`` stands for, from 0 up.

    Days, hours, minutes and seconds in this order, each at most once, none of them needed, decimals allowed.

    Raises:
        UsageError: it is no duration, or has no unit, or is too long to count.
    """
    found = _FORM.fullmatch(text)
    seconds = math.nan
    if text and found is not None:
        parts = zip(found.groups(), _UNITS.values(), strict=True)
        seconds = math.fsum(float(number) * unit for number, unit in parts if number is not None)
    if not math.isfinite(seconds):
        raise UsageError(f"'{printable(text)}' is not a duration; write it such as 6h, 90m, 30s or 1h30m")
    return seconds


def duration_text(seconds: float) -> str:
    """A duration as :func:`duration_seconds` reads it, to its two largest units: ``2d4h``, ``1h30m``, ``45s``.

    Raises:
        ValueError: it is negative or not finite.
    """
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{seconds} is no duration")
    units = list(_UNITS.items())
    # Rounded to what is shown, so that 59 min 59.9 s is 1h and not 60m.
    for (_, large), (_, small) in pairwise(units):
        if seconds >= large - small / 2:
            whole = small * math.floor(seconds / small + 0.5)
            break
    else:
        whole = math.floor(seconds + 0.5)
    told = ""
    for name, unit in units:
        if whole >= unit:
            told += f"{whole // unit}{name}"
            whole %= unit
    return told or "0s"


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """A moment after which nothing new is begun.

    Usage:
        deadline = Deadline.after(duration_seconds("6h"))
        while not deadline.passed: ...
    """

    at: float
    """In seconds of ``clock``."""
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    """A clock that nobody sets."""

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> Deadline:
        """So many seconds from now."""
        return cls(at=clock() + seconds, clock=clock)

    @property
    def left_seconds(self) -> float:
        """Until then; 0 once it has passed."""
        return max(0.0, self.at - self.clock())

    @property
    def passed(self) -> bool:
        """Whether the time is over."""
        return self.left_seconds <= 0
