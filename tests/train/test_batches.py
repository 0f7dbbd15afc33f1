"""Batches: augmented as one image at a time would be, each image once an epoch, fixed by the seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import functional as vision

from bnrepro.recipes import RECIPES
from bnrepro.spec.networks import Family
from bnrepro.spec.recipe import Recipe
from bnrepro.spec.scale import Scale
from bnrepro.train.batches import Split, evaluation_batches, shifted, training_batches
from bnrepro.train.random import Purpose, generator
from tests.train.helpers import recipe, striped_images

CPU = torch.device("cpu")
AS_PIXELS = {"channel_mean": (0.0,), "channel_std": (1 / 255,)}
"""Normalisation that gives back pixel values."""
Batch = tuple[torch.Tensor, torch.Tensor]


def striped() -> Split:
    images = striped_images()
    return Split.on_device(images.train_images, images.train_labels, CPU)


def numbered(count: int, *, side: int = 1) -> Split:
    """As many equal images, pixels counted from 1, labelled by their position."""
    image = (1 + np.arange(side * side, dtype=np.uint8)).reshape(1, 1, side, side)
    return Split.on_device(np.repeat(image, count, axis=0), np.arange(count), CPU)


def epoch_of(split: Split, settings: Recipe, *, seed: int = 0, epoch: int = 0, first_step: int = 0) -> list[Batch]:
    return list(training_batches(split, settings, seed=seed, epoch=epoch, first_step=first_step))


def same(ours: list[Batch], theirs: list[Batch]) -> bool:
    return all(
        torch.equal(a, b) for one, other in zip(ours, theirs, strict=True) for a, b in zip(one, other, strict=True)
    )


def drawn_moves(settings: Recipe, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Down, right and mirrored of each of ``count`` images, read from the batches alone."""
    pad = settings.shift_pixels
    pixels = torch.cat([inputs for inputs, _ in epoch_of(numbered(count, side=8), settings)])
    # The two middle pixels of a row stay inside the image whatever the shift.
    middle, beside = (pixels[:, 0, 4, column].round().numpy().astype(int) - 1 for column in (4, 3))
    mirrored = middle < beside
    return middle // 8 - 4 + pad, np.where(mirrored, beside, middle) % 8 - 4 + pad, mirrored


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("pad", [0, 2, 4])
def test_batches_equal_a_reference_that_takes_one_image_at_a_time(pad: int, flip: bool) -> None:
    settings, split = recipe(shift_pixels=pad, flip=flip), striped()
    count, (_, height, width) = len(split), split.images.shape[1:]
    order = generator(3, Purpose.ORDER, 5).permutation(count)
    rng = generator(3, Purpose.AUGMENTATION, 5)
    down, right = rng.integers(0, 2 * pad + 1, size=(2, count))
    mirrored = (rng.random(count) < 0.5) & flip
    inputs, labels = map(torch.cat, zip(*epoch_of(split, settings, seed=3, epoch=5), strict=True))
    mean, std = (np.array(values)[:, None, None] for values in (settings.channel_mean, settings.channel_std))
    for place, chosen in enumerate(order):
        image = np.pad(split.images[chosen].numpy(), ((0, 0), (pad, pad), (pad, pad)))
        image = image[:, down[place] : down[place] + height, right[place] : right[place] + width]
        image = image[:, :, ::-1] if mirrored[place] else image
        np.testing.assert_allclose(inputs[place].numpy(), (image / 255 - mean) / std, rtol=1e-5, atol=1e-6)
        assert labels[place] == split.labels[chosen]


def test_shift_and_mirror_equal_torchvisions_pad_crop_and_flip() -> None:
    image = striped().images[7]
    for down in range(5):
        for right in range(5):
            for mirror in (False, True):
                moved = shifted(
                    image[None],
                    2,
                    down=torch.tensor([down]),
                    right=torch.tensor([right]),
                    mirror=torch.tensor([mirror]),
                )[0]
                theirs = vision.crop(vision.pad(image, [2]), down, right, 8, 8)
                assert torch.equal(moved, vision.hflip(theirs) if mirror else theirs)


def test_an_evaluation_batch_is_the_image_as_torchvision_normalises_it() -> None:
    settings, split = recipe(), striped()
    inputs, labels = map(torch.cat, zip(*evaluation_batches(split, settings), strict=True))
    theirs = vision.normalize(split.images.float() / 255, list(settings.channel_mean), list(settings.channel_std))
    torch.testing.assert_close(inputs, theirs)
    assert torch.equal(labels, split.labels)


