"""One claim at one scale as the index tells it: one line, taken from its verdict document."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from markupsafe import Markup

from bnrepro.report import amounts, intervals, text
from bnrepro.report.parts import PartsView
from bnrepro.report.words import is_preview, tone
from bnrepro.spec.results import CheckResult, VerdictDocument
from bnrepro.spec.scale import Scale, Verdict

_MOST_TITLE, _MOST_REASON, _MOST_WORDS, _MOST_ROW = 200, 160, 60, 16
"""Longest texts that an index of many claims can carry; the claim's own page has them whole."""
_SECONDS = re.compile(r"(?<=\d\d:\d\d):\d\d(?= UTC$)")


@dataclass(frozen=True, kw_only=True)
class Effect:
    """The estimate of the check that settles a verdict, in words and drawn."""

    image: Markup
    estimate: str
    seeds: str
    """How many in the smallest arm; empty for arithmetic."""
    interval: str
    """Of arithmetic, that it has none."""
    region: str
    """Where the interval must lie; empty where many exact counts are compared at once."""

    @classmethod
    def of(cls, check: CheckResult) -> Self:
        """What there is to see of a check that has an estimate."""
        parts, unit = PartsView(check), check.unit
        if parts.counts_several:
            return cls(
                image=intervals.share_figure(parts.agreeing, len(parts.compared)),
                estimate=f"{parts.agreeing} of {len(parts.compared)} agree",
                seeds="",
                interval="counted exactly",
                region="",
            )
        estimate = f"{parts.number(check)} {amounts.unit_after(unit)}".strip()
        return cls(
            image=intervals.line_figure(check),
            estimate=text.abbreviated(estimate, _MOST_WORDS),
            seeds="" if parts.arithmetic else f"n{text.NO_BREAK}={text.NO_BREAK}{check.n}",
            interval="counted exactly" if parts.arithmetic else amounts.interval(check.interval, unit),
            region=parts.region,
        )


@dataclass(frozen=True, kw_only=True)
class Line:
    """All that the index says of one claim at one scale."""

    claim: str
    """Name of its files, which is the claim's own."""
    scale: Scale
    title: str
    where: str
    rows: tuple[str, ...]
    rows_assessed: frozenset[str]
    """Those of which some check was assessed."""
    verdict: Verdict
    preview: bool
    """Whether this evidence can neither confirm nor refute."""
    partial: bool
    """Whether less was asked than the claim file declares."""
    effect: Effect | None
    """Of the check that settles the verdict; ``None`` where nothing was estimated."""
    reason: str
    robust: bool
    """Whether that check's verdict survives Holm's correction over the suite."""
    fragile: bool
    """Whether something small would give that check another verdict."""
    seconds_by_run: dict[str, float]
    """What each run took, by key: claims share runs."""
    judged_at: str
    """As the document says it, to the minute; empty where it does not."""

    @classmethod
    def of(cls, document: VerdictDocument) -> Self:
        """The line of a document."""
        check = next((check for check in document.checks if check.id == document.headline_check), None)
        return cls(
            claim=document.claim,
            scale=document.scale,
            title=text.abbreviated(document.title, _MOST_TITLE),
            where=text.abbreviated(document.where, _MOST_TITLE),
            rows=tuple(text.abbreviated(row, _MOST_ROW) for row in document.rows),
            rows_assessed=frozenset(check.row for check in document.checks if tone(check.verdict) != "none"),
            verdict=document.verdict,
            preview=is_preview(document),
            partial=not document.whole_claim,
            effect=None if check is None or check.estimate is None else Effect.of(check),
            reason=text.abbreviated(document.reason, _MOST_REASON),
            robust=check is not None and check.robust is True,
            fragile=check is not None and bool(check.fragile),
            seconds_by_run={run.key: run.wall_seconds for run in document.runs},
            judged_at=text.abbreviated(_SECONDS.sub("", document.provenance.get("judged at", "")), _MOST_WORDS),
        )

    @property
    def href(self) -> str:
        """Its page, as seen from the index. Names of claims are safe in an address."""
        return f"{self.scale.value}/{self.claim}.html"

    @property
    def seconds(self) -> float:
        """What its runs took together."""
        return sum(self.seconds_by_run.values())
