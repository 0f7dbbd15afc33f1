"""Stochastic gradient descent over all learned tensors at once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from bnrepro.errors import TrainingError


class MomentumSGD:
    """As :class:`torch.optim.SGD` with momentum and weight decay (Sutskever et al. 2013, in torch's form):

    d = gradient + weight decay · w; m = momentum · m + d, m = d at first; w = w - lr · m.

    torch's own class imports a compiler and runs hooks that nobody here hangs on: a second of each process's life.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], *, momentum: float, weight_decay: float) -> None:
        self._parameters = dict(parameters)
        self._momentum = momentum
        self._weight_decay = weight_decay
        self.momenta: dict[str, torch.Tensor] = {}
        """By name of the parameter; empty before the first step."""

    @torch.no_grad()
    def step(self, lr: float | torch.Tensor) -> None:
        """Take one step along the gradients, and forget them.

        A learning rate in memory, () float32, is read there at each step, so that a step which is recorded once and
        replayed follows it. It rounds otherwise than a number, which enters a fused multiply-add.

        Raises:
            TrainingError: nothing came back to a parameter.
        """
        parameters: list[torch.Tensor] = list(self._parameters.values())
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if len(gradients) < len(parameters):
            raise TrainingError("a parameter that should learn got no gradient")
        torch._foreach_add_(gradients, parameters, alpha=self._weight_decay)
        if self.momenta:
            momenta = list(self.momenta.values())
            torch._foreach_mul_(momenta, self._momentum)
            torch._foreach_add_(momenta, gradients)
        else:
            self.momenta = dict(zip(self._parameters, gradients, strict=True))
            momenta = gradients
        if isinstance(lr, torch.Tensor):
            torch._foreach_sub_(parameters, torch._foreach_mul(momenta, lr))
        else:
            torch._foreach_add_(parameters, momenta, alpha=-lr)
        self.forget_gradients()

    def forget_gradients(self) -> None:
        """Begin the next step without any."""
        for parameter in self._parameters.values():
            parameter.grad = None

    def load(self, momenta: Mapping[str, np.ndarray]) -> None:
        """Go on with these momenta, one for every parameter. Those that there are keep their place in memory."""
        if not self.momenta:
            self.momenta = {name: torch.empty_like(each.detach()) for name, each in self._parameters.items()}
        for name, momentum in self.momenta.items():
            momentum.copy_(torch.from_numpy(momenta[name]))
