"""What runs in a job of SLURM: one order, its signals turned into a checkpoint and, for SLURM's own, a requeue."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

from bnrepro.execute.remote import perform_order
from bnrepro.signals import STOP_SIGNALS

GRACE_SECONDS = 600.0
"""How long after SIGTERM a job that has written its checkpoint waits for SLURM to say more, or to end it."""


@dataclass(frozen=True)
class SlurmJob:
    """What submitit keeps in a file for the job: text, in a class that is found by its name.

    submitit has a handler for one signal, SIGUSR2 unless its own ``SUBMITIT_PREEMPT_SIGNAL`` says another, which SLURM
    sends before the time limit and before a preemption. That handler requeues the job and ends the process wherever it
    happens to be, in the middle of a step too. So the signal is held back until the run has ended at its next step,
    with its checkpoint in the store, and only then handed on.

    SIGINT comes from who submitted the job, and ends it. SIGTERM alone may be the beginning of a preemption after which
    SLURM itself requeues the job, unless it has ended by then: so it waits, its checkpoint written, to be ended.
    """

    order_json: str

    def __call__(self) -> str:
        """Carry out the order; the outcome as JSON.

        Raises:
            SystemExit: the run was stopped. Nothing was said then, so that a job which is not requeued counts as lost.
        """
        requeuing = signal.Signals[f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}"]
        asked: list[int] = []
        numbers = {*STOP_SIGNALS, requeuing}
        before = {number: signal.signal(number, lambda got, _frame: asked.append(got)) for number in numbers}
        try:
            outcome = perform_order(self.order_json, lambda: bool(asked))
            if outcome.end == "stopped":
                _wait(lambda: bool({requeuing, signal.SIGINT} & {*asked}), GRACE_SECONDS)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        if outcome.end != "stopped":
            return outcome.model_dump_json()
        requeue = before[requeuing]
        if requeuing in asked and callable(requeue):
            _hand_on(requeue, requeuing)
        raise SystemExit("stopped at a checkpoint")

    def checkpoint(self) -> Any:
        """What submitit is to submit in place of this: the same, since the checkpoint is in the store."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def _hand_on(handler: Callable[[int, FrameType | None], Any], number: int) -> None:
    """To submitit, which requeues the job and ends the process.

    Raises:
        SystemExit: also where that fails, as on a cluster that forbids it; with the reason, which is then in the log.
    """
    try:
        handler(number, None)
    except Exception as error:
        # submitit would store the error as the job's outcome, and so end a run whose checkpoint is good.
        raise SystemExit(f"stopped at a checkpoint; the job cannot be requeued: {error}") from error


def _wait(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
