"""The little that the figures need of SVG: elements, coordinates, axes and markers.

Coordinates have one decimal, so that the same document always draws the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from bnrepro.report.text import visible

Point = tuple[float, float]


def number(value: float) -> str:
    """A coordinate: one decimal at most, no trailing zero, no negative zero."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def element(name: str, *children: str, **attributes: float | str) -> Markup:
    """One element. ``class_`` and ``stroke_width`` become ``class`` and ``stroke-width``; text is escaped."""
    words = [name]
    for key, value in attributes.items():
        shown = escape(visible(value)) if isinstance(value, str) else number(value)
        words.append(f'{key.rstrip("_").replace("_", "-")}="{shown}"')
    inner = Markup().join(child if isinstance(child, Markup) else visible(child) for child in children)
    start = " ".join(words)
    return Markup(f"<{start}>{inner}</{name}>" if inner else f"<{start}/>")  # noqa: S704 - every part is escaped


def drawing(identity: str, width: float, height: float, title: str, description: str, *parts: Markup) -> Markup:
    """A whole figure that scales with the page and reads itself to those who cannot see it."""
    return element(
        "svg",
        element("title", title, id=f"{identity}-title"),
        element("desc", description, id=f"{identity}-desc"),
        *parts,
        viewBox=f"0 0 {number(width)} {number(height)}",
        role="img",
        aria_labelledby=f"{identity}-title {identity}-desc",
    )


def line(start: Point, end: Point, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=start[0], y1=start[1], x2=end[0], y2=end[1], class_=class_)


def label(text: str, at: Point, *, anchor: str = "middle", class_: str = "tick") -> Markup:
    """Text at a point; ``anchor`` is start, middle or end."""
    return element("text", text, x=at[0], y=at[1], text_anchor=anchor, class_=class_)


def upright(text: str, at: Point, *, class_: str) -> Markup:
    """Text that reads upwards, centred on a point: the title of a vertical axis."""
    turned = f"translate({number(at[0])} {number(at[1])}) rotate(-90)"
    return element("text", text, transform=turned, text_anchor="middle", class_=class_)


def path(points: Iterable[Point], class_: str, **attributes: str) -> Markup:
    """A line through points."""
    steps = " ".join(f"{number(x)} {number(y)}" for x, y in points)
    return element("path", d=f"M{steps}", class_=class_, **attributes)


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Values ``low`` to ``high`` laid over coordinates ``start`` to ``stop``, by logarithm if asked.

    Usage:
        Axis(low=0, high=100, start=200, stop=0)(50)   # 100.0
    """

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The coordinate of a value; the middle where the axis has only one value."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log2(low), math.log2(high), math.log2(value)
        share = 0.5 if high == low else (value - low) / (high - low)
        return self.start + share * (self.stop - self.start)


def round_ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """At most ``most`` values between two, at steps of 1, 2 or 5 times a power of ten."""
    if high <= low:
        return (float(low),)
    step = round_step(low, high, most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(index * step for index in range(first, last + 1))


def round_step(low: float, high: float, most: int) -> float:
    """The smallest step of 1, 2 or 5 times a power of ten that takes at most ``most - 1`` steps from low to high."""
    span = high - low
    magnitude = 10.0 ** math.floor(math.log10(span / most))
    return next(step for factor in (1, 2, 5, 10, 20) if span / (step := factor * magnitude) <= most - 1)


def tick_text(value: float) -> str:
    """A tick's value with the digits that it needs, thousands apart."""
    return f"{value:,.10g}".replace("-", "−")


_OUTLINES: dict[str, Sequence[Point]] = {
    "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    "triangle": ((0, -1.15), (1.1, 0.85), (-1.1, 0.85)),
    "wedge": ((0, 1.15), (1.1, -0.85), (-1.1, -0.85)),
    "diamond": ((0, -1.35), (1.35, 0), (0, 1.35), (-1.35, 0)),
    "bar": ((-0.55, -1.2), (0.55, -1.2), (0.55, 1.2), (-0.55, 1.2)),
    "slab": ((-1.25, -0.5), (1.25, -0.5), (1.25, 0.5), (-1.25, 0.5)),
}
MARKERS = ("circle", "square", "triangle", "wedge", "bar", "slab")
"""Shapes that tell arms apart; the diamond is kept for the paper, the cross for runs that diverged."""


def marker(shape: str, at: Point, size: float, class_: str) -> Markup:
    """A mark of about ``2 * size`` across, centred on a point."""
    x, y = at
    if shape == "circle":
        return element("circle", cx=x, cy=y, r=size, class_=class_)
    if shape == "cross":
        arms = ((x - size, y - size), (x + size, y + size)), ((x - size, y + size), (x + size, y - size))
        return element("g", *(line(start, end, class_) for start, end in arms))
    corners = ((x + size * dx, y + size * dy) for dx, dy in _OUTLINES[shape])
    return element("path", d="M" + "L".join(f"{number(a)} {number(b)}" for a, b in corners) + "Z", class_=class_)
