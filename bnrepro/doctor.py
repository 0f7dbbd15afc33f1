"""What ``bnrepro doctor`` looks at: versions, devices, data and the soundness of the store."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bnrepro.data import SourceReport, describe
from bnrepro.data.sources import HOW_TO_GET_CIFAR10
from bnrepro.device import cuda_devices
from bnrepro.errors import StoreError
from bnrepro.processes import available_cores
from bnrepro.store import Store
from bnrepro.train.kernels.build import describe as describe_kernels
from bnrepro.wording import plural

_PACKAGES = ("bnrepro", "torch", "torchvision", "numpy", "scipy", "scikit-learn", "safetensors")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at. What is merely absent is sound; what is damaged is not."""

    subject: str
    text: str
    sound: bool = True


def findings(store: Path, data_root: Path | None, imagenet_root: Path | None = None) -> Iterator[Finding]:
    """Look at everything and change nothing; data and store are read in full. Kernels are compiled as for a run."""
    yield Finding(subject="python", text=f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for package in _PACKAGES:
        try:
            yield Finding(subject=package, text=importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(subject=package, text="not installed: pip install -c constraints.txt -e .", sound=False)
    cuda = cuda_devices()
    yield Finding(subject="devices", text=f"{plural(available_cores(), 'CPU core')}, {plural(cuda, 'CUDA device')}")
    yield Finding(subject="kernels on the CPU", text=describe_kernels())
    yield from map(data_finding, describe(data_root, store / "data", imagenet_root=imagenet_root))
    yield from _store_findings(store)


def data_finding(found: SourceReport) -> Finding:
    """One source of data: absent is sound, unreadable or altered is not."""
    if found.problem is None:
        text = f"digest {(found.digest or '')[:12]}, {'prepared' if found.prepared else 'not prepared yet'}"
        return Finding(subject=found.name, text=f"{text}, at {found.path}" if found.path else text)
    if found.path is None:
        return Finding(subject=found.name, text=f"no --data-root given, digits need none; {HOW_TO_GET_CIFAR10}")
    return Finding(subject=found.name, text=found.problem, sound=False)


def _store_findings(store: Path) -> Iterator[Finding]:
    if not store.is_dir():
        yield Finding(subject="store", text=f"none at {store} yet")
        return
    try:
        audited = dict(Store(store).audit())
    except StoreError as error:
        yield Finding(subject="store", text=str(error), sound=False)
        return
    damaged = {key: problem for key, problem in audited.items() if problem}
    free = shutil.disk_usage(store).free / 1e9
    told = f"{plural(len(audited), 'run')} in {store}, {len(damaged)} damaged, {free:.1f} GB free on its disk"
    yield Finding(subject="store", text=told, sound=not damaged)
    for key, problem in damaged.items():
        again = "measures" if ".measured" in str(problem) else "trains"
        yield Finding(subject=key, text=f"{problem}; the next verify that needs it {again} it again", sound=False)
