"""The processes of a benchmark, their turns and their end; and the command."""

from __future__ import annotations

import json
import os
import re
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bnrepro.bench import workload as workloads
from bnrepro.bench.result import BenchResult
from bnrepro.bench.rounds import bench
from bnrepro.bench.workload import choose_precision, workload_for
from bnrepro.cli import main
from bnrepro.errors import TrainingError, UsageError
from bnrepro.spec.arms import Arm
from bnrepro.spec.bench import Window, Workload
from bnrepro.spec.networks import Network
from bnrepro.spec.recipe import Precision
from bnrepro.spec.run import DeviceKind
from bnrepro.terminal import WIDTH
from bnrepro.train.bench.entry import BENCH_MODULE
from tests.bench_entries import broken, killed, steady
from tests.train.helpers import striped_images

PRELOAD = [BENCH_MODULE]
"""As the command has it: tests share one fork server, which loads torch once."""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Workload:
    monkeypatch.setattr(workloads, "_SIDE", 8)
    monkeypatch.setattr(workloads, "_BATCHES", 2)
    return workload(network="resnet-8")


def workload(*, network: str, arm: str = "batchnorm") -> Workload:
    chosen = Network.parse(network), Arm.parse(arm)
    return workload_for(*chosen, device=DeviceKind.CPU, precision=Precision.FLOAT32)


def test_each_rate_is_that_of_its_processes_summed_where_they_fill_the_machine(small: Workload) -> None:
    told = bench(small, steady, preload=PRELOAD, runs=2, rounds=2, window=Window(steps=5))
    rates = told.median_images_per_second
    assert (rates.plain, rates.ours, rates.floor_alone) == (100, 150, 300)
    assert (rates.filled, rates.floor_filled) == (300, 600)
    assert told.compared.filled_to_plain.median == 3
    assert told.compared.filled_share_of_floor.median == 0.5
    assert told.memory_ratio is not None
    assert told.memory_ratio.network == 0.4
    assert len(told.rounds) == 2
    assert told.core_share == pytest.approx(2.4 / 3)


def test_a_warm_up_comes_first_and_the_order_turns_round(small: Workload, tmp_path: Path) -> None:
    log = tmp_path / "log"
    bench(small, partial(steady, log=log), preload=PRELOAD, runs=1, rounds=2, window=Window(steps=5))
    turns = [line for line in log.read_text().splitlines() if not line.startswith("pid")]
    there = ["plain", "ours", "floor", "ours", "floor"]
    assert turns == [f"{name} 1" for name in there] + [f"{name} 5" for name in [*there, *reversed(there)]]


def test_what_breaks_a_process_is_told(small: Workload) -> None:
    with pytest.raises(TrainingError, match="'ours' cannot be timed: no such kernel\nTraceback: line 7"):
        bench(small, broken, preload=PRELOAD, runs=1, rounds=1, window=Window(steps=1))


def test_a_process_that_ends_without_a_word_is_an_error_not_a_hang(small: Workload) -> None:
    with pytest.raises(TrainingError, match=r"the process of 'floor' ended \(exit code 9\)"):
        bench(small, killed, preload=PRELOAD, runs=1, rounds=1, window=Window(steps=1))


def test_no_process_outlives_an_interruption(small: Workload, tmp_path: Path) -> None:
    log = tmp_path / "log"

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench(small, partial(steady, log=log), preload=PRELOAD, runs=2, rounds=1, window=Window(steps=1), say=interrupt)
    started = [int(line.removeprefix("pid ")) for line in log.read_text().splitlines() if line.startswith("pid")]
    assert len(started) == 5
    deadline = time.monotonic() + 5
    while alive := [number for number in started if is_alive(number)]:
        assert time.monotonic() < deadline, alive


def is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_workload_is_whole_batches_of_the_recipe_for_any_arm_and_start() -> None:
    made = workload(network="vgg-11", arm="all@beta_one")
    assert made.images.shape == (2048, 3, 32, 32)
    assert made.images.dtype == np.uint8
    assert set(made.labels.tolist()) == set(range(10))
    assert str(made.spec.full_arm) == "all@beta_one"
    assert made.spec.recipe.batch_size == 128


