"""The command line: verbs to functions. Nothing else in bnrepro prints or chooses an exit code.

Exit codes: 0 every claim confirmed, or supported at a smaller scale; 1 one refuted or contradicted;
2 usage or claim file; 3 environment or internal failure; 4 none refuted, some inconclusive or not
assessed, or (``validate --against-store``) one changed after its runs; 5 nothing selected; 130 or 143 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from bnrepro.arguments import make_parser
from bnrepro.errors import BnreproError, DocumentError, NothingSelected, SpecError, UsageError
from bnrepro.signals import STOP_SIGNALS

if TYPE_CHECKING:
    from bnrepro.doctor import Finding
    from bnrepro.spec.results import VerdictDocument

EXIT_OK, EXIT_REFUTED, EXIT_FAILURE, EXIT_OPEN = 0, 1, 3, 4
EXIT_INTERRUPTED, EXIT_TERMINATED = 130, 143
FULLY_SHOWN = 3
"""Claims whose verdicts are told in full on the terminal; of more, one line each."""


class Terminated(BaseException):
    """SIGTERM, or SIGUSR2 from a scheduler that is about to take the machine."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    from bnrepro.terminal import standard_error

    arguments = make_parser(VERBS, DATA_VERBS).parse_args(argv)
    errors = standard_error()
    try:
        with _stopped_by_signals():
            code: int = arguments.verb(arguments)
    except SpecError as error:
        for problem in error.problems:
            errors.line(f"error: {problem}")
        return error.exit_code
    except BnreproError as error:
        errors.paragraphs(f"error: {error}")
        return error.exit_code
    except (KeyboardInterrupt, Terminated) as signalled:
        errors.say("stopped; finished runs are kept, the others go on from their checkpoints: same command again")
        return EXIT_INTERRUPTED if isinstance(signalled, KeyboardInterrupt) else EXIT_TERMINATED
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody left to tell, and no traceback to print at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILURE
    except Exception:  # noqa: BLE001 - the last resort: a bug of ours, shown whole
        errors.say("error: this is a bug in bnrepro; please report it with these lines")
        errors.paragraphs(traceback.format_exc())
        return EXIT_FAILURE
    return code


def verify(arguments: argparse.Namespace) -> int:
    """Train what some claims need, judge them, write their reports: every stage, in order."""
    from bnrepro.plan_text import plan_lines
    from bnrepro.progress import shown
    from bnrepro.publish import document_for, write_document
    from bnrepro.report import write_report
    from bnrepro.session import Session
    from bnrepro.terminal import standard_error, standard_output
    from bnrepro.verdict_text import show_verdict, show_verdicts

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
    return _exit_code(documents)


def plan(arguments: argparse.Namespace) -> int:
    """Show the trainings that verdicts need, and what claims share, before anything is spent."""
    from bnrepro.budget import shared_budget
    from bnrepro.cost import CostModel
    from bnrepro.plan_text import plan_lines, show_budget, show_powers, show_runs, show_unsettled
    from bnrepro.power import powers
    from bnrepro.session import Session
    from bnrepro.terminal import standard_output

    out = standard_output()
    session = Session.begin(arguments, out.say, only_plan=True)
    suite, setting = session.suite, session.suite.setting
    plans = []
    for look in suite.looks():
        plans.append(suite.plan(look))
        for line in plan_lines(plans[-1], look=session.look_name(look), jobs=session.jobs):
            out.say(line)
        if look < len(suite.looks()):
            out.say("and if no check is settled by then:")
    out.say()
    settled = [(question, powers(question, suite.references, setting)) for question in suite.questions]
    if len(suite.questions) <= FULLY_SHOWN:
        show_powers(out, settled)
        out.say()
        show_runs(out, plans)
    else:
        show_unsettled(out, settled)
    if len(suite.questions) == 1:
        return EXIT_OK
    out.say()
    model = plans[-1].cost if plans[-1].runs else CostModel(shapes=setting.shapes)
    show_budget(out, suite.questions, shared_budget(suite.questions, suite.references, setting, model), setting.device)
    return EXIT_OK


def list_claims(arguments: argparse.Namespace) -> int:
    """List claims: rows, and at each scale the trainings, their cost and the last verdict."""
    from bnrepro.budget import setting_without_data, shared_budget
    from bnrepro.cost import CostModel
    from bnrepro.plan_text import listed_claim
    from bnrepro.question import ask
    from bnrepro.session import asked_claims, load_suite
    from bnrepro.spec.catalogue import ROWS
    from bnrepro.spec.scale import Scale
    from bnrepro.terminal import standard_output
    from bnrepro.wording import plural

    claims, references = load_suite(asked_claims(arguments))
    table = [["claim and its rows", "scale", "trainings", "about", "last verdict"]]
    for loaded in claims:
        asked = []
        for scale in Scale if loaded.claim.trains else (Scale.PAPER,):
            question = ask(loaded, scale)
            if question.declared:
                setting = setting_without_data(scale)
                alone = shared_budget([question], references, setting, CostModel(shapes=setting.shapes)).together
                asked.append((scale, alone, _last_verdict(arguments.reports / scale / f"{loaded.claim.id}.json")))
        table += listed_claim(loaded.claim, asked)
    out = standard_output()
    out.table(table)
    rows = {row for loaded in claims for row in loaded.claim.rows}
    out.say()
    out.say(f"{plural(len(claims), 'claim')}, {len(rows)} of {len(ROWS)} rows of the catalogue")
    out.say(
        "trainings and hours of a CPU core or a GPU if every look is taken and nothing is in the store, at assumed "
        "rates; bnrepro plan tells them, and what claims share"
    )
    return EXIT_OK


