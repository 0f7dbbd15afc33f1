"""Verdicts that are there already: pages, differences, tables."""

from __future__ import annotations

import argparse

from bnrepro.errors import NothingSelected
from bnrepro.report import write_report
from bnrepro.terminal import standard_output
from bnrepro.verbs import EXIT_OK


def report(arguments: argparse.Namespace) -> int:
    """Write HTML again from verdict files; trains nothing."""
    documents = arguments.documents or sorted(arguments.reports.glob("*/*.json"))
    if not documents:
        raise NothingSelected(f"no verdict file under {arguments.reports}; bnrepro verify writes them")
    for document in documents:
        standard_output().line(f"report: {write_report(document)}")
    return EXIT_OK
