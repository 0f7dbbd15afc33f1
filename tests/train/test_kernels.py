"""Kernels against torch in double precision, or to the bit where nothing is rounded twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from bnrepro.train.batches import Normaliser, Split, normalised, shifted, training_batches
from bnrepro.train.kernels import calls
from tests.train.helpers import recipe, striped_images

pytestmark = pytest.mark.skipif(not calls.available(), reason="no C compiler is here, or the kernels are off")

CPU = torch.device("cpu")
TYPES = [torch.float32, torch.bfloat16]
EPSILON, MOMENTUM = 1e-5, 0.1
FLOAT_ERROR = 32 * 2.0**-24
"""What several roundings to float32 may do, relative to the largest of what is added."""
ROUNDING = {torch.float32: 2.0**-24, torch.bfloat16: 2.0**-8}
"""The last rounding of an element, relative to it."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One pass through BatchNorm, the sum with a shortcut and ReLU."""

    dtype: torch.dtype
    shape: tuple[int, int, int, int]
    shortcut: bool = False
    relu: bool = True
    running: bool = True
    other: bool = False
    """Whether a second gradient of the output comes back."""
    wants_x: bool = True
    offset: float = 0.5
    """Mean of the input, in standard deviations."""
    seed: int = 0

    def normal(self, number: int) -> torch.Tensor:
        """Channels-last normal values of the case's type, other ones for each number."""
        rng = torch.Generator().manual_seed(self.seed * 10 + number)
        return channels_last(torch.randn(self.shape, generator=rng).to(self.dtype))


def channels_last(images: torch.Tensor) -> torch.Tensor:
    return images.contiguous(memory_format=torch.channels_last)


def check(case: Case) -> None:
    """Forward and backward, element by element, within what the type of the elements allows."""
    x = channels_last((case.normal(0) + case.offset) * 2)
    shortcut = case.normal(1) if case.shortcut else None
    channels = case.shape[1]
    rng = torch.Generator().manual_seed(case.seed)
    gamma, beta = torch.randn(channels, generator=rng), torch.randn(channels, generator=rng)
    running = (torch.randn(channels, generator=rng), torch.rand(channels, generator=rng)) if case.running else None
    expected_mean, expected_variance = (part.double() for part in running) if running else (None, None)

    y, done = calls.norm_forward(x, gamma, beta, EPSILON, MOMENTUM, running, shortcut, relu=case.relu)

    x64, gamma64, beta64 = (part.double().requires_grad_() for part in (x, gamma, beta))
    z = functional.batch_norm(x64, expected_mean, expected_variance, gamma64, beta64, True, MOMENTUM, EPSILON)
    added = z if shortcut is None else z + shortcut.double()
    expected = added.relu() if case.relu else added
    deviation = x64.var((0, 2, 3), keepdim=True, correction=0).add(EPSILON).sqrt()
    scale = gamma64.abs().view(1, -1, 1, 1) / deviation
    reach = x64.abs().amax((0, 2, 3), keepdim=True)
    size = scale * reach + beta64.abs().view(1, -1, 1, 1)
    size = (size if shortcut is None else size + shortcut.double().abs()).detach()
    assert y.dtype == case.dtype
    assert_near(y, expected, size, last=ROUNDING[case.dtype])
    if running:
        assert expected_mean is not None
        assert expected_variance is not None
        mean, variance = running
        assert_near(mean, expected_mean, MOMENTUM * reach.flatten() + expected_mean.abs(), last=0)
        assert_near(variance, expected_variance, MOMENTUM * reach.flatten() ** 2 + expected_variance.abs(), last=0)

    ends_block = case.shortcut and case.relu
    grad, other = case.normal(2), case.normal(3) if case.other and ends_block else None
    found = calls.norm_backward(grad, x, done, y if ends_block else None, other, relu=case.relu, wants_x=case.wants_x)
    whole = grad.double() if other is None else grad.double() + other.double()
    # Which of the values that ReLU saw were above 0 is told by its output: it was compared above.
    past_relu = torch.where(y > 0, whole, 0) if case.relu else whole
    added.backward(past_relu)  # type: ignore[no-untyped-call]
    if ends_block:
        assert found.masked is not None
        summed = grad.float() if other is None else grad.float() + other.float()
        assert torch.equal(found.masked, torch.where(y > 0, summed, 0).to(case.dtype))
    else:
        assert found.masked is None
    # Where a shortcut was added, the gradient goes on in the precision of its elements.
    grad_error = (ROUNDING[case.dtype] if ends_block else 0) * past_relu.abs()
    assert beta64.grad is not None
    assert_near(found.beta, beta64.grad, past_relu.abs().sum((0, 2, 3)), last=0)
    assert gamma64.grad is not None
    products = past_relu.abs() * (reach / deviation).detach()
    assert_near(found.gamma, gamma64.grad, products.sum((0, 2, 3)), last=0)
    if not case.wants_x:
        assert found.x is None
        return
    assert found.x is not None
    assert x64.grad is not None
    pixels = x64.numel() // channels
    from_gamma = products.sum((0, 2, 3), keepdim=True) / pixels * reach / deviation
    from_beta = past_relu.abs().sum((0, 2, 3), keepdim=True) / pixels
    size = (scale * (past_relu.abs() + from_beta + from_gamma)).detach()
    assert_near(found.x, x64.grad, size, last=ROUNDING[case.dtype], more=(scale * grad_error).detach())


