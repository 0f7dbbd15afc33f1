"""What starting processes needs to know of this machine: how they begin, and how many cores there are for them."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Sequence
from multiprocessing.context import BaseContext
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Of a container: microseconds of CPU time, or "max", in a period of so many."""


def fresh_context(preload: Sequence[str]) -> BaseContext:
    """A fork server that imports these modules once, on Linux; else new interpreters.

    Never a plain fork: the process that asks may have threads, and a CUDA device open. On macOS, forking after a
    numerical library has started its threads is not safe either.
    """
    if sys.platform == "darwin" or "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    return context


def available_cores() -> int:
    """Cores that this process may use, a container's quota included; at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = _QUOTA.read_text().split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # no cgroup, or its quota is "max"
        return cores
