"""How the parts of a check are shown: drawn where they are few, told where they are many or exact."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from markupsafe import Markup

from bnrepro.report import amounts, intervals
from bnrepro.report.words import tone
from bnrepro.spec.results import CheckResult, Interval, PartResult

_MOST_DRAWN = 24
_ORDER = ("bad", "open", "good", "none")
"""What differs first; what is not assessed is not part of the comparison."""


@dataclass(frozen=True)
class PartsView:
    """The parts of one check, in the order in which they are listed."""

    check: CheckResult

    @property
    def arithmetic(self) -> bool:
        """Whether the check counts and reads no runs: such estimates are exact, and n, level and looks say nothing."""
        return not self.check.runs and any(part.estimate is not None for part in self.check.parts)

    @property
    def long(self) -> bool:
        """Whether they are too many to be drawn or read one by one."""
        return len(self.check.parts) > _MOST_DRAWN

    @property
    def ordered(self) -> tuple[PartResult, ...]:
        """Of many parts or exact ones, those that differ come first; few others keep the order of the claim."""
        if self.arithmetic or self.long:
            return tuple(sorted(self.check.parts, key=lambda part: _ORDER.index(tone(part.verdict))))
        return self.check.parts

    @property
    def shown(self) -> tuple[PartResult, ...]:
        """The parts that stand open on the page: of many, those that differ."""
        return tuple(part for part in self.ordered if not self.long or _differs(part))

    @property
    def folded(self) -> tuple[PartResult, ...]:
        """The parts that are folded away: of many, those that agree."""
        return tuple(part for part in self.ordered if self.long and not _differs(part))

    @property
    def folded_title(self) -> str:
        """What is folded away: ``the other 116 parts: 116 confirmed``."""
        counts = Counter(part.verdict.value for part in self.folded)
        told = ", ".join(f"{count:,} {word}" for word, count in counts.items())
        return f"{'The other' if self.shown else 'All'} {len(self.folded):,} parts: {told}"

    @property
    def compared(self) -> tuple[PartResult, ...]:
        """The parts that say something: those that are assessed."""
        return tuple(part for part in self.check.parts if tone(part.verdict) != "none")

    @property
    def agreeing(self) -> int:
        """How many of them agree with the claim."""
        return sum(tone(part.verdict) == "good" for part in self.compared)

    @property
    def common_region(self) -> Interval | None:
        """The region of all parts where it is one."""
        regions = {part.region for part in self.check.parts}
        return regions.pop() if len(regions) == 1 else None

    @property
    def settling(self) -> PartResult | None:
        """The part whose estimate is the check's own, where there are several."""
        if len(self.check.parts) < 2:
            return None
        own = (self.check.estimate, self.check.interval)
        return next((part for part in self.check.parts if (part.estimate, part.interval) == own), None)

    def image(self, identity: str) -> Markup:
        """Every part against its region; nothing where they are exact or too many."""
        return Markup() if self.arithmetic or self.long else intervals.parts_figure(self.check, identity)

    @property
    def counts_several(self) -> bool:
        """Whether what agrees can be counted, rather than one value be shown."""
        return self.arithmetic and len(self.compared) > 1

    def number(self, part: PartResult | CheckResult) -> str:
        """A part's estimate: exact ones as they are, since the cells of one table have several units."""
        if part.estimate is None:
            return "none"
        return amounts.exact(part.estimate) if self.arithmetic else amounts.figure(part.estimate, self.check.unit)

    @property
    def region(self) -> str:
        """The check's region in words."""
        bounds, unit = self.check.region, self.check.unit
        return amounts.exact_region(bounds) if self.arithmetic else amounts.region(bounds, unit)

    @property
    def margin(self) -> str:
        """The check's margin or tolerance, which has no sign."""
        if self.arithmetic:
            return amounts.exact(self.check.margin)
        return amounts.figure(self.check.margin, self.check.unit).removeprefix("+")

    @property
    def caption(self) -> str:
        """What the table of those that stand open lists."""
        if self.long:
            return "Those that differ or stay open"
        order = ", what differs first" if self.counts_several and self.agreeing < len(self.compared) else ""
        return f"{'What was counted' if self.arithmetic else 'Its parts'}{order}"


def _differs(part: PartResult) -> bool:
    return tone(part.verdict) in {"bad", "open"}
