"""How a run starts processes of its own: those that share its batches, and those that decode its images."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.context import BaseContext

from bnrepro.processes import fresh_context
from bnrepro.signals import STOP_SIGNALS


def process_context() -> BaseContext:
    """For processes of a run: they start with torch in memory where there is a fork server."""
    return fresh_context(["bnrepro.train.distributed"])


def serve_parent(*_: object) -> None:
    """Make this process live as long as the one that started it, and no signal end it before.

    Ctrl-C and schedulers signal whole groups of processes, but to write a checkpoint a run needs all of its own. A
    child of a fork server is not told when the process that asked for it is killed, and torch's decoders wait on.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
