"""Claims as pytest items: ``pytest claims/`` collects each claim file, and each of its checks is a test.

    pytest claims/ --scale digits -n 2
    pytest claims/ -m "superiority and section4" --junitxml claims.xml

This module is loaded in every pytest of an environment that has bnrepro. It imports nothing but pytest and its own
table of options; the rest comes when the first claim is found. PYTEST_DONT_REWRITE: there is no assertion in it.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from bnrepro.pytest_plugin.options import add_options, add_short_options, check_options

_MARKER = (
    "claim(id, kind, row, section, scale, deciding): a check of a claim of the paper, collected by bnrepro; it is also "
    "marked with its kind, its row, its section and its scale, such as superiority, C18, section4 and digits"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the long options and their ini names."""
    add_options(parser)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(parser: pytest.Parser) -> Generator[None, None, None]:
    """Add the short options once all others are there, so that nobody's own ``--scale`` is refused because of ours."""
    yield
    add_short_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and refuse options that cannot be.

    Raises:
        pytest.UsageError: an option or its ini value is wrong.
    """
    config.addinivalue_line("markers", _MARKER)
    check_options(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where to share verdicts with the others."""
    from bnrepro.pytest_plugin.sharing import SHARED, folder_for_workers

    node.workerinput[SHARED] = str(folder_for_workers(node.config))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a claim file; leave every other file alone."""
    if file_path.suffix != ".yaml":
        return None
    from bnrepro.pytest_plugin.recognise import is_claim_file

    if not is_claim_file(file_path):
        return None
    from bnrepro.pytest_plugin.items import ClaimFile

    return ClaimFile.from_parent(parent, path=file_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the verdict of a check into its report, which may travel to another process."""
    report = yield
    told: dict[str, str] | None = getattr(item, "bnrepro_told", None)
    if told is not None and call.when == "call":
        report.bnrepro = told  # type: ignore[attr-defined]
        if isinstance(report.longrepr, tuple):  # a skip is found where the claim is written, not where we raise it
            path, line, _ = item.reportinfo()
            report.longrepr = str(path), (line or 0) + 1, report.longrepr[2]
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
    """Show a check by the word of its verdict; an inconclusive one counts on its own, whatever it comes to."""
    told: dict[str, str] | None = getattr(report, "bnrepro", None)
    if told is None:
        return None
    from bnrepro.pytest_plugin.summary import status

    return status(told, report.outcome)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell what the claims came to, and every check that stayed open."""
    reports = [report for kind in terminalreporter.stats.values() for report in kind if hasattr(report, "bnrepro")]
    if not reports:
        return
    from bnrepro.pytest_plugin.summary import write_summary

    write_summary(terminalreporter, config, reports)
