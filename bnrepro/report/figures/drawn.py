"""What a part of a figure comes to: images, the tables behind them, and what must be said about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from markupsafe import Markup

from bnrepro.report.arms import ArmStyle
from bnrepro.report.figures.pool import Pool
from bnrepro.spec.arms import Arm
from bnrepro.spec.metrics import Metric
from bnrepro.spec.networks import Family
from bnrepro.spec.results import PaperValue


@dataclass(frozen=True, kw_only=True)
class Column:
    """The heading of a column."""

    title: str
    numeric: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """The numbers behind an image; the first cell of each row names it."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class DrawnPanel:
    """One image and its numbers."""

    title: str
    image: Markup
    table: Table


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One part of a figure, as far as there are runs for it."""

    heading: str
    """Of the part, where a figure has several; empty where it has none."""
    panels: tuple[DrawnPanel, ...]
    small: bool
    """Whether the panels are small multiples, one a network."""
    legend: tuple[ArmStyle, ...]
    """Of what is drawn."""
    missing: tuple[str, ...]
    """What is not drawn and why, in sentences."""
    said: tuple[str, ...]
    """What markers, lines and bars are, and over how many seeds; in sentences."""
    paper: tuple[PaperValue, ...]
    """The paper's values that are drawn."""
    families: frozenset[Family]
    """Of the networks that are drawn."""


class Part(Protocol):
    """A part of a figure of the catalogue, which says what to draw and knows no run."""

    @property
    def metrics(self) -> frozenset[Metric]:
        """The metrics whose printed values belong to it."""
        ...

    @property
    def arms(self) -> frozenset[Arm]:
        """The arms that it shows."""
        ...

    def drawable(self, pool: Pool) -> bool:
        """Whether at least one run can be drawn."""
        ...

    def draw(self, pool: Pool, identity: str) -> Drawn:
        """Draw what there is; ``identity`` opens the ids of the images."""
        ...
