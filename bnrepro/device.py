"""Which devices are here, found without importing torch."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from bnrepro.spec.run import DeviceKind

_MULTIPROCESSOR_COUNT, _MAX_THREADS_PER_MULTIPROCESSOR = 16, 39
"""Of the driver's CUdevice_attribute."""
_NAME_BYTES = 256


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """What the CUDA driver says of a device."""

    name: str
    memory_bytes: int
    """All of it, whoever uses it."""
    multiprocessors: int
    threads_per_multiprocessor: int
    """That can be under way on each at once."""


def cuda_devices() -> int:
    """CUDA devices that the driver shows, ``CUDA_VISIBLE_DEVICES`` respected; 0 without a driver."""
    driver = _driver()
    return 0 if driver is None else _count(driver)


def first_gpu() -> Gpu | None:
    """The device that runs on CUDA take, which is the first that the driver shows; ``None`` where there is none."""
    driver = _driver()
    if driver is None or not _count(driver):
        return None
    device, memory, name = ctypes.c_int(0), ctypes.c_size_t(0), ctypes.create_string_buffer(_NAME_BYTES)
    asked = (
        driver.cuDeviceGet(ctypes.byref(device), 0),
        driver.cuDeviceGetName(name, _NAME_BYTES, device),
        driver.cuDeviceTotalMem_v2(ctypes.byref(memory), device),
    )
    attributes = [_attribute(driver, each, device) for each in (_MULTIPROCESSOR_COUNT, _MAX_THREADS_PER_MULTIPROCESSOR)]
    if any(asked) or not all(attributes):
        return None
    multiprocessors, threads = attributes
    return Gpu(
        name=name.value.decode(errors="replace"),
        memory_bytes=memory.value,
        multiprocessors=multiprocessors,
        threads_per_multiprocessor=threads,
    )


def choose_device(asked: str) -> DeviceKind:
    """``auto``: CUDA where there is some, else the CPU. What is asked for by name is taken at its word."""
    if asked == "auto":
        return DeviceKind.CUDA if cuda_devices() else DeviceKind.CPU
    return DeviceKind(asked)


def _driver() -> ctypes.CDLL | None:
    try:
        # The loader's own search finds all that ctypes' find_library does, which would run two other programs first.
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    return driver if driver.cuInit(0) == 0 else None


def _count(driver: ctypes.CDLL) -> int:
    count = ctypes.c_int(0)
    return count.value if driver.cuDeviceGetCount(ctypes.byref(count)) == 0 else 0


def _attribute(driver: ctypes.CDLL, attribute: int, device: ctypes.c_int) -> int:
    """0 where the driver does not know."""
    value = ctypes.c_int(0)
    return value.value if driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, device) == 0 else 0
