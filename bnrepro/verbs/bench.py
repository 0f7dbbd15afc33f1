"""Measure how fast this machine trains, side by side with a plain loop and with what its convolutions alone take."""

from __future__ import annotations

import argparse
import sys

from bnrepro.bench.rounds import bench as timed_by_turns
from bnrepro.bench.rows import heading, memory_rows, speed_rows, warning
from bnrepro.bench.workload import choose_precision, workload_for
from bnrepro.device import choose_device
from bnrepro.processes import available_cores
from bnrepro.spec.bench import Window
from bnrepro.spec.run import DeviceKind
from bnrepro.terminal import standard_error, standard_output
from bnrepro.train.bench.entry import BENCH_MODULE, contend
from bnrepro.verbs import EXIT_OK

_SECONDS = 3.0


def bench(arguments: argparse.Namespace) -> int:
    """Measure images a second and memory, by turns with a plain PyTorch loop and with the floor."""
    device = choose_device(arguments.device)
    workload = workload_for(
        arguments.network,
        arguments.arm,
        device=device,
        precision=choose_precision(arguments.precision, device),
        data_root=arguments.data_root,
    )
    runs = arguments.jobs or (available_cores() if device is DeviceKind.CPU else 1)
    seconds = _SECONDS if arguments.seconds is None and arguments.steps is None else arguments.seconds
    progress = standard_error()
    progress.say(f"{1 + 2 * runs} processes start and warm up; then only those that are timed work")
    result = timed_by_turns(
        workload,
        contend,
        preload=[BENCH_MODULE],
        runs=runs,
        rounds=arguments.rounds,
        window=Window(steps=arguments.steps, seconds=seconds),
        say=progress.say,
    )
    if arguments.json:
        sys.stdout.write(result.model_dump_json() + "\n")
        return EXIT_OK
    out = standard_output()
    out.say(heading(result))
    out.say()
    out.table(speed_rows(result))
    out.say()
    memory = memory_rows(result)
    if memory:
        out.table(memory)
    else:
        out.say("memory: this machine does not tell it")
    out.say()
    out.say(_LEGEND)
    disturbed = warning(result)
    if disturbed is not None:
        out.say()
        out.say(disturbed)
    return EXIT_OK


_LEGEND = (
    "(a) gets ready-made batches from memory; (b) and (c) index and augment theirs. (d) is the convolutions and matrix "
    "products of a step alone, at the precision of (b) and (c)."
)
