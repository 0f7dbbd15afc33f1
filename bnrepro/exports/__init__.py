"""Verdicts and runs for other programs: CI systems, code hosts, spreadsheets and data frames."""

from __future__ import annotations

from bnrepro.exports.badge import badge
from bnrepro.exports.frames import load_results, load_verdicts
from bnrepro.exports.junit import junit
from bnrepro.exports.summary import summary
from bnrepro.exports.tables import run_table, write_csv, write_parquet

__all__ = [
    "badge",
    "junit",
    "load_results",
    "load_verdicts",
    "run_table",
    "summary",
    "write_csv",
    "write_parquet",
]
