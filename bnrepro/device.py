"""Which kind of device is here, found without importing torch."""

from __future__ import annotations

import ctypes

from bnrepro.spec.run import DeviceKind


def cuda_devices() -> int:
    """CUDA devices that the driver shows, ``CUDA_VISIBLE_DEVICES`` respected; 0 without a driver."""
    try:
        # The loader's own search finds all that ctypes' find_library does, which would run two other programs first.
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def choose_device(asked: str) -> DeviceKind:
    """``auto``: CUDA where there is some, else the CPU. What is asked for by name is taken at its word."""
    if asked == "auto":
        return DeviceKind.CUDA if cuda_devices() else DeviceKind.CPU
    return DeviceKind(asked)
