"""The signals that ask bnrepro to stop."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR2") if hasattr(signal, name))
"""Ctrl-C, a request to end, and what schedulers send before they take a machine away."""


@contextmanager
def first_one_stops(
    signals: Sequence[signal.Signals], stop: Callable[[int], NoReturn], *, deaf_afterwards: bool
) -> Iterator[None]:
    """Call ``stop``, which raises, on the first of these signals, and ignore later ones.

    Workers then write their checkpoints, which a second signal must not cut short. Only the main thread can do this.

    Args:
        signals: to listen to.
        stop: is given the signal's number.
        deaf_afterwards: whether later signals stay ignored when the ``with`` block has ended, once one has come.
    """

    def once(number: int, _frame: FrameType | None) -> NoReturn:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        stop(number)

    before = {each: signal.signal(each, once) for each in signals}
    try:
        yield
    finally:
        if not deaf_afterwards or signal.getsignal(signals[0]) is once:
            for each, handler in before.items():
                signal.signal(each, handler)