def assert_near(
    ours: torch.Tensor, exact: torch.Tensor, size: torch.Tensor, *, last: float, more: torch.Tensor | float = 0.0
) -> None:
    """Within a few float32 roundings of values of this size, and one last rounding."""
    allowed = FLOAT_ERROR * size + last * exact.abs() + more
    distance = (ours.double() - exact).abs()
    worst = (distance / allowed.clamp(min=1e-300)).max().item()
    assert worst <= 1, f"{worst:.1f} times what is allowed"


KINDS: list[dict[str, Any]] = [
    {"relu": False},
    {"relu": True, "running": False},
    {"relu": False, "shortcut": True},
    {"relu": True, "shortcut": True},
    {"relu": True, "shortcut": True, "other": True},
    {"relu": True, "shortcut": True, "other": True, "wants_x": False, "running": False},
    {"relu": True, "wants_x": False, "offset": 30.0},
]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("channels", [1, 3, 5, 10, 16, 20, 48, 64, 100])
def test_batchnorm_and_its_gradients_are_those_of_double_precision(dtype: torch.dtype, channels: int) -> None:
    # From less than one row of whole vectors to several chunks and a rest.
    for batch, height, width in ((2, 1, 1), (1, 3, 1), (3, 2, 2), (7, 3, 3), (16, 8, 9)):
        for kind in KINDS:
            check(Case(dtype=dtype, shape=(batch, channels, height, width), **kind))


@settings(deadline=None, max_examples=100)
@given(
    shape=st.tuples(st.integers(1, 6), st.integers(1, 130), st.integers(1, 7), st.integers(2, 7)),
    dtype=st.sampled_from(TYPES),
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 2**16),
)
def test_batchnorm_is_that_of_double_precision_at_any_shape(
    shape: tuple[int, int, int, int], dtype: torch.dtype, kind: dict[str, Any], seed: int
) -> None:
    check(Case(dtype=dtype, shape=shape, seed=seed, **kind))


def test_one_pixel_a_channel_has_no_variance_and_is_refused() -> None:
    with pytest.raises(ValueError, match="more than one value a channel"):
        calls.norm_forward(
            torch.ones(1, 3, 1, 1), torch.ones(3), torch.zeros(3), EPSILON, MOMENTUM, None, None, relu=True
        )


