"""One panel of seeds: a mark a seed, a line through the means, ±1 standard deviation, the paper's values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bnrepro.report import amounts, svg
from bnrepro.report.arms import ArmStyle
from bnrepro.report.figures.fits import Fit
from bnrepro.report.figures.frame import LARGE, Tick, draw_frame
from bnrepro.report.figures.samples import NONE, Line, Sample, paper_ends
from bnrepro.report.metric_names import MetricName
from bnrepro.report.value_axis import ValueAxis

_SEED_SIZE = 2.6
_PAPER_SIZE = 4.8
_SEEDS_APART = (1.8, 4.0)
_SEEDS_SHARE = 0.2
_CROSS_ABOVE_GROUND = 6.0


@dataclass(frozen=True, kw_only=True)
class SeedPlot:
    """All that a panel of seeds draws."""

    title: str
    name: MetricName
    axis: ValueAxis
    across: svg.Axis
    across_title: str
    ticks: tuple[Tick, ...]
    dodge: float
    """How far apart lines stand at one place."""
    lines: tuple[Line, ...]
    fits: tuple[Fit, ...] = ()
    """Beside the lines; where there are any, means are not joined."""
    chance: float | None = None


def draw_seeds(plot: SeedPlot, identity: str) -> Markup:
    """The panel as an image that tells its means to those who cannot see it."""
    up = LARGE.up(plot.axis)
    parts = draw_frame(LARGE, plot.axis, plot.ticks, across=plot.across_title, up=plot.name.axis_title)
    if plot.chance is not None and plot.axis.low <= plot.chance <= plot.axis.high:
        parts.append(svg.line((LARGE.left, up(plot.chance)), (LARGE.right, up(plot.chance)), "chance"))
        # Between the networks, which are marked at both ends, and below, where hardly anything lies.
        parts.append(svg.label("chance", ((LARGE.left + LARGE.right) / 2, up(plot.chance) + 15), anchor="middle"))
    for fit in plot.fits:
        ends = [(plot.across(place), up(fit.at(place))) for place in (fit.low, fit.high)]
        parts.append(svg.element("g", svg.path(ends, "mean", stroke_dasharray="6 4"), class_=fit.style.css))
    for index, line in enumerate(plot.lines):
        shift = (index - (len(plot.lines) - 1) / 2) * plot.dodge
        parts.append(_line(plot, line, [plot.across(place) + shift for place in line.places], up))
    described = "; ".join(
        f"{line.style.label}, {sample.network}: {amounts.told(sample.mean, plot.name.unit)}"
        for line in plot.lines
        for sample in line.samples
        if sample.mean is not None
    )
    return svg.drawing(
        identity,
        LARGE.width,
        LARGE.height,
        f"{plot.title}: {plot.name.axis_title}",
        f"Means: {described or NONE}.",
        *parts,
    )


def _line(plot: SeedPlot, line: Line, at: Sequence[float], up: svg.Axis) -> Markup:
    means = [(x, up(sample.mean)) for x, sample in zip(at, line.samples, strict=True) if sample.mean is not None]
    joined = [svg.path(means, "mean", stroke_dasharray=line.style.dash)] if len(means) > 1 and not plot.fits else []
    # A fifth of a line's own room keeps five seeds clear of the next line.
    apart = min(max(_SEEDS_SHARE * plot.dodge, _SEEDS_APART[0]), _SEEDS_APART[1]) if plot.dodge else _SEEDS_APART[1]
    samples = (_sample(sample, x, up, line.style, apart) for x, sample in zip(at, line.samples, strict=True))
    papers = (mark for x, sample in zip(at, line.samples, strict=True) for mark in _papers(sample, x, up))
    return svg.element("g", *joined, *samples, *papers, class_=line.style.css)


def _sample(sample: Sample, x: float, up: svg.Axis, style: ArmStyle, apart: float) -> Markup:
    parts = []
    if sample.mean is not None:
        parts.append(svg.line((x - 5, up(sample.mean)), (x + 5, up(sample.mean)), "mean"))
    if sample.mean is not None and sample.sd is not None:
        low, high = max(sample.mean - sample.sd, up.low), min(sample.mean + sample.sd, up.high)
        parts.append(svg.line((x, up(low)), (x, up(high)), "sd"))
    parts += [
        svg.marker(style.shape, (place, up(value)), _SEED_SIZE, "mark")
        for place, value in zip(_beside(x, len(sample.values), apart), sample.values, strict=True)
    ]
    # At the bottom, wherever the run ended: a diverged run has no accuracy to speak of.
    crosses = (up.start - _CROSS_ABOVE_GROUND * (1 + index) for index in range(sample.diverged))
    parts += [svg.marker("cross", (x, y), _SEED_SIZE, "diverged") for y in crosses]
    return svg.element("g", *parts)


def _beside(x: float, count: int, apart: float) -> list[float]:
    """Places of so many marks side by side, centred."""
    return [x + (index - (count - 1) / 2) * apart for index in range(count)]


def _papers(sample: Sample, x: float, up: svg.Axis) -> list[Markup]:
    """A hollow diamond for a number, a hollow bar for a range."""
    marks = []
    for value in sample.paper:
        ends = [up(end) for end in paper_ends(value)]
        if len(ends) == 1:
            marks.append(svg.marker("diamond", (x, ends[0]), _PAPER_SIZE, "paper"))
        else:
            height = max(max(ends) - min(ends), 1)
            marks.append(svg.element("rect", x=x - 5, y=min(ends), width=10, height=height, class_="paper"))
    return marks
