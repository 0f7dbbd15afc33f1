"""What earlier nights said about one claim at one scale: a small figure and a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from markupsafe import Markup

from bnrepro.history.night import CheckOutcome, ClaimOutcome, Night
from bnrepro.report import amounts, text
from bnrepro.report.html import environment
from bnrepro.report.trend_figure import Place, draw_trend
from bnrepro.spec.scale import Scale, Verdict

MOST_NIGHTS = 100
"""Nights that a trend shows; older ones are counted, and stay in the history."""
_MOST_FLIPS = 4


@dataclass(frozen=True, kw_only=True)
class Said:
    """What one night said of the claim."""

    night: Night
    claim: ClaimOutcome
    check: CheckOutcome | None
    """The check that the trend follows; ``None`` where that night had no such check in the same unit."""
    flipped_from: Verdict | None
    """The verdict of the night before, where it was another."""

    @property
    def href(self) -> str:
        """The night's page, as seen from a claim's."""
        return f"../nights/{self.night.sequence:06}.html"

    @property
    def estimate(self) -> str:
        """In words; of a night without one, that there is none."""
        if self.check is None or self.check.estimate is None:
            return "none"
        value, unit = self.check.estimate, self.check.unit
        return amounts.exact(value) if self.check.exact else amounts.figure(value, unit)

    @property
    def interval(self) -> str:
        """In words."""
        if self.check is None or self.check.estimate is None:
            return "none"
        return "exact" if self.check.exact else amounts.interval(self.check.interval, self.check.unit)


@dataclass(frozen=True, kw_only=True)
class Trend:
    """The nights of one claim at one scale, oldest first, as the template prints them."""

    said: tuple[Said, ...]
    left_out: int
    """Nights that are older still."""
    since: int
    """The oldest night that was looked at."""
    follows: CheckOutcome | None
    """The check that the newest night's verdict rests on: one estimate, followed through all nights."""
    scale: Scale

    @property
    def flips(self) -> tuple[Said, ...]:
        """The nights that gave another verdict than the night before, newest first."""
        return tuple(each for each in reversed(self.said) if each.flipped_from is not None)

    @property
    def shown_flips(self) -> tuple[Said, ...]:
        """The newest of them, for a sentence."""
        return self.flips[:_MOST_FLIPS]

    @property
    def devices(self) -> tuple[str, ...]:
        """Kinds of device, in the order of their first night."""
        return tuple(dict.fromkeys(each.night.device for each in self.said))

    @property
    def in_part(self) -> bool:
        """Whether some night asked less than the whole claim."""
        return any(not each.claim.whole_claim for each in self.said)

    @property
    def regions_differ(self) -> bool:
        """Whether the claim wanted the estimate elsewhere on some night."""
        return len({each.check.region for each in self.said if each.check}) > 1

    @property
    def unit(self) -> str:
        """Of the estimates."""
        return self.follows.unit if self.follows else ""

    @cached_property
    def image(self) -> Markup:
        """The figure."""
        places = [
            Place(
                sequence=each.night.sequence,
                verdict=each.claim.verdict,
                check=each.check,
                whole=each.claim.whole_claim,
                device=self.devices.index(each.night.device),
            )
            for each in self.said
        ]
        return draw_trend(places, self.unit, self._told)

    @property
    def _told(self) -> str:
        """The figure in one sentence."""
        spells = [tuple(group) for _, group in groupby(self.said, key=lambda each: each.claim.verdict.value)]
        words = [f"{spell[0].claim.verdict.value} on {text.count_of(len(spell), 'night')}" for spell in spells]
        if len(words) > _MOST_FLIPS:
            words = [f"{len(words) - _MOST_FLIPS} earlier spells", *words[-_MOST_FLIPS:]]
        told = ", then ".join(words)
        last = self.said[-1]
        if last.check is None or last.check.estimate is None:
            return f"{told}."
        return f"{told}; the last estimate is {last.estimate} {amounts.unit_after(self.unit)}".strip() + "."


def trend_section(nights: Sequence[Night], claim: str, scale: Scale) -> Markup:
    """The section about earlier nights of a claim's page; empty where fewer than two nights judged it at this scale.

    Args:
        nights: the history, oldest first.
        claim: id of the claim.
        scale: of its evidence.
    """
    found = [(night, said) for night in nights if (said := night.claim(claim)) is not None and said.scale is scale]
    if len(found) < 2:
        return Markup()
    follows = _followed([said for _, said in found])
    before = [None, *(said.verdict for _, said in found)]
    told = tuple(
        Said(
            night=night,
            claim=said,
            check=_same_check(said, follows),
            flipped_from=then if then is not None and then.value != said.verdict.value else None,
        )
        for (night, said), then in zip(found, before, strict=False)
    )
    trend = Trend(
        said=told[-MOST_NIGHTS:],
        left_out=max(0, len(told) - MOST_NIGHTS),
        since=nights[0].sequence,
        follows=follows,
        scale=scale,
    )
    rendered = environment().get_template("night_trend.html.jinja").render(trend=trend)
    return Markup(rendered)  # noqa: S704 - the template escaped it


def _followed(claims: Sequence[ClaimOutcome]) -> CheckOutcome | None:
    """The newest headline that has an estimate."""
    headlines = (claim.headline for claim in reversed(claims))
    return next((check for check in headlines if check is not None and check.estimate is not None), None)


def _same_check(claim: ClaimOutcome, follows: CheckOutcome | None) -> CheckOutcome | None:
    if follows is None:
        return None
    found = (check for check in claim.checks if check.id == follows.id and check.unit == follows.unit)
    return next(found, None)
