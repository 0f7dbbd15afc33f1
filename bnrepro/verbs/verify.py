"""Train, judge, report."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bnrepro.carry_out import carry_out
from bnrepro.errors import BnreproError, UsageError
from bnrepro.files import write_atomically
from bnrepro.history import Diff, append, baseline_of, diff
from bnrepro.progress import shown
from bnrepro.publish import write_document
from bnrepro.report.night import write_night
from bnrepro.report.site import write_site
from bnrepro.session import Session
from bnrepro.spec.results import VerdictDocument
from bnrepro.terminal import Terminal, standard_error, standard_output
from bnrepro.unfinished import unfinished_summary
from bnrepro.verbs import EXIT_OK, EXIT_OPEN, EXIT_REFUTED, FULLY_SHOWN
from bnrepro.verbs.reports import show_problems
from bnrepro.verdict_text import show_verdict, show_verdicts


def verify(arguments: argparse.Namespace) -> int:
    """Train what some claims need, judge them, write their reports: every stage, in order."""
    _refuse(arguments)
    out = standard_error() if arguments.json else standard_output()
    session = Session.begin(arguments, out.say)
    documents = carry_out(session, say=out.say, following=lambda stage: shown(stage, out, jobs=session.jobs))
    # Verdicts are told before anything is made of them that can fail.
    for document in documents:
        write_document(document, arguments.reports)
        if arguments.json:
            sys.stdout.write(json.dumps(document.model_dump(mode="json")) + "\n")
    _show(documents, arguments.reports, out)
    left = unfinished_summary(session.suite.unfinished)
    if left is not None:
        out.say(left)
    _publish(documents, arguments, out)
    return exit_code(documents) if left is None else EXIT_OPEN


def exit_code(documents: Sequence[VerdictDocument]) -> int:
    """What verdicts come to: 0 where all hold, 1 where one fails, else 4."""
    words = {document.verdict.value for document in documents}
    if words & {"refuted", "contradicted"}:
        return EXIT_REFUTED
    return EXIT_OK if words <= {"confirmed", "supported"} else EXIT_OPEN


def _refuse(arguments: argparse.Namespace) -> None:
    """Say now what would fail after the last training."""
    if arguments.all and arguments.claims:
        raise UsageError("--all is every claim in claims/; leave it out to verify those that are named")
    for path in (arguments.junit, arguments.summary, arguments.badge):
        if path is not None and not path.parent.is_dir():
            raise UsageError(f"{path} cannot be written: there is no folder {path.parent}")


def _publish(documents: Sequence[VerdictDocument], arguments: argparse.Namespace, out: Terminal) -> None:
    """Add the verdicts to the history, bring the site up to date, and write what other programs read.

    A history that cannot be added to stops neither the site nor the exports, and is told last.
    """
    difference, failure = None, None
    try:
        difference = _record(documents, arguments, out)
    except BnreproError as error:
        failure = error
    show_problems(write_site(arguments.reports, judged=documents))
    _export(documents, difference, arguments)
    if failure is not None:
        raise failure


def _record(documents: Sequence[VerdictDocument], arguments: argparse.Namespace, out: Terminal) -> Diff | None:
    """Add a verify to the history, with its page; what changed since the one that it is compared with."""
    every = arguments.all and all(document.whole_claim for document in documents)
    night = append(arguments.reports, documents, at=datetime.now(UTC), every=every, notify=out.say)
    before = baseline_of(arguments.reports, night)
    difference = None if before is None else diff(before, night)
    write_night(arguments.reports, night, difference)
    return difference


def _export(documents: Sequence[VerdictDocument], difference: Diff | None, arguments: argparse.Namespace) -> None:
    """Write the forms that other programs read, where they were asked for."""
    if not (arguments.junit or arguments.summary or arguments.badge):
        return
    from bnrepro.exports import badge, junit, summary

    for path, text in (
        (arguments.junit, junit),
        (arguments.summary, lambda documents: summary(documents, difference)),
        (arguments.badge, badge),
    ):
        if path is not None:
            write_atomically(path, text(documents).encode())


def _show(documents: Sequence[VerdictDocument], reports: Path, out: Terminal) -> None:
    """Few verdicts in full, many as a table; and where their pages are."""
    if len(documents) > FULLY_SHOWN:
        show_verdicts(out, documents)
        out.line(f"reports: {reports / 'index.html'}")
        return
    for document in documents:
        show_verdict(out, document)
        out.line(f"report: {reports / document.scale / document.claim}.html")
