"""The floor under a step: its convolutions and matrix products alone, at its precision, in its shapes.

No BatchNorm, no activation, no addition, no optimiser, no autograd, no data: what is left is the work that a step
cannot do without as long as convolutions are torch's. All is channels-last. Convolutions of one shape read the same
images, so that these are as near the processor as those that a network has just written; what a convolution gives is
thrown away at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from bnrepro.spec.bench import Workload
from bnrepro.spec.recipe import Precision
from bnrepro.train.bench.work import ConvolutionWork, convolution_work

_DTYPES = {
    Precision.FLOAT32: torch.float32,
    Precision.TF32: torch.float32,
    Precision.BFLOAT16: torch.bfloat16,
}


@dataclass(frozen=True, kw_only=True)
class _Convolution:
    """One convolution with what it reads, all channels-last."""

    work: ConvolutionWork
    inputs: torch.Tensor
    """(N, C_in, H, H)."""
    weight: torch.Tensor
    """(C_out, C_in, k, k)."""
    bias: torch.Tensor | None
    """(C_out,)."""
    gradient: torch.Tensor
    """(N, C_out, H / stride, H / stride), of the output."""

    def forward(self) -> None:
        torch.ops.aten.convolution(self.inputs, self.weight, self.bias, **self._geometry())

    def backward(self) -> None:
        wanted = [self.work.input_gradient, self.work.weight_gradient, False]
        if any(wanted):
            torch.ops.aten.convolution_backward(
                self.gradient, self.inputs, self.weight, None, **self._geometry(), output_mask=wanted
            )

    def _geometry(self) -> dict[str, Any]:
        layer = self.work.layer
        return {
            "stride": [layer.stride] * 2,
            "padding": [layer.kernel // 2] * 2,
            "dilation": [1, 1],
            "transposed": False,
            "output_padding": [0, 0],
            "groups": 1,
        }


class Floor:
    """The convolutions and matrix products of one step of a workload."""

    def __init__(self, workload: Workload, device: torch.device) -> None:
        spec = workload.spec
        channels, side = workload.images.shape[1:3]
        self._device, self._dtype = device, _DTYPES[spec.recipe.precision]
        self._batch = spec.recipe.batch_size
        self._generator = torch.Generator().manual_seed(spec.seed)
        self._images: dict[tuple[int, ...], torch.Tensor] = {}
        work = convolution_work(spec.network, spec.arm, side=side, in_channels=channels)
        self._convolutions = [self._prepared(each) for each in work]
        self._features = self._random(self._batch, spec.network.features)
        self._output_weight = self._random(workload.classes, spec.network.features)
        self._output_gradient = self._random(self._batch, workload.classes)
        self._hands_back, self._output_learns = spec.arm.learns_before_output, spec.arm.output

    @torch.no_grad()
    def step(self) -> None:
        """All forward, then all backward in reverse."""
        for convolution in self._convolutions:
            convolution.forward()
        torch.mm(self._features, self._output_weight.t())
        if self._hands_back:
            torch.mm(self._output_gradient, self._output_weight)
        if self._output_learns:
            torch.mm(self._output_gradient.t(), self._features)
        for convolution in reversed(self._convolutions):
            convolution.backward()

    def _prepared(self, work: ConvolutionWork) -> _Convolution:
        layer, after = work.layer, work.layer.side_after(work.side)
        return _Convolution(
            work=work,
            inputs=self._shared(self._batch, layer.in_channels, work.side, work.side),
            weight=self._random(layer.out_channels, layer.in_channels, layer.kernel, layer.kernel),
            bias=self._random(layer.out_channels) if layer.bias else None,
            gradient=self._shared(self._batch, layer.out_channels, after, after),
        )

    def _shared(self, *shape: int) -> torch.Tensor:
        if shape not in self._images:
            self._images[shape] = self._random(*shape)
        return self._images[shape]

    def _random(self, *shape: int) -> torch.Tensor:
        """Normal numbers; images and kernels channels-last."""
        drawn = torch.randn(*shape, generator=self._generator).to(self._device, self._dtype)
        return drawn.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else drawn
