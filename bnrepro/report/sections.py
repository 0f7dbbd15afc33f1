"""The sections of the paper, by which the index groups claims."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEAD = re.compile(r"(Section|Appendix) ([1-9]|[A-Z])\b")
_SUBJECTS = {
    "Section 1": "Introduction",
    "Section 2": "Related work, and Table 1",
    "Section 3": "Method",
    "Section 4": "Training γ and β alone",
    "Section 5": "What γ and β become",
    "Section 6": "Discussion",
    "Appendix A": "BatchNorm restated",
    "Appendix B": "Architectures and recipes",
    "Appendix C": "VGG networks",
    "Appendix D": "Small ResNets",
    "Appendix E": "Starting values",
    "Appendix F": "Random weights and the output layer",
    "Appendix G": "Shortcuts",
    "Appendix H": "Distributions of γ and β",
    "Appendix I": "Idle units",
}


@dataclass(frozen=True, kw_only=True, order=True)
class Section:
    """A section or an appendix; they sort as in the paper, and what stands in neither comes last."""

    rank: tuple[int, str]
    name: str
    subject: str
    """What it is about, in our words; empty where we do not know it."""


def section_of(where: str) -> Section:
    """The section in which a claim stands first: that of ``Section 4 with its Figure 2``."""
    head = _HEAD.match(where)
    if head is None:
        return Section(rank=(2, ""), name="Elsewhere", subject="")
    kind, place = head.groups()
    return Section(rank=(int(kind == "Appendix"), place), name=head[0], subject=_SUBJECTS.get(head[0], ""))
