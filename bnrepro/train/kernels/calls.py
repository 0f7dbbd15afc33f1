"""The kernels as functions of tensors. All are channels-last in memory, on the CPU, float32 or bfloat16."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch

from bnrepro.train.kernels.build import NotCompiled, library

_POINTER, _LONG, _DOUBLE, _INT = ctypes.c_void_p, ctypes.c_long, ctypes.c_double, ctypes.c_int
_ARGUMENTS = {
    "norm_forward": [
        *(_POINTER, _LONG, _LONG, _POINTER, _POINTER, _DOUBLE, _DOUBLE),
        *(_POINTER, _POINTER, _POINTER, _INT, _POINTER, _POINTER),
    ],
    "norm_apply": [_POINTER, _LONG, _LONG, _POINTER, _POINTER, _POINTER, _INT, _POINTER],
    "norm_backward": [*[_POINTER] * 4, _LONG, _LONG, _POINTER, _INT, *[_POINTER] * 4],
    "entry_gradients": [_POINTER, _POINTER, *[_LONG] * 9, _POINTER, _LONG, _POINTER],
    "cropped": [*[_POINTER] * 5, *[_LONG] * 5, _POINTER],
    "looked_up": [_POINTER, _LONG, _LONG, _POINTER, _POINTER],
}
_TYPES = {torch.float32: "float32", torch.bfloat16: "bfloat16"}


class NormGradients(NamedTuple):
    """Of one BatchNorm and what follows it."""

    x: torch.Tensor | None
    """As the input; ``None`` where it was not asked for."""
    masked: torch.Tensor | None
    """Of what was added, as the output: the gradient past ReLU; ``None`` where nothing was."""
    gamma: torch.Tensor
    """(C,) float32."""
    beta: torch.Tensor
    """(C,) float32."""


def usable(images: torch.Tensor) -> bool:
    """Whether there are kernels for a tensor of this type on this device."""
    return images.device.type == "cpu" and images.dtype in _TYPES and available()


def norm_forward(
    x: torch.Tensor,
    gamma: torch.Tensor,
    beta: torch.Tensor,
    epsilon: float,
    momentum: float,
    running: tuple[torch.Tensor, torch.Tensor] | None,
    shortcut: torch.Tensor | None,
    *,
    relu: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """BatchNorm of x (N, C, H, W) by its own statistics (Ioffe & Szegedy 2015), plus a shortcut, then ReLU.

    Args:
        x: what is normalised.
        gamma: (C,) float32.
        beta: (C,) float32.
        epsilon: added to the variance.
        momentum: the share of the batch in the running statistics.
        running: mean and variance (C,) float32, which take the batch's in; the variance as an unbiased estimate.
        shortcut: as x.
        relu: whether negative values become 0.

    Returns:
        The output, as x, and what :func:`norm_backward` needs to know of what was done.

    Raises:
        ValueError: there is only one pixel a channel, which has no variance.
        TypeError: gamma or beta are of another type.
    """
    channels = x.shape[1]
    pixels = x.numel() // channels
    if pixels < 2:
        raise ValueError(f"BatchNorm needs more than one value a channel to train, and {tuple(x.shape)} has one")
    if gamma.dtype != torch.float32 or beta.dtype != torch.float32:
        raise TypeError(f"gamma and beta are float32 whatever the images are, not {gamma.dtype} and {beta.dtype}")
    y = torch.empty_like(x)
    done = torch.empty(4, channels)
    mean, variance = (None, None) if running is None else running
    _call(
        _function("norm_forward", x.dtype)(
            x.data_ptr(), pixels, channels, gamma.data_ptr(), beta.data_ptr(), epsilon, momentum,
            _address(mean), _address(variance), _address(shortcut), relu, y.data_ptr(), done.data_ptr(),
        )
    )  # fmt: skip
    return y, done


def norm_apply(
    x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor, shortcut: torch.Tensor | None, *, relu: bool
) -> torch.Tensor:
    """x * scale + shift, plus a shortcut, then ReLU; what comes takes the place of x in memory.

    Args:
        x: (N, C, H, W).
        scale: (C,) float32.
        shift: (C,) float32.
        shortcut: as x.
        relu: whether negative values become 0.
    """
    channels = x.shape[1]
    _call(
        _function("norm_apply", x.dtype)(
            x.data_ptr(), x.numel() // channels, channels, scale.data_ptr(), shift.data_ptr(),
            _address(shortcut), relu, x.data_ptr(),
        )
    )  # fmt: skip
    return x


def norm_backward(
    grad: torch.Tensor,
    x: torch.Tensor,
    done: torch.Tensor,
    y: torch.Tensor | None,
    other: torch.Tensor | None,
    *,
    relu: bool,
    wants_x: bool,
    over_x: bool = False,
) -> NormGradients:
    """The way back through :func:`norm_forward`.

    Args:
        grad: of its output, as x.
        x: its input.
        done: what it did.
        y: its output, needed where a shortcut was added before ReLU.
        other: a further gradient of that output, as ``grad``.
        relu: as there.
        wants_x: whether the gradient of x is needed.
        over_x: whether it may take the place of x in memory.
    """
    channels = x.shape[1]
    masked = None if y is None else torch.empty_like(x)
    grad_x = None if not wants_x else x if over_x else torch.empty_like(x)
    grad_gamma, grad_beta = torch.empty(channels), torch.empty(channels)
    _call(
        _function("norm_backward", x.dtype)(
            grad.data_ptr(), _address(other), x.data_ptr(), _address(y), x.numel() // channels, channels,
            done.data_ptr(), relu, _address(masked), _address(grad_x), grad_gamma.data_ptr(), grad_beta.data_ptr(),
        )
    )  # fmt: skip
    return NormGradients(grad_x, masked, grad_gamma, grad_beta)


def entry_gradients(
    images: torch.Tensor, grad: torch.Tensor, entries: torch.Tensor, *, kernel: int, stride: int
) -> torch.Tensor:
    """Gradients of single entries of a convolution's weight, (m,) float32: nothing is spent on the others.

    Args:
        images: what was convolved, (N, C_in, H, W).
        grad: of the convolution's output, (N, C_out, H / stride, W / stride).
        entries: (m,) int64, flat positions in the weight (C_out, C_in, kernel, kernel).
        kernel: side of the kernel, odd, padded by half.
        stride: of the convolution.
    """
    number, in_channels, height, width = images.shape
    _, out_channels, out_height, out_width = grad.shape
    gradients = torch.empty(len(entries))
    _call(
        _function("entry_gradients", images.dtype)(
            images.data_ptr(), grad.data_ptr(), number, height, width, in_channels,
            out_height, out_width, out_channels, kernel, stride,
            entries.data_ptr(), len(entries), gradients.data_ptr(),
        )
    )  # fmt: skip
    return gradients


def cropped(
    images: torch.Tensor,
    chosen: torch.Tensor,
    pad: int,
    *,
    down: torch.Tensor,
    right: torch.Tensor,
    mirror: torch.Tensor,
) -> torch.Tensor:
    """Windows out of images of a set, as :func:`bnrepro.train.batches.shifted` cuts them, (n, C, H, W) uint8.

    Args:
        images: the set, (N, C, H, W) uint8; copied at every call if it is not contiguous.
        chosen: (n,) int64, which of them.
        pad: black pixels around each.
        down: (n,) int64, upper edges of the windows, 0 … 2·pad.
        right: (n,) int64, left edges, likewise.
        mirror: (n,) bool.
    """
    images = images.contiguous()
    _, channels, height, width = images.shape
    out = torch.empty((len(chosen), channels, height, width), dtype=torch.uint8, memory_format=torch.channels_last)
    _function("cropped")(
        images.data_ptr(), chosen.data_ptr(), down.data_ptr(), right.data_ptr(), mirror.data_ptr(),
        len(chosen), channels, height, width, pad, out.data_ptr(),
    )  # fmt: skip
    return out


def looked_up(pixels: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) uint8, channels-last, to float32: of each channel by its row of ``table`` (C, 256) float32.

    Raises:
        ValueError: the table has another number of rows than the pixels have channels.
    """
    channels = pixels.shape[1]
    if table.shape != (channels, 256):
        raise ValueError(f"a table of {tuple(table.shape)} does not fit pixels of {channels} channels")
    out = torch.empty(pixels.shape, memory_format=torch.channels_last)
    _function("looked_up")(pixels.data_ptr(), pixels.numel() // channels, channels, table.data_ptr(), out.data_ptr())
    return out


def _call(status: int) -> None:
    if status:
        raise MemoryError("the kernels found no memory to work in")


def _address(tensor: torch.Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


@cache
def _function(name: str, dtype: torch.dtype | None = None) -> Callable[..., int]:
    function: Callable[..., int] = getattr(library(), name if dtype is None else f"{name}_{_TYPES[dtype]}")
    function.argtypes = _ARGUMENTS[name]  # type: ignore[attr-defined]
    return function


@cache
def available() -> bool:
    """Whether the kernels were compiled, or can be."""
    try:
        library()
    except NotCompiled:
        return False
    return True
