"""The site: an index, a page a claim and scale, and the paper's figures, from verdict files and history alone.

    reports/
      index.html
      history.jsonl             what every verify found; read where it exists
      <scale>/<claim>.json      verdict files, the source of all
      <scale>/<claim>.html
      <scale>/figures.html
      nights/<sequence>.html    written when its verify ended, never again; only linked here

There is no clock in it: the same files give the same bytes.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bnrepro.errors import DocumentError
from bnrepro.files import write_atomically
from bnrepro.history import Night, recent
from bnrepro.report.document import load_document
from bnrepro.report.figures import figures_for, write_figures
from bnrepro.report.html import render, render_loaded
from bnrepro.report.index import Index, NightLine, Unreadable, render_index
from bnrepro.report.lines import Line
from bnrepro.report.night import night_href
from bnrepro.report.surroundings import PageLink, Surroundings
from bnrepro.report.trend import trend_section
from bnrepro.spec.results import VerdictDocument
from bnrepro.spec.scale import Scale

NIGHTS = 200
"""The newest verifies, which the index lists and trends follow: all of them would take seconds to read after years."""
FIGURES = "figures.html"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""Of a claim, as its file declares it; such a name is safe in an address and in a page."""


@dataclass(frozen=True, kw_only=True)
class SiteBuilt:
    """What a build has written, and what it could not read."""

    index: Path
    pages: tuple[Path, ...]
    """Every other page, scale by scale."""
    problems: tuple[Unreadable, ...]
    """Files that are missing from the site; the index says so too."""


def write_site(reports: Path, *, judged: Collection[VerdictDocument] | None = None) -> SiteBuilt:
    """Build the site from the files of a folder.

    A verdict file that cannot be read stops nothing: the index and the claim's page say what is wrong with it.
    A page that would not change is left alone.

    Args:
        reports: the folder.
        judged: what has just been written there; pages of other claims stay as they are. Without it, all are made.

    Raises:
        StoreError: a page cannot be written.
    """
    with _collector_paused():
        return _build(reports, None if judged is None else {(each.claim, each.scale) for each in judged})


def _build(reports: Path, judged: set[tuple[str, Scale]] | None) -> SiteBuilt:
    nights, problems = _history(reports)
    pages: list[Path] = []
    lines: list[Line] = []
    figures: dict[Scale, str] = {}
    for scale in Scale:
        # One scale at a time: documents at the paper's scale are large.
        documents, unreadable = _documents(reports, scale)
        problems += unreadable
        before = (reports / scale / FIGURES).is_file()
        drawn = _figures(documents, reports, scale, anew=judged is None or any(scale is each for _, each in judged))
        # Pages link to the same claim at other scales, and to the figures.
        judged_claims = None if judged is None or before != (drawn is not None) else {claim for claim, _ in judged}
        for document in documents:
            lines.append(Line.of(document))
            target = reports / scale / f"{document.claim}.html"
            if judged_claims is None or document.claim in judged_claims or not target.is_file():
                around = _surroundings(document, reports, nights, figures_drawn=drawn is not None)
                _put(target, render_loaded(document, around))
            pages.append(target)
        for file in unreadable:
            pages += _explained(file, reports)
        if drawn is not None:
            pages.append(drawn)
            figures[scale] = drawn.relative_to(reports).as_posix()
    index = Index(
        lines=tuple(lines),
        unreadable=tuple(problems),
        nights=tuple(_night_line(night, reports) for night in reversed(nights)),
        nights_before=nights[0].sequence - 1 if nights else 0,
        figures=figures,
    )
    return SiteBuilt(
        index=_put(reports / "index.html", render_index(index)), pages=tuple(pages), problems=tuple(problems)
    )


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep Python from looking for cycles, of which documents have none.

    Those of one scale hold millions of small values, and walking them again and again took 4 of 10 s.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _history(reports: Path) -> tuple[tuple[Night, ...], list[Unreadable]]:
    try:
        return recent(reports, NIGHTS), []
    except DocumentError as error:
        return (), [_unreadable("history.jsonl", error, reports)]


def _figures(documents: Sequence[VerdictDocument], reports: Path, scale: Scale, *, anew: bool) -> Path | None:
    """The page of the paper's figures at one scale; ``None`` where there is nothing to draw."""
    page = reports / scale / FIGURES
    if not anew and page.is_file():
        return page
    drawn = write_figures(documents, reports) if documents else None
    if drawn is None:
        page.unlink(missing_ok=True)
    return drawn


def _verdict_files(reports: Path, scale: Scale) -> Iterator[Path]:
    return (path for path in sorted((reports / scale).glob("*.json")) if not path.name.startswith("."))


def _documents(reports: Path, scale: Scale) -> tuple[list[VerdictDocument], list[Unreadable]]:
    """The verdicts at one scale, by name, and the files that are none."""
    documents, unreadable = [], []
    for path in _verdict_files(reports, scale):
        try:
            documents.append(_checked(load_document(path), path, scale))
        except DocumentError as error:
            unreadable.append(_unreadable(path.relative_to(reports).as_posix(), error, reports))
    return documents, unreadable


def _checked(document: VerdictDocument, path: Path, scale: Scale) -> VerdictDocument:
    """A document that stands where it says it belongs: pages link to it by its name."""
    if (document.claim, document.scale) != (path.stem, scale) or not _NAME.fullmatch(path.stem):
        said = f"claim '{document.claim}' at scale {document.scale}"
        raise DocumentError(f"{path}: holds {said}; it belongs at <scale>/<claim>.json, as `bnrepro verify` writes it")
    return document


def _unreadable(path: str, error: DocumentError, reports: Path) -> Unreadable:
    # Paths as seen from the site: the folder that it lies in is nobody's business, and differs from build to build.
    return Unreadable(path=path, reason=str(error).replace(f"{reports}/", ""))


def _explained(file: Unreadable, reports: Path) -> list[Path]:
    """A page that says what is wrong, in the place of the one that was made from an older file."""
    target = (reports / file.path).with_suffix(".html")
    if not _NAME.fullmatch(target.stem):
        return []
    return [_put(target, render("unreadable.html.jinja", file=file))]


def _surroundings(
    document: VerdictDocument, reports: Path, nights: Sequence[Night], *, figures_drawn: bool
) -> Surroundings:
    claim, scale = document.claim, document.scale
    others = (other for other in Scale if other is not scale and (reports / other / f"{claim}.json").is_file())
    links = figures_for(document) if figures_drawn else ()
    return Surroundings(
        index=f"../index.html#claim-{claim}",
        scales=tuple(PageLink(text=f"At {other} scale", href=f"../{other}/{claim}.html") for other in others),
        figures=tuple(PageLink(text=f"Figure {link.number}: {link.title}", href=link.href) for link in links),
        trend=trend_section(nights, claim, scale),
    )


def _night_line(night: Night, reports: Path) -> NightLine:
    page = night_href(night.sequence)
    return NightLine(night=night, href=page if (reports / page).is_file() else "")


def _put(path: Path, page: str) -> Path:
    """Write a page unless it is there already."""
    content = page.encode()
    if not path.is_file() or path.read_bytes() != content:
        write_atomically(path, content)
    return path
