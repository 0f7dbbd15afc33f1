"""Verdict files to pages that need no network; nothing here trains or computes."""

from __future__ import annotations

from bnrepro.report.document import load_document
from bnrepro.report.html import render_html

__all__ = ["load_document", "render_html"]