def test_parameters_of_another_type_are_refused() -> None:
    x, narrow, wide = channels_last(torch.ones(2, 3, 2, 2)), torch.ones(3, dtype=torch.bfloat16), torch.ones(3)
    for gamma, beta in ((narrow, wide), (wide, narrow), (wide.double(), wide)):
        with pytest.raises(TypeError, match="gamma and beta are float32"):
            calls.norm_forward(x, gamma, beta, EPSILON, MOMENTUM, None, None, relu=True)


@pytest.mark.parametrize("dtype", TYPES)
def test_a_constant_channel_becomes_its_beta(dtype: torch.dtype) -> None:
    x = channels_last(torch.full((4, 5, 3, 3), 0.1).to(dtype))
    beta = torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0])
    y, _ = calls.norm_forward(x, torch.ones(5), beta, EPSILON, MOMENTUM, None, None, relu=False)
    torch.testing.assert_close(y.float(), beta.view(1, 5, 1, 1).expand(4, 5, 3, 3), rtol=0, atol=1e-4)


def past_torch(
    x: torch.Tensor, shortcut: torch.Tensor | None, grad: torch.Tensor, *, relu: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """The output and the gradient of x by torch's own operators."""
    x = x.clone().requires_grad_()
    y = functional.batch_norm(x, None, None, None, None, True)
    y = y if shortcut is None else y + shortcut
    y = y.relu() if relu else y
    y.backward(grad)  # type: ignore[no-untyped-call]
    assert x.grad is not None
    return y.detach(), x.grad


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("where", ["x", "shortcut", "grad"])
@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("pixel", [0, 70, 143])
def test_what_is_not_finite_goes_where_torch_lets_it_go(
    dtype: torch.dtype, bad: float, where: str, relu: bool, pixel: int
) -> None:
    rng = torch.Generator().manual_seed(0)
    tensors = {
        name: channels_last(torch.randn(4, 5, 6, 6, generator=rng).to(dtype)) for name in ("x", "shortcut", "grad")
    }
    tensors[where].permute(0, 2, 3, 1).view(144, 5)[pixel, 3] = bad
    for shortcut in (tensors["shortcut"], None):
        if shortcut is None and where == "shortcut":
            continue
        x, grad = tensors["x"], tensors["grad"]
        y, done = calls.norm_forward(x, torch.ones(5), torch.zeros(5), EPSILON, 0.1, None, shortcut, relu=relu)
        kept = y if relu and shortcut is not None else None
        found = calls.norm_backward(grad, x, done, kept, None, relu=relu, wants_x=True)
        theirs, grad_x = past_torch(x, shortcut, grad, relu=relu)
        assert found.x is not None
        assert torch.equal(y.isfinite(), theirs.isfinite())
        assert torch.equal(y.isnan(), theirs.isnan())
        assert torch.equal(found.x.isfinite(), grad_x.isfinite())
        # As torch has it, a gradient passes where ReLU's output is no number: 0 would hide it.
        passed = torch.where(y <= 0, 0, grad) if relu else grad
        torch.testing.assert_close(found.beta, passed.float().sum((0, 2, 3)), equal_nan=True, rtol=1e-4, atol=1e-4)
        if kept is not None:
            torch.testing.assert_close(found.masked, passed, equal_nan=True, rtol=0, atol=0)
        reached = where == "x" or not grad_x.isfinite().all()
        assert (not found.gamma.isfinite().all()) == reached


def weight_gradient(
    images: torch.Tensor, grad: torch.Tensor, weight_shape: tuple[int, ...], stride: int
) -> torch.Tensor:
    """torch's own, of every entry, in double precision, flat."""
    padding = weight_shape[-1] // 2
    geometry = ([stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1, [False, True, False])
    weight = torch.empty(weight_shape, dtype=torch.float64)
    arguments = (grad.double(), images.double(), weight, None, *geometry)
    found: torch.Tensor = torch.ops.aten.convolution_backward(*arguments)[1]
    return found.flatten()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3, 7])
