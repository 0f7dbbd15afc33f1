"""One verdict file to one HTML page that needs neither network nor script; nothing here trains or computes."""

from __future__ import annotations

from bnrepro.report.document import load_document, write_report
from bnrepro.report.html import render_html

__all__ = ["load_document", "render_html", "write_report"]
