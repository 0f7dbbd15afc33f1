"""Trainers that train nothing and probers that measure nothing: one for each way in which a worker can fare. No torch.

Trainers note their runs in ``<data>/log``, one line a start, probers theirs in ``<data>/probe-log``, one line a
measurement begun. Seed 0 is the one that misbehaves. Run as a program, it works in a pool and prints what became of
the runs as JSON:
    python -m tests.fake_trainer TRAINER STORE DATA JOBS SEEDS [PROBER PROBE…]
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from bnrepro.errors import DataError, StoreFull, TrainingError
from bnrepro.identity import run_key
from bnrepro.spec.probe import AffineValues, ClampingCurve, Correctness, Measured, Probe, UnitActivity
from bnrepro.spec.recipe import DatasetName
from bnrepro.spec.run import RunRecord, RunSpec
from bnrepro.spec.trainer import Interrupted, Progress, Slot
from tests.small_claim import a_run, made_up

STEPS = 400
STEP_SECONDS = 0.01

Result = tuple[RunRecord, Mapping[str, np.ndarray]]
Stop = Callable[[], bool]
Report = Callable[[Progress], None]


def log(data: Path, spec: RunSpec) -> int:
    """Note a start; how often the run was started before."""
    with (data / "log").open("a") as file:
        file.write(f"{spec.seed} {os.getpid()}\n")
    return starts(data).count(spec.seed) - 1


def starts(data: Path) -> list[int]:
    """The seed of every start so far."""
    return [int(line.split()[0]) for line in (data / "log").read_text().splitlines()]


def worker_ids(data: Path) -> list[int]:
    """The process of every start so far."""
    return [int(line.split()[1]) for line in (data / "log").read_text().splitlines()]


def result(spec: RunSpec, *, resumed: int = 0) -> Result:
    return made_up(spec, 50.0 + spec.seed, resumed=resumed), {"a": np.full(3, spec.seed, dtype=np.float32)}


def at_once(spec: RunSpec, data: Path, *, slot: Slot, stop: Stop, report: Report) -> Result:
    """Trains in no time."""
    log(data, spec)
    report(Progress(steps_done=1, steps=2, test_accuracy=None))
    report(Progress(steps_done=2, steps=2, test_accuracy=50.0))
    return result(spec)


def slowly(spec: RunSpec, data: Path, *, slot: Slot, stop: Stop, report: Report) -> Result:
    """Takes some seconds, keeps a checkpoint when asked to stop, and goes on from it."""
    log(data, spec)
    saved = slot.load()
    for step in range(int(saved or 0), STEPS):
        report(Progress(steps_done=step, steps=STEPS, test_accuracy=None))
        if stop():
            slot.save(str(step).encode())
            raise Interrupted
        time.sleep(STEP_SECONDS)
    return result(spec, resumed=int(saved is not None))


def some_time(spec: RunSpec, data: Path, *, slot: Slot, stop: Stop, report: Report) -> Result:
    """Takes a third of a second."""
    log(data, spec)
    time.sleep(0.3)
    return result(spec)


def exits_once(spec: RunSpec, data: Path, *, slot: Slot, stop: Stop, report: Report) -> Result:
    """Ends its process in the first attempt, a checkpoint written."""
    if log(data, spec) == 0 and spec.seed == 0:
        slot.save(b"half way")
        os._exit(7)
    return result(spec, resumed=int(slot.load() is not None))


def finds_too_little_memory(spec: RunSpec, data: Path, *, slot: Slot, stop: Stop, report: Report) -> Result:
    """In the first attempt, a checkpoint written."""
    if log(data, spec) == 0 and spec.seed == 0:
        slot.save(b"half way")
        raise MemoryError("no 20 GiB")
    return result(spec, resumed=int(slot.load() is not None))


def never_finds_enough_memory(spec: RunSpec, data: Path, *, slot: Slot, stop: Stop, report: Report) -> Result:
    log(data, spec)
    if spec.seed == 0:
        raise MemoryError("no 20 GiB")
    return result(spec)


def exits_always(spec: RunSpec, data: Path, *, slot: Slot, stop: Stop, report: Report) -> Result:
    log(data, spec)
    if spec.seed == 0:
        os._exit(7)
    return result(spec)


def killed_always(spec: RunSpec, data: Path, *, slot: Slot, stop: Stop, report: Report) -> Result:
    """As the kernel ends a process when memory runs out."""
    log(data, spec)
    if spec.seed == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return result(spec)


def raises(spec: RunSpec, data: Path, *, slot: Slot, stop: Stop, report: Report) -> Result:
    log(data, spec)
    if spec.seed == 0:
        raise TrainingError("a frozen tensor moved")
    if spec.seed == 1:
        raise ZeroDivisionError("by zero")
    return result(spec)


def dies_while_it_speaks(spec: RunSpec, data: Path, *, slot: Slot, stop: Stop, report: Report) -> Result:
    """Ends with many messages under way, the last of them cut off."""
    log(data, spec)
    if spec.seed == 0:
        for step in range(200):
            report(Progress(steps_done=step, steps=200, test_accuracy=None))
        connection = report.__self__._connection  # type: ignore[attr-defined]
        os.write(connection.fileno(), struct.pack("!i", 5000) + b"half of it")
        os._exit(9)
    return result(spec)


def finds_no_data(spec: RunSpec, data: Path, *, slot: Slot, stop: Stop, report: Report) -> Result:
    if spec.seed == 0:
        raise DataError("the images were altered")
    return slowly(spec, data, slot=slot, stop=stop, report=report)


def finds_no_room(spec: RunSpec, data: Path, *, slot: Slot, stop: Stop, report: Report) -> Result:
    if spec.seed == 0:
        raise StoreFull("cannot write the checkpoint: no space left")
    return slowly(spec, data, slot=slot, stop=stop, report=report)


def value(probe: Probe, seed: int) -> Measured:
    """A made-up measurement."""
    row = np.full(2, seed + 1, dtype=np.float64)
    match probe:
        case Probe.AFFINE:
            return AffineValues(gamma=row.astype(np.float32), beta=-row.astype(np.float32))
        case Probe.CLAMPING:
            return ClampingCurve(thresholds=row, accuracies=row, shares_clamped=row, unclamped_accuracy=50.0 + seed)
        case Probe.ACTIVITY:
            return UnitActivity(zeros=row.astype(np.int64), totals=2 * row.astype(np.int64))
        case Probe.CORRECTNESS:
            return Correctness(correct=row > 1)


def probed(data: Path) -> list[tuple[int, Probe]]:
    """Seed and probe of every measurement begun so far."""
    lines = (data / "probe-log").read_text().splitlines() if (data / "probe-log").exists() else []
    return [(int(seed), Probe(probe)) for seed, probe in map(str.split, lines)]


def _begin(data: Path, record: RunRecord, probe: Probe) -> None:
    with (data / "probe-log").open("a") as file:
        file.write(f"{record.spec.seed} {probe}\n")


def measures(
    record: RunRecord, learned: Mapping[str, np.ndarray], data: Path, probes: Iterable[Probe]
) -> Iterator[tuple[Probe, Measured]]:
    """Measures in no time; the value tells the stored tensors that it was given."""
    for probe in probes:
        _begin(data, record, probe)
        yield probe, value(probe, int(learned["a"][0]))


def measures_slowly(
    record: RunRecord, learned: Mapping[str, np.ndarray], data: Path, probes: Iterable[Probe]
) -> Iterator[tuple[Probe, Measured]]:
    """Takes a sixth of a second for each measurement."""
    for probe in probes:
        _begin(data, record, probe)
        time.sleep(0.15)
        yield probe, value(probe, record.spec.seed)


def tells_decoders(
    record: RunRecord, learned: Mapping[str, np.ndarray], data: Path, probes: Iterable[Probe]
) -> Iterator[tuple[Probe, Measured]]:
    """The value tells how many decoders it may use."""
    assert record.spec.decoders is not None
    for probe in probes:
        yield probe, value(probe, record.spec.decoders)


def cannot_count(
    record: RunRecord, learned: Mapping[str, np.ndarray], data: Path, probes: Iterable[Probe]
) -> Iterator[tuple[Probe, Measured]]:
    """Fails at the activity of seed 0."""
    for probe, measured in measures(record, learned, data, probes):
        if probe is Probe.ACTIVITY and record.spec.seed == 0:
            raise TrainingError("a unit was never seen")
        yield probe, measured


def dies_once_at_clamping(
    record: RunRecord, learned: Mapping[str, np.ndarray], data: Path, probes: Iterable[Probe]
) -> Iterator[tuple[Probe, Measured]]:
    for probe, measured in measures(record, learned, data, probes):
        if probe is Probe.CLAMPING and probed(data).count((0, probe)) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        yield probe, measured


def dies_always_at_clamping(
    record: RunRecord, learned: Mapping[str, np.ndarray], data: Path, probes: Iterable[Probe]
) -> Iterator[tuple[Probe, Measured]]:
    for probe, measured in measures(record, learned, data, probes):
        if probe is Probe.CLAMPING and record.spec.seed == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        yield probe, measured


def _main() -> None:
    from bnrepro.execute.pool import LocalPool
    from bnrepro.store import Store

    name, store, data, jobs, seeds, *rest = sys.argv[1:]
    # By its importable name: workers know this module under no other.
    module = __import__("tests.fake_trainer", fromlist=[name])
    prober, probes = (getattr(module, rest[0]), tuple(map(Probe, rest[1:]))) if rest else (None, ())
    pool = LocalPool(
        Store(Path(store)),
        getattr(module, name),
        prober,
        data={DatasetName.DIGITS: Path(data)},
        jobs=int(jobs),
        preload=["tests.fake_trainer"],
    )
    specs = [a_run(seed) for seed in range(int(seeds))]
    events = list(pool.run(specs, {run_key(spec): probes for spec in specs}))
    told = [[type(event).__name__, getattr(event, "trained", None), getattr(event, "measured", [])] for event in events]
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    _main()
