"""What ``bnrepro doctor`` looks at: versions, devices, data and the soundness of the store."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bnrepro.data import describe
from bnrepro.device import cuda_devices
from bnrepro.errors import StoreError
from bnrepro.execute.pool import available_cores
from bnrepro.store import Store

_PACKAGES = ("bnrepro", "torch", "torchvision", "numpy", "scipy", "scikit-learn", "safetensors")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at. What is merely absent is sound; what is damaged is not."""

    subject: str
    text: str
    sound: bool = True


def findings(store: Path, data_root: Path | None) -> Iterator[Finding]:
    """Look at everything; the store is read in full, and damaged runs are set aside."""
    yield Finding(subject="python", text=f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for package in _PACKAGES:
        try:
            yield Finding(subject=package, text=importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(subject=package, text="not installed: pip install -c constraints.txt -e .", sound=False)
    cuda = cuda_devices()
    yield Finding(subject="devices", text=f"{available_cores()} CPU cores, {cuda} CUDA device{'s' * (cuda != 1)}")
    for found in describe(data_root, store / "data"):
        if data_root is None and found.problem and found.path is None:
            yield Finding(subject=found.name, text="no --data-root given; digits work without")
        else:
            text = found.problem or f"digest {(found.digest or '')[:12]}{', prepared' * found.prepared}"
            yield Finding(subject=found.name, text=text, sound=found.problem is None)
    damaged: list[str] = []
    try:
        runs = sum(1 for _ in Store(store, notify=damaged.append).records())
    except StoreError as error:
        yield Finding(subject="store", text=str(error), sound=False)
        return
    free = shutil.disk_usage(store).free / 1e9
    yield Finding(subject="store", text=f"{store}, {runs} runs, every checksum right, {free:.1f} GB free on its disk")
    for text in damaged:
        yield Finding(subject="store", text=text, sound=False)
