"""What an evaluator is given, and what it gives back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from bnrepro.checks.region import Region
from bnrepro.errors import ReferenceMissing
from bnrepro.measure import Measurements
from bnrepro.spec.checks import Comparison, Groups
from bnrepro.spec.references import Reference
from bnrepro.spec.scale import Outcome, Scale
from bnrepro.stats import ConfidenceInterval

ERROR_A_SIDE = 0.05
"""Chance of a wrong "holds", and of a wrong "fails", over all looks of a check."""


class References(Protocol):
    """Where the paper's numbers are looked up."""

    def get(self, reference_id: str, /) -> Reference:
        """The number called ``file/entry``; raises ReferenceMissing."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look at the data: the first ``seeds`` seeds of every cell of one check."""

    scale: Scale
    whole_claim: bool
    groups: Groups
    """The networks evaluated of each group that the check reads."""
    comparisons: tuple[Comparison, ...]
    """What the check compares on them; empty for arithmetic, and where nothing can be evaluated."""
    unavailable: str
    """Why the check cannot be evaluated, where it cannot."""
    measurements: Measurements
    references: References
    number: int
    """From 1."""
    planned_seeds: tuple[int, ...]
    """Seeds at each planned look."""

    @property
    def seeds(self) -> int:
        """Seeds per arm and network at this look."""
        return self.planned_seeds[self.number - 1]

    @property
    def alpha(self) -> float:
        """Error of one side at this look: an equal share of the whole (Bonferroni), so that peeking costs nothing."""
        return ERROR_A_SIDE / len(self.planned_seeds)

    @property
    def whole_line(self) -> ConfidenceInterval:
        """The interval of what nothing bounds."""
        return ConfidenceInterval(low=-math.inf, high=math.inf, alpha=self.alpha)

    def exactly(self, value: float) -> ConfidenceInterval:
        """The interval of what arithmetic gives: the value itself, since nothing about it is random."""
        return ConfidenceInterval(low=value, high=value, alpha=self.alpha)

    def number_of(self, reference_id: str) -> tuple[float, Reference]:
        """A reference that must be a single number.

        Raises:
            ReferenceMissing: there is no such reference, its number is lost, or it is a range.
        """
        reference = self.references.get(reference_id)
        if reference.missing is not None:
            raise ReferenceMissing(f"{reference_id} has no number: {reference.missing}")
        if reference.value is None:
            raise ReferenceMissing(f"{reference_id} is a range where one number is needed; give it a 'value'")
        return reference.value, reference

    def ends_of(self, reference_id: str) -> tuple[float, float, Reference]:
        """A reference of either form: its ends, which are one number twice where it is one.

        Raises:
            ReferenceMissing: there is no such reference.
        """
        reference = self.references.get(reference_id)
        if reference.value is not None:
            return reference.value, reference.value, reference
        return *self.range_of(reference_id), reference

    def range_of(self, reference_id: str) -> tuple[float, float]:
        """A reference that must be a range: its ends.

        Raises:
            ReferenceMissing: there is no such reference, or it is a single number.
        """
        reference = self.references.get(reference_id)
        if reference.low is None or reference.high is None:
            raise ReferenceMissing(f"{reference_id} is one number where a range is needed; give it 'low' and 'high'")
        return reference.low, reference.high


@dataclass(frozen=True, kw_only=True)
class PartFinding:
    """One part of a finding: a network, a step, a cell of a table; the fields are those of PartResult."""

    name: str
    outcome: Outcome
    estimate: float | None
    interval: ConfidenceInterval
    region: Region
    n: int
    reason: str
    runs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What an evaluator finds, before any word is chosen; the fields are those of CheckResult."""

    outcome: Outcome
    estimate: float | None = None
    interval: ConfidenceInterval
    region: Region
    unit: str
    reason: str
    n: int = 0
    diverged: int = 0
    parts: tuple[PartFinding, ...] = ()
    p: float | None = None
    fragile: tuple[str, ...] = ()
