"""What a plain (unquoted) YAML scalar means: the core schema of YAML 1.2, section 10.3.2.

PyYAML follows YAML 1.1, where ``1e-4`` is text, ``no`` is false, ``010`` is 8 and ``1:30`` is 90.
"""

from __future__ import annotations

import math
import re

_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?\d+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_DECIMAL = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LEADING_ZERO = re.compile(r"[-+]?0\d")
_TOO_LARGE = 2**53  # from here on, JSON readers may confuse an integer with its neighbour


def plain_scalar(text: str) -> str | int | float | bool | None:
    """What an unquoted scalar means.

    Raises:
        ValueError: it is a number that is ambiguous, not finite or too large.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is not allowed; write a finite number")
    integer, decimal = _INTEGER.fullmatch(text), _DECIMAL.fullmatch(text)
    if not (integer or decimal):
        return text
    if _LEADING_ZERO.match(text):
        raise ValueError(f"{text} is ambiguous: write a number without leading zeros, or text in quotes")
    number = float(text) if decimal else int(text, 0)
    if abs(number) == math.inf or (integer and abs(number) >= _TOO_LARGE):
        raise ValueError(f"{text} is too large")
    return int(text, 0) if integer else number
