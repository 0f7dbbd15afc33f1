"""The life of one contender's process: build, warm up, then train in windows as it is told to."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection

import torch

from bnrepro.errors import BnreproError
from bnrepro.spec.bench import Broken, Contender, Go, Halted, Memory, Ready, Timed, Workload
from bnrepro.spec.networks import Family, Network
from bnrepro.spec.run import RunSpec
from bnrepro.train.bench.contenders import steps_of
from bnrepro.train.bench.memory import forget_peak, held_bytes, peak_bytes
from bnrepro.train.environment import describe_environment, torch_device
from bnrepro.train.processes import serve_parent

_TINY = Network(family=Family.CIFAR, depth=8)
_TINY_BATCH = 8


def serve(contender: Contender, workload: Workload, connection: Connection) -> None:
    """An :data:`~bnrepro.spec.bench.Entry`; ends when the pipe is closed or the process that started it has gone."""
    serve_parent()
    try:
        _serve(contender, workload, connection)
    except (EOFError, ConnectionError):
        pass  # nobody waits for this process any more
    except Exception as error:  # noqa: BLE001 - whatever breaks it must reach the user
        told = str(error) if isinstance(error, BnreproError) else f"{type(error).__name__}: {error}"
        connection.send(Broken(error=told, details=traceback.format_exc()))


def _serve(contender: Contender, workload: Workload, connection: Connection) -> None:
    device = _device(contender, workload.spec)
    next(steps_of(contender, _tiny(workload), device))
    steps = steps_of(contender, workload, device)
    memory = _warm_up(steps, workload, device)
    environment = describe_environment(device)
    if contender is not Contender.OURS:
        environment.pop("kernels", None)
    connection.send(Ready(memory=memory, environment=environment))
    while True:
        go = connection.recv()
        connection.send(_timed(steps, go, workload.spec.recipe.batch_size, device))
        while not connection.poll():
            next(steps)
        connection.recv()
        _wait_for(device)
        connection.send(Halted())


def _device(contender: Contender, spec: RunSpec) -> torch.device:
    """Torch as a run of ours sets it up, or as it comes for the plain loop."""
    if contender is Contender.PLAIN:
        return torch.device(spec.device.value)
    return torch_device(spec.device, spec.recipe.precision)


def _warm_up(steps: Iterator[None], workload: Workload, device: torch.device) -> Memory | None:
    """Take the first steps; what the process held before them, and at most during those that follow."""
    before = held_bytes(device)
    for _ in range(workload.warmup_steps):
        next(steps)
    _wait_for(device)
    from_now = forget_peak(device)
    for _ in range(workload.memory_steps):
        next(steps)
    peak = peak_bytes(device)
    if before is None or peak is None or not from_now:
        return None
    return Memory(before_bytes=before, peak_bytes=peak)


def _tiny(workload: Workload) -> Workload:
    """One small step. After it the libraries that a contender uses are loaded, and no part of what a network holds."""
    spec = workload.spec
    recipe = spec.recipe.model_copy(update={"batch_size": _TINY_BATCH})
    spec = spec.model_copy(update={"network": _TINY, "recipe": recipe})
    return replace(workload, spec=spec, images=workload.images[:_TINY_BATCH], labels=workload.labels[:_TINY_BATCH])


def _timed(steps: Iterator[None], go: Go, batch: int, device: torch.device) -> Timed:
    done, seconds = 0, 0.0
    started, cpu_started = time.perf_counter(), time.process_time()
    while not go.window.is_over(done, seconds):
        next(steps)
        done += 1
        seconds = time.perf_counter() - started
    _wait_for(device)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    return Timed(images=done * batch, seconds=seconds, cpu_seconds=cpu_seconds)


def _wait_for(device: torch.device) -> None:
    """CUDA only takes note of what it is to do; its time is over when it has done it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
