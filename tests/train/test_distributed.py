"""One run in two processes over gloo: the same run as in one, to the bit, and no process left however it ends."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bnrepro.data import FolderImages
from bnrepro.errors import DataError, DeviceError, TrainingError
from bnrepro.identity import run_key
from bnrepro.spec.run import DeviceKind, RunRecord, RunSpec
from bnrepro.spec.trainer import Interrupted, Progress
from bnrepro.train.entry import train_prepared
from bnrepro.train.processes import process_context, serve_parent
from bnrepro.train.random import Purpose, generator
from tests.train.folders import folder_recipe, prepared_folder, write_folder
from tests.train.helpers import MemorySlot, run_spec

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("distributed")]

Folder = tuple[Path, FolderImages]
Outcome = tuple[RunRecord, Mapping[str, np.ndarray]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A prepared directory of 26 training and 7 test images, and what it loads to."""
    place = tmp_path_factory.mktemp("imagenet")
    return prepared_folder(write_folder(place / "images"), place / "cache")


def spec_of(images: FolderImages, *, processes: int, arm: str = "all", parts: int = 2, **changes: Any) -> RunSpec:
    recipe = folder_recipe(batch_parts=parts)
    fields = {"recipe": recipe, "processes": processes, "decoders": 0} | changes
    return run_spec(images, arm=arm, **fields)  # type: ignore[arg-type]


def outcome(
    spec: RunSpec,
    directory: Path,
    *,
    slot: MemorySlot | None = None,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[Progress], None] = lambda _: None,
) -> Outcome:
    return train_prepared(spec, directory, slot=slot or MemorySlot(), stop=stop, report=report)


def assert_same(ours: Outcome, theirs: Outcome) -> None:
    (record, arrays), (other, others) = ours, theirs
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        assert array.tobytes() == others[name].tobytes(), name
    assert (record.key, record.test_accuracy, record.test_loss) == (other.key, other.test_accuracy, other.test_loss)
    assert record.initial_digest == other.initial_digest
    for epoch, expected in zip(record.curve, other.curve, strict=True):
        assert epoch.train_loss == pytest.approx(expected.train_loss, rel=1e-12)
        assert (epoch.train_accuracy, epoch.lr) == (expected.train_accuracy, expected.lr)


def ranks() -> dict[str, int]:
    """Process numbers of the ranks that live, by their names."""
    return {child.name: child.pid or 0 for child in multiprocessing.active_children() if ", rank " in child.name}


@pytest.mark.parametrize("arm", ["all", "random_2"])
def test_two_processes_end_bit_for_bit_as_one_that_takes_the_parts_in_turn(folder: Folder, arm: str) -> None:
    directory, images = folder
    told: list[Progress] = []
    together = outcome(spec_of(images, processes=2, arm=arm), directory, report=told.append)
    assert_same(together, outcome(spec_of(images, processes=1, arm=arm), directory))
    assert told[-1].steps_done == told[-1].steps == 8
    assert ranks() == {}


def test_four_parts_on_two_processes_differ_from_one_process_by_rounding_alone(folder: Folder) -> None:
    directory, images = folder
    # Batches of 8, 8, 8 and 2 images: the last would leave two parts without any.
    recipe = folder_recipe(batch_parts=4, batch_size=12, epochs=1)
    specs = [spec_of(images, processes=processes, recipe=recipe) for processes in (1, 2)]
    with pytest.raises(TrainingError, match="2 of 26 images, too few for 4 parts"):
        outcome(specs[1], directory)
    recipe = folder_recipe(batch_parts=4, batch_size=20, epochs=1)
    (_, alone), (_, together) = (
        outcome(spec_of(images, processes=processes, recipe=recipe), directory) for processes in (1, 2)
    )
    for name, array in alone.items():
        np.testing.assert_allclose(together[name], array, rtol=1e-5, atol=1e-6, err_msg=name)


