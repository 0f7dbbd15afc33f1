"""What the template prints: the document, its figures, and the words that go with its scale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from bnrepro.report import accuracy, curves, intervals, text
from bnrepro.report.arms import ArmStyle, arm_styles
from bnrepro.spec.arms import Arm
from bnrepro.spec.networks import Network
from bnrepro.spec.results import CheckResult, PaperValue, RunRow, VerdictDocument
from bnrepro.spec.run import EpochRecord
from bnrepro.spec.scale import Scale, Verdict

_TONES = {
    "confirmed": ("good", "✓"),
    "supported": ("good", "✓"),
    "refuted": ("bad", "✗"),
    "contradicted": ("bad", "✗"),
    "inconclusive": ("open", "?"),
    "not assessed": ("none", "–"),
}
_EVIDENCE = {
    Scale.PAPER: "the paper's own data, networks and schedule",
    Scale.REDUCED: "CIFAR-10 with fewer epochs, a preview; only the paper's own scale can confirm or refute",
    Scale.DIGITS: "8×8 digits, a preview; only the paper's own scale can confirm or refute",
}
_LESS_AT_PAPER_SCALE = "not the claim as declared, so a preview; only the whole can confirm or refute"
_INCOMPARABLE = {
    Scale.PAPER: "",
    Scale.REDUCED: " (full schedule: not comparable)",
    Scale.DIGITS: " (other data: not comparable)",
}


def tone(verdict: Verdict) -> str:
    """The CSS class of a verdict: good, bad, open or none."""
    return _TONES[verdict.value][0]


def sign(verdict: Verdict) -> str:
    """The mark that stands before a verdict's word, for readers who see no colour."""
    return _TONES[verdict.value][1]


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A drawing and what it is called."""

    title: str
    image: Markup


@dataclass(frozen=True, kw_only=True)
class NetworkRuns:
    """The runs of one network, their curves and the epochs that the table lists."""

    network: Network
    image: Markup
    runs: tuple[RunRow, ...]
    epochs: tuple[int, ...]


@dataclass(frozen=True)
class Page:
    """One document, ready for the template."""

    document: VerdictDocument

    @property
    def evidence(self) -> str:
        """What the scale is, and what it cannot say."""
        if self.document.scale is Scale.PAPER and not self.document.whole_claim:
            return _LESS_AT_PAPER_SCALE
        return _EVIDENCE[self.document.scale]

    @property
    def preview(self) -> bool:
        """Whether this evidence can neither confirm nor refute."""
        return self.document.scale is not Scale.PAPER or not self.document.whole_claim

    @property
    def headline(self) -> CheckResult | None:
        """The check that settles the verdict."""
        return next((check for check in self.document.checks if check.id == self.document.headline_check), None)

    @property
    def headline_image(self) -> Markup:
        """Its estimate against its region."""
        return Markup() if self.headline is None else intervals.headline_figure(self.headline)

    @cached_property
    def arms(self) -> dict[Arm, ArmStyle]:
        """The look of every arm."""
        return arm_styles(self.document)

    @property
    def panels(self) -> tuple[Plot, ...]:
        """Accuracy against depth and against width."""
        return tuple(
            Plot(
                title=panel.title,
                image=accuracy.draw_panel(self.document, panel, self.arms, f"accuracy-{index}"),
            )
            for index, panel in enumerate(accuracy.accuracy_panels(self.document), start=1)
        )

    @property
    def paper_legend(self) -> str:
        """What the hollow diamonds are; empty where none is drawn."""
        marks = accuracy.paper_marks(self.document)
        if not marks:
            return ""
        return f"paper, {accuracy.paper_data(marks)}{_INCOMPARABLE[self.document.scale]}"

    @property
    def seeds_a_point(self) -> str:
        """Seeds behind the points of the accuracy figure: ``3 seeds``, ``1 to 3 seeds``."""
        return text.span_of(tuple(group.n for group in self.document.groups), "seed")

    @property
    def training(self) -> tuple[NetworkRuns, ...]:
        """The training curves, network by network."""
        found = []
        for index, network in enumerate(dict.fromkeys(run.network for run in self.document.runs), start=1):
            runs = tuple(run for run in self.document.runs if run.network == network and run.curve)
            if runs:
                image = curves.draw_curves(network, runs, self.arms, f"curves-{index}")
                found.append(NetworkRuns(network=network, image=image, runs=runs, epochs=curves.shown_epochs(runs)))
        return tuple(found)

    @property
    def any_drop(self) -> bool:
        """Whether some curve has a drop of the learning rate to mark."""
        return any(curves.drops(run.curve) for run in self.document.runs)

    @property
    def diverged(self) -> bool:
        """Whether some run diverged."""
        return any(run.status == "diverged" for run in self.document.runs)

    @cached_property
    def runs(self) -> dict[str, RunRow]:
        """Runs by key."""
        return {run.key: run for run in self.document.runs}

    def runs_of(self, keys: Iterable[str]) -> tuple[RunRow, ...]:
        """The runs behind a number, in the document's order."""
        wanted = set(keys)
        return tuple(run for run in self.document.runs if run.key in wanted)

    def absent(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Keys that a check names and the document has no trained run for."""
        return tuple(key for key in keys if key not in self.runs)

    def arms_of(self, check: CheckResult) -> tuple[str, ...]:
        """Labels of the arms that a check read."""
        return tuple(dict.fromkeys(run.arm_label for run in self.runs_of(check.runs)))

    def check_image(self, check: CheckResult, index: int) -> Markup:
        """Every network of a check against its region."""
        return intervals.networks_figure(check, f"intervals-{index}")

    @cached_property
    def environments(self) -> tuple[dict[str, str], ...]:
        """The different environments that runs were trained in, each once."""
        found: list[dict[str, str]] = []
        for run in self.document.runs:
            if run.environment not in found:
                found.append(run.environment)
        return tuple(found)

    def environment_number(self, run: RunRow) -> int:
        """Place of a run's environment in :attr:`environments`, from 1."""
        return self.environments.index(run.environment) + 1

    def accuracy_at(self, run: RunRow, epoch: int) -> EpochRecord | None:
        """A run's epoch, where it got so far."""
        return next((point for point in run.curve if point.epoch == epoch), None)

    def paper_number(self, value: PaperValue) -> str:
        """The paper's number or range."""
        if value.value is not None:
            return f"{value.value:g}"
        return f"{value.low:g} to {value.high:g}"
