"""How far a run is, and its checkpoint: everything that an interrupted run needs to end as it would have."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field

import numpy as np
import safetensors.numpy

from bnrepro.spec.run import EpochRecord
from bnrepro.spec.trainer import Slot
from bnrepro.train.model import Scores, TrainedModel
from bnrepro.train.share import CHECKPOINT_FORMAT, read


@dataclass(kw_only=True)
class State:
    """Position, sums of the epoch under way, and the epochs that are done.

    The generators need no state of their own: each is fixed by the seed and the epoch
    (:mod:`bnrepro.train.random`), so ``epoch`` and ``step`` are their whole state.
    """

    epoch: int = 0
    step: int = 0
    """Steps done in the epoch under way."""
    images: int = 0
    loss_sum: float = 0.0
    correct: int = 0
    epoch_seconds: float = 0.0
    """Training time of the epoch under way."""
    training_seconds: float = 0.0
    """Training time of all epochs that are done."""
    evaluation_seconds: float = 0.0
    resumed: int = 0
    top5_accuracy: float | None = None
    """Percent after the last epoch that is done."""
    curve: list[EpochRecord] = field(default_factory=list)

    @classmethod
    def resume(cls, model: TrainedModel, slot: Slot) -> State:
        """The state in the slot, put into the model; a fresh one where the slot has none that fits this version."""
        saved = slot.load()
        if saved is None:
            return cls()
        held = read(saved)
        if held is None or held[0].pop("initial_digest", None) != model.initial_digest:
            slot.reject("was written by another version, or this machine draws other initial tensors")
            return cls()
        fields, arrays = held
        fields["curve"] = [EpochRecord.model_validate_json(json.dumps(epoch)) for epoch in fields["curve"]]
        fields["loss_sum"] = float.fromhex(fields["loss_sum"])
        model.load(arrays)
        state = cls(**fields)
        state.resumed += 1
        return state

    def save(self, model: TrainedModel, slot: Slot) -> None:
        """Keep state, learned tensors and momentum in the slot."""
        fields = vars(self) | {
            "format": CHECKPOINT_FORMAT,
            "initial_digest": model.initial_digest,
            "loss_sum": self.loss_sum.hex(),  # exact, and JSON has no NaN
            "curve": [epoch.model_dump(mode="json") for epoch in self.curve],
        }
        text = np.frombuffer(json.dumps(fields, allow_nan=False).encode(), dtype=np.uint8)
        slot.save(safetensors.numpy.save({**model.state_arrays(), "state": text}))

    def close_epoch(self, *, lr: float, scores: Scores) -> bool:
        """Record the epoch under way and stand at the start of the next. False if its loss was not finite."""
        loss = self.loss_sum / self.images
        self.curve.append(
            EpochRecord(
                epoch=self.epoch + 1,
                lr=lr,
                train_loss=_finite(loss),
                train_accuracy=100 * self.correct / self.images,
                test_loss=_finite(scores.loss),
                test_accuracy=scores.accuracy,
                seconds=self.epoch_seconds,
            )
        )
        self.top5_accuracy = scores.top5_accuracy
        self.training_seconds += self.epoch_seconds
        self.epoch += 1
        self.step = self.images = self.correct = 0
        self.loss_sum = self.epoch_seconds = 0.0
        return math.isfinite(loss) and math.isfinite(scores.loss)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
