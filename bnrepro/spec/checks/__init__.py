"""Kinds of check as a claim file writes them: one typed value a kind.

    base.py           what every check says
    differences.py    arms against arms, or against chance, on every network
    numbers.py        against a number or a range of the paper
    trends.py         along networks: steps, slopes, lines
    counting.py       arithmetic on networks, and runs that fail

How each is evaluated stands in ``bnrepro.checks``.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bnrepro.spec.checks.base import Cell, Comparison, Groups, ReferenceForm, ReferenceId, Row, comparison_name
from bnrepro.spec.checks.counting import CountCheck, FailureRateCheck, GrowthCheck
from bnrepro.spec.checks.differences import (
    AboveChanceCheck,
    EquivalenceCheck,
    MatchingCheck,
    NonInferiorityCheck,
    SpreadCheck,
    SuperiorityCheck,
)
from bnrepro.spec.checks.numbers import ContainmentCheck, ProportionInRangeCheck, RangeCheck, WorstCaseCheck
from bnrepro.spec.checks.trends import (
    BelowLineCheck,
    FixedBudgetCheck,
    LinearityCheck,
    MonotoneCheck,
    SlopeCheck,
    SlopeRatioCheck,
)

__all__ = [
    "AboveChanceCheck",
    "BelowLineCheck",
    "Cell",
    "CheckSpec",
    "Comparison",
    "ContainmentCheck",
    "CountCheck",
    "EquivalenceCheck",
    "FailureRateCheck",
    "FixedBudgetCheck",
    "Groups",
    "GrowthCheck",
    "LinearityCheck",
    "MatchingCheck",
    "MonotoneCheck",
    "NonInferiorityCheck",
    "ProportionInRangeCheck",
    "RangeCheck",
    "ReferenceForm",
    "ReferenceId",
    "Row",
    "SlopeCheck",
    "SlopeRatioCheck",
    "SpreadCheck",
    "SuperiorityCheck",
    "WorstCaseCheck",
    "comparison_name",
]

CheckSpec = Annotated[
    SuperiorityCheck
    | NonInferiorityCheck
    | EquivalenceCheck
    | AboveChanceCheck
    | MatchingCheck
    | SpreadCheck
    | ContainmentCheck
    | ProportionInRangeCheck
    | RangeCheck
    | WorstCaseCheck
    | MonotoneCheck
    | SlopeCheck
    | SlopeRatioCheck
    | LinearityCheck
    | BelowLineCheck
    | FixedBudgetCheck
    | CountCheck
    | GrowthCheck
    | FailureRateCheck,
    Field(discriminator="kind"),
]
"""Any check of a claim file, told apart by its ``kind``."""
