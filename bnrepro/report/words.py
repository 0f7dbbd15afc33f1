"""The words and signs that go with verdicts and scales."""

from __future__ import annotations

from bnrepro.spec.results import VerdictDocument
from bnrepro.spec.scale import Scale, Verdict

_TONES = {
    "confirmed": ("good", "✓"),
    "supported": ("good", "✓"),
    "refuted": ("bad", "✗"),
    "contradicted": ("bad", "✗"),
    "inconclusive": ("open", "?"),
    "not assessed": ("none", "–"),
}
_ONLY_THE_PAPERS = "; only the paper's own scale can confirm or refute"
SCALE_MEANINGS = {
    Scale.PAPER: "the paper's own data, networks and schedule",
    Scale.REDUCED: "CIFAR-10 with fewer epochs, a preview",
    Scale.DIGITS: "8×8 digits, a preview",
}
"""What each scale is, in a few words."""
_LESS_AT_PAPER_SCALE = "not the claim as declared, so a preview; only the whole can confirm or refute"
_INCOMPARABLE = {
    Scale.PAPER: "",
    Scale.REDUCED: " (full schedule: not comparable)",
    Scale.DIGITS: " (other data: not comparable)",
}


def tone(verdict: Verdict) -> str:
    """The CSS class of a verdict: good, bad, open or none."""
    return _TONES[verdict.value][0]


def tone_of(word: str) -> str:
    """The CSS class of a verdict's word, whichever scale chose it."""
    return _TONES[word][0]


def sign(verdict: Verdict) -> str:
    """The mark that stands before a verdict's word, for readers who see no colour."""
    return _TONES[verdict.value][1]


def evidence(document: VerdictDocument, *, arithmetic: bool) -> str:
    """What the scale is, and what it cannot say; of arithmetic, why it has no other."""
    if document.scale is Scale.PAPER and not document.whole_claim:
        return _LESS_AT_PAPER_SCALE
    if arithmetic:
        return document.scale_reason
    return SCALE_MEANINGS[document.scale] + ("" if document.scale is Scale.PAPER else _ONLY_THE_PAPERS)


def incomparable(scale: Scale) -> str:
    """Why the paper's values cannot be held against those of a scale; empty where they can."""
    return _INCOMPARABLE[scale]


def is_preview(document: VerdictDocument) -> bool:
    """Whether this evidence can neither confirm nor refute."""
    return document.scale is not Scale.PAPER or not document.whole_claim
