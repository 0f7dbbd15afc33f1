"""How pytest shows checks: a word and a letter while it runs, and what the claims came to at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from bnrepro.pytest_plugin.sharing import verified_here
from bnrepro.wording import plural

OPEN = "inconclusive"
"""The verdict, and the name under which pytest counts such checks."""
_LETTERS = {"passed": ".", "failed": "F", "skipped": "s"}


def status(told: dict[str, str], outcome: str) -> tuple[str, str, str]:
    """Category, letter and word of a check that was judged, for ``pytest_report_teststatus``.

    An inconclusive check has a category of its own, unless it counts as a failure, and always its own letter and word.
    One that was not assessed is an ordinary skip.
    """
    word = f"{told['verdict'].upper()} ({told['scale']})"
    if told["verdict"] == OPEN:
        return ("failed" if outcome == "failed" else OPEN), "?", word
    return outcome, _LETTERS[outcome], "SKIPPED" if outcome == "skipped" else word


def write_summary(terminal: pytest.TerminalReporter, config: pytest.Config, reports: Sequence[Any]) -> None:
    """Write how many checks came out how, at what price, and every check that stayed open with its reason."""
    verified, stopped = verified_here(config)
    terminal.section("claims")
    by_scale: dict[str, Counter[str]] = {}
    for report in reports:
        by_scale.setdefault(report.bnrepro["scale"], Counter())[report.bnrepro["verdict"]] += 1
    for scale, words in by_scale.items():
        told = ", ".join(f"{count} {word}" for word, count in words.most_common())
        terminal.write_line(f"scale {scale}: {plural(words.total(), 'check')}, {told}")
    for each in verified:
        failed = f", {each.failed} failed" if each.failed else ""
        terminal.write_line(f"trainings: {each.trained} trained, {each.cached} from the store{failed}")
        if each.reports is not None:
            terminal.write_line(f"reports: {each.reports}")
    if stopped:
        terminal.write_line("stopped; finished runs are kept, the others go on from their checkpoints")
    for report in reports:
        if report.bnrepro["verdict"] == OPEN:
            word = f"{OPEN.upper()} ({report.bnrepro['scale']})"
            terminal.write_line(f"{word} {report.nodeid} - {report.bnrepro['reason']}", yellow=True)
