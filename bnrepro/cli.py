"""The command line: verbs to functions.

Exit codes: 0 every claim confirmed, or supported at a smaller scale; 1 one refuted or contradicted; 2 usage or claim
file; 3 environment or internal failure; 4 none refuted, some inconclusive or not assessed, or the budget left runs
whatever the verdicts, or (``validate --against-store``) one changed after its runs; 5 nothing selected; 130 or 143
interrupted. ``diff``: 1 where something fails that did not before.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from bnrepro.arguments import Verb, make_parser
from bnrepro.errors import BnreproError, SpecError
from bnrepro.signals import STOP_SIGNALS, first_one_stops
from bnrepro.startup import imported_quickly
from bnrepro.verbs import EXIT_FAILURE

EXIT_INTERRUPTED, EXIT_TERMINATED = 130, 143


class Terminated(BaseException):
    """SIGTERM, or SIGUSR2 from a scheduler that is about to take the machine."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    from bnrepro.terminal import standard_error

    arguments = make_parser(VERBS, DATA_VERBS).parse_args(argv)
    errors = standard_error()
    try:
        # Once stopped we stay deaf, so that a late signal cannot change the exit code.
        with first_one_stops(STOP_SIGNALS, _stop, deaf_afterwards=True):
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


def _stop(number: int) -> NoReturn:
    sys.stderr.write("\nstopping at the next step, to keep what is done\n")
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated


def _verb(module: str, function: str, sentence: str) -> Verb:
    """A verb whose module is imported when it is called, so that each starts with what it needs alone."""

    def run(arguments: argparse.Namespace) -> int:
        code: int = getattr(imported_quickly(f"bnrepro.verbs.{module}"), function)(arguments)
        return code

    run.__doc__ = sentence
    return run


VERBS = {
    "verify": _verb("verify", "verify", "Train what some claims need, judge them, write their reports."),
    "plan": _verb(
        "plan", "plan", "Show the trainings that verdicts need, and what they can settle, before all is spent."
    ),
    "list": _verb(
        "claims", "list_claims", "List claims: rows, and at each scale the trainings, cost and last verdict."
    ),
    "validate": _verb("claims", "validate", "Check claim files and the reference numbers that they name."),
    "report": _verb("reports", "report", "Build the pages again from verdict files and the history; trains nothing."),
    "diff": _verb("reports", "diff", "Show what changed between two verifies."),
    "export": _verb("reports", "export", "Write every run of the store as a table."),
    "bench": _verb("bench", "bench", "Measure this machine's speed beside a plain PyTorch loop and beside the floor."),
    "small-resnets": _verb("machine", "small_resnets", "Show Appendix D's grid of small ResNets."),
    "doctor": _verb(
        "machine", "doctor", "Say what is installed, which devices and data are here, and if the store is sound."
    ),
}
DATA_VERBS = {
    "check": _verb("machine", "data_check", "Read every data source there is, in full, and say what it is."),
    "fetch": _verb("machine", "data_fetch", "Download CIFAR-10 through torchvision and check it."),
}
