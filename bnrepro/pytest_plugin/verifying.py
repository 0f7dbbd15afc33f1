"""``bnrepro verify`` on behalf of pytest: the same stages, told to a log instead of a terminal."""

from __future__ import annotations

import argparse
import signal
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NoReturn

from bnrepro.carry_out import carry_out
from bnrepro.errors import BnreproError
from bnrepro.progress import Lines
from bnrepro.publish import write_document
from bnrepro.pytest_plugin.outcome import ClaimOutcome, Verified
from bnrepro.report.site import write_site
from bnrepro.session import Session
from bnrepro.signals import first_one_stops
from bnrepro.spec.results import VerdictDocument

Say = Callable[[str], None]


def verify(arguments: argparse.Namespace, say: Say) -> Verified:
    """Train what the claims need, judge them, and write their reports where ``arguments.reports`` is a folder.

    Never raises: an error is every item's own, and is told by each without working again.
    """
    try:
        with _one_interrupt():
            return _verify(arguments, say)
    except BnreproError as error:
        return Verified.broken(str(error))
    except Exception:  # noqa: BLE001 - a bug of ours, shown whole
        return Verified.broken(f"this is a bug in bnrepro; please report it with these lines\n{traceback.format_exc()}")


def _verify(arguments: argparse.Namespace, say: Say) -> Verified:
    session = Session.begin(arguments, say)
    documents = carry_out(session, say=say, following=lambda stage: nullcontext(Lines(say, stage, jobs=session.jobs)))
    suite = session.suite
    return Verified(
        scale_told=f"scale {suite.setting.scale}: {session.scale_reason}",
        claims=_outcomes(documents, arguments.reports),
        trained=len(suite.trained),
        cached=len(suite.records.keys() - suite.trained),
        failed=len(suite.failed),
        reports=None if arguments.reports is None else str(arguments.reports),
    )


def _outcomes(documents: Sequence[VerdictDocument], reports: Path | None) -> tuple[ClaimOutcome, ...]:
    """What items need of the verdicts; where reports are asked for, these are written first, and the site built."""
    if reports is None:
        return tuple(ClaimOutcome.of(document, page=None) for document in documents)
    written = [write_document(document, reports) for document in documents]
    write_site(reports, judged=documents)
    pages = [str(path.with_suffix(".html")) for path in written]
    return tuple(ClaimOutcome.of(document, page=page) for document, page in zip(documents, pages, strict=True))


def _one_interrupt() -> AbstractContextManager[None]:
    """End on the first Ctrl-C, where this thread is told of it."""
    if threading.current_thread() is not threading.main_thread():
        return nullcontext()
    return first_one_stops([signal.SIGINT], _stop, deaf_afterwards=False)


def _stop(_number: int) -> NoReturn:
    raise KeyboardInterrupt
