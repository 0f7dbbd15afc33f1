"""From the C files beside this module to a library in memory: compiled once for a processor, kept between processes."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from bnrepro.errors import DeviceError

_FOLDER = Path(__file__).parent
_SOURCE = "kernels.c"
# Contracting a product and a sum would change the last bits from processor to processor.
_FLAGS = ("-std=gnu11", "-O3", "-ffp-contract=off", "-Wno-psabi", "-shared", "-fPIC")
NATIVE = "-march=native"
SWITCH = "BNREPRO_KERNELS"
"""The environment variable that turns the kernels ``off``; ``on`` is the default."""


class NotCompiled(Exception):
    """There is no library, and why."""


def library() -> ctypes.CDLL:
    """The compiled kernels, found in the user's cache or made there; asked for once in a process.

    Raises:
        NotCompiled: they were turned off, no C compiler is here, or it fails.
        DeviceError: the switch says neither on nor off.
    """
    found = _found()
    if isinstance(found, str):
        raise NotCompiled(found)
    return found


@cache
def _found() -> ctypes.CDLL | str:
    """The library, or why there is none: a process trains with the same kernels from start to end, and says which."""
    switch = os.environ.get(SWITCH, "on")
    if switch not in ("on", "off"):
        raise DeviceError(f"{SWITCH} is on or off, not {switch!r}")
    if switch == "off":
        return f"{SWITCH}=off"
    try:
        return ctypes.CDLL(str(_kept(_cache_folder(), _compiler())))
    except NotCompiled as reason:
        return str(reason)
    except OSError as error:
        return f"the compiled kernels cannot be kept or loaded: {error.strerror or type(error).__name__}"


def describe() -> str:
    """Which kernels this process trains with: a run's provenance."""
    try:
        library()
    except NotCompiled as reason:
        return f"torch's own ({reason})"
    return f"compiled by {_compiler().resolve().name}"


def compile_into(target: Path, compiler: Path, *, flags: Sequence[str] = ()) -> None:
    """Compile the kernels into a shared library.

    Raises:
        NotCompiled: the compiler refuses.
        OSError: it cannot be started.
    """
    command = [str(compiler), *_FLAGS, *flags, str(_FOLDER / _SOURCE), "-lm", "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the user's own compiler
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise NotCompiled(f"{compiler.name} failed: {said[0]}")


def _kept(folder: Path, compiler: Path) -> Path:
    """The library of this processor and compiler, made where it is not yet, or was damaged.

    Its name ends in its digest: loading half of a library would end the process.
    """
    name = f"kernels-{_fingerprint(compiler)}"
    for path in folder.glob(f"{name}-*.so"):
        if path.name == f"{name}-{_digest(path)}.so":
            return path
    with tempfile.TemporaryDirectory(dir=folder, prefix=".compiling-") as aside:
        made = Path(aside) / "kernels.so"
        compile_into(made, compiler, flags=(NATIVE,))
        return made.replace(folder / f"{name}-{_digest(made)}.so")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _compiler() -> Path:
    asked = os.environ.get("CC")
    for name in (asked,) if asked else ("cc", "gcc", "clang"):
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    raise NotCompiled(f"no C compiler is here ({asked or 'cc, gcc or clang'})")


def _cache_folder() -> Path:
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError as error:
        raise NotCompiled(f"there is no folder to keep the compiled kernels in: {error}") from error
    folder = Path(base) / "bnrepro"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _fingerprint(compiler: Path) -> str:
    """Of all that the library hangs on: a folder of homes may serve machines with other processors."""
    digest = hashlib.sha256()
    for path in sorted(_FOLDER.glob("*.c")):
        digest.update(path.read_bytes())
    real = compiler.resolve()
    digest.update(f"{_FLAGS} {NATIVE} {real} {real.stat().st_size} {_processor()}".encode())
    return digest.hexdigest()[:16]


def _processor() -> str:
    """What this processor can do, as far as Linux tells; else its architecture."""
    try:
        with Path("/proc/cpuinfo").open() as lines:
            told = [
                line
                for line in (next(lines, "") for _ in range(40))
                if line.startswith(("model name", "flags", "Features"))
            ]
    except OSError:
        told = []
    return platform.machine() + "".join(told)
