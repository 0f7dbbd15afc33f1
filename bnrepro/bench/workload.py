"""What a benchmark trains: one network and arm, on images that stay in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bnrepro.data import find_cifar10
from bnrepro.errors import UsageError
from bnrepro.recipes import RECIPE_VERSION, recipe_for
from bnrepro.spec.arms import Arm
from bnrepro.spec.bench import Workload
from bnrepro.spec.networks import Family, Network
from bnrepro.spec.recipe import Precision
from bnrepro.spec.run import DeviceKind, RunSpec, check_precision
from bnrepro.spec.scale import Scale

_BATCHES = 16
"""So few that the images weigh little beside a network; their pixels change no speed."""
_SIDE, _CHANNELS, _CLASSES = 32, 3, 10
_WARMUP_STEPS, _MEMORY_STEPS = 3, 3
_CPUINFO = Path("/proc/cpuinfo")
_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
"""As Linux names instructions for bfloat16: of x86 processors, and of ARM ones."""


def choose_precision(asked: str, device: DeviceKind) -> Precision:
    """``auto``: bfloat16 on CUDA and where the CPU has instructions for it, else float32.

    Raises:
        UsageError: the device does not have the precision asked for.
    """
    if asked != "auto":
        check_precision(Precision(asked), device)
        return Precision(asked)
    native = device is DeviceKind.CUDA or bool(_BFLOAT16_FLAGS & _cpu_flags())
    return Precision.BFLOAT16 if native else Precision.FLOAT32


def workload_for(
    network: Network, arm: Arm, *, device: DeviceKind, precision: Precision, data_root: Path | None = None
) -> Workload:
    """Sixteen batches of CIFAR-10's shape, at CIFAR-10's recipe: noise that tells the class, or images of the real set.

    Raises:
        UsageError: the network is for ImageNet.
        DataError: CIFAR-10 is not in ``data_root``, or is damaged.
    """
    if network.family is Family.IMAGENET:
        raise UsageError(f"'{network}' cannot be timed: bench has networks for CIFAR-10 alone, such as resnet-14")
    recipe = recipe_for(network, Scale.REDUCED).model_copy(update={"precision": precision})
    number = _BATCHES * recipe.batch_size
    images, labels, digest = _noise(number) if data_root is None else _cifar10(number, data_root)
    spec = RunSpec(
        scale=Scale.REDUCED,
        recipe=recipe,
        network=network,
        arm=arm.trains,
        feature_init=arm.feature_init,
        affine_init=arm.affine_init,
        frozen_affine=arm.frozen_affine,
        seed=0,
        data_digest=digest,
        device=device,
        recipe_version=RECIPE_VERSION,
    )
    return Workload(
        spec=spec,
        images=images,
        labels=labels,
        classes=_CLASSES,
        warmup_steps=_WARMUP_STEPS,
        memory_steps=_MEMORY_STEPS,
    )


def _noise(number: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Brighter for each class, so that losses stay as small as real ones do."""
    rng = np.random.default_rng(0)
    labels = np.arange(number, dtype=np.int64) % _CLASSES
    noise = rng.integers(0, 60, size=(number, _CHANNELS, _SIDE, _SIDE), dtype=np.uint8)
    return noise + (19 * labels[:, None, None, None]).astype(np.uint8), labels, "noise"


def _cifar10(number: int, data_root: Path) -> tuple[np.ndarray, np.ndarray, str]:
    """Images spread over the whole training set, which is sorted by class."""
    images = find_cifar10(data_root)[0].read()
    chosen = np.linspace(0, len(images.train_labels), num=number, endpoint=False).astype(np.int64)
    return images.train_images[chosen], images.train_labels[chosen], images.digest


def _cpu_flags() -> set[str]:
    try:
        lines = _CPUINFO.read_text().splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.lower().startswith(("flags", "features")) for flag in line.split()}
