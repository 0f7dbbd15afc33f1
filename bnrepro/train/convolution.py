"""Convolutions that know what of them learns, and cost no more than that."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from bnrepro.spec import layers
from bnrepro.train.unit import Filter, FrozenConvolution


class Convolution(nn.Conv2d):
    """A convolution whose weights all learn, or none; its kernel is odd and padded by half."""

    def __init__(self, layer: layers.ConvLayer) -> None:
        super().__init__(
            layer.in_channels,
            layer.out_channels,
            layer.kernel,
            stride=layer.stride,
            padding=layer.kernel // 2,
            bias=layer.bias,
        )
        self._cast = _Cast()

    @property
    def learning(self) -> torch.Tensor:
        """The weights, which may learn."""
        return self.weight

    def filter(self, dtype: torch.dtype) -> Filter:
        """The convolution in the precision of its images."""
        bias = None if self.bias is None else self.bias.detach().to(dtype)
        weight = self.weight.detach().to(dtype) if self.weight.requires_grad else self._cast(self.weight, dtype)
        return Filter(weight, bias, self.stride[0], None)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, C_in, H, W) to (N, C_out, H / stride, W / stride)."""
        if not any(parameter.requires_grad for parameter in self.parameters()):
            convolved: torch.Tensor = FrozenConvolution.apply(images, self.filter(images.dtype))
            return convolved
        bias = None if self.bias is None else self.bias.to(images.dtype)
        return functional.conv2d(images, self.weight.to(images.dtype), bias, stride=self.stride, padding=self.padding)


class EntryTrainedConv2d(nn.Module):
    """A convolution of which only some entries are trained.

    ``weight`` (C_out, C_in, k, k) and ``bias`` (C_out,), where there is one, are frozen; ``values`` (m,) are
    trained and stand at the flat positions ``entries`` (m,) of the weight.
    """

    weight: torch.Tensor
    bias: torch.Tensor | None
    entries: torch.Tensor

    def __init__(self, conv: nn.Conv2d, entries: np.ndarray) -> None:
        super().__init__()
        self.stride, self.padding = conv.stride, conv.padding
        self.register_buffer("weight", conv.weight.detach())
        self.register_buffer("bias", None if conv.bias is None else conv.bias.detach())
        self.register_buffer("entries", torch.from_numpy(entries))
        self.values = nn.Parameter(self.weight.flatten()[self.entries].clone())
        self._working = _Cast(copies=True)

    @property
    def learning(self) -> torch.Tensor:
        """The values of the entries, which may learn."""
        return self.values

    def full_weight(self) -> torch.Tensor:
        """The weight (C_out, C_in, k, k) with the trained entries in place."""
        return self.weight.flatten().scatter(0, self.entries, self.values).view(self.weight.shape)

    def filter(self, dtype: torch.dtype) -> Filter:
        """The convolution in the precision of its images, good until it is asked for again."""
        weight = self._working(self.weight, dtype)
        weight.view(-1).scatter_(0, self.entries, self.values.detach().to(dtype))
        bias = None if self.bias is None else self.bias.to(dtype)
        return Filter(weight, bias, self.stride[0], self.entries)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """As :class:`torch.nn.Conv2d`."""
        weight = self.full_weight().to(images.dtype)
        bias = None if self.bias is None else self.bias.to(images.dtype)
        return functional.conv2d(images, weight, bias, stride=self.stride, padding=self.padding)


class _Cast:
    """A frozen tensor in a precision, made once and again when the tensor was written to."""

    def __init__(self, *, copies: bool = False) -> None:
        self._copies = copies
        self._made_from: tuple[object, ...] = ()
        self._made: torch.Tensor | None = None

    def __call__(self, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        if tensor.dtype == dtype and not self._copies:
            return tensor
        source = (dtype, tensor.device, tensor.data_ptr(), tensor._version)
        if self._made is None or source != self._made_from:
            as_it_is = tensor.device.type == "cuda" and not self._copies  # cuDNN would reorder it at each step
            form = torch.preserve_format if as_it_is else torch.contiguous_format
            self._made = tensor.detach().to(dtype, copy=True, memory_format=form)
            self._made_from = source
        return self._made
