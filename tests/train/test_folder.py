"""Image folders in training: augmented as torchvision would, the same whoever decodes and wherever a run resumed."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms import functional as vision

from bnrepro.data import FolderImages
from bnrepro.errors import DataError
from bnrepro.spec.recipe import Recipe, ResizedCrop
from bnrepro.spec.trainer import Interrupted
from bnrepro.train.batches import Images, evaluation_batches, training_batches
from bnrepro.train.folder import CentreView, RandomView, random_box
from bnrepro.train.random import Purpose, generator
from bnrepro.train.run import train
from bnrepro.train.splits import splits_on
from tests.train.folders import folder_recipe, photographs, prepared_folder, write_folder
from tests.train.helpers import MemorySlot, run_spec

CPU = torch.device("cpu")
PAPER = ResizedCrop()
Batch = tuple[torch.Tensor, torch.Tensor]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> FolderImages:
    """26 training and 7 test images of three classes."""
    folder = tmp_path_factory.mktemp("imagenet")
    return prepared_folder(write_folder(folder / "images"), folder / "cache")[1]


def split_of(images: FolderImages, *, decoders: int = 0) -> Images:
    return splits_on(CPU, images, decoders=decoders)[0]


def epoch_of(split: Images, recipe: Recipe, *, seed: int = 0, epoch: int = 0, first_step: int = 0) -> list[Batch]:
    return list(training_batches(split, recipe, seed=seed, epoch=epoch, first_step=first_step))


def same(ours: list[Batch], theirs: list[Batch]) -> bool:
    return all(
        torch.equal(a, b) for one, other in zip(ours, theirs, strict=True) for a, b in zip(one, other, strict=True)
    )


class TorchsDraws:
    """A generator whose draws are torch's own, in the form that numpy gives them."""

    def uniform(self, low: float, high: float) -> float:
        return torch.empty(1).uniform_(low, high).item()

    def integers(self, high: int) -> int:
        return int(torch.randint(0, high, size=(1,)).item())


@pytest.mark.parametrize(
    ("width", "height"), [(500, 375), (375, 500), (64, 64), (1000, 30), (30, 1000), (3, 2), (1, 1), (200, 130)]
)
@pytest.mark.parametrize("crop", [PAPER, ResizedCrop(scale=(0.9, 1.0), ratio=(3.0, 4.0))], ids=["paper", "elongated"])
def test_random_rectangles_are_torchvisions_from_the_same_draws(width: int, height: int, crop: ResizedCrop) -> None:
    picture = Image.new("L", (width, height))
    for seed in range(100):
        torch.manual_seed(seed)
        top, left, down, across = RandomResizedCrop.get_params(picture, list(crop.scale), list(crop.ratio))
        torch.manual_seed(seed)
        box = random_box(TorchsDraws(), width=width, height=height, crop=crop)  # type: ignore[arg-type]
        assert box == (left, top, left + across, top + down)


def test_a_training_view_is_torchvisions_resized_crop_and_flip() -> None:
    mirrored = 0
    for index in range(20):
        image = photographs()[index % 2]
        view = RandomView(crop=PAPER, flip=True, seed=3, epoch=7)(image, index)
        rng = generator(3, Purpose.AUGMENTATION, f"7/{index}")
        left, upper, right, lower = random_box(rng, width=640, height=427, crop=PAPER)
        theirs = vision.resized_crop(image, upper, left, lower - upper, right - left, [224, 224])
        if rng.random() < 0.5:
            theirs, mirrored = vision.hflip(theirs), mirrored + 1
        assert view.tobytes() == theirs.tobytes()
    assert 0 < mirrored < 20


@pytest.mark.parametrize(
    "size", [(640, 427), (427, 640), (256, 256), (225, 300), (100, 90), (257, 511), (3000, 40)], ids=str
)
def test_an_evaluation_view_is_torchvisions_resize_and_centre_crop(size: tuple[int, int]) -> None:
    image = photographs()[0].resize(size)
    theirs = vision.center_crop(vision.resize(image, [256]), [224, 224])
    assert CentreView(crop=PAPER)(image, 0).tobytes() == theirs.tobytes()


def test_half_of_the_views_are_mirrored_and_none_where_the_recipe_does_not_flip() -> None:
    slope = Image.fromarray(np.tile(np.arange(0, 240, 4, dtype=np.uint8)[None, :, None], (60, 1, 3)))

    def share_mirrored(*, flip: bool) -> float:
        crop = ResizedCrop(side=8, test_resize=8)
        views = (RandomView(crop=crop, flip=flip, seed=0, epoch=0)(slope, index) for index in range(1000))
        return float(np.mean([np.diff(np.asarray(view)[0, [0, -1], 0].astype(int))[0] < 0 for view in views]))

    assert share_mirrored(flip=False) == 0
    assert abs(share_mirrored(flip=True) - 0.5) < 4 * 0.5 / np.sqrt(1000)


