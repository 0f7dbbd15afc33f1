"""The share of a run that its checkpoint holds, read without torch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from bnrepro.data import digits, load
from bnrepro.spec.trainer import Interrupted, Progress
from bnrepro.train.entry import train_prepared
from bnrepro.train.share import CHECKPOINT_FORMAT, share_done
from tests.small_claim import a_run


class Memory:
    """A slot that keeps what was saved."""

    saved: bytes | None = None

    def load(self) -> bytes | None:
        return self.saved

    def save(self, content: bytes) -> None:
        self.saved = content

    def reject(self, why: str) -> None:
        raise AssertionError(why)


@pytest.mark.parametrize("steps", [1, 25])
def test_what_a_stopped_training_saved_is_the_share_of_its_steps(tmp_path: Path, steps: int) -> None:
    spec, slot = a_run(), Memory()
    prepared = tmp_path / digits.DIGEST
    load(prepared)
    told: list[Progress] = []

    def enough() -> bool:
        return bool(told) and told[-1].steps_done >= steps

    with pytest.raises(Interrupted):
        train_prepared(spec, prepared, slot=slot, stop=enough, report=told.append)
    assert slot.saved is not None
    kept = share_done(slot.saved, spec.recipe, digits.TRAIN_IMAGES) * told[-1].steps
    assert kept == pytest.approx(round(kept))
    assert told[-1].steps_done <= round(kept) <= told[-1].steps_done + 1, "progress is told now and then"


def test_a_checkpoint_of_another_format_holds_nothing_that_can_be_used() -> None:
    fields = {"format": CHECKPOINT_FORMAT - 1, "epoch": 8, "step": 0}
    text = np.frombuffer(json.dumps(fields).encode(), dtype=np.uint8)
    assert share_done(safetensors.numpy.save({"state": text}), a_run().recipe, digits.TRAIN_IMAGES) == 0


@pytest.mark.parametrize("content", [b"", b"no checkpoint", safetensors.numpy.save({"other": np.zeros(1)})])
def test_what_is_no_checkpoint_holds_nothing_that_can_be_used(content: bytes) -> None:
    assert share_done(content, a_run().recipe, digits.TRAIN_IMAGES) == 0
