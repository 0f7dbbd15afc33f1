"""A badge in the flat style of shields.io: what the claims came to, in one line of a README."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from markupsafe import escape

from bnrepro.report.words import sign, tone
from bnrepro.spec.results import VerdictDocument
from bnrepro.spec.scale import Scale, Verdict

_LABEL = "BatchNorm claims"
_WORDS = ("confirmed", "supported", "refuted", "contradicted", "inconclusive", "not assessed")
_COLOURS = {"bad": "#a52a1e", "open": "#7d5600", "good": "#0b6b4a", "none": "#4c5660"}
"""White on each has a contrast of 4.5 to 1 or more (WCAG 2.2, 1.4.3)."""
_NARROW, _WIDE, _USUAL = 4.0, 10.0, 6.7
_PADDING = 6.0


def badge(documents: Sequence[VerdictDocument]) -> str:
    """An SVG that counts claims by scale: ``BatchNorm claims | paper ✓4 · digits ✓9 ✗1 ?2``; in words for who hears it.

    Scales are kept apart, and so is what was asked in part at the paper's own, which alone confirms or refutes. Claims
    that were not assessed are only counted in the words. The colour is that of the worst verdict: red for one that
    failed, ochre for one that is open, green where all that was assessed holds. The same verdicts give the same bytes.
    """
    groups: dict[str, list[Verdict]] = {}
    for document in sorted(documents, key=lambda each: (tuple(Scale).index(each.scale), not each.whole_claim)):
        partial = document.scale is Scale.PAPER and not document.whole_claim
        groups.setdefault(document.scale.value + " in part" * partial, []).append(document.verdict)
    message = " · ".join(_signs(group, verdicts) for group, verdicts in groups.items()) or "none judged"
    words = "; ".join(_words(group, verdicts) for group, verdicts in groups.items()) or "none judged"
    tones = {tone(document.verdict) for document in documents}
    colour = next(_COLOURS[name] for name in _COLOURS if name in tones or name == "none")
    left, right = _width(_LABEL), _width(message)
    width = left + right
    told = escape(f"{_LABEL}: {words}")
    texts = "".join(
        f'<text x="{middle:g}" y="14" textLength="{length:g}">{escape(shown)}</text>'
        for middle, length, shown in (
            (left / 2, left - 2 * _PADDING, _LABEL),
            (left + right / 2, right - 2 * _PADDING, message),
        )
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="20" role="img" aria-label="{told}">'
        f"<title>{told}</title>"
        f'<clipPath id="round"><rect width="{width:g}" height="20" rx="3"/></clipPath>'
        f'<g clip-path="url(#round)"><rect width="{left:g}" height="20" fill="#44484d"/>'
        f'<rect x="{left:g}" width="{right:g}" height="20" fill="{colour}"/></g>'
        f'<g fill="#fff" text-anchor="middle" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11">'
        f"{texts}</g></svg>\n"
    )


def _signs(group: str, verdicts: Sequence[Verdict]) -> str:
    """``digits ✓9 ✗1 ?2``."""
    counts = Counter(sign(verdict) for verdict in verdicts if tone(verdict) != "none")
    return " ".join([group, *(f"{mark}{counts[mark]}" for mark in ("✓", "✗", "?") if counts[mark])])


def _words(group: str, verdicts: Sequence[Verdict]) -> str:
    """``at scale digits 9 supported, 1 contradicted``."""
    counts = Counter(verdict.value for verdict in verdicts)
    return f"at scale {group} " + ", ".join(f"{counts[word]} {word}" for word in _WORDS if counts[word])


def _width(text: str) -> float:
    """What a text takes at 11 px of Verdana, padding included; ``textLength`` makes up for the difference."""
    letters = sum(_NARROW if each in "fijlrt,.· " else _WIDE if each in "mwMWN✓✗" else _USUAL for each in text)
    return round(letters + 2 * _PADDING)