@pytest.mark.parametrize(("scale", "ratio"), [((0.1, 1.0), (0.8, 1.25)), ((0.3, 0.5), (1.0, 1.1))])
def test_rectangles_have_areas_and_shapes_from_the_whole_of_the_recipes_ranges(
    scale: tuple[float, float], ratio: tuple[float, float]
) -> None:
    rng, side = np.random.default_rng(0), 5000  # so large that hardly any fails to fit and whole pixels do not show
    boxes = [random_box(rng, width=side, height=side, crop=ResizedCrop(scale=scale, ratio=ratio)) for _ in range(2000)]
    across, down = (np.array([box[2 + axis] - box[axis] for box in boxes]) for axis in (0, 1))
    for values, (low, high) in ((across * down / side**2, scale), (across / down, ratio)):
        assert low * 0.999 <= values.min() < low * 1.05
        assert high * 0.95 < values.max() <= high * 1.001
    # Half of the logarithms, not of the ratios, lie below the middle: their median is the geometric mean.
    assert np.median(across / down) == pytest.approx(np.sqrt(ratio[0] * ratio[1]), rel=0.02)


def test_batches_equal_a_reference_that_takes_one_image_at_a_time(images: FolderImages) -> None:
    recipe = folder_recipe()
    crop = recipe.resized_crop
    assert crop is not None
    inputs, labels = map(torch.cat, zip(*epoch_of(split_of(images), recipe, seed=5, epoch=2), strict=True))
    order = generator(5, Purpose.ORDER, 2).permutation(26)
    for place, index in enumerate(order.tolist()):
        image = Image.open(io.BytesIO(images.train.path(index).read_bytes())).convert("RGB")
        view = RandomView(crop=crop, flip=True, seed=5, epoch=2)(image, index)
        theirs = vision.normalize(vision.to_tensor(view), list(recipe.channel_mean), list(recipe.channel_std))
        torch.testing.assert_close(inputs[place], theirs)
        assert labels[place] == images.train.labels[index]


def test_evaluation_shows_every_image_once_in_order(images: FolderImages) -> None:
    recipe = folder_recipe()
    test_split = splits_on(CPU, images, decoders=0)[1]
    batches = list(evaluation_batches(test_split, recipe))
    assert [len(labels) for _, labels in batches] == [4, 3]
    inputs, labels = map(torch.cat, zip(*batches, strict=True))
    assert labels.tolist() == images.test.labels.tolist()
    for index in range(7):
        image = vision.center_crop(vision.resize(Image.open(images.test.path(index)), [20]), [16, 16])
        theirs = vision.normalize(vision.to_tensor(image), list(recipe.channel_mean), list(recipe.channel_std))
        torch.testing.assert_close(inputs[index], theirs)


def test_seeds_and_epochs_draw_views_of_their_own() -> None:
    image, views = photographs()[1], set()
    for seed in (0, 1):
        for epoch in (0, 1):
            for index in (0, 1):
                views.add(RandomView(crop=PAPER, flip=True, seed=seed, epoch=epoch)(image, index).tobytes())
    assert len(views) == 8


@pytest.mark.parametrize("first_step", range(5))
def test_a_step_has_the_same_batch_wherever_the_epoch_was_entered(images: FolderImages, first_step: int) -> None:
    whole = epoch_of(split_of(images), folder_recipe())
    assert [len(labels) for _, labels in whole] == [8, 8, 8, 2]
    assert same(epoch_of(split_of(images), folder_recipe(), first_step=first_step), whole[first_step:])


def test_the_number_of_decoders_changes_nothing(images: FolderImages) -> None:
    recipe = folder_recipe(batch_size=20)
    assert same(epoch_of(split_of(images, decoders=2), recipe), epoch_of(split_of(images), recipe))


def test_a_run_that_goes_on_from_any_checkpoint_ends_bit_for_bit_as_one_that_was_not_interrupted(
    images: FolderImages,
) -> None:
    spec = run_spec(images, arm="all", recipe=folder_recipe(warmup_epochs=1), decoders=0)  # type: ignore[arg-type]
    record, arrays = train(spec, images, slot=MemorySlot())
    slot, steps = MemorySlot(), 0
    while True:
        try:
            resumed, resumed_arrays = train(spec, images, slot=slot, stop=lambda: True)
            break
        except Interrupted:
            steps += 1
    assert steps == 8
    assert [epoch.train_loss for epoch in resumed.curve] == [epoch.train_loss for epoch in record.curve]
    assert all(resumed_arrays[name].tobytes() == array.tobytes() for name, array in arrays.items())
    assert record.total_parameters == record.trainable_parameters + 7 * 65  # counted for ten classes; here are three
    assert record.top5_accuracy is None


@pytest.mark.parametrize("decoders", [0, 1])
def test_a_file_that_changed_since_it_was_listed_ends_the_run_by_name(tmp_path: Path, decoders: int) -> None:
    _, images = prepared_folder(write_folder(tmp_path / "images"), tmp_path / "cache")
    file = images.train.path(11)
    file.write_bytes(file.read_bytes() + b"more")
    spec = run_spec(images, recipe=folder_recipe(), decoders=decoders)  # type: ignore[arg-type]
    with pytest.raises(DataError) as refused:
        train(spec, images, slot=MemorySlot())
    assert str(refused.value).startswith(f"{file}: expected {images.train.sizes[11]:,} bytes with SHA-256")
