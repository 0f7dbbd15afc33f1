"""Amounts as a reader should see them: decimals, sign and name by their unit.

Units are the words of :class:`~bnrepro.spec.metrics.Unit`, alone or as ``points per doubling``; a word that is not
among them is shown as it stands.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from bnrepro.spec.metrics import Unit
from bnrepro.spec.results import Interval

_DECIMALS: dict[str, int] = {Unit.GAMMA: 3, Unit.RATIO: 3}
_USUAL_DECIMALS = 2
_NAMES: dict[str, str] = {Unit.PERCENT: "%", Unit.GAMMA: "γ", Unit.RATIO: "ratio"}
_AFTER_A_NUMBER: dict[str, str] = {Unit.GAMMA: "", Unit.RATIO: ""}


def figure(value: float, unit: str) -> str:
    """A value in its unit, without its name, with a true minus sign; differences have a plus sign too.

    ``+3.46`` points, ``54.30`` percent, ``0.262`` of γ, ``175,258`` parameters.
    """
    base = _base(unit)
    if base == Unit.PARAMETERS:
        return exact(round(value, 1))
    digits = _DECIMALS.get(base, _USUAL_DECIMALS)
    sign = "+" if base == Unit.POINTS else ""
    shown = f"{value:{sign}.{digits}f}"
    if float(shown) == 0:
        shown = f"{0:.{digits}f}"
    return shown.replace("-", "−")


def told(value: float, unit: str) -> str:
    """A value with the name of its unit: ``54.30 %``, ``0.262``."""
    return f"{figure(value, unit)} {unit_after(unit)}".strip()


def exact(value: float) -> str:
    """A value that is no measurement, with the digits that it has: ``175,258``, ``0.639``.

    Four stand behind the point at most; a smaller value keeps three that count: ``0.0000461``.
    """
    if value == round(value):
        return f"{value:,.0f}".replace("-", "−")
    digits = max(4, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}".rstrip("0").replace("-", "−")


def interval(bounds: Interval, unit: str) -> str:
    """An interval in words: ``+1.20 to +3.40``, ``−∞ to +3.40``."""
    low, high = bounds
    left = "−∞" if low is None else figure(low, unit)
    right = "+∞" if high is None else figure(high, unit)
    return f"{left} to {right}"


def region(bounds: Interval, unit: str) -> str:
    """A region in words: ``above +5.00``, ``15.00 to 23.00``."""
    return _region(bounds, partial(figure, unit=unit))


def exact_region(bounds: Interval) -> str:
    """A region of exact values: ``0.375 to 0.385``."""
    return _region(bounds, exact)


def _region(bounds: Interval, show: Callable[[float], str]) -> str:
    low, high = bounds
    if low is None:
        return "any value" if high is None else f"below {show(high)}"
    if high is None:
        return f"above {show(low)}"
    return show(low) if low == high else f"{show(low)} to {show(high)}"


def unit_name(unit: str) -> str:
    """What an axis or a column is in: ``%``, ``points per doubling``, ``γ``."""
    return _renamed(unit, _NAMES)


def unit_after(unit: str) -> str:
    """What follows a number in this unit, empty where nothing does."""
    return _renamed(unit, _NAMES | _AFTER_A_NUMBER)


def is_difference(unit: str) -> bool:
    """Whether values in this unit are differences, which are seen against 0."""
    return _base(unit) == Unit.POINTS


def _base(unit: str) -> str:
    return unit.partition(" per ")[0]


def _renamed(unit: str, names: dict[str, str]) -> str:
    base, per, what = unit.partition(" per ")
    # "per doubling" alone would read as a count, so a slope keeps the full name of its unit.
    chosen = _NAMES if per else names
    return "".join([chosen.get(base, base), per, what])
