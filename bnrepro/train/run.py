"""The training loop: one RunSpec in, one record and its learned tensors out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import torch

from bnrepro.data import ImageSet
from bnrepro.errors import TrainingError
from bnrepro.identity import run_key
from bnrepro.spec.run import RunRecord, RunSpec
from bnrepro.spec.trainer import Interrupted, Progress, Slot
from bnrepro.train.batches import Split, training_batches
from bnrepro.train.environment import describe_environment, torch_device
from bnrepro.train.model import TrainedModel
from bnrepro.train.state import State

PROGRESS_SECONDS = 0.25


def train(
    spec: RunSpec,
    images: ImageSet,
    *,
    slot: Slot,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[Progress], None] = lambda _: None,
) -> tuple[RunRecord, dict[str, np.ndarray]]:
    """Train one network to the end, from its checkpoint if ``slot`` holds one.

    ``stop`` is asked after every step; when it says yes, the state is saved and :class:`Interrupted`
    raised. On the CPU a run that was interrupted ends bit for bit as one that was not.

    Raises:
        TrainingError: the data are not those of the spec, or a frozen tensor moved.
        Interrupted: asked to stop.
    """
    if images.digest != spec.data_digest:
        raise TrainingError(f"{spec}: the data have digest {images.digest}, the spec asks for {spec.data_digest}")
    recipe, device = spec.recipe, torch_device(spec.device)
    train_split = Split.on_device(images.train_images, images.train_labels, device)
    test_split = Split.on_device(images.test_images, images.test_labels, device)
    model = TrainedModel(spec, in_channels=images.train_images.shape[1], classes=images.classes, device=device)
    state = State.resume(model, slot)
    steps = recipe.steps_per_epoch(len(train_split))
    finite = True
    reported = saved = time.monotonic()

    while finite and state.epoch < recipe.epochs:
        model.set_lr(recipe.lr_at(state.epoch))
        sums = torch.tensor([state.loss_sum, state.correct], dtype=torch.float64, device=device)
        started = time.perf_counter()
        for inputs, labels in training_batches(
            train_split, recipe, seed=spec.seed, epoch=state.epoch, first_step=state.step
        ):
            loss, correct = model.step(inputs, labels)
            sums += torch.stack([loss.double() * len(labels), correct.double()])
            state.step += 1
            state.images += len(labels)
            now, asked = time.monotonic(), stop()
            if now - reported >= PROGRESS_SECONDS:
                reported = now
                report(_progress(state, steps, recipe.epochs))
            if asked or now - saved >= spec.checkpoint_seconds:
                started = _take_stock(state, sums, started)
                state.save(model, slot)
                saved = time.monotonic()
            if asked:
                raise Interrupted
        _take_stock(state, sums, started)
        started = time.perf_counter()
        test_loss, test_accuracy = model.evaluate(test_split)
        state.evaluation_seconds += time.perf_counter() - started
        finite = state.close_epoch(lr=recipe.lr_at(state.epoch), test_loss=test_loss, test_accuracy=test_accuracy)
        report(_progress(state, steps, recipe.epochs))

    model.check_frozen()
    return _record(spec, images, model, state, device), model.learned_arrays()


def _take_stock(state: State, sums: torch.Tensor, started: float) -> float:
    """Bring the device's sums (which waits for it) and the time spent into the state; the time now."""
    state.loss_sum, correct = sums.tolist()
    state.correct = int(correct)
    now = time.perf_counter()
    state.epoch_seconds += now - started
    return now


def _progress(state: State, steps: int, epochs: int) -> Progress:
    return Progress(
        steps_done=state.epoch * steps + state.step,
        steps=epochs * steps,
        test_accuracy=state.curve[-1].test_accuracy if state.curve else None,
    )


def _record(spec: RunSpec, images: ImageSet, model: TrainedModel, state: State, device: torch.device) -> RunRecord:
    last = state.curve[-1]
    divergence = divergence_of(last.train_loss, last.test_loss, last.test_accuracy, images)
    lost = last.train_loss is None or last.test_loss is None
    return RunRecord(
        key=run_key(spec),
        spec=spec,
        status="diverged" if divergence else "completed",
        divergence=divergence,
        test_accuracy=100 / images.classes if lost else last.test_accuracy,
        test_loss=last.test_loss,
        curve=tuple(state.curve),
        trainable_parameters=model.trainable_parameters,
        total_parameters=spec.network.counts(images.train_images.shape[1]).total,
        initial_digest=model.initial_digest,
        wall_seconds=state.training_seconds + state.evaluation_seconds,
        images_per_second=len(images.train_labels) * len(state.curve) / state.training_seconds,
        resumed=state.resumed,
        environment=describe_environment(device),
    )


def divergence_of(
    train_loss: float | None, test_loss: float | None, test_accuracy: float, images: ImageSet
) -> str | None:
    """What is wrong with a finished run, if it diverged: a loss without a value, or chance-level accuracy.

    Chance level: not above 1/classes by more than 3.09 standard errors of a guesser's score on the test
    set, the one-sided 0.1 % point of the normal approximation to the binomial.
    """
    if train_loss is None or test_loss is None:
        return "the loss stopped being a finite number"
    chance, number = 1 / images.classes, len(images.test_labels)
    bound = 100 * (chance + 3.09 * math.sqrt(chance * (1 - chance) / number))
    return f"accuracy {test_accuracy:.1f} % is at chance level" if test_accuracy <= bound else None