@pytest.mark.parametrize(
    ("batch", "channels", "out_channels", "height", "width"),
    [(3, 5, 7, 9, 9), (2, 16, 16, 8, 8), (1, 3, 20, 1, 1), (2, 20, 5, 2, 3), (2, 33, 18, 17, 35), (4, 1, 1, 16, 5)],
)
def test_gradients_of_single_entries_are_those_of_the_whole_weight(
    dtype: torch.dtype, kernel: int, stride: int, batch: int, channels: int, out_channels: int, height: int, width: int
) -> None:
    rng = torch.Generator().manual_seed(0)
    images = channels_last(torch.randn(batch, channels, height, width, generator=rng).to(dtype))
    sides = [(side - 1) // stride + 1 for side in (height, width)]
    grad = channels_last(torch.randn(batch, out_channels, *sides, generator=rng).to(dtype))
    weight_shape = (out_channels, channels, kernel, kernel)
    expected = weight_gradient(images, grad, weight_shape, stride)
    size = weight_gradient(images.abs(), grad.abs(), weight_shape, stride)
    every = torch.arange(len(expected))
    some = torch.randperm(len(expected), generator=rng)[: 2 * out_channels]
    for entries in (every, some):
        found = calls.entry_gradients(images, grad, entries, kernel=kernel, stride=stride)
        assert_near(found, expected[entries], size[entries], last=0)


def test_an_entry_that_only_ever_meets_padding_has_no_gradient() -> None:
    images, grad = (channels_last(torch.randn(2, 3, 1, 1)) for _ in range(2))
    found = calls.entry_gradients(images, grad, torch.arange(81), kernel=3, stride=1).view(3, 3, 9)
    assert found[:, :, [place for place in range(9) if place != 4]].eq(0).all()
    assert found[:, :, 4].ne(0).all()


@settings(deadline=None, max_examples=100)
@given(
    shape=st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 9), st.integers(1, 9)),
    pad=st.integers(0, 5),
    seed=st.integers(0, 2**16),
    contiguous=st.booleans(),
)
def test_windows_are_cut_as_torch_cuts_them(
    shape: tuple[int, int, int, int], pad: int, seed: int, contiguous: bool
) -> None:
    rng = np.random.default_rng(seed)
    images = torch.from_numpy(rng.integers(1, 256, shape, dtype=np.uint8))
    images = images if contiguous else channels_last(images)
    chosen = torch.from_numpy(rng.integers(0, len(images), 8))
    down, right = torch.from_numpy(rng.integers(0, 2 * pad, (2, 8), endpoint=True))
    mirror = torch.from_numpy(rng.random(8) < 0.5)
    ours = calls.cropped(images, chosen, pad, down=down, right=right, mirror=mirror)
    assert torch.equal(ours, shifted(images[chosen], pad, down=down, right=right, mirror=mirror))
    assert ours.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_value_is_normalised_to_the_same_bits(channels: int) -> None:
    rng = np.random.default_rng(0)
    drawn = {name: tuple(rng.uniform(0.1, 0.9, channels).tolist()) for name in ("channel_mean", "channel_std")}
    values = torch.stack([torch.from_numpy(rng.permutation(256).astype(np.uint8)) for _ in range(2 * channels)])
    pixels = values.view(2, channels, 16, 16)
    for images in (pixels, channels_last(pixels)):
        ours, theirs = Normaliser(recipe(**drawn), CPU)(images), normalised(images, recipe(**drawn))
        assert torch.equal(ours.view(torch.int32), theirs.view(torch.int32))
        assert ours.stride() == theirs.stride()


def test_batches_are_the_same_bits_with_and_without_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    images = striped_images()
    split = Split.on_device(images.train_images, images.train_labels, CPU)
    ours = list(training_batches(split, recipe(), seed=3, epoch=1))
    monkeypatch.setattr(calls, "available", lambda: False)
    theirs = list(training_batches(split, recipe(), seed=3, epoch=1))
    for (inputs, labels), (their_inputs, their_labels) in zip(ours, theirs, strict=True):
        assert torch.equal(inputs, their_inputs)
        assert torch.equal(labels, their_labels)
