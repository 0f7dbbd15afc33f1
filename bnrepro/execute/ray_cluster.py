"""The Ray cluster that this process is connected to: this machine's own, or one that is there already."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from dataclasses import dataclass
from types import ModuleType

from bnrepro.errors import DeviceError, UsageError
from bnrepro.processes import available_cores
from bnrepro.signals import STOP_SIGNALS

_OBJECT_STORE_BYTES = 80 * 2**20
"""Orders and outcomes are small texts; Ray asks for no less than 75 MiB."""


CONNECT_SECONDS = 10.0
"""How long a cluster may take to answer."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one process of a run asks of a cluster."""

    cpus: float
    gpus: float

    def times(self, processes: int) -> Share:
        """What so many processes of one run ask together, on one machine."""
        return Share(cpus=self.cpus * processes, gpus=self.gpus * processes)

    def __str__(self) -> str:
        return f"{self.cpus:g} CPU{'s' if self.cpus != 1 else ''}" + (f" and {self.gpus:g} GPU" if self.gpus else "")


def connect(address: str | None, *, cores: int | None = None) -> ModuleType:
    """The ray module, connected; a connection that this process has already is used as it is.

    Args:
        address: of a cluster, such as ``10.0.0.1:6379`` or ``auto``; ``None`` starts one on this machine.
        cores: of a cluster that is started here; ``None`` takes what this process may use.

    Raises:
        UsageError: ray is not installed, no cluster answers at the address, or this is not the main thread.
    """
    try:
        # Read when ray is imported. A tool that trains on people's clusters sends nothing about them to anyone.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray
    except ImportError as error:
        raise UsageError("--executor ray needs Ray: pip install 'bnrepro[ray]'") from error
    if ray.is_initialized():
        return ray
    if threading.current_thread() is not threading.main_thread():
        raise UsageError(
            "Ray is connected to from the main thread alone, where signals can be handled; begin there, or call "
            "ray.init() there first"
        )
    if address is not None:
        _refuse_silence(address)
    # Ray takes the handlers of some signals for itself; who called us has its own.
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    try:
        if address is None:
            ray.init(
                address="local",
                num_cpus=cores or available_cores(),
                object_store_memory=_OBJECT_STORE_BYTES,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
            )
        else:
            ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        where = "cannot be started here" if address is None else f"does not answer at {address}"
        raise UsageError(f"a Ray cluster {where}: {error}") from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return ray


def _refuse_silence(address: str) -> None:
    """Ray itself would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():  # such as auto, for which Ray looks on this machine
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UsageError(f"a Ray cluster does not answer at {address}: {error}") from error


def slots(ray: ModuleType, share: Share) -> int:
    """How many shares the cluster has room for, idle or not; a share is never spread over machines."""
    return sum(_slots_of(node["Resources"], share) for node in ray.nodes() if node["Alive"])


def refuse_too_much(ray: ModuleType, share: Share) -> None:
    """Say now that a task would wait for ever.

    Raises:
        DeviceError: no machine of the cluster has so much.
    """
    if slots(ray, share):
        return
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    has = ", ".join(f"{each.get('CPU', 0):g} CPU and {each.get('GPU', 0):g} GPU" for each in machines) or "none"
    raise DeviceError(
        f"a run asks for {share}, and no machine of the Ray cluster has so much (machines: {has}); add one, or ask for "
        f"less with {'--device cpu or --gpus-per-run' if share.gpus else '--cpus-per-run'}"
    )


def _slots_of(resources: dict[str, float], share: Share) -> int:
    asked = {"CPU": share.cpus, "GPU": share.gpus}
    # Ray counts in ten-thousandths; so do we, lest 3 × 0.1 of a GPU not fit into 0.3.
    return min(round(resources.get(name, 0) * 10_000) // round(much * 10_000) for name, much in asked.items() if much)
