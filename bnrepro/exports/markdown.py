"""Foreign text in GitHub's Markdown, and documents that keep to a size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bnrepro.report.text import abbreviated, count_of

_ACTIVE = re.compile(r"[\\`*_{}\[\]<>#|~&$]")
_CALLS = re.compile(r"@(?=\w)|&#35;(?=\d)|:(?=//|[\w+-]+:)|(?<=www)\.")
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")


def escaped(text: str, most: int = 300) -> str:
    """Text on one line as it stands: no markup, HTML, links, mentions, emoji or formulas come of it.

    Every character with a meaning becomes a numeric entity, which Markdown never takes for structure (CommonMark 0.31,
    section 2.5). Where a code host looks at the finished text again (mentions, issues, emoji), a zero-width space
    breaks the word.
    """
    line = " ".join(abbreviated(text, most).split())
    # Entities first: what is put in for calls has an ampersand of its own.
    safe = _ACTIVE.sub(lambda match: f"&#{ord(match[0])};", line)
    return _CALLS.sub(lambda match: f"{match[0]}&#8203;", safe)


def code(name: str) -> str:
    """A name in the type of code; one that could end that is escaped instead."""
    return f"`{name}`" if _PLAIN.fullmatch(name) and len(name) <= 100 else escaped(name, 100)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A part of a document that can be cut after any of its rows."""

    head: str
    """With its heading, up to the first row; ends with a line end."""
    rows: Sequence[str]
    """Without line ends."""
    noun: str
    """What a row is: ``claim``."""

    def cut(self, rows: int) -> str:
        """The listing with its first rows, and how many there are more."""
        left = len(self.rows) - rows
        more = f"\nand {count_of(left, f'more {self.noun}')}\n" if left else ""
        return self.head + "".join(f"{row}\n" for row in self.rows[:rows]) + more


def fitted(listings: Sequence[Listing], limit_bytes: int) -> str:
    """All listings, one after the other, with as many rows of each as fit; earlier ones come first.

    Whatever is cut is counted where it is missing. Heads are never cut: the result is longer than the limit where they
    alone are.
    """
    # What is certain to be written: every listing without a row.
    spent = sum(_size(listing.cut(0)) for listing in listings)
    written = []
    for listing in listings:
        rows = _most_rows(listing, limit_bytes - spent)
        text = listing.cut(rows)
        spent += _size(text) - _size(listing.cut(0))
        written.append(text)
    return "\n".join(written)


def _most_rows(listing: Listing, room_bytes: int) -> int:
    """How many rows fit into what is left."""
    if _size(listing.cut(len(listing.rows))) - _size(listing.cut(0)) <= room_bytes:
        return len(listing.rows)
    taken = 0
    for count, row in enumerate(listing.rows):
        taken += _size(row) + 1
        if taken > room_bytes:
            return count
    return len(listing.rows)


def _size(text: str) -> int:
    """In bytes of UTF-8, with the line end that may follow."""
    return len(text.encode()) + 1
