"""The three scales of evidence, and the words that each may use.

Only the paper's own scale can confirm or refute the paper. That rule is a type: a
:class:`PaperVerdict` cannot be built from smaller evidence, and a document that pairs a scale
with the other scale's words does not load.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache


class Scale(StrEnum):
    """How much evidence: the paper's own, the same data with fewer epochs, or 8x8 digits."""

    PAPER = "paper"
    REDUCED = "reduced"
    DIGITS = "digits"


class Outcome(StrEnum):
    """What the interval says about the region, before any word is chosen."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    OPEN = "open"
    NOT_ASSESSED = "not assessed"


class PaperVerdict(StrEnum):
    """The words of a whole claim tested at the paper's scale."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"
    NOT_ASSESSED = "not assessed"


class PreviewVerdict(StrEnum):
    """The words of anything less: a smaller scale, or part of the claim's networks."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    INCONCLUSIVE = "inconclusive"
    NOT_ASSESSED = "not assessed"


Verdict = PaperVerdict | PreviewVerdict


@cache
def word_for(outcome: Outcome, scale: Scale, *, whole_claim: bool) -> Verdict:
    """The word for an outcome: the paper's only when the whole claim ran at the paper's scale."""
    position = tuple(Outcome).index(outcome)
    if verdict_words(scale, whole_claim=whole_claim) is PaperVerdict:
        return tuple(PaperVerdict)[position]
    return tuple(PreviewVerdict)[position]


def verdict_words(scale: Scale, *, whole_claim: bool) -> type[PaperVerdict] | type[PreviewVerdict]:
    """The only words that evidence of this size may use."""
    return PaperVerdict if scale is Scale.PAPER and whole_claim else PreviewVerdict
