"""How a run starts processes of its own: those that share its batches, and those that decode its images."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.context import BaseContext

from bnrepro.signals import STOP_SIGNALS


def process_context() -> BaseContext:
    """A fork server with torch in memory, on Linux; else new interpreters.

    Never a plain fork: this process has threads, and may have a CUDA device open.
    """
    if sys.platform == "darwin" or "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bnrepro.train.distributed"])
    return context


def serve_parent(*_: object) -> None:
    """Make this process live as long as the one that started it, and no signal end it before.

    Ctrl-C and schedulers signal whole groups of processes, but to write a checkpoint a run needs all of its own. A
    child of a fork server is not told when the process that asked for it is killed, and torch's decoders wait on.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
