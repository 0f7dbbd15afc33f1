"""Small turns of phrase that every room uses."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """A count with its noun: ``1 seed``, ``4 seeds``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
