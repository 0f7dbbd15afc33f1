"""Initial draws: every tensor from its own stream of the seed, in numpy, on the CPU."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import nn

from bnrepro.spec.arms import AffineInit, FeatureInit, FrozenAffine
from bnrepro.spec.run import RunSpec
from bnrepro.train.network import ConvNet
from bnrepro.train.random import Purpose, generator


@torch.no_grad()
def initialise(model: ConvNet, spec: RunSpec) -> None:
    """Draw all parameters of a freshly built model.

    Convolutions and the output layer: as :func:`draw_features` says. Biases of the output layer and of the
    VGG convolutions: uniform on ±1/√fan_in, torch's own default, which the authors' framework leaves in
    place. γ and β as :class:`AffineInit` says; where an arm freezes them, γ as :class:`FrozenAffine` says.
    """
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            rng = generator(spec.seed, Purpose.INITIALISATION, f"{name}.weight")
            _fill(module.weight, draw_features(spec.feature_init, rng, tuple(module.weight.shape)))
            if module.bias is not None:
                bound = 1 / math.sqrt(module.weight[0].numel())
                _fill(module.bias, _uniform(spec.seed, f"{name}.bias", len(module.bias)) * (2 * bound) - bound)
        if isinstance(module, nn.BatchNorm2d):
            gamma = _gamma(spec, _uniform(spec.seed, f"{name}.weight", module.num_features))
            _fill(module.weight, gamma)
            module.bias.fill_(1.0 if spec.affine_init is AffineInit.BETA_ONE else 0.0)


def draw_features(init: FeatureInit, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Weights of one layer, float32, of ``shape`` (C_out, ...), all of mean square 2 / fan-in (Appendix E.1).

    He normal is that of He et al. (2015), the others keep its variance: uniform on ±√(6 / fan-in); signs
    times √(2 / fan-in); a normal matrix (C_out, fan-in) made orthogonal, U·Vᵀ of its singular value
    decomposition, times the constant that brings its entries to this mean square.

    The decomposition is LAPACK's, on one thread because its last bits depend on their number. They may
    still differ from machine to machine, and then the digest of a run's initial tensors does too. The other
    draws are the same everywhere.
    """
    fan_in = math.prod(shape[1:])
    std = np.float32(math.sqrt(2 / fan_in))
    if init is FeatureInit.HE_NORMAL:
        return rng.standard_normal(shape, dtype=np.float32) * std
    if init is FeatureInit.UNIFORM:
        return (rng.random(shape, dtype=np.float32) * 2 - 1) * np.float32(math.sqrt(6 / fan_in))
    if init is FeatureInit.BINARY:
        return (rng.integers(2, size=shape).astype(np.float32) * 2 - 1) * std
    return _orthogonal(rng, (shape[0], fan_in)).reshape(shape)


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


def _orthogonal(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    channels = shape[0]
    with threadpool_limits(limits=1, user_api="blas"):
        left, _, right = np.linalg.svd(rng.standard_normal(shape), full_matrices=False)
        product: np.ndarray = left @ right
    # Its shorter side counts the singular values, all 1, and so the sum of the squares of the entries.
    return (product * math.sqrt(2 * channels / min(shape))).astype(np.float32)


def _uniform(seed: int, name: str, size: int) -> np.ndarray:
    return generator(seed, Purpose.INITIALISATION, name).random(size, dtype=np.float32)


def _fill(parameter: torch.Tensor, values: np.ndarray) -> None:
    parameter.copy_(torch.from_numpy(np.asarray(values, dtype=np.float32)))
