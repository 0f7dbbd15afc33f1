"""Contenders that train nothing, for tests of the crew that starts and times them."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection
from pathlib import Path

from bnrepro.spec.bench import Broken, Contender, Halted, Memory, Ready, Timed, Workload

RATES = {Contender.PLAIN: 100, Contender.OURS: 150, Contender.FLOOR: 300}
"""Images a second that each says it did."""
MEMORY = {Contender.PLAIN: 500, Contender.OURS: 200, Contender.FLOOR: 50}
"""Bytes that its network adds to the 1,000 that each held before."""
CPU_SECONDS = {Contender.PLAIN: 0.5, Contender.OURS: 2.4, Contender.FLOOR: 3.0}
"""Of the 3 seconds that each says it took: another process was at work beside ours."""


def steady(contender: Contender, workload: Workload, connection: Connection, *, log: Path | None = None) -> None:
    """Says the same rate at each turn; writes its process id, and what it is at each turn, to a file."""
    _note(log, f"pid {os.getpid()}")
    memory = Memory(before_bytes=1000, peak_bytes=1000 + MEMORY[contender])
    connection.send(Ready(memory=memory, environment={"threads": "2", "device": "a test", "torch": "none"}))
    try:
        while True:
            go = connection.recv()
            _note(log, f"{contender} {go.window.steps}")
            connection.send(Timed(images=RATES[contender] * 3, seconds=3.0, cpu_seconds=CPU_SECONDS[contender]))
            connection.recv()
            connection.send(Halted())
    except EOFError:
        pass


def broken(contender: Contender, workload: Workload, connection: Connection) -> None:
    """Ours raises before it is warm."""
    if contender is Contender.OURS:
        connection.send(Broken(error="no such kernel", details="Traceback: line 7"))
    else:
        steady(contender, workload, connection)


def killed(contender: Contender, workload: Workload, connection: Connection) -> None:
    """The floor ends without a word, as a process does that is killed for its memory."""
    if contender is Contender.FLOOR:
        os._exit(9)
    steady(contender, workload, connection)


def _note(log: Path | None, line: str) -> None:
    if log is not None:
        with log.open("a") as file:
            file.write(line + "\n")
