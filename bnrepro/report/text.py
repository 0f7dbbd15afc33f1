"""Counts, times and foreign text as a reader should see them."""

from __future__ import annotations

import re

_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ud800-\udfff]")
"""Controls, controls of writing direction (they can make a number read backwards) and lone surrogates."""

NO_BREAK = "\u00a0"


def visible(text: str) -> str:
    r"""Text with its hidden characters spelled out: ESC becomes the four characters ``\x1b``.

    Tabs and line ends stay.
    """
    return _HIDDEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def anchor(name: str) -> str:
    """A name that can stand in an HTML id and after ``#`` as it is."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)


def short_key(key: str) -> str:
    """The head of a run's key: enough to tell the runs of one page apart."""
    return key[:10]


def abbreviated(name: str, most: int) -> str:
    """At most ``most`` characters, the last an ellipsis where some were left out."""
    shown = visible(name)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def percent(share: float) -> str:
    """A share as a percentage with no more digits than it needs: ``95 %``, ``98.33 %``."""
    return f"{100 * share:.4g}{NO_BREAK}%"


def whole(count: int) -> str:
    """A count with its thousands apart, as the checks write it: ``50,000``."""
    return f"{count:,}"


def duration(seconds: float) -> str:
    """A time in the two units that matter: ``12.3 s``, ``4 min 05 s``, ``1 h 12 min``."""
    if seconds < 59.95:
        return f"{seconds:.1f}{NO_BREAK}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{NO_BREAK}min {rest:02d}{NO_BREAK}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{NO_BREAK}h {minutes:02d}{NO_BREAK}min"


def count_of(number: int, one: str, many: str | None = None) -> str:
    """A count with its noun: ``1 seed``, ``3 seeds``."""
    return f"{whole(number)} {one if number == 1 else many or one + 's'}"


def span_of(counts: tuple[int, ...], noun: str) -> str:
    """Equal counts as one, others by their ends: ``3 seeds``, ``1 to 3 seeds``."""
    low, high = min(counts), max(counts)
    return count_of(low, noun) if low == high else f"{low} to {count_of(high, noun)}"
