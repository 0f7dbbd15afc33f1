"""Train, judge, report."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from bnrepro.plan_text import plan_lines
from bnrepro.progress import shown
from bnrepro.publish import document_for, write_document
from bnrepro.report import write_report
from bnrepro.session import Session
from bnrepro.spec.results import VerdictDocument
from bnrepro.terminal import standard_error, standard_output
from bnrepro.verbs import EXIT_OK, EXIT_OPEN, EXIT_REFUTED, FULLY_SHOWN
from bnrepro.verdict_text import show_verdict, show_verdicts


def verify(arguments: argparse.Namespace) -> int:
    """Train what some claims need, judge them, write their reports: every stage, in order."""
    out = standard_error() if arguments.json else standard_output()
    session = Session.begin(arguments, out.say)
    suite = session.suite
    for look in suite.looks():
        plan = suite.plan(look)
        for line in plan_lines(plan, look=session.look_name(look), jobs=session.jobs):
            out.say(line)
        with shown(plan, out) as listener:
            suite.train(plan, session.pool(), listener)
        suite.judge(look)
        if suite.settled:
            break
    documents = [
        document_for(question, suite, data=session.data, scale_reason=session.scale_reason)
        for question in suite.questions
    ]
    for document in documents:
        page = write_report(write_document(document, arguments.reports))
        if len(documents) <= FULLY_SHOWN:
            show_verdict(out, document)
            out.line(f"report: {page}")
        if arguments.json:
            sys.stdout.write(json.dumps(document.model_dump(mode="json")) + "\n")
    if len(documents) > FULLY_SHOWN:
        show_verdicts(out, documents)
        out.line(f"reports: {arguments.reports}")
    return exit_code(documents)


def exit_code(documents: Sequence[VerdictDocument]) -> int:
    """What verdicts come to: 0 where all hold, 1 where one fails, else 4."""
    words = {document.verdict.value for document in documents}
    if words & {"refuted", "contradicted"}:
        return EXIT_REFUTED
    return EXIT_OK if words <= {"confirmed", "supported"} else EXIT_OPEN
