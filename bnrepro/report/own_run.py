"""One run by itself: its curve, what was measured, what it was trained on, and how to train it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from bnrepro.report import amounts, curves, text
from bnrepro.report.arms import ArmStyle
from bnrepro.report.metric_names import metric_name
from bnrepro.spec.arms import Arm
from bnrepro.spec.metrics import Metric
from bnrepro.spec.results import DataUsed, RunRow, VerdictDocument

_AGAIN = "again"
"""The folder of a run that is trained again: a store of its own, so that nothing is taken from the first."""


@dataclass(frozen=True, kw_only=True)
class OwnRun:
    """All about one run."""

    run: RunRow
    image: Markup
    """Its test accuracy after each epoch, small; empty where no epoch was finished."""
    measured: tuple[tuple[str, str], ...]
    """What each number is, and the number with its unit."""
    data_place: int | None
    """Place of its data and recipe among those of the document, from 1."""
    data_name: str
    command: str
    """Trains it again, and with it what the same verdict would read on its network."""


def own_runs(document: VerdictDocument, styles: Mapping[Arm, ArmStyle]) -> tuple[OwnRun, ...]:
    """Every run of a document, in its order."""
    places = {family: place for place, data in enumerate(document.data, start=1) for family in data.families}
    found = []
    for run in document.runs:
        place = places.get(run.network.family)
        data: DataUsed | None = None if place is None else document.data[place - 1]
        found.append(
            OwnRun(
                run=run,
                image=curves.draw_small_curve(run, styles[run.arm]),
                measured=_measured(run),
                data_place=place,
                data_name="" if data is None else data.name,
                command=command_again(document, run),
            )
        )
    return tuple(found)


def command_again(document: VerdictDocument, run: RunRow) -> str:
    """One command that trains a run again, into an empty store.

    A seed is reached by asking for one look at all seeds up to it, so the claim's other arms on the same network, and
    smaller seeds, are trained with it.
    """
    provenance = document.provenance
    words = ["bnrepro", "verify", f"claims/{document.claim}.yaml", "--scale", document.scale.value]
    for option, known in (("--device", "device kind"), ("--precision", "precision")):
        if known in provenance:
            words += [option, provenance[known]]
    words += ["--networks", str(run.network), "--seeds", str(run.seed + 1)]
    words += ["--store", _AGAIN, "--reports", f"{_AGAIN}/reports"]
    return shlex.join(words)


def _measured(run: RunRow) -> tuple[tuple[str, str], ...]:
    values = {Metric.TEST_ACCURACY: run.test_accuracy} | run.values
    numbers = [(metric_name(metric).title, _told(value, metric)) for metric, value in values.items()]
    if run.curve:
        last = run.curve[-1]
        numbers += [
            ("Training accuracy, last epoch", amounts.told(last.train_accuracy, "percent")),
            ("Training loss, last epoch", f"{last.train_loss:.3f}"),
            ("Test loss, last epoch", f"{last.test_loss:.3f}"),
        ]
    numbers.append(("Epochs", text.whole(len(run.curve))))
    return tuple(numbers)


def _told(value: float, metric: Metric) -> str:
    return amounts.told(value, metric_name(metric).unit)
