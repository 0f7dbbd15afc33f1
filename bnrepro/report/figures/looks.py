"""How each line of a figure looks: by colour, by shape and by dash, so that none of them is needed."""

from __future__ import annotations

from dataclasses import dataclass

from bnrepro.report.arms import ArmStyle
from bnrepro.report.svg import MARKERS
from bnrepro.spec.arms import Arm
from bnrepro.spec.metrics import Metric

_DASHES = ("", "7 3", "2 3", "9 3 2 3", "12 4", "4 2 1 2")


def look(label: str, colour: int, form: int | None = None) -> ArmStyle:
    """A look by the number of its colour and that of its shape and dash, both from 0 to 5; one number for both."""
    form = colour if form is None else form
    return ArmStyle(label=label, css=f"arm-{colour}", shape=MARKERS[form], dash=_DASHES[form])


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line of a figure: an arm, and how it looks."""

    arm: Arm
    style: ArmStyle
    metric: Metric | None = None
    """Where the lines of one figure are of several metrics; ``None``: that of the panel."""


def series(arm: str, colour: int, form: int | None = None) -> Series:
    """An arm by its name, called as it is everywhere."""
    parsed = Arm.parse(arm)
    return Series(arm=parsed, style=look(parsed.label, colour, form))


def share_series(arm: str, metric: Metric, said: str, colour: int, form: int) -> Series:
    """An arm and one of several metrics of one figure."""
    parsed = Arm.parse(arm)
    return Series(arm=parsed, style=look(f"{parsed.label}, {said}", colour, form), metric=metric)
