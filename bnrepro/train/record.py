"""What a finished run leaves in words and numbers, and whether it diverged."""

from __future__ import annotations

import math

from bnrepro.data import FolderImages, ImageSet
from bnrepro.identity import run_key
from bnrepro.spec.run import RunRecord, RunSpec
from bnrepro.train.environment import describe_environment
from bnrepro.train.model import TrainedModel
from bnrepro.train.state import State


def record_of(
    spec: RunSpec, images: ImageSet | FolderImages, model: TrainedModel, state: State, sizes: tuple[int, int]
) -> RunRecord:
    """The record of a run that has ended; ``sizes`` are the numbers of training and of test images."""
    train_images, test_images = sizes
    last = state.curve[-1]
    divergence = divergence_of(
        last.train_loss, last.test_loss, last.test_accuracy, classes=images.classes, images=test_images
    )
    lost = last.train_loss is None or last.test_loss is None
    return RunRecord(
        key=run_key(spec),
        spec=spec,
        status="diverged" if divergence else "completed",
        divergence=divergence,
        test_accuracy=100 / images.classes if lost else last.test_accuracy,
        test_loss=last.test_loss,
        top5_accuracy=500 / images.classes if lost and state.top5_accuracy is not None else state.top5_accuracy,
        curve=tuple(state.curve),
        trainable_parameters=model.trainable_parameters,
        total_parameters=spec.network.counts(images.channels).total,
        initial_digest=model.initial_digest,
        wall_seconds=state.training_seconds + state.evaluation_seconds,
        images_per_second=train_images * len(state.curve) / state.training_seconds,
        resumed=state.resumed,
        environment=describe_environment(model.device) | model.provenance,
    )


def divergence_of(
    train_loss: float | None, test_loss: float | None, test_accuracy: float, *, classes: int, images: int
) -> str | None:
    """What is wrong with a finished run, if it diverged: a loss without a value, or chance-level accuracy.

    Chance level: not above 1/classes by more than 3.09 standard errors of a guesser's score on the test
    set of so many images, the one-sided 0.1 % point of the normal approximation to the binomial.
    """
    if train_loss is None or test_loss is None:
        return "the loss stopped being a finite number"
    chance = 1 / classes
    bound = 100 * (chance + 3.09 * math.sqrt(chance * (1 - chance) / images))
    return f"accuracy {test_accuracy:.1f} % is at chance level" if test_accuracy <= bound else None
