"""The paper's figures, remade from the runs of verdict documents: one page a scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from bnrepro.files import write_atomically
from bnrepro.report.arms import paper_swatch
from bnrepro.report.figures.page import PAGE_NAME, FigureLink, FiguresPage, figures_for, page_of
from bnrepro.report.html import render, shipped
from bnrepro.spec.results import VerdictDocument

__all__ = ["FigureLink", "figures_for", "render_figures", "write_figures"]


def write_figures(documents: Sequence[VerdictDocument], reports: Path) -> Path | None:
    """Write ``<reports>/<scale>/figures.html``; returns its path, or ``None`` where nothing can be drawn.

    The same documents, in whatever order, give the same bytes. Nothing is written where nothing can be drawn; a page
    of an earlier build stays.

    Raises:
        ValueError: the documents are of more than one scale.
        StoreError: the page cannot be written.
    """
    page = page_of(documents)
    if page is None:
        return None
    path = reports / page.pool.scale / PAGE_NAME
    content = render_figures(page).encode()
    if not path.is_file() or path.read_bytes() != content:
        write_atomically(path, content)
    return path


def render_figures(page: FiguresPage) -> str:
    """The whole page as HTML."""
    return render(
        "figures/figures.html.jinja",
        page=page,
        paper_swatch=paper_swatch(),
        figures_style=Markup(shipped("figures/figures.css")),  # noqa: S704 - our own file
    )
