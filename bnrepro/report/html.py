"""Values as HTML pages: a template, a stylesheet, and nothing fetched from anywhere."""

from __future__ import annotations

from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from bnrepro.report import amounts, text
from bnrepro.report.arms import paper_swatch
from bnrepro.report.compiled import CompiledTemplates
from bnrepro.report.page import Page
from bnrepro.report.surroundings import Surroundings
from bnrepro.report.words import sign, tone
from bnrepro.spec.results import VerdictDocument


def render_html(document: VerdictDocument, surroundings: Surroundings | None = None) -> str:
    """The whole page of a claim, by itself or as a part of a site. The same document gives the same bytes.

    Raises:
        pydantic.ValidationError: the document was built around its own checks and pairs a scale
            with words that it may not use.
    """
    # Read back from its JSON: a copy made with model_copy or model_construct was never checked.
    return render_loaded(VerdictDocument.model_validate_json(document.model_dump_json()), surroundings)


def render_loaded(document: VerdictDocument, surroundings: Surroundings | None = None) -> str:
    """The page of a document that was read from its file, and so was checked."""
    return render(
        "claim.html.jinja",
        document=document,
        page=Page(document),
        around=surroundings or Surroundings(),
        paper_swatch=paper_swatch(),
    )


def render(template: str, **values: object) -> str:
    """A whole page from one of our templates, with the stylesheet of all pages in it."""
    return environment().get_template(template).render(style=Markup(shipped("report.css")), **values)  # noqa: S704 - ours


def shipped(name: str) -> str:
    """The text of a file of this package."""
    return resources.files("bnrepro.report").joinpath(name).read_text(encoding="utf-8")


@cache
def environment() -> Environment:
    """What all templates are rendered in: everything is escaped, nothing may be undefined."""
    environment = Environment(
        loader=PackageLoader("bnrepro", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
        optimized=False,
        bytecode_cache=CompiledTemplates(settings=shipped("html.py")),
    )
    environment.filters |= {
        "anchor": text.anchor,
        "count_of": text.count_of,
        "duration": text.duration,
        "figure": amounts.figure,
        "interval": amounts.interval,
        "percent": text.percent,
        "region": amounts.region,
        "short_key": text.short_key,
        "sign": sign,
        "tone": tone,
        "unit_after": amounts.unit_after,
        "unit_name": amounts.unit_name,
        "whole": text.whole,
    }
    return environment


@pass_context
def _finalize(_context: Context, value: object) -> object:
    """Pass everything that the template prints through :func:`text.visible`, escaped already or not."""
    if isinstance(value, Markup):
        return Markup(text.visible(value))  # noqa: S704 - spelling out control characters adds no markup
    return text.visible(value) if isinstance(value, str) else value
