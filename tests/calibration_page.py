"""docs/calibration.md and its figure, from counted verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from scipy import stats

from tests.simulated import Errors, World

WORDS = ("confirmed", "refuted", "inconclusive")


@dataclass(frozen=True, kw_only=True)
class Share:
    """A rate in percent with its two-sided 95 % interval (Clopper & Pearson 1934)."""

    count: int
    draws: int

    @property
    def percent(self) -> float:
        return 100 * self.count / self.draws

    @property
    def interval(self) -> tuple[float, float]:
        found = stats.binomtest(self.count, self.draws).proportion_ci(0.95, method="exact")
        return 100 * float(found.low), 100 * float(found.high)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.percent:.2f} ({low:.2f}–{high:.2f})"


@dataclass(frozen=True, kw_only=True)
class Rates:
    """The verdicts that one world was given."""

    world: World
    said: Counter[str]

    @property
    def draws(self) -> int:
        return self.said.total()

    def share(self, word: str) -> Share:
        return Share(count=self.said[word], draws=self.draws)

    @property
    def worst(self) -> tuple[str, Share]:
        """The wrong verdict that is given most often."""
        return max(((word, self.share(word)) for word in self.world.truth.wrong), key=lambda each: each[1].count)

    @property
    def gate(self) -> str:
        """Whether the bound on wrong verdicts holds: surely, surely not, or not told apart by so many draws."""
        bound = self.world.most_wrong_percent
        if bound is None:
            return "–"
        low, high = self.worst[1].interval
        mark = "**missed**" if low > bound else "held" if self.worst[1].percent <= bound else "within error"
        return f"{mark}, {bound:g}" + ("" if high <= bound or low > bound else " (not sure)")


def page(rates: Sequence[Rates], draws: int) -> str:
    """The whole page, in Markdown."""
    return "\n".join([*_head(rates, draws), *_summary(rates), *_shapes(rates), *_tables(rates)]) + "\n"


def _head(rates: Sequence[Rates], draws: int) -> Iterator[str]:
    counts = sorted({each.draws for each in rates})
    few = [each for each in rates if each.draws < draws]
    yield "# Error rates, measured"
    yield ""
    yield "Written by `make calibrate`; do not edit. What the verdicts mean stands in [statistics.md](statistics.md)."
    yield ""
    yield (
        "Each world has a known truth. Runs are drawn from it and go through `bnrepro.verdict.judge`, which "
        "judges real runs. Marks of fragility and the sentences, which change no verdict, are left out to save time; a "
        "test compares verdicts with and without them. A world that mirrors another is drawn once, and where the truth "
        "is clear, other errors than normal ones at five seeds alone. `count` and `growth` are arithmetic and have no "
        "error rate."
    )
    yield ""
    made = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    yield f"{len(rates):,} worlds, {made} draws each, {sum(each.draws for each in rates):,} in all."
    if few:
        yield (
            f"**{len(few):,} of these worlds have fewer than the {draws:,} draws that are asked for**, so this page is "
            "preliminary: where a gate is marked as not sure, more draws are needed to tell."
        )
    yield ""
    yield "![Wrong verdicts on a bound, by kind of check and shape of the errors](calibration.svg)"
    yield ""


def _summary(rates: Sequence[Rates]) -> Iterator[str]:
    gated = [each for each in rates if each.world.most_wrong_percent is not None]
    held = sum(each.gate.startswith("held") for each in gated)
    sure = sum(each.gate.startswith("held") and "not sure" not in each.gate for each in gated)
    missed = [each for each in gated if "missed" in each.gate]
    open_ = len(gated) - held - len(missed)
    yield "## Gates"
    yield ""
    yield (
        "On a bound, false confirmations and false refutations are each to be at most 5.5 % with normal errors, and "
        "6 % with spreads 5 : 1; where the truth is clear, a wrong verdict at most 0.1 %. Skewed errors and "
        "outliers have no gate; what they do is shown. `range` sets our mean against a reported one, and its formula "
        "(Patil, Peng & Leek 2016) takes the paper's spread to be ours. Where it is not, there is no gate either: "
        "where the paper's is five times ours, and where one number is held against several networks of different "
        "spreads."
    )
    yield ""
    yield (
        f"Of {len(gated):,} worlds with a gate, {held:,} are at or below it, {sure:,} of them by the whole interval. "
        f"{open_:,} are above it by no more than the error of so many draws. "
        f"{len(missed):,} miss it by the whole interval; by chance alone up to {0.025 * len(gated):.0f} would if every "
        "rate lay on its gate."
    )
    yield ""
    if missed:
        yield "| missed by | verdict | % (95 % interval) | gate |"
        yield "|---|---|---|---|"
        for each in missed:
            yield f"| {each.world.name.replace(' | ', ', ')} | {_told(each)} | {each.world.most_wrong_percent:g} |"
        yield ""
    for title, chosen in (("Worst world with a gate", gated), ("Worst world of all", rates)):
        worst = max(chosen, key=lambda each: each.worst[1].interval[0])
        word, share = worst.worst
        yield f"{title}: **{worst.world.name.replace(' | ', ', ')}**, {word} in {share} % of {worst.draws:,} draws."
        yield ""


def _told(each: Rates) -> str:
    word, share = each.worst
    return f"{word} | {share}"


def _shapes(rates: Sequence[Rates]) -> Iterator[str]:
    yield "## The worst on a bound, by shape of the errors"
    yield ""
    yield "The most frequent wrong verdict over all places of the bound and all n, in %, with n in brackets."
    yield ""
    yield f"| kind | {' | '.join(Errors)} |"
    yield "|---|" + "---|" * len(Errors)
    for label, group in groupby(rates, key=lambda each: each.world.setting.label):
        found = _worst_by_shape(list(group))
        cells = [
            f"{found[errors].worst[1].percent:.1f} ({found[errors].world.shown_n})" if errors in found else "–"
            for errors in Errors
        ]
        yield f"| {label} | {' | '.join(cells)} |"
    yield ""


def _worst_by_shape(rates: Sequence[Rates]) -> dict[Errors, Rates]:
    found: dict[Errors, Rates] = {}
    for each in rates:
        shape = each.world.errors
        if not each.world.truth.clear and (shape not in found or each.worst[1].percent > found[shape].worst[1].percent):
            found[shape] = each
    return found


def _tables(rates: Sequence[Rates]) -> Iterator[str]:
    yield "## Every world"
    yield ""
    yield "Percent of draws with 95 % intervals (Clopper & Pearson 1934). The gate is in %."
    yield ""
    for label, group in groupby(rates, key=lambda each: each.world.setting.label):
        yield f"### {label}"
        yield ""
        yield "| truth | errors | n | confirmed | refuted | inconclusive | draws | gate |"
        yield "|---|---|---|---|---|---|---|---|"
        for each in group:
            world, shares = each.world, " | ".join(str(each.share(word)) for word in WORDS)
            named = f"{world.truth} | {world.shown_errors} | {world.shown_n}"
            yield f"| {named} | {shares} | {each.draws:,} | {each.gate} |"
        yield ""


# The figure

_COLOURS = {
    Errors.NORMAL: "#0067a8",
    Errors.UNEQUAL: "#00785a",
    Errors.PAPER_WIDER: "#8a6d00",
    Errors.DIVERGING: "#44546a",
    Errors.SKEWED: "#c44e00",
    Errors.OUTLIERS: "#9b3f7d",
}
_LEFT, _WIDTH, _ROW, _TOP = 170.0, 640.0, 26.0, 92.0
_MOST = 40.0
"""Percent at the right edge; more is drawn there, with its number."""


def figure(rates: Sequence[Rates]) -> str:
    """Each kind a row, each shape of errors a mark with its interval: the worst wrong verdict on a bound."""
    rows = [
        (label, _worst_by_shape(list(group)))
        for label, group in groupby(rates, key=lambda each: each.world.setting.label)
    ]
    height = _TOP + _ROW * len(rows) + 44
    bottom = _TOP + _ROW * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 40:g} {height:g}" role="img" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#1b1f23">',
        "<title>Wrong verdicts on a bound</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/><text x="12" y="22" font-size="15" font-weight="600">'
        "Most frequent wrong verdict on a bound, % of draws</text>",
        *_legend(),
    ]
    for percent in range(0, int(_MOST) + 1, 5):
        place = _across(percent)
        stroke = 'stroke="#ad2318" stroke-dasharray="4 3"' if percent == 5 else 'stroke="#e1e5e9"'
        parts.append(
            f'<line x1="{place:.1f}" y1="{_TOP - 8:g}" x2="{place:.1f}" y2="{bottom:g}" '
            f"{stroke}/>"
            f'<text x="{place:.1f}" y="{bottom + 18:g}" text-anchor="middle">{percent}</text>'
        )
    for position, (label, found) in enumerate(rows):
        parts.extend(_row(label, found, _TOP + _ROW * position + _ROW / 2))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _across(percent: float) -> float:
    return _LEFT + _WIDTH * min(percent, _MOST) / _MOST


def _legend() -> Iterator[str]:
    for position, (errors, colour) in enumerate(_COLOURS.items()):
        x, y = 18 + 270 * (position % 3), 46 + 20 * (position // 3)
        yield f'<circle cx="{x}" cy="{y - 4}" r="4" fill="{colour}"/><text x="{x + 10}" y="{y}">{escape(errors)}</text>'


def _row(label: str, found: dict[Errors, Rates], y: float) -> Iterator[str]:
    yield f'<text x="{_LEFT - 10:g}" y="{y + 4:.1f}" text-anchor="end">{escape(label)}</text>'
    for position, errors in enumerate(_COLOURS):
        if errors in found:
            share, at = found[errors].worst[1], y + 4 * (position - 2)
            low, high = share.interval
            yield (
                f'<line x1="{_across(low):.1f}" y1="{at:.1f}" x2="{_across(high):.1f}" y2="{at:.1f}" '
                f'stroke="{_COLOURS[errors]}" stroke-width="1.5"/>'
                f'<circle cx="{_across(share.percent):.1f}" cy="{at:.1f}" r="3" fill="{_COLOURS[errors]}"/>'
            )
            if share.percent > _MOST:
                yield (
                    f'<text x="{_across(share.percent) + 6:.1f}" y="{at + 4:.1f}" font-size="10">'
                    f"{share.percent:.0f}</text>"
                )