def test_real_images_are_taken_from_the_whole_of_a_set_that_is_sorted_by_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = striped_images(train=5000, side=4)
    source = SimpleNamespace(read=lambda: images)
    monkeypatch.setattr(workloads, "find_cifar10", lambda root: [source] if root == tmp_path else [])
    chosen = Network.parse("resnet-8"), Arm.parse("batchnorm")
    made = workload_for(*chosen, device=DeviceKind.CPU, precision=Precision.FLOAT32, data_root=tmp_path)
    assert made.spec.data_digest == images.digest
    counts = np.bincount(made.labels)
    assert counts.sum() == 2048
    assert counts.max() - counts.min() <= 1
    # The stripes' brightness tells the class: each image came with its own label.
    told = np.rint((made.images.reshape(2048, -1).mean(axis=1) - 29.5) / 19)
    assert (told == made.labels).mean() > 0.99


def test_a_network_for_imagenet_is_refused() -> None:
    with pytest.raises(UsageError, match="imagenet-resnet-50"):
        workload(network="imagenet-resnet-50")


@pytest.mark.parametrize(
    ("flags", "chosen"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16 sse", Precision.BFLOAT16),
        ("Features\t: fp asimd bf16", Precision.BFLOAT16),
        ("flags\t\t: fpu avx2", Precision.FLOAT32),
    ],
)
def test_the_faster_precision_is_taken_where_the_processor_has_it(
    flags: str, chosen: Precision, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\n{flags}\n")
    monkeypatch.setattr(workloads, "_CPUINFO", cpuinfo)
    assert choose_precision("auto", DeviceKind.CPU) is chosen
    assert choose_precision("auto", DeviceKind.CUDA) is Precision.BFLOAT16
    assert choose_precision("float32", DeviceKind.CUDA) is Precision.FLOAT32


@pytest.mark.usefixtures("small")
def test_the_command_prints_tables_within_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnrepro.verbs.bench.contend", steady)
    assert main(["bench", "--network", "resnet-8", "--jobs", "2", "--rounds", "1", "--steps", "1"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "a process of one thread got 80% of a core" in " ".join(text.split())
    for words in (
        ("(a) plain loop, 2 threads", "100", "1"),
        ("(b) ours, one run", "150", "1.50 [1.50, 1.50]", "50% [50%, 50%]"),
        ("(c) ours, 2 runs at once", "300", "3.00 [3.00, 3.00]", "50% [50%, 50%]"),
        ("(d) floor of 2 runs at once", "600"),
    ):
        assert re.search(" +".join(map(re.escape, words)), text), words


@pytest.mark.usefixtures("small")
def test_the_command_trains_and_prints_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--jobs", "1", "--rounds", "2", "--seconds", "0.02", "--device", "cpu", "--arm", "random_2", "--json"]
    assert main(["bench", "--network", "wrn-8-0.5", *options, "--precision", "float32"]) == 0
    text = capsys.readouterr().out
    told = BenchResult.model_validate_json(text)
    assert json.loads(text)["network"] == "wrn-8-0.5"
    assert len(told.rounds) == 2
    assert told.runs_at_once == 1
    assert told.precision is Precision.FLOAT32
    assert told.ours_environment["threads"] == "1"
    assert all(value > 0 for each in told.rounds for _, value in each)
    assert told.core_share is not None
    assert 0 < told.core_share < 1.1
    assert told.plain_memory is not None
    assert told.plain_memory.peak_bytes > told.plain_memory.before_bytes > 10_000_000


def test_an_unknown_network_or_arm_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    for option, name in (("--network", "resnet-15"), ("--arm", "batchnrom")):
        with pytest.raises(SystemExit) as stopped:
            main(["bench", option, name])
        assert stopped.value.code == 2
        assert name in capsys.readouterr().err
    assert main(["bench", "--network", "imagenet-resnet-50"]) == 2


def test_a_data_root_without_cifar_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--data-root", str(tmp_path)]) == 3
    assert "CIFAR-10 is not in" in capsys.readouterr().err