def test_a_run_in_two_processes_stops_and_goes_on_in_two_or_in_one(folder: Folder) -> None:
    directory, images = folder
    spec = spec_of(images, processes=2, checkpoint_seconds=0.0)

    class CountingSlot(MemorySlot):
        saves = 0

        def save(self, content: bytes) -> None:
            super().save(content)
            self.saves += 1

    slot = CountingSlot()
    with pytest.raises(Interrupted):
        outcome(spec, directory, slot=slot, stop=lambda: slot.saves > 0)
    assert 0 < slot.saves < 8
    assert ranks() == {}
    in_one = MemorySlot()
    in_one.content = slot.content
    uninterrupted = outcome(spec_of(images, processes=1), directory)
    for processes, checkpoint in ((2, slot), (1, in_one)):
        resumed = outcome(spec_of(images, processes=processes), directory, slot=checkpoint)
        assert resumed[0].resumed == 1
        assert_same(resumed, uninterrupted)


def test_a_process_that_dies_ends_the_run_with_an_error_and_leaves_none(folder: Folder) -> None:
    directory, images = folder
    spec = spec_of(images, processes=2, recipe=folder_recipe(batch_parts=2, epochs=500))

    def kill(_: Progress) -> None:
        os.kill(ranks()[f"{spec}, rank 1"], signal.SIGKILL)

    with pytest.raises(TrainingError, match="process 2 of 2 was killed by signal 9"):
        outcome(spec, directory, report=kill)
    assert ranks() == {}


@pytest.mark.skipif(sys.platform != "linux", reason="limits another process's memory")
def test_a_process_that_finds_too_little_memory_ends_the_run_with_that_error(folder: Folder) -> None:
    directory, images = folder
    spec = spec_of(images, processes=2, recipe=folder_recipe(batch_parts=2, epochs=500))

    def leave_no_memory(_: Progress) -> None:
        resource.prlimit(ranks()[f"{spec}, rank 1"], resource.RLIMIT_AS, (2**20, 2**20))

    with pytest.raises(MemoryError, match="can't allocate memory"):
        outcome(spec, directory, report=leave_no_memory)
    assert ranks() == {}


def test_a_file_that_changed_ends_the_run_by_name_whichever_process_reads_it(tmp_path: Path) -> None:
    directory, images = prepared_folder(write_folder(tmp_path / "images"), tmp_path / "cache")
    spec = spec_of(images, processes=2)
    # Of the first batch of eight, the second process reads the last four.
    file = images.train.path(int(generator(spec.seed, Purpose.ORDER, 0).permutation(26)[4]))
    file.unlink()
    with pytest.raises(DataError, match="found no file to read") as refused:
        outcome(spec, directory)
    assert str(file) in str(refused.value)
    assert ranks() == {}


@pytest.mark.skipif(torch.cuda.device_count() >= 2, reason="this machine has two GPUs")
def test_more_processes_than_gpus_are_refused(folder: Folder) -> None:
    directory, images = folder
    with pytest.raises(DeviceError, match=r"2 processes need as many GPUs, found [01]"):
        outcome(spec_of(images, processes=2, device=DeviceKind.CUDA), directory)


def _report_and_wait(answer: Connection) -> None:
    serve_parent()
    os.kill(os.getpid(), signal.SIGTERM)
    answer.send("still here after SIGTERM")
    time.sleep(600)


def _start_a_helper(answer: Connection) -> None:
    # A plain fork, to be quick: what is tried is whether the helper notices that we are gone.
    multiprocessing.get_context("fork").Process(target=_report_and_wait, args=(answer,)).start()
    answer.close()
    time.sleep(600)


def test_what_serves_a_process_outlives_signals_but_not_the_process() -> None:
    context = process_context()
    ours, theirs = context.Pipe()
    process = context.Process(target=_start_a_helper, args=(theirs,))  # type: ignore[attr-defined]
    process.start()
    theirs.close()
    assert ours.poll(30)
    assert ours.recv() == "still here after SIGTERM"
    process.kill()
    process.join()
    assert ours.poll(30)
    with pytest.raises(EOFError):
        ours.recv()  # the last one that held the other end has gone


def test_the_number_of_processes_is_not_part_of_a_runs_key(folder: Folder) -> None:
    _, images = folder
    assert run_key(spec_of(images, processes=2)) == run_key(spec_of(images, processes=1))
    assert run_key(spec_of(images, processes=1, parts=1)) != run_key(spec_of(images, processes=1))
