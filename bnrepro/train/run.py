"""The training loop: one RunSpec in, one record and its learned tensors out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import torch

from bnrepro.data import FolderImages, ImageSet
from bnrepro.errors import TrainingError
from bnrepro.processes import available_cores
from bnrepro.spec.run import RunRecord, RunSpec
from bnrepro.spec.trainer import Interrupted, Progress, Slot
from bnrepro.train.batches import Images, training_batches
from bnrepro.train.environment import torch_device
from bnrepro.train.model import Scores, TrainedModel
from bnrepro.train.record import record_of
from bnrepro.train.splits import splits_on
from bnrepro.train.state import State
from bnrepro.train.team import ALONE, Team

PROGRESS_SECONDS = 0.25


def train(
    spec: RunSpec,
    images: ImageSet | FolderImages,
    *,
    slot: Slot,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[Progress], None] = lambda _: None,
    team: Team = ALONE,
) -> tuple[RunRecord, dict[str, np.ndarray]]:
    """Train one network to the end, from its checkpoint if ``slot`` holds one.

    ``stop`` is asked after every step; when it says yes, the state is saved and :class:`Interrupted`
    raised. On the CPU a run that was interrupted ends bit for bit as one that was not.

    Every member of a team of several processes makes this call. The leader alone is asked to stop, saves and
    reports; all are interrupted after the same step, and return the same.

    Raises:
        TrainingError: the data are not those of the spec or do not fill its parts, or a frozen tensor moved.
        DataError: a file of an image folder is not what it was.
        Interrupted: asked to stop.
    """
    if images.digest != spec.data_digest:
        raise TrainingError(f"{spec}: the data have digest {images.digest}, the spec asks for {spec.data_digest}")
    recipe, device = spec.recipe, torch_device(spec.device, spec.recipe.precision)
    train_split, test_split = splits_on(device, images, decoders=_decoders(spec))
    count = len(train_split)
    if 0 < count % recipe.batch_size < recipe.batch_parts:
        raise TrainingError(
            f"{spec}: the last batch of an epoch has {count % recipe.batch_size} of {count:,} images, too few for "
            f"{recipe.batch_parts} parts"
        )
    model = TrainedModel(spec, in_channels=images.channels, classes=images.classes, device=device, team=team)
    state = State.resume(model, slot)
    steps = recipe.steps_per_epoch(count)
    finite = True
    reported = saved = time.monotonic()

    while finite and state.epoch < recipe.epochs:
        carried = [state.loss_sum, state.correct] if team.leads else [0, 0]
        sums = torch.tensor(carried, dtype=torch.float64, device=device)
        started = time.perf_counter()
        for inputs, labels in training_batches(
            train_split, recipe, seed=spec.seed, epoch=state.epoch, first_step=state.step, team=team
        ):
            batch = min(recipe.batch_size, count - state.step * recipe.batch_size)
            model.set_lr(recipe.lr_at(state.epoch, step=state.step, steps=steps))
            loss, correct = model.step(inputs, labels, batch=batch)
            sums += torch.stack([loss.double() * len(labels), correct.double()])
            state.step += 1
            state.images += batch
            now, asked = time.monotonic(), stop()
            if now - reported >= PROGRESS_SECONDS:
                reported = now
                report(_progress(state, steps, recipe.epochs))
            asked, due = map(bool, team.told(asked, asked or now - saved >= spec.checkpoint_seconds))
            if due:
                started = _take_stock(state, team.added(sums), started)
                if team.leads:
                    state.save(model, slot)
                saved = time.monotonic()
            if asked:
                raise Interrupted
        _take_stock(state, team.added(sums), started)
        started = time.perf_counter()
        scores = _scores(model, test_split, team)
        state.evaluation_seconds += time.perf_counter() - started
        last_lr = recipe.lr_at(state.epoch, step=steps - 1, steps=steps)
        finite = state.close_epoch(lr=last_lr, scores=scores)
        report(_progress(state, steps, recipe.epochs))

    model.check_frozen()
    return record_of(spec, images, model, state, (count, len(test_split))), model.learned_arrays()


def _decoders(spec: RunSpec) -> int:
    """One process's own among the decoders of a run."""
    wanted = available_cores() if spec.decoders is None else spec.decoders
    return -(-wanted // spec.processes)


def _scores(model: TrainedModel, split: Images, team: Team) -> Scores:
    """The leader's, whose running statistics are the run's; the others wait for its numbers."""
    if team.leads:
        scores = model.scores(split)
        top5 = math.nan if scores.top5_accuracy is None else scores.top5_accuracy
        told = team.told(scores.loss, scores.accuracy, top5)
    else:
        told = team.told(0, 0, 0)
    loss, accuracy, top5 = told
    return Scores(loss=loss, accuracy=accuracy, top5_accuracy=None if math.isnan(top5) else top5)


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
