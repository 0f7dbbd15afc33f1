"""The index of a site: every claim at every scale at which it was judged, and what all of them come to."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from bnrepro.history import Night
from bnrepro.report import svg
from bnrepro.report.html import render, shipped
from bnrepro.report.lines import Line
from bnrepro.report.sections import Section, section_of
from bnrepro.report.words import SCALE_MEANINGS, tone_of
from bnrepro.spec.catalogue import ROWS
from bnrepro.spec.scale import PaperVerdict, PreviewVerdict, Scale

WORDS = tuple(dict.fromkeys(word.value for pair in zip(PaperVerdict, PreviewVerdict, strict=True) for word in pair))
"""Every word of a verdict, those for the claim first."""
_NIGHTS_OPEN = 12
"""Nights that stand open; older ones are folded away."""


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A file of the site that is not what it should be, and why."""

    path: str
    """As seen from the index."""
    reason: str


@dataclass(frozen=True, kw_only=True)
class IndexedClaim:
    """One claim with its lines, the paper's own scale first."""

    lines: tuple[Line, ...]

    @property
    def chief(self) -> Line:
        """The line of the largest scale, which lends title and place."""
        return self.lines[0]

    @property
    def rows(self) -> tuple[str, ...]:
        """Rows of the catalogue that any of its lines covers."""
        return tuple(sorted({row for line in self.lines for row in line.rows}))


@dataclass(frozen=True, kw_only=True)
class IndexedSection:
    """The claims that a section of the paper makes."""

    section: Section
    claims: tuple[IndexedClaim, ...]

    @property
    def anchor(self) -> str:
        """The name by which a page and its filters know it."""
        return self.section.name.lower().replace(" ", "-")


@dataclass(frozen=True, kw_only=True)
class ScaleSummary:
    """What all claims come to at one scale."""

    scale: Scale
    meaning: str
    counts: tuple[tuple[str, str, int], ...]
    """Word, tone and number of claims of each verdict that occurs."""
    absent: int
    """Claims that the site knows from another scale only."""
    robust: int
    fragile: int
    rows: int
    """Rows of the catalogue of which some check was assessed."""
    runs: int
    """Different runs: claims share them."""
    seconds: float
    figures: str
    """The page of the paper's figures, as seen from the index; empty where there is none."""

    @property
    def judged(self) -> int:
        """Claims that have a verdict."""
        return sum(count for _, _, count in self.counts)

    @property
    def image(self) -> Markup:
        """A bar of all claims, cut by verdict."""
        height, start, parts = 10.0, 0.0, []
        for _, tone, count in (*self.counts, ("", "absent", self.absent)):
            if count:
                parts.append(svg.element("rect", x=start, y=0, width=count, height=height, class_=tone))
                start += count
        return svg.element(
            "svg",
            *parts,
            viewBox=f"0 0 {svg.number(start)} {svg.number(height)}",
            preserveAspectRatio="none",
            class_="tally",
            aria_hidden="true",
        )


@dataclass(frozen=True, kw_only=True)
class NightLine:
    """One verify of the history."""

    night: Night
    href: str
    """Its page, as seen from the index; empty where it is not there."""

    @property
    def counts(self) -> tuple[tuple[str, str, int], ...]:
        """Word, tone and number of claims of each verdict that occurs."""
        return counted(outcome.verdict.value for outcome in self.night.claims)


@dataclass(frozen=True, kw_only=True)
class Index:
    """All that the index shows."""

    lines: tuple[Line, ...]
    unreadable: tuple[Unreadable, ...] = ()
    nights: tuple[NightLine, ...] = ()
    """Newest first."""
    nights_before: int = 0
    """Older ones, which are not listed."""
    figures: dict[Scale, str]
    """The page of the paper's figures at each scale that has one."""

    @cached_property
    def claims(self) -> tuple[IndexedClaim, ...]:
        """Every claim once, by name."""
        scales = tuple(Scale)
        by_name: dict[str, list[Line]] = {}
        for line in sorted(self.lines, key=lambda line: (line.claim, scales.index(line.scale))):
            by_name.setdefault(line.claim, []).append(line)
        return tuple(IndexedClaim(lines=tuple(lines)) for lines in by_name.values())

    @cached_property
    def sections(self) -> tuple[IndexedSection, ...]:
        """The sections of the paper that have claims, in its order."""
        by_section: dict[Section, list[IndexedClaim]] = {}
        for claim in self.claims:
            by_section.setdefault(section_of(claim.chief.where), []).append(claim)
        return tuple(IndexedSection(section=key, claims=tuple(by_section[key])) for key in sorted(by_section))

    @cached_property
    def scales(self) -> tuple[ScaleSummary, ...]:
        """What claims come to, scale by scale."""
        return tuple(self._summary(scale) for scale in Scale)

    def _summary(self, scale: Scale) -> ScaleSummary:
        lines = [line for line in self.lines if line.scale is scale]
        seconds = {key: took for line in lines for key, took in line.seconds_by_run.items()}
        return ScaleSummary(
            scale=scale,
            meaning=SCALE_MEANINGS[scale],
            counts=counted(line.verdict.value for line in lines),
            absent=len(self.claims) - len(lines),
            robust=sum(line.robust for line in lines),
            fragile=sum(line.fragile for line in lines),
            rows=len({row for line in lines for row in line.rows_assessed}),
            runs=len(seconds),
            seconds=sum(seconds.values()),
            figures=self.figures.get(scale, ""),
        )

    @property
    def words(self) -> tuple[str, ...]:
        """The verdicts that occur."""
        found = {line.verdict.value for line in self.lines}
        return tuple(word for word in WORDS if word in found)

    @property
    def rows_covered(self) -> int:
        """Rows of the catalogue that some claim here covers."""
        return len(ROWS) - len(self.rows_left)

    @property
    def rows_left(self) -> tuple[str, ...]:
        """Rows of the catalogue that no claim here covers."""
        covered = {row for line in self.lines for row in line.rows}
        return tuple(row for row in ROWS if row not in covered)

    @property
    def rows(self) -> int:
        """Rows of the catalogue."""
        return len(ROWS)

    @property
    def latest_nights(self) -> tuple[NightLine, ...]:
        """Those that stand open."""
        return self.nights[:_NIGHTS_OPEN]

    @property
    def older_nights(self) -> tuple[NightLine, ...]:
        """Those that are folded away."""
        return self.nights[_NIGHTS_OPEN:]


def render_index(index: Index) -> str:
    """The page. The same index gives the same bytes."""
    script = shipped("index.js")
    # The policy of the page names this one script by its hash: no other can run.
    digest = base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode()
    return render(
        "index.html.jinja",
        index=index,
        index_style=Markup(shipped("index.css")),  # noqa: S704 - our own file
        script=Markup(f"\n{script}"),  # noqa: S704 - our own file
        script_digest=digest,
    )


def counted(words: Iterable[str]) -> tuple[tuple[str, str, int], ...]:
    """Word, tone and number of each verdict among some, in the order of :data:`WORDS`."""
    counts = Counter(words)
    return tuple((word, tone_of(word), counts[word]) for word in WORDS if counts[word])
