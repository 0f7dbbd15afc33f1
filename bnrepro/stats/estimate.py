"""What every estimate offers, whatever distribution stands behind it."""

from __future__ import annotations

from typing import Protocol

from bnrepro.stats.student import ConfidenceInterval, MeanEstimate


class Estimate(Protocol):
    """A value with intervals and one-sided tests."""

    @property
    def value(self) -> float | None:
        """``None`` where the data give none."""

    @property
    def n(self) -> int:
        """Seeds in the smallest sample."""

    def interval(self, alpha: float) -> ConfidenceInterval:
        """The interval with error ``alpha`` a side; the whole line where the data do not tell."""

    def p_above(self, bound: float) -> float:
        """One-sided p value of "the true value is at most ``bound``"."""

    def p_below(self, bound: float) -> float:
        """One-sided p value of "the true value is at least ``bound``"."""


UNKNOWN = MeanEstimate(value=None, standard_error=None, df=None, n=0, sds=())
"""What nothing estimates."""
