"""A training recipe as a value: everything about training that is not the network, the arm or the seed."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from bnrepro.spec.value import Value


class DatasetName(StrEnum):
    """The data sets that a recipe can name."""

    DIGITS = "digits"
    CIFAR10 = "cifar10"
    IMAGENET = "imagenet"


class Precision(StrEnum):
    """Arithmetic of the forward and backward pass; learned values are always float32."""

    FLOAT32 = "float32"
    TF32 = "tf32"
    """Of CUDA devices: tensors are float32, but convolutions and matrix products round what they multiply to 10 bits of
    mantissa."""
    BFLOAT16 = "bfloat16"


class ResizedCrop(Value):
    """How images of any size become squares (Szegedy et al. 2015; the paper's Appendix B.2).

    Training cuts a random rectangle and resizes it; evaluation resizes the whole image and cuts its centre.
    """

    side: Annotated[int, Field(ge=1)] = 224
    """Height and width of what the network sees, in pixels."""
    scale: tuple[float, float] = (0.1, 1.0)
    """Share of the image's area that a training crop has, drawn uniformly."""
    ratio: tuple[float, float] = (0.8, 1.25)
    """Width by height of a training crop, its logarithm drawn uniformly."""
    test_resize: Annotated[int, Field(ge=1)] = 256
    """Length of the shorter side before the centre is cut, in pixels."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for name, (low, high) in {"scale": self.scale, "ratio": self.ratio}.items():
            if not 0 < low <= high:
                raise ValueError(f"{name} is a range of positive numbers, low end first, not {low} to {high}")
        if self.scale[1] > 1:
            raise ValueError(f"no crop has {self.scale[1]} times the area of its image")
        if self.test_resize < self.side:
            raise ValueError(f"a centre of {self.side} pixels cannot be cut from {self.test_resize}")
        return self


class Recipe(Value):
    """Everything about training that is not the network, the arm or the seed.

    Learning rate at epoch e (from 0): ``peak_lr * lr_drop ** (number of milestones <= e)``, times the share of
    the warm-up that is done.
    """

    dataset: DatasetName
    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=2)]
    peak_lr: Annotated[float, Field(gt=0)]
    milestones: tuple[int, ...]
    """Epochs, counted from 0, at whose first step the learning rate drops."""
    lr_drop: float = 0.1
    warmup_epochs: Annotated[int, Field(ge=0)] = 0
    """Epochs over which the learning rate rises linearly, step by step, from 0 at the very first."""
    momentum: float = 0.9
    weight_decay: float = 1e-4
    """On every trainable entry, γ and β included; never on a frozen one."""
    flip: bool
    """Mirror each training image left-right with probability one half."""
    shift_pixels: Annotated[int, Field(ge=0)]
    """Move each training image by up to this many pixels a direction, zeros (black) coming in."""
    resized_crop: ResizedCrop | None = None
    """For image folders, whose images differ in size; ``None`` for sets of equal images."""
    channel_mean: tuple[float, ...]
    """Subtracted after scaling pixels to [0, 1] and after the shift's padding."""
    channel_std: tuple[float, ...]
    precision: Precision = Precision.FLOAT32
    batch_parts: Annotated[int, Field(ge=1)] = 1
    """Equal parts that a batch is cut into, as if each were on a GPU of its own: BatchNorm takes each part's own
    statistics, gradients are averaged, and running statistics are the first part's. It does not matter whether
    one process takes the parts in turn or several share them."""
    evaluation_batch_size: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.batch_size % self.batch_parts:
            raise ValueError(f"a batch of {self.batch_size} does not divide into {self.batch_parts} equal parts")
        if (self.dataset is DatasetName.IMAGENET) != (self.resized_crop is not None):
            raise ValueError("resized_crop is for image folders (dataset imagenet), which need it")
        if self.resized_crop is not None and self.shift_pixels:
            raise ValueError("shift_pixels moves equal images; image folders are cropped instead")
        return self

    def lr_at(self, epoch: int, *, step: int = 0, steps: int = 1) -> float:
        """Learning rate of one step of an epoch, both counted from 0, where an epoch has ``steps`` steps."""
        rate = float(self.peak_lr * self.lr_drop ** sum(epoch >= milestone for milestone in self.milestones))
        if epoch >= self.warmup_epochs:
            return rate
        return rate * (epoch * steps + step) / (self.warmup_epochs * steps)

    def steps_per_epoch(self, images: int) -> int:
        """Steps an epoch, the short last batch kept: 391 for 50,000 images at batch 128."""
        return -(-images // self.batch_size)