def validate(arguments: argparse.Namespace) -> int:
    """Check claim files and the reference numbers that they name."""
    from bnrepro.session import asked_claims, load_suite
    from bnrepro.terminal import standard_output
    from bnrepro.wording import plural

    out = standard_output()
    claims, references = load_suite(asked_claims(arguments))
    checks = sum(len(loaded.claim.checks) for loaded in claims)
    out.say(
        f"ok: {plural(len(claims), 'claim')}, {plural(checks, 'check')}, {plural(len(references), 'reference number')}"
    )
    if not arguments.against_store:
        return EXIT_OK
    from bnrepro.declared import changed_claims

    changed = 0
    for claim, scale, changes in changed_claims(claims, arguments.store, out.say):
        changed += 1
        out.say(f"{claim} at scale {scale}, since runs exist:")
        for change in changes:
            out.say(str(change), indent="  ")
    if not changed:
        out.say(f"no claim means anything else than when its first runs came into {arguments.store}")
    return EXIT_OPEN if changed else EXIT_OK


def report(arguments: argparse.Namespace) -> int:
    """Write HTML again from verdict files; trains nothing."""
    from bnrepro.report import write_report
    from bnrepro.terminal import standard_output

    documents = arguments.documents or sorted(arguments.reports.glob("*/*.json"))
    if not documents:
        raise NothingSelected(f"no verdict file under {arguments.reports}; bnrepro verify writes them")
    for document in documents:
        standard_output().line(f"report: {write_report(document)}")
    return EXIT_OK


def small_resnets(arguments: argparse.Namespace) -> int:
    """Show Appendix D's grid: small ResNets with as many parameters as a BatchNorm budget."""
    from bnrepro.small_resnets import search, summary_rows
    from bnrepro.terminal import standard_output

    out = standard_output()
    out.table(search(arguments.budget).rows() if arguments.budget is not None else summary_rows())
    return EXIT_OK


def doctor(arguments: argparse.Namespace) -> int:
    """Say what is installed, which devices and data are here, and whether the store is sound."""
    from bnrepro.doctor import findings

    return _show_findings(findings(arguments.store, arguments.data_root, arguments.imagenet_root))


def data_check(arguments: argparse.Namespace) -> int:
    """Read every data source there is, in full, and say what it is."""
    from bnrepro.data import describe
    from bnrepro.doctor import data_finding

    reports = describe(arguments.data_root, arguments.store / "data", imagenet_root=arguments.imagenet_root)
    return _show_findings(map(data_finding, reports))


def data_fetch(arguments: argparse.Namespace) -> int:
    """Download CIFAR-10 through torchvision and check it."""
    from bnrepro.data import fetch_cifar10
    from bnrepro.terminal import standard_output

    if arguments.data_root is None:
        raise UsageError("say where to put it: bnrepro data fetch cifar10 --data-root DIR")
    standard_output().say(f"cifar10: fetched and checked, in {fetch_cifar10(arguments.data_root)}")
    return EXIT_OK


def _last_verdict(report: Path) -> str:
    from bnrepro.report import load_document

    if not report.is_file():
        return "-"
    try:
        document = load_document(report)
    except DocumentError:
        return "unreadable report"
    return f"{document.verdict}{'' if document.whole_claim else ', not as declared'}"


def _show_findings(found: Iterable[Finding]) -> int:
    from bnrepro.terminal import standard_output

    out, healthy = standard_output(), True
    for finding in found:
        out.paragraphs(f"{'ok ' if finding.sound else 'BAD'}  {finding.subject}: {finding.text}")
        healthy = healthy and finding.sound
    return EXIT_OK if healthy else EXIT_FAILURE


def _exit_code(documents: Sequence[VerdictDocument]) -> int:
    words = {document.verdict.value for document in documents}
    if words & {"refuted", "contradicted"}:
        return EXIT_REFUTED
    return EXIT_OK if words <= {"confirmed", "supported"} else EXIT_OPEN


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """End on the first signal; workers then write their checkpoints, which a second one must not cut short."""

    def stop(number: int, _frame: FrameType | None) -> None:
        for each in STOP_SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        sys.stderr.write("\nstopping at the next step, to keep what is done\n")
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    before = {number: signal.signal(number, stop) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        # Once stopped we stay deaf, so that a late signal cannot change the exit code.
        if signal.getsignal(signal.SIGINT) is stop:
            for number, handler in before.items():
                signal.signal(number, handler)


VERBS = {
    "verify": verify,
    "plan": plan,
    "list": list_claims,
    "validate": validate,
    "report": report,
    "small-resnets": small_resnets,
    "doctor": doctor,
}
DATA_VERBS = {"check": data_check, "fetch": data_fetch}
