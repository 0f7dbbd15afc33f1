"""Initial draws: every tensor from its own stream of the seed, in numpy, on the CPU."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import torch
from torch import nn

from bnrepro.spec.arms import AffineInit, FrozenAffine
from bnrepro.spec.run import RunSpec
from bnrepro.train.network import ResNet
from bnrepro.train.random import Purpose, generator


@torch.no_grad()
def initialise(model: ResNet, spec: RunSpec) -> None:
    """Draw all parameters of a freshly built model.

    Convolutions and the output layer: He normal, fan-in (He et al. 2015). Output bias: uniform on
    ±1/√fan_in, torch's own default, which the authors' framework leaves in place. γ and β as
    :class:`AffineInit` says; where an arm freezes them, γ as :class:`FrozenAffine` says.
    """
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            _fill(module.weight, _he_normal(spec.seed, f"{name}.weight", tuple(module.weight.shape)))
        if isinstance(module, nn.Linear):
            bound = 1 / math.sqrt(module.in_features)
            _fill(module.bias, _uniform(spec.seed, f"{name}.bias", module.out_features) * (2 * bound) - bound)
        if isinstance(module, nn.BatchNorm2d):
            gamma = _gamma(spec, _uniform(spec.seed, f"{name}.weight", module.num_features))
            _fill(module.weight, gamma)
            module.bias.fill_(1.0 if spec.affine_init is AffineInit.BETA_ONE else 0.0)


def digest_of_tensors(tensors: dict[str, torch.Tensor]) -> str:
    """SHA-256 over names, shapes and bytes: two models with one digest are the same to the bit."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        array = tensors[name].detach().cpu().contiguous().numpy()
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _gamma(spec: RunSpec, uniform: np.ndarray) -> np.ndarray:
    frozen_at_one = not spec.arm.affine and spec.frozen_affine is FrozenAffine.ONE
    if frozen_at_one or spec.affine_init is AffineInit.ONE:
        return np.ones_like(uniform)
    return uniform * 2 - 1 if spec.affine_init is AffineInit.CENTRED else uniform


def _he_normal(seed: int, name: str, shape: tuple[int, ...]) -> np.ndarray:
    fan_in = math.prod(shape[1:])
    rng = generator(seed, Purpose.INITIALISATION, name)
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(math.sqrt(2 / fan_in))


def _uniform(seed: int, name: str, size: int) -> np.ndarray:
    return generator(seed, Purpose.INITIALISATION, name).random(size, dtype=np.float32)


def _fill(parameter: torch.Tensor, values: np.ndarray) -> None:
    parameter.copy_(torch.from_numpy(np.asarray(values, dtype=np.float32)))
