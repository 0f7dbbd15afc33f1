"""A convolution, BatchNorm, the sum with a shortcut and ReLU: differentiable steps that keep little and compute only
the gradients that someone uses.

A convolution whose weights are frozen keeps nothing of its input. In one piece with what follows (:class:`FusedUnit`),
BatchNorm keeps the convolution's output, and ReLU nothing, or, where a shortcut was added before it, its own output.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from bnrepro.train.kernels import calls

Gradients = tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None]


class Filter(NamedTuple):
    """A convolution as one step uses it; its kernel is odd and padded by half."""

    weight: torch.Tensor
    """(C_out, C_in, k, k), in the precision of the images."""
    bias: torch.Tensor | None
    """(C_out,), likewise."""
    stride: int
    entries: torch.Tensor | None
    """Flat positions (m,) of the entries that learn, where only some do."""

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(N, C_in, H, W) to (N, C_out, H / stride, W / stride)."""
        output: torch.Tensor = torch.ops.aten.convolution(images, self.weight, self.bias, *self._geometry)
        return output

    def gradients(
        self, grad: torch.Tensor, images: torch.Tensor, *, of_images: bool, of_weight: bool, of_bias: bool
    ) -> Gradients:
        """Of images, weight and bias, each where it is wanted; of single entries (m,) float32.

        ``grad`` is that of the output. Of ``images``, only the form matters where no weight learns.
        """
        by_entry = of_weight and self.entries is not None
        wanted = [of_images, of_weight and not by_entry, of_bias]
        found: Gradients = (None, None, None)
        if any(wanted):
            bias = None if self.bias is None else [len(self.bias)]
            found = torch.ops.aten.convolution_backward(grad, images, self.weight, bias, *self._geometry, wanted)
        if by_entry and self.entries is not None:
            kernel = self.weight.shape[-1]
            single = calls.entry_gradients(images, grad, self.entries, kernel=kernel, stride=self.stride)
            found = found[0], single, found[2]
        return found

    @property
    def _geometry(self) -> tuple[list[int], list[int], list[int], bool, list[int], int]:
        """Stride, padding and dilation; not transposed, no output padding, one group."""
        return [self.stride] * 2, [self.weight.shape[-1] // 2] * 2, [1, 1], False, [0, 0], 1


class Norm(NamedTuple):
    """How BatchNorm goes about a batch."""

    epsilon: float
    momentum: float
    running: tuple[torch.Tensor, torch.Tensor] | None
    """Mean and variance (C,) that take the batch's in, where any do."""

    @classmethod
    def of(cls, norm: nn.BatchNorm2d) -> Norm:
        """As a module of torch has it."""
        mean, variance, momentum = norm.running_mean, norm.running_var, norm.momentum
        if mean is None or variance is None or momentum is None:
            raise ValueError("BatchNorm without running statistics, or with their plain mean, is none of the paper's")
        return cls(norm.eps, momentum, (mean, variance) if norm.track_running_stats else None)


class FrozenConvolution(Function):
    """A convolution of which only the images learn."""

    @staticmethod
    def forward(ctx: Any, images: torch.Tensor, used: Filter) -> torch.Tensor:
        """(N, C_in, H, W) to (N, C_out, H / stride, W / stride)."""
        ctx.used, ctx.shape = used, images.shape
        return used(images)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, None]:
        """The gradient of the images."""
        images = _unread(ctx.shape, grad)
        return ctx.used.gradients(grad, images, of_images=True, of_weight=False, of_bias=False)[0], None


class FusedUnit(Function):
    """All steps of a unit through :mod:`bnrepro.train.kernels`, on the CPU, for training."""

    @staticmethod
    def forward(
        ctx: Any,
        images: torch.Tensor,
        weight: torch.Tensor | None,
        bias: torch.Tensor | None,  # noqa: ARG004 - its gradient comes back in this place
        gamma: torch.Tensor,
        beta: torch.Tensor,
        shortcut: torch.Tensor | None,
        used: Filter,
        norm: Norm,
        relu: bool,  # noqa: FBT001 - autograd passes by position
    ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """(N, C_in, H, W) to (N, C_out, H / stride, W / stride).

        What ends a block comes twice, in the same memory, for the body and for the shortcut of the next one: their
        gradients then come back apart, and are added in passing.

        ``weight`` (or the values of its entries) and ``bias`` are the parameters that may learn: gradients are
        theirs; what is computed with stands in ``used``.
        """
        images = _channels_last(images)
        shortcut = None if shortcut is None else _channels_last(shortcut)
        x = _channels_last(used(images))
        y, ctx.done = calls.norm_forward(x, gamma, beta, norm.epsilon, norm.momentum, norm.running, shortcut, relu=relu)
        ctx.used, ctx.relu, ctx.shape = used, relu, images.shape
        learns = weight is not None and weight.requires_grad
        ends_block = relu and shortcut is not None
        ctx.save_for_backward(x, y if ends_block else None, images if learns else None)
        ctx.set_materialize_grads(False)
        return (y, y.detach()) if ends_block else y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        """Gradients of everything that has one, each where it is wanted."""
        x, y, images = ctx.saved_tensors
        of_images, of_weight, of_bias, of_gamma, of_beta, of_shortcut = ctx.needs_input_grad[:6]
        first, *more = (_channels_last(grad) for grad in grads if grad is not None)
        grad, other = first, more[0] if more else None
        wants_x = of_images or of_weight or of_bias
        if ctx.done is None:
            raise RuntimeError("a unit's graph is walked back once: its gradients took the place of what it kept")
        # Nobody else has seen x.
        norm = calls.norm_backward(grad, x, ctx.done, y, other, relu=ctx.relu, wants_x=wants_x, over_x=True)
        ctx.done = None
        found: Gradients = (None, None, None)
        if norm.x is not None:
            images = _unread(ctx.shape, grad) if images is None else images
            found = ctx.used.gradients(norm.x, images, of_images=of_images, of_weight=of_weight, of_bias=of_bias)
        shortcut = (grad if y is None else norm.masked) if of_shortcut else None
        affine = norm.gamma if of_gamma else None, norm.beta if of_beta else None
        return *found, *affine, shortcut, None, None, None


def evaluated(
    images: torch.Tensor, used: Filter, norm: nn.BatchNorm2d, shortcut: torch.Tensor | None, *, relu: bool
) -> torch.Tensor:
    """All steps of a unit in evaluation, by the running statistics, on the CPU; learns nothing.

    (N, C_in, H, W) to (N, C_out, H / stride, W / stride).
    """
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise ValueError("BatchNorm without running statistics cannot be evaluated")
    scale = norm.weight * torch.rsqrt(variance + norm.eps)
    x = _channels_last(used(_channels_last(images)))
    other = None if shortcut is None else _channels_last(shortcut)
    return calls.norm_apply(x, scale, norm.bias - mean * scale, other, relu=relu)


def _channels_last(images: torch.Tensor) -> torch.Tensor:
    return images.contiguous(memory_format=torch.channels_last)


def _unread(shape: torch.Size, like: torch.Tensor) -> torch.Tensor:
    """Stands for images of which only the form is asked; its memory is never touched."""
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)
