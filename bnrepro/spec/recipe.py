"""A training recipe as a value: everything about training that is not the network, the arm or the seed."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from bnrepro.spec.value import Value


class DatasetName(StrEnum):
    """The data sets that a recipe can name."""

    DIGITS = "digits"
    CIFAR10 = "cifar10"


class Precision(StrEnum):
    """Arithmetic of the forward and backward pass; learned values are always float32."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Recipe(Value):
    """Everything about training that is not the network, the arm or the seed.

    Learning rate at epoch e (from 0): ``peak_lr * lr_drop ** (number of milestones <= e)``.
    """

    dataset: DatasetName
    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=2)]
    peak_lr: Annotated[float, Field(gt=0)]
    milestones: tuple[int, ...]
    """Epochs, counted from 0, at whose first step the learning rate drops."""
    lr_drop: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    """On every trainable entry, γ and β included; never on a frozen one."""
    flip: bool
    """Mirror each training image left-right with probability one half."""
    shift_pixels: Annotated[int, Field(ge=0)]
    """Move each training image by up to this many pixels a direction, zeros (black) coming in."""
    channel_mean: tuple[float, ...]
    """Subtracted after scaling pixels to [0, 1] and after the shift's padding."""
    channel_std: tuple[float, ...]
    precision: Precision = Precision.FLOAT32
    evaluation_batch_size: Annotated[int, Field(ge=1)]

    def lr_at(self, epoch: int) -> float:
        """Learning rate of every step of an epoch counted from 0."""
        return float(self.peak_lr * self.lr_drop ** sum(epoch >= milestone for milestone in self.milestones))

    def steps_per_epoch(self, images: int) -> int:
        """Steps an epoch, the short last batch kept: 391 for 50,000 images at batch 128."""
        return -(-images // self.batch_size)
