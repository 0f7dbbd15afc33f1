"""What runs in a worker of Ray. Knows no ray: any machine of the cluster imports it by its name."""

from __future__ import annotations

import signal

from bnrepro.execute.remote import perform_order
from bnrepro.signals import STOP_SIGNALS


def perform_in_ray(order_json: str) -> str:
    """Carry out one order; a signal, or ``ray.cancel``, ends it at the next step with its checkpoint written.

    Ray cancels a task by the handler of SIGINT, in the main thread, where tasks run.
    """
    asked: list[int] = []
    before = {number: signal.signal(number, lambda got, _frame: asked.append(got)) for number in STOP_SIGNALS}
    try:
        return perform_order(order_json, lambda: bool(asked)).model_dump_json()
    finally:
        # The process goes on to the next task: Ray's own handlers belong to the time between.
        for number, handler in before.items():
            signal.signal(number, handler)
