"""What a person reads while bnrepro works: plans, progress and verdicts, within 80 columns.

Text that came from a file is made printable before it reaches the terminal.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from typing import TextIO

from bnrepro.errors import printable

WIDTH = 80


class Terminal:
    """Prints to one stream, so that nothing in the text can act on the terminal behind it."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def say(self, text: str = "", *, indent: str = "") -> None:
        """Print a paragraph, wrapped, with anything that a terminal would act on written out."""
        self._write(_wrapped(text, indent, indent))

    def paragraphs(self, text: str, *, indent: str = "") -> None:
        """Print a text of our own line by line, such as an error that lists several things."""
        for line in text.splitlines():
            self.say(line, indent=indent)

    def line(self, text: str) -> None:
        """Print one line, however long: what a person copies or an editor follows, such as file:line:column."""
        self._write([printable(text)])

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Print rows in columns, the first row as heading; the last column is wrapped into what is left."""
        widths = [max(len(printable(cell)) for cell in column) for column in zip(*rows, strict=True)]
        for *cells, last in rows:
            padded = [printable(cell).ljust(width) for cell, width in zip(cells, widths, strict=False)]
            begin = "".join(f"  {cell}" for cell in padded) + "  "
            self._write(_wrapped(last, begin, " " * len(begin)) or [begin.rstrip()])

    def _write(self, lines: Sequence[str]) -> None:
        text = "\n".join(lines or [""]) + "\n"
        # A terminal that cannot show γ or ∞ gets their numbers, not an error.
        encoding = self.stream.encoding or "utf-8"
        self.stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        self.stream.flush()


def duration(seconds: float) -> str:
    """A time for a person: 3.2 s, 4 min 10 s, 2 h 5 min, 3 days 4 h."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, name, below, part in ((86400, "day", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit:
            many = "s" if name == "day" and whole >= 2 * unit else ""
            return f"{whole // unit} {name}{many} {whole % unit // below} {part}"
    return f"{whole} s"


def size(number: int) -> str:
    """Bytes for a person: 12 kB, 3.4 MB."""
    value, units = float(number), ["B", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.3g} {units[0]}"


def amount(value: float, digits: int) -> str:
    """A number with so many decimals: 1,234.5."""
    return f"{value:,.{digits}f}"


def bracket(bounds: tuple[float | None, float | None], digits: int) -> str:
    """An interval; unbounded sides as infinity: [36.0, ∞]."""
    low, high = bounds
    return f"[{'-∞' if low is None else amount(low, digits)}, {'∞' if high is None else amount(high, digits)}]"


def standard_output() -> Terminal:
    """For results."""
    return Terminal(sys.stdout)


def standard_error() -> Terminal:
    """For everything else, when results must stand alone."""
    return Terminal(sys.stderr)


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    """Lines of at most WIDTH columns; a word that is longer, such as a path, stays whole."""
    return textwrap.wrap(
        printable(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
        break_long_words=False,
    )
