"""Figures that lay accuracy over a number of parameters: Figure 3 with its two fits, and Figure 10."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bnrepro.report import svg, text
from bnrepro.report.arms import ArmStyle
from bnrepro.report.figures.by_size import DIVERGED, axis_of, said_of
from bnrepro.report.figures.drawn import Drawn, DrawnPanel
from bnrepro.report.figures.fits import Fit, fit_of
from bnrepro.report.figures.frame import LARGE, Tick, counted_ticks
from bnrepro.report.figures.groups import Group
from bnrepro.report.figures.pool import Pool
from bnrepro.report.figures.samples import Line, sample_of, samples_table
from bnrepro.report.figures.seed_plot import SeedPlot, draw_seeds
from bnrepro.report.metric_names import metric_name
from bnrepro.spec.arms import Arm
from bnrepro.spec.metrics import Metric
from bnrepro.spec.results import RunRow

_ROOM = 26.0
_POINTS = "One mark a seed. Short bars are means over seeds; upright lines are ±1 sample standard deviation, which a "
_POINTS += "single seed does not have."

Counted = Literal["batchnorm", "trainable"]


@dataclass(frozen=True, kw_only=True)
class CountedSeries:
    """An arm on a group of networks."""

    group: Group
    arm: Arm
    style: ArmStyle
    own_places_only: bool = False
    """Whether networks that an earlier series shows are left to it."""


@dataclass(frozen=True, kw_only=True)
class ByParameters:
    """Test accuracy over a number of parameters, by logarithm."""

    counted: Counted
    """Which parameters: those of BatchNorm, or those that are trained."""
    series: tuple[CountedSeries, ...]
    fitted: bool = False
    close: bool = False
    """Whether the vertical axis keeps close to the values."""
    heading: str = ""

    @property
    def metrics(self) -> frozenset[Metric]:
        """Accuracy alone."""
        return frozenset({Metric.TEST_ACCURACY})

    @property
    def arms(self) -> frozenset[Arm]:
        """Of the series."""
        return frozenset(series.arm for series in self.series)

    def drawable(self, pool: Pool) -> bool:
        """Whether at least one run can be drawn."""
        return bool(self._lines(pool))

    def draw(self, pool: Pool, identity: str) -> Drawn:
        """One panel with every series."""
        lines = self._lines(pool)
        if not lines:
            reason = f"No run of these arms on these networks at {pool.scale} scale."
            return Drawn(
                heading=self.heading,
                panels=(),
                small=False,
                legend=(),
                missing=(reason,),
                said=(),
                paper=(),
                families=frozenset(),
            )
        used = {line.style.label for line in lines}
        absent = [series.style.label for series in self.series if series.style.label not in used]
        samples = [sample for line in lines for sample in line.samples]
        fits = self._fits(lines)
        points = said_of(samples)
        said = [points[0], _POINTS if fits else points[1], *([DIVERGED] if DIVERGED in points else [])]
        return Drawn(
            heading=self.heading,
            panels=(self._panel(pool, lines, fits, f"{identity}-1"),),
            small=False,
            legend=tuple(series.style for series in self.series if series.style.label in used),
            missing=(f"Without a run: {'; '.join(absent)}.",) if absent else (),
            said=(*said, *self._said_of_fits(fits)),
            paper=tuple(value for sample in samples for value in sample.paper),
            families=frozenset(sample.network.family for sample in samples),
        )

    def _lines(self, pool: Pool) -> tuple[Line, ...]:
        lines: list[Line] = []
        for series in self.series:
            taken = {sample.network for line in lines for sample in line.samples} if series.own_places_only else set()
            found = []
            for network in series.group.members(pool.networks):
                runs = pool.cells.get((network, series.arm), ())
                paper = pool.paper_at(Metric.TEST_ACCURACY, network, series.arm)
                sample = sample_of(network, Metric.TEST_ACCURACY, runs, paper)
                # A count below 1, which no network has, has no place on a logarithmic axis.
                if sample is not None and network not in taken and (count := self._count(sample.runs[0])) > 0:
                    found.append((float(count), sample))
            found.sort(key=lambda pair: (pair[0], str(pair[1].network)))
            if found:
                places, samples = zip(*found, strict=True)
                lines.append(Line(style=series.style, samples=samples, places=places))
        return tuple(lines)

    def _count(self, run: RunRow) -> int:
        return run.batchnorm_parameters if self.counted == "batchnorm" else run.trainable_parameters

    def _fits(self, lines: tuple[Line, ...]) -> tuple[Fit, ...]:
        fits = []
        for line in lines if self.fitted else ():
            pairs = zip(line.places, line.samples, strict=True)
            points = [(place, sample.mean) for place, sample in pairs if sample.mean is not None]
            fits.append(fit_of(line.style, [place for place, _ in points], [mean for _, mean in points]))
        return tuple(fit for fit in fits if fit is not None)

    def _said_of_fits(self, fits: tuple[Fit, ...]) -> list[str]:
        if not self.fitted:
            return []
        if not fits:
            return ["No line is fitted: that takes two networks of a series."]
        told = "; ".join(
            f"{fit.style.label} {fit.slope:+.2f} points a doubling ({text.count_of(fit.networks, 'network')})"
            for fit in fits
        ).replace("-", "−")
        said = [f"Dashed: least squares on log2 of BatchNorm parameters through the means of networks: {told}."]
        if len(fits) == 2 and fits[1].slope > 0:
            times = f"{fits[0].slope / fits[1].slope:.2f}".replace("-", "−")
            said.append(f"The first is {times} times as steep as the second.")
        if any(fit.networks == 2 for fit in fits):
            said.append("Through two networks any line fits exactly.")
        return said

    def _panel(self, pool: Pool, lines: tuple[Line, ...], fits: tuple[Fit, ...], identity: str) -> DrawnPanel:
        places = [place for line in lines for place in line.places]
        across = LARGE.across(min(places), max(places), room=_ROOM, log=True)
        what = "BatchNorm parameters" if self.counted == "batchnorm" else "trained parameters"
        family = lines[0].samples[0].network.family
        title = f"Test accuracy by {what}"
        name = metric_name(Metric.TEST_ACCURACY)
        plot = SeedPlot(
            title=title,
            name=name,
            axis=axis_of(Metric.TEST_ACCURACY, lines, close=self.close),
            across=across,
            across_title=f"{what} (count, log scale)",
            ticks=tuple(
                Tick(at=across(value), name=svg.tick_text(value)) for value in counted_ticks(min(places), max(places))
            ),
            dodge=0,
            lines=lines,
            fits=fits,
            chance=pool.chance(Metric.TEST_ACCURACY, family),
        )
        table = samples_table(title, name, what.capitalize(), lines)
        return DrawnPanel(title=title, image=draw_seeds(plot, identity), table=table)
