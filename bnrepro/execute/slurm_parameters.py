"""``--slurm KEY=VALUE``: from the user's words to what submitit asks of SLURM."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bnrepro.errors import UsageError

DEFAULT_MINUTES = 60
"""A job's time limit where none is asked for; a run that takes longer goes on from its checkpoint in the next."""

_OURS = {
    "job_name": "its jobs are found by it",
    "array": "runs are packed into arrays as they come",
    "nodes": "a run is trained on one machine",
    "ntasks_per_node": "a run is one task; its own processes are --processes",
    "cpus_per_task": "say --cpus-per-run",
    "time_min": "say time=",
    "signal": "say signal_delay_s=, in seconds before the time limit",
    "requeue": "a job asks for it when it has written its checkpoint",
}

_NOT_TEXT = {"additional_parameters", "setup", "teardown", "srun_args", "map_count", "num_gpus", "stderr_to_stdout"}

_GPUS = {"gres", "gpus", "gpus_per_node", "gpus_per_task", "gpus_per_socket"}

_TIME = re.compile(r"(?:(?P<days>\d+)-)?(?P<parts>\d+(?::\d+){0,2})")


def parameters_of(asked: Mapping[str, str], known: set[str], *, cpus: int, gpus: int) -> dict[str, Any]:
    """What ``SlurmExecutor.update_parameters`` is given for a run.

    Names that submitit does not know are passed on to ``sbatch``, which refuses those that it does not know either.

    Args:
        asked: names and values as the user wrote them, ``-`` in names as ``_``.
        known: names that submitit takes.
        cpus: of the run, all its processes together.
        gpus: likewise; 0 for a run on the CPU. Not asked for where the user asks for GPUs in SLURM's own words.

    Raises:
        UsageError: a name is ours to set, or a time is none.
    """
    for name, why in _OURS.items():
        if name in asked:
            raise UsageError(f"--slurm {name}={asked[name]}: set by bnrepro; {why}")
    found: dict[str, Any] = {"time": DEFAULT_MINUTES, "cpus_per_task": cpus}
    if cpus > 1:
        found["srun_args"] = [f"--cpus-per-task={cpus}"]  # which srun no longer takes from the job
    if gpus and not _GPUS & asked.keys():
        found["gpus_per_node"] = gpus
    others: dict[str, str] = {}
    for name, value in asked.items():
        if name == "time":
            found["time"] = _minutes(value)
        elif name in known - _NOT_TEXT:
            found[name] = int(value) if value.isdecimal() else value
        else:
            others[name] = value
    if others:
        found["additional_parameters"] = others
    return found


def _minutes(text: str) -> int:
    """SLURM's forms of a time: minutes, minutes:seconds, hours:minutes:seconds, days-hours and so on."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise UsageError(f"--slurm time={text}: not a time such as 90 (minutes), 8:00:00 or 2-12 (days and hours)")
    parts = [int(part) for part in match["parts"].split(":")]
    if match["days"] is not None:
        hours, minutes, seconds = (*parts, 0, 0)[:3]
        hours += 24 * int(match["days"])
    elif len(parts) == 3:
        hours, minutes, seconds = parts
    else:
        hours, minutes, seconds = 0, *(*parts, 0)[:2]
    return max(1, 60 * hours + minutes + (seconds > 0))
