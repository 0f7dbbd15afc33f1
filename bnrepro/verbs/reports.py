"""Verdicts that are there already: their pages, what changed between two verifies, tables of runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bnrepro.diff_text import show_diff
from bnrepro.errors import NothingSelected
from bnrepro.history import Night, baseline_of, find, load, newest
from bnrepro.history import diff as compared
from bnrepro.report.site import SiteBuilt, write_site
from bnrepro.terminal import standard_error, standard_output
from bnrepro.verbs import EXIT_FAILURE, EXIT_OK, EXIT_REFUTED


def report(arguments: argparse.Namespace) -> int:
    """Build the site from verdict files and the history; nothing else is read."""
    if not any(arguments.reports.glob("*/*.json")):
        raise NothingSelected(f"no verdict file under {arguments.reports}; bnrepro verify writes them")
    built = write_site(arguments.reports)
    show_problems(built)
    standard_output().line(f"reports: {built.index}")
    return EXIT_FAILURE if built.problems else EXIT_OK


def show_problems(built: SiteBuilt) -> None:
    """Name the files that the site could not show."""
    for problem in built.problems:
        standard_error().paragraphs(f"not shown: {problem.reason}")


def diff(arguments: argparse.Namespace) -> int:
    """Show what changed between two verifies; 1 where something fails that did not before."""
    nights = load(arguments.reports)
    if not nights:
        raise NothingSelected(f"no history under {arguments.reports}; bnrepro verify writes it")
    before, after = _chosen(nights, arguments.before, arguments.after, arguments.reports)
    difference = compared(before, after)
    show_diff(standard_output(), difference, new_failures_alone=arguments.new_failures)
    return EXIT_REFUTED if difference.new_failures else EXIT_OK


def _chosen(nights: Sequence[Night], before: str | None, after: str | None, reports: Path) -> tuple[Night, Night]:
    """The two that are meant: by default the last verify and the one that it is compared with."""
    second = newest(nights) if after is None else find(nights, after)
    if before is not None:
        return find(nights, before), second
    first = baseline_of(reports, second)
    if first is None:
        raise NothingSelected(
            f"verify {second.sequence} has no earlier one of its scale and device to be compared with; name one"
        )
    return first, second


def export(arguments: argparse.Namespace) -> int:
    """Write every run of the store as a table."""
    # Tables take the store and their own libraries, which no other verb here needs.
    from bnrepro.exports import run_table, write_csv, write_parquet
    from bnrepro.store import Store

    out = standard_output()
    rows = run_table(Store(arguments.store, notify=out.say))
    if not rows:
        raise NothingSelected(f"no run in {arguments.store}; bnrepro verify trains them")
    write = write_csv if arguments.form == "csv" else write_parquet
    out.line(f"{len(rows)} runs: {write(rows, arguments.file)}")
    return EXIT_OK
