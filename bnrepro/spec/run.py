"""One training: its specification, which fixes the result, and its record, which tells it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bnrepro.errors import UsageError
from bnrepro.spec.arms import AffineInit, Arm, ArmField, FeatureInit, FrozenAffine
from bnrepro.spec.networks import NetworkField
from bnrepro.spec.recipe import Precision, Recipe
from bnrepro.spec.scale import Scale
from bnrepro.spec.value import Value


class Part(StrEnum):
    """Whether a field of :class:`RunSpec` changes the result (and so the key) or only the running."""

    IDENTITY = "identity"
    RUNTIME = "runtime"


class DeviceKind(StrEnum):
    """Kinds of device; runs of different kinds are never pooled."""

    CPU = "cpu"
    CUDA = "cuda"


def check_precision(precision: Precision, device: DeviceKind) -> None:
    """Refuse an arithmetic that a kind of device does not have.

    Raises:
        UsageError: says which to take instead.
    """
    if precision is Precision.TF32 and device is DeviceKind.CPU:
        raise UsageError("precision tf32 is of CUDA devices, and this is for the CPU; take float32 or bfloat16")


class RunSpec(Value):
    """All that fixes one training. Every field is declared identity or runtime."""

    scale: Annotated[Scale, Part.IDENTITY]
    recipe: Annotated[Recipe, Part.IDENTITY]
    network: Annotated[NetworkField, Part.IDENTITY]
    arm: Annotated[ArmField, Part.IDENTITY]
    """What is trained; the start stands in the next three fields."""
    feature_init: Annotated[FeatureInit, Part.IDENTITY] = FeatureInit.HE_NORMAL
    affine_init: Annotated[AffineInit, Part.IDENTITY] = AffineInit.UNIFORM
    frozen_affine: Annotated[FrozenAffine, Part.IDENTITY] = FrozenAffine.DRAW
    seed: Annotated[int, Field(ge=0), Part.IDENTITY]
    data_digest: Annotated[str, Part.IDENTITY]
    device: Annotated[DeviceKind, Part.IDENTITY]
    recipe_version: Annotated[int, Part.IDENTITY]
    checkpoint_seconds: Annotated[float, Field(ge=0), Part.RUNTIME] = 60.0
    """Time between checkpoints; 0 writes one after every step."""
    processes: Annotated[int, Field(ge=1), Part.RUNTIME] = 1
    """Processes that share the parts of each batch (:attr:`Recipe.batch_parts`), one device each."""
    decoders: Annotated[int | None, Field(ge=0), Part.RUNTIME] = None
    """Further processes that decode an image folder for this run, over all its processes; 0 decodes between the
    steps, ``None`` takes as many as there are cores."""

    @model_validator(mode="after")
    def _start_told_once(self) -> Self:
        if self.arm != self.arm.trains:
            raise ValueError(f"arm {self.arm}: its start belongs into feature_init, affine_init and frozen_affine")
        return self

    @model_validator(mode="after")
    def _parts_shared_equally(self) -> Self:
        if self.recipe.batch_parts % self.processes:
            parts = self.recipe.batch_parts
            raise ValueError(f"{self.processes} processes cannot share {parts} parts of a batch equally")
        return self

    @model_validator(mode="after")
    def _precision_of_the_device(self) -> Self:
        check_precision(self.recipe.precision, self.device)
        return self

    @property
    def full_arm(self) -> Arm:
        """The arm as claims name it, start included."""
        return self.arm.starting(
            feature_init=self.feature_init, affine_init=self.affine_init, frozen_affine=self.frozen_affine
        )

    def __str__(self) -> str:
        return f"{self.network} {self.full_arm} seed {self.seed}"


class EpochRecord(Value):
    """One epoch. A loss that is not finite is ``None``."""

    epoch: int
    """From 1."""
    lr: float
    """Learning rate of the epoch's last step."""
    train_loss: float | None
    """Mean over the epoch's images, at the weights of each step."""
    train_accuracy: float
    """Percent, likewise."""
    test_loss: float | None
    test_accuracy: float
    """Percent of the test set after the epoch."""
    seconds: float


class RunRecord(Value):
    """What a finished training leaves beside its learned tensors."""

    key: str
    spec: RunSpec
    status: Literal["completed", "diverged"]
    divergence: str | None
    """What was seen, where the run diverged."""
    test_accuracy: float
    """Percent after the last epoch; at chance level for a run whose loss stopped being finite."""
    test_loss: float | None
    top5_accuracy: float | None = None
    """Percent of the test set whose class is among the five likeliest, after the last epoch; ``None`` where there are
    no more than five classes."""
    curve: tuple[EpochRecord, ...]
    trainable_parameters: int
    total_parameters: int
    initial_digest: str
    """SHA-256 of every tensor as drawn from the seed, frozen ones included."""
    wall_seconds: float
    """Training and evaluation, interruptions left out."""
    images_per_second: float
    """Training images, evaluation and start-up left out."""
    resumed: int
    """Times that the run went on from a checkpoint."""
    environment: dict[str, str]
    """Versions, device, host: provenance, not identity."""
