"""Calls every kernel of a library on shapes with rests, in memory that ends where the arrays end, and prints digests
of what comes out.

Run by test_kernel_builds.py in a process of its own, since two builds of a library do not share one, under a sanitiser
if it was compiled for one:

    python every_kernel.py kernels.so

Neither torch nor this package is imported: what they do with memory is not asked here.
"""

from __future__ import annotations

import ctypes
import hashlib
import sys
from collections.abc import Callable

import numpy as np

CHANNELS = (1, 3, 5, 10, 16, 20, 48, 64, 100)
PIXELS = (2, 3, 13, 64, 65, 700)
CONVOLUTIONS = [
    # images, height, width, channels in and out, kernel, stride
    (2, 9, 9, 5, 7, 3, 2),
    (1, 1, 1, 3, 5, 3, 1),
    (1, 2, 3, 1, 16, 3, 2),
    (2, 5, 4, 20, 17, 1, 2),
    (2, 7, 7, 16, 33, 7, 2),
    (1, 33, 17, 18, 16, 3, 1),
    (1, 15, 16, 48, 3, 7, 1),
    (3, 4, 4, 64, 64, 1, 1),
    (1, 6, 35, 2, 2, 3, 2),
]
ELEMENTS = {"float32": np.float32, "bfloat16": np.uint16}
RNG = np.random.default_rng(0)


def address(array: np.ndarray | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if array is None else array.ctypes.data)


def drawn(shape: tuple[int, ...], element: str) -> np.ndarray:
    """Values of many sizes, down to some that are hardly normal, in an array of its own."""
    sizes = np.where(RNG.random(shape) < 0.02, -124, RNG.integers(-8, 8, shape))
    values = np.ldexp(RNG.standard_normal(shape), sizes).astype(np.float32)
    return values if element == "float32" else (values.view(np.uint32) >> 16).astype(np.uint16)


def tell(*what: object, outputs: tuple[np.ndarray, ...]) -> None:
    digest = hashlib.sha256(b"".join(output.tobytes() for output in outputs)).hexdigest()[:16]
    sys.stdout.write(" ".join(map(str, (*what, digest))) + "\n")


def normalise(library: ctypes.CDLL, element: str, pixels: int, channels: int) -> None:
    forward: Callable[..., int] = getattr(library, f"norm_forward_{element}")
    backward: Callable[..., int] = getattr(library, f"norm_backward_{element}")
    size = ctypes.c_long(pixels), ctypes.c_long(channels)
    x, added, grad, other = (drawn((pixels, channels), element) for _ in range(4))
    y, masked, grad_x = (np.empty_like(x) for _ in range(3))
    gamma, beta, mean, variance, grad_gamma, grad_beta = (drawn((channels,), "float32") for _ in range(6))
    done = np.empty((4, channels), np.float32)
    for running, shortcut, relu in (
        ((mean, variance), None, 1),
        ((None, None), added, 1),
        ((mean, variance), added, 0),
        ((None, None), None, 0),
    ):
        status = forward(
            address(x), *size, address(gamma), address(beta), ctypes.c_double(1e-5), ctypes.c_double(0.1),
            *map(address, running), address(shortcut), relu, address(y), address(done),
        )  # fmt: skip
        assert status == 0
        given = shortcut is not None, relu
        tell("norm_forward", element, pixels, channels, *given, outputs=(y, done, mean, variance))
        ends_block = relu and shortcut is not None
        for second in (None, other) if ends_block else (None,):
            for wanted in (grad_x, None):
                status = backward(
                    address(grad), address(second), address(x), address(y if ends_block else None), *size,
                    address(done), relu, address(masked if ends_block else None), address(wanted),
                    address(grad_gamma), address(grad_beta),
                )  # fmt: skip
                assert status == 0
                outputs = (
                    *((masked,) if ends_block else ()),
                    *(() if wanted is None else (wanted,)),
                    grad_gamma,
                    grad_beta,
                )
                tell("norm_backward", element, pixels, channels, *given, second is not None, outputs=outputs)


def differentiate(library: ctypes.CDLL, element: str, shape: tuple[int, ...]) -> None:
    images, height, width, channels, out_channels, kernel, stride = shape
    out_height, out_width = ((side + 2 * (kernel // 2) - kernel) // stride + 1 for side in (height, width))
    inputs = drawn((images, height, width, channels), element)
    grad = drawn((images, out_height, out_width, out_channels), element)
    entries = np.arange(out_channels * channels * kernel * kernel, dtype=np.int64)
    gradients = np.empty(len(entries), np.float32)
    sizes = (images, height, width, channels, out_height, out_width, out_channels, kernel, stride)
    function: Callable[..., int] = getattr(library, f"entry_gradients_{element}")
    arguments = address(inputs), address(grad), *map(ctypes.c_long, sizes), address(entries)
    assert function(*arguments, ctypes.c_long(len(entries)), address(gradients)) == 0
    tell("entry_gradients", element, *sizes, outputs=(gradients,))


def load_images(library: ctypes.CDLL, channels: int, height: int, width: int, pad: int) -> None:
    images = RNG.integers(0, 256, (7, channels, height, width), dtype=np.uint8)
    number = 5
    chosen = RNG.integers(0, 7, number)
    # Windows in all four corners.
    down, right = (np.array(corners) * 2 * pad for corners in ((0, 0, 1, 1, 1), (0, 1, 0, 1, 1)))
    mirrored = np.arange(number) % 2 == 0
    out = np.empty((number, height, width, channels), np.uint8)
    sizes = map(ctypes.c_long, (number, channels, height, width, pad))
    library.cropped(*map(address, (images, chosen, down, right, mirrored)), *sizes, address(out))
    table, values = drawn((channels, 256), "float32"), np.empty(out.shape, np.float32)
    library.looked_up(
        address(out), ctypes.c_long(number * height * width), ctypes.c_long(channels), address(table), address(values)
    )
    tell("images", channels, height, width, pad, outputs=(out, values))


def main() -> None:
    library = ctypes.CDLL(sys.argv[1])
    for element in ELEMENTS:
        for channels in CHANNELS:
            for pixels in PIXELS:
                normalise(library, element, pixels, channels)
        for shape in CONVOLUTIONS:
            differentiate(library, element, shape)
    for channels, height, width, pad in ((3, 8, 8, 2), (1, 5, 3, 4), (3, 1, 1, 0), (4, 7, 9, 1)):
        load_images(library, channels, height, width, pad)


if __name__ == "__main__":
    main()
