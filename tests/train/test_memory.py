"""Memory that ran out: one kind of error, whatever torch calls it, from trainings and measurements alike."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bnrepro.train import probes, run
from bnrepro.train.entry import measure_prepared, train_prepared
from bnrepro.train.memory import memory_errors
from tests.small_claim import a_run, made_up
from tests.train.helpers import MemorySlot


def test_memory_that_the_cpu_lacks_is_a_memory_error() -> None:
    with pytest.raises(MemoryError, match="DefaultCPUAllocator"), memory_errors():
        torch.empty(2**58)


def test_another_error_of_torch_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="size of tensor"), memory_errors():
        torch.zeros(2) + torch.zeros(3)


def fails_on_the_gpu(*_: object, **__: object) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


def test_a_training_that_finds_too_little_memory_on_a_gpu_raises_a_memory_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bnrepro.train.entry.load", lambda _: None)
    monkeypatch.setattr(run, "train", fails_on_the_gpu)
    with pytest.raises(MemoryError, match=r"Tried to allocate 20\.00 GiB"):
        train_prepared(a_run(0), Path(), slot=MemorySlot(), stop=lambda: False, report=lambda _: None)


def test_a_measurement_that_finds_too_little_memory_on_a_gpu_raises_a_memory_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bnrepro.train.entry.load", lambda _: None)
    monkeypatch.setattr(probes, "measure", fails_on_the_gpu)
    with pytest.raises(MemoryError, match=r"Tried to allocate 20\.00 GiB"):
        list(measure_prepared(made_up(a_run(0), 50.0), {}, Path(), ()))
