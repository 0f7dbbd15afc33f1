"""The page of figures of one scale: what its template prints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from bnrepro.report import words
from bnrepro.report.figures.catalogue import FIGURES, Figure
from bnrepro.report.figures.drawn import Drawn
from bnrepro.report.figures.pool import Pool, pool_of
from bnrepro.report.figures.samples import paper_number
from bnrepro.report.metric_names import metric_name
from bnrepro.report.text import count_of
from bnrepro.spec.results import PaperValue, VerdictDocument
from bnrepro.spec.scale import Scale

PAGE_NAME = "figures.html"
"""The page's file, beside the pages of its scale's claims."""

_NAMED = re.compile(r"\bFigures? ((?:\d+(?: to \d+)?(?:, | and )?)+)")
_RANGE = re.compile(r"(\d+)(?: to (\d+))?")
_PLACE = re.compile(r"\b(section \d+|appendix [A-I](?:\.\d)?)", re.IGNORECASE)
_DATA = {Scale.PAPER: "", Scale.REDUCED: "paper, full schedule", Scale.DIGITS: "paper, on its own data"}


@dataclass(frozen=True, kw_only=True)
class FigureLink:
    """A figure that belongs to a claim, and where it stands as seen from the claim's page."""

    number: int
    title: str
    href: str


@dataclass(frozen=True, kw_only=True)
class ClaimLink:
    """A claim that names a figure."""

    title: str
    href: str


@dataclass(frozen=True)
class FigureView:
    """One figure of the page."""

    figure: Figure
    pool: Pool

    @cached_property
    def parts(self) -> tuple[Drawn, ...]:
        """Its parts, drawn."""
        parts = enumerate(self.figure.parts, start=1)
        return tuple(part.draw(self.pool, f"{self.figure.anchor}-part-{index}") for index, part in parts)

    @property
    def drawn(self) -> bool:
        """Whether there is any image."""
        return any(part.panels for part in self.parts)

    @property
    def caption(self) -> tuple[str, ...]:
        """Scale, data, seeds and what the marks are, in sentences."""
        families = frozenset(family for part in self.parts for family in part.families)
        data = " and ".join(self.pool.data_names(families))
        opening = f"{self.pool.scale.capitalize()} scale{', trained on ' + data if data else ''}."
        single = len(self.parts) == 1
        said = [sentence for part in self.parts for sentence in part.said] if single else []
        return (opening, *said, *self._paper_sentence())

    def said(self, part: Drawn) -> tuple[str, ...]:
        """What is said of one part, where the figure has several."""
        return part.said if len(self.parts) > 1 else ()

    @property
    def missing(self) -> tuple[str, ...]:
        """What is not drawn and why."""
        return tuple(dict.fromkeys(sentence for part in self.parts for sentence in part.missing))

    def paper_label(self, part: Drawn) -> str:
        """What the hollow marks of a part are; empty where it has none."""
        if not part.paper:
            return ""
        return f"{_DATA[self.pool.scale]}: not comparable" if _DATA[self.pool.scale] else "paper"

    def _paper_sentence(self) -> Iterable[str]:
        if any(part.paper for part in self.parts):
            yield f"Hollow: the paper's value, a bar where it gives a range{words.incomparable(self.pool.scale)}."

    @property
    def claims(self) -> tuple[ClaimLink, ...]:
        """The claims that name this figure."""
        return tuple(
            ClaimLink(title=document.title, href=f"{quote(document.claim, safe='')}.html")
            for document in self._naming()
        )

    @property
    def paper_values(self) -> tuple[PaperValue, ...]:
        """The paper's numbers on this figure: those that are drawn, and those that the claims naming it compare."""
        drawn = {value.id: value for part in self.parts for value in part.paper}
        metrics = frozenset().union(*(part.metrics for part in self.figure.parts))
        arms = frozenset().union(*(part.arms for part in self.figure.parts))
        for document in self._naming():
            for value in document.paper_values:
                if (value.metric is None or value.metric in metrics) and (value.arm is None or value.arm in arms):
                    drawn[value.id] = value
        return tuple(drawn[name] for name in sorted(drawn))

    def is_drawn(self, value: PaperValue) -> bool:
        """Whether a number of the paper is a mark in this figure."""
        return any(value.id == mark.id for part in self.parts for mark in part.paper)

    def number_of(self, value: PaperValue) -> str:
        """The paper's number or range, as printed."""
        return paper_number(value)

    def metric_of(self, value: PaperValue) -> str:
        """What the number is of."""
        return "–" if value.metric is None else metric_name(value.metric).title

    def _naming(self) -> list[VerdictDocument]:
        return [document for document in self.pool.documents if self.figure.number in figures_named(document.where)]


@dataclass(frozen=True)
class FiguresPage:
    """All figures of one scale."""

    pool: Pool

    @cached_property
    def figures(self) -> tuple[FigureView, ...]:
        """Every figure of the catalogue, drawn or not."""
        return tuple(FigureView(figure, self.pool) for figure in FIGURES)

    @property
    def drawn(self) -> int:
        """How many have an image."""
        return sum(figure.drawn for figure in self.figures)

    @property
    def preview(self) -> bool:
        """Whether the scale is smaller than the paper's."""
        return self.pool.scale is not Scale.PAPER

    @property
    def counted(self) -> str:
        """What the page is made of: ``412 runs of 22 claims``."""
        claims = [document for document in self.pool.documents if document.runs]
        return f"{count_of(len(self.pool.runs), 'run')} of {count_of(len(claims), 'claim')}"


def drawable(pool: Pool) -> tuple[Figure, ...]:
    """The figures of which some part has a run."""
    return tuple(figure for figure in FIGURES if any(part.drawable(pool) for part in figure.parts))


def figures_for(document: VerdictDocument) -> tuple[FigureLink, ...]:
    """The figures that a claim's own runs help to draw and that belong to it.

    They are those that the claim's ``where`` names; where it names none, those of the sections that it names.
    """
    if not document.runs:
        return ()
    named, places = figures_named(document.where), places_named(document.where)
    return tuple(
        FigureLink(number=figure.number, title=figure.title, href=f"{PAGE_NAME}#{figure.anchor}")
        for figure in drawable(pool_of([document]))
        if (figure.number in named if named else figure.where.casefold() in places)
    )


def figures_named(where: str) -> frozenset[int]:
    """The numbers of the figures that a place in the paper names: ``Figures 4 to 6`` are 4, 5 and 6."""
    known = {figure.number for figure in FIGURES}
    found: set[int] = set()
    for listed in _NAMED.finditer(where):
        for first, last in _RANGE.findall(listed[1]):
            found |= {number for number in known if int(first) <= number <= int(last or first)}
    return frozenset(found)


def places_named(where: str) -> frozenset[str]:
    """The sections and appendices that a place in the paper names, in lower case."""
    return frozenset(place.casefold() for place in _PLACE.findall(where))


def page_of(documents: Sequence[VerdictDocument]) -> FiguresPage | None:
    """The page of some documents of one scale; ``None`` where none of their runs can be drawn.

    Raises:
        ValueError: the documents are of more than one scale.
    """
    if not documents:
        return None
    pool = pool_of(documents)
    return FiguresPage(pool) if drawable(pool) else None
