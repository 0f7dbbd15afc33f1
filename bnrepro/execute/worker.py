"""One process of this machine, one run: carries it out and tells the pool by a pipe."""

from __future__ import annotations

import signal
from multiprocessing.connection import Connection
from pathlib import Path

from bnrepro.execute.messages import Message
from bnrepro.execute.perform import Job, perform
from bnrepro.signals import STOP_SIGNALS
from bnrepro.spec.trainer import Prober, Trainer


class _Pipe:
    """The pipe to the pool. A pool that died is a request to stop: nobody waits for this run any more."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.stop_asked = False

    def send(self, message: Message) -> None:
        try:
            self._connection.send(message)
        except OSError:
            self.stop_asked = True

    def ask_stop(self, *_: object) -> None:
        self.stop_asked = True


def work(trainer: Trainer, prober: Prober | None, job: Job, store_root: Path, connection: Connection) -> None:
    """The worker's whole life. Signals end it at the next step, checkpoint written."""
    pipe = _Pipe(connection)
    for number in STOP_SIGNALS:
        signal.signal(number, pipe.ask_stop)
    if hasattr(signal, "pthread_sigmask"):
        # The pool held these back until somebody here would listen.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    try:
        pipe.send(perform(trainer, prober, job, store_root, pipe))
    finally:
        connection.close()
