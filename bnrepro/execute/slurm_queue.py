"""SLURM's own commands: what has become of some jobs, and asking them to end."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Collection
from dataclasses import dataclass

from bnrepro.errors import DeviceError

COMMAND_SECONDS = 60.0
"""After so long without an answer, a command counts as failed."""

SILENT_SECONDS = 900.0
"""How long the queue may not answer, as while its controller starts anew, before we give up."""

_OVER = frozenset(
    [
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "REVOKED",
        "TIMEOUT",
    ]
)

_NEVER = frozenset(["PartitionTimeLimit", "BadConstraints", "InvalidAccount", "InvalidQOS"])
"""Reasons for waiting that no patience helps. Not PartitionNodeLimit, which also tells of machines that are drained."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What the queue says of one job."""

    state: str
    reason: str

    @property
    def over(self) -> bool:
        """It will not run any more."""
        return self.state in _OVER

    @property
    def begun(self) -> bool:
        """It has been given its machine."""
        return self.state in {"RUNNING", "COMPLETING"}


class Queue:
    """The jobs of one name.

    SLURM tells of an ended job for some minutes (``MinJobAge``); accounting, which not every cluster has, is not
    needed.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._heard = time.monotonic()

    def look(self) -> dict[str, Standing] | None:
        """Every job that SLURM still knows, by its number; ``None`` where it did not answer.

        Raises:
            DeviceError: it has not answered for long, or a job will never begin.
        """
        told = _run(
            ["squeue", "--me", f"--name={self._name}", "--states=all", "--array", "--noheader", "--format=%i|%T|%r"]
        )
        if told is None:
            if time.monotonic() - self._heard >= SILENT_SECONDS:
                raise DeviceError(
                    "SLURM's queue does not answer (squeue fails); the jobs there go on, results are kept"
                )
            return None
        self._heard = time.monotonic()
        found = {}
        for line in told.splitlines():
            number, _, rest = line.strip().partition("|")
            state, _, reason = rest.partition("|")
            found[number] = Standing(state=state, reason=reason)
            if state == "PENDING" and reason in _NEVER:
                raise DeviceError(
                    f"SLURM will never begin job {number} ({reason}); ask for less with --slurm KEY=VALUE"
                )
        return found

    def stop(self, numbers: Collection[str]) -> None:
        """Withdraw jobs that wait; send SIGINT to those at work, which tells them from jobs that SLURM preempts."""
        if numbers:
            _run(["scancel", "--state=PENDING", *numbers])
            _run(["scancel", "--state=RUNNING", "--signal=INT", *numbers])

    def kill(self, numbers: Collection[str]) -> None:
        """End jobs that are at work now."""
        if numbers:
            _run(["scancel", "--signal=KILL", "--full", *numbers])

    def cancel_all(self) -> None:
        """Every job of the name, also one whose number never reached us."""
        _run(["scancel", "--me", f"--name={self._name}"])


def _run(command: list[str]) -> str | None:
    """What a command prints; ``None`` where it fails, which it does while SLURM's controller is away."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)  # noqa: S603 - no shell, and no word of it is the user's
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None
