"""Small turns of phrase that every room uses."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """A count with its noun: ``1 seed``, ``4 seeds``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def decimals(unit: str) -> int:
    """Decimals that a reader needs: one for percentages and points, two for slopes, three for γ and ratios."""
    return {"points": 1, "percent": 1, "points per doubling": 2, "parameters": 0}.get(unit, 3)