def test_offsets_are_uniform_and_half_of_the_images_mirrored() -> None:
    count = 5_000
    down, right, mirrored = drawn_moves(recipe(shift_pixels=2, **AS_PIXELS), count)
    assert set(down) == set(right) == set(range(5))
    # Each of the 50 outcomes as often as any other: uniform and independent at once.
    outcomes = np.bincount(down * 10 + right * 2 + mirrored, minlength=50)
    assert outcomes.sum() == count
    assert stats.chisquare(outcomes).pvalue > 1e-3
    assert abs(mirrored.mean() - 0.5) < 4 * 0.5 / np.sqrt(count)


def test_nothing_is_mirrored_where_the_recipe_does_not_flip() -> None:
    down, _, mirrored = drawn_moves(recipe(shift_pixels=2, flip=False, **AS_PIXELS), 500)
    assert not mirrored.any()
    assert set(down) == set(range(5))


def test_nothing_moves_where_the_recipe_does_not_shift() -> None:
    down, right, _ = drawn_moves(recipe(shift_pixels=0, **AS_PIXELS), 500)
    assert not down.any()
    assert not right.any()


def test_black_comes_in_at_the_edges_not_the_mean_colour() -> None:
    settings = recipe(shift_pixels=2)
    white = Split.on_device(np.full((200, 3, 8, 8), 255, dtype=np.uint8), np.zeros(200, dtype=np.int64), CPU)
    pixels = torch.cat([inputs for inputs, _ in epoch_of(white, settings)])
    for channel in range(3):
        mean, std = settings.channel_mean[channel], settings.channel_std[channel]
        values = pixels[:, channel].unique().tolist()
        assert values == pytest.approx([-mean / std, (1 - mean) / std], rel=1e-5)


def test_the_papers_recipe_takes_391_steps_an_epoch_the_last_of_80_images() -> None:
    settings = RECIPES[Family.CIFAR, Scale.PAPER].model_copy(update=AS_PIXELS)
    split = numbered(50_000)
    batches = epoch_of(split, settings)
    labels = torch.cat([labels for _, labels in batches])
    assert len(batches) == settings.steps_per_epoch(50_000) == 391
    assert [len(labels) for _, labels in batches] == [128] * 390 + [80]
    assert torch.equal(labels.sort().values, split.labels)


@pytest.mark.parametrize(("images", "steps"), [(1, 1), (127, 1), (128, 1), (129, 2), (256, 2)])
def test_a_short_batch_is_a_step(images: int, steps: int) -> None:
    assert RECIPES[Family.CIFAR, Scale.PAPER].steps_per_epoch(images) == steps


@pytest.mark.parametrize("first_step", range(6))
def test_a_step_has_the_same_batch_wherever_the_epoch_was_entered(first_step: int) -> None:
    split = striped()
    whole = epoch_of(split, recipe())
    assert len(whole) == 5
    rest = epoch_of(split, recipe(), first_step=first_step)
    assert len(rest) == 5 - first_step
    assert same(rest, whole[first_step:])


def test_seeds_and_epochs_draw_order_and_moves_of_their_own() -> None:
    split, settings = numbered(200, side=8), recipe(batch_size=200, **AS_PIXELS)
    drawn = [epoch_of(split, settings, seed=seed, epoch=epoch)[0] for seed in (0, 1) for epoch in (0, 1)]
    again = epoch_of(split, settings)[0]
    assert same([again], drawn[:1])
    for index, (inputs, labels) in enumerate(drawn):
        for other_inputs, other_labels in drawn[:index]:
            assert (labels == other_labels).float().mean() < 0.05
            # All images are equal, so only the moves tell inputs apart: 50 outcomes, 2 % by chance.
            assert (inputs == other_inputs).all(dim=(1, 2, 3)).float().mean() < 0.1


def test_every_evaluation_image_comes_once_in_order_and_unmoved() -> None:
    split = numbered(100, side=4)
    batches = list(evaluation_batches(split, recipe(evaluation_batch_size=16, **AS_PIXELS)))
    assert [len(labels) for _, labels in batches] == [16] * 6 + [4]
    inputs, labels = map(torch.cat, zip(*batches, strict=True))
    assert torch.equal(labels, split.labels)
    torch.testing.assert_close(inputs, split.images.float())


def test_inputs_are_float32_in_channels_last_order() -> None:
    for batches in (epoch_of(striped(), recipe()), list(evaluation_batches(striped(), recipe()))):
        for inputs, labels in batches:
            assert inputs.dtype == torch.float32
            assert inputs.is_contiguous(memory_format=torch.channels_last)
            assert labels.dtype == torch.int64
