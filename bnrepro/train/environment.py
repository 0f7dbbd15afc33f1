"""The device that a run asks for, set up so that a run repeats, and what it was: provenance."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
from pathlib import Path

import numpy as np
import torch
import torch.utils.deterministic

import bnrepro
from bnrepro.errors import DeviceError
from bnrepro.spec.recipe import Precision
from bnrepro.spec.run import DeviceKind
from bnrepro.train.kernels import build

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _KEPT_BYTES, _KEPT_BY_OLDER = -1, -3, 2**30, 2**25
"""Of glibc's mallopt: blocks smaller than this come from its own memory, and so much of that may lie idle."""


def torch_device(kind: DeviceKind, precision: Precision) -> torch.device:
    """Make this process train deterministically at a precision, on one thread on the CPU, and give its device.

    Raises:
        DeviceError: CUDA is asked for and torch cannot use it.
    """
    # As use_deterministic_algorithms, which also imports the compiler to tell it: a second of each process's life.
    torch.set_deterministic_debug_mode("error")
    # Every tensor that we allocate is written before it is read; filling each one first costs time for nothing.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if kind is DeviceKind.CPU:
        torch.set_num_threads(1)
        _keep_freed_memory()
        return torch.device("cpu")
    # cuBLAS repeats its sums in one order only with a fixed workspace; it reads this when it starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if not torch.cuda.is_available():
        raise DeviceError("torch cannot use a CUDA device here (torch.cuda.is_available() is false); use --device cpu")
    _multiply_as(precision)
    # Else the fastest algorithm of the moment would be taken, which is not always the same one.
    torch.backends.cudnn.benchmark = False
    return torch.device("cuda")


def _multiply_as(precision: Precision) -> None:
    """Let float32 convolutions and matrix products use TF32 only where that is the precision asked for.

    torch's own default, TF32 in convolutions but not in products, would be neither precision.
    """
    coarser = precision is Precision.TF32
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    if hasattr(cudnn, "conv"):  # torch 2.9, which announces the end of the older names
        matmul.fp32_precision = cudnn.conv.fp32_precision = "tf32" if coarser else "ieee"
    else:
        matmul.allow_tf32 = cudnn.allow_tf32 = coarser


def _keep_freed_memory() -> None:
    """Let glibc use freed memory again. It hands activations back to the system, which zeroes every page anew."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        libc = ctypes.CDLL("libc.so.6")
        # Older versions refuse a high threshold. Trimming less without it would only turn off their own adaptation.
        if any(libc.mallopt(_M_MMAP_THRESHOLD, size) for size in (_KEPT_BYTES, _KEPT_BY_OLDER)):
            libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def describe_environment(device: torch.device) -> dict[str, str]:
    """Versions, machine and device of a run: stored and shown, never hashed into its key."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {
        "bnrepro": bnrepro.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        **_cuda_versions(device),
        "device": name,
        "threads": str(torch.get_num_threads()),
        "cpu capability": torch.backends.cpu.get_cpu_capability(),
        **({"kernels": build.describe()} if device.type == "cpu" else {}),
        "platform": f"{platform.system()} {platform.machine()}",
    }


def _cuda_versions(device: torch.device) -> dict[str, str]:
    if device.type != "cuda":
        return {}
    return {"cuda": str(torch.version.cuda), "cudnn": str(torch.backends.cudnn.version())}  # type: ignore[no-untyped-call]


def _processor() -> str:
    """The processor's own name where Linux tells it; else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
