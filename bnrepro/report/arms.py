"""How each arm looks in every figure: by colour, by shape and by dash.

Up to six arms differ in each of them, so that none is needed; up to 36 in colour and shape together.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from bnrepro.report import svg
from bnrepro.spec.arms import Arm
from bnrepro.spec.results import VerdictDocument

_DASHES = ("", "7 3", "2 3", "9 3 2 3", "12 4", "4 2 1 2")
_USUAL_SLOT = {"batchnorm": 0, "all": 1, "random_2": 2, "output": 3, "batchnorm_output": 4}
"""Arms of many claims keep one look from report to report; others take what is free."""


@dataclass(frozen=True, kw_only=True)
class ArmStyle:
    """The look of one arm; ``css`` is the class that sets its colour."""

    label: str
    css: str
    shape: str
    dash: str

    def swatch(self) -> Markup:
        """A short stretch of the arm's line with its marker, for a legend that names it in text."""
        return svg.element(
            "svg",
            svg.path(((1, 7), (37, 7)), "mean", stroke_dasharray=self.dash),
            svg.marker(self.shape, (19, 7), 4.5, "mark"),
            viewBox="0 0 38 14",
            class_=f"swatch {self.css}",
            aria_hidden="true",
        )


def arm_styles(document: VerdictDocument) -> dict[Arm, ArmStyle]:
    """A look for every arm of the document, in the document's order."""
    labels = {group.arm: group.arm_label for group in document.groups}
    labels |= {run.arm: run.arm_label for run in document.runs}
    taken = {_USUAL_SLOT[arm.name] for arm in labels if arm.name in _USUAL_SLOT}
    free = (slot for slot in range(len(labels) + len(_USUAL_SLOT)) if slot not in taken)
    styles = {}
    for arm, name in labels.items():
        round_, slot = divmod(_USUAL_SLOT[arm.name] if arm.name in _USUAL_SLOT else next(free), len(_DASHES))
        # Each round through the colours goes with shapes and dashes shifted by one: 36 looks before one returns.
        other = (slot + round_) % len(_DASHES)
        styles[arm] = ArmStyle(label=name, css=f"arm-{slot}", shape=svg.MARKERS[other], dash=_DASHES[other])
    return styles


def paper_swatch() -> Markup:
    """The hollow diamond of the paper's values."""
    return svg.element(
        "svg",
        svg.marker("diamond", (19, 7), 4.5, "paper"),
        viewBox="0 0 38 14",
        class_="swatch",
        aria_hidden="true",
    )
