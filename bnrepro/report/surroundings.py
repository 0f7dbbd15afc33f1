"""What stands around a claim's page where it is part of a site: pages to go to, and what earlier nights found."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

_NOTHING = Markup()


@dataclass(frozen=True, kw_only=True)
class PageLink:
    """Another page of the site, as seen from this one."""

    text: str
    href: str


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """All of it; a page by itself has none."""

    index: str = ""
    """Where the index lists this claim."""
    scales: tuple[PageLink, ...] = ()
    """The same claim at other scales."""
    figures: tuple[PageLink, ...] = ()
    """Figures of the paper, drawn from runs of this scale, that belong to the claim."""
    trend: Markup = _NOTHING
    """The section about earlier nights; empty where there are too few."""
