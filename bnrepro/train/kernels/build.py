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

_FOLDER = Path(__file__).parent
_SOURCE = "kernels.c"
# Contracting a product and a sum would change the last bits from processor to processor.
_FLAGS = ("-std=gnu11", "-O3", "-ffp-contract=off", "-Wno-psabi", "-shared", "-fPIC")
NATIVE = "-march=native"
SWITCH = "BNREPRO_KERNELS"
"""The environment variable that turns the kernels off: ``BNREPRO_KERNELS=off``."""


class NotCompiled(Exception):
    """There is no library, and why."""


@cache
def library() -> ctypes.CDLL:
    """The compiled kernels, found in the user's cache or made there.

    Raises:
        NotCompiled: they were turned off, no C compiler is here, or it fails.
    """
    if os.environ.get(SWITCH) == "off":
        raise NotCompiled(f"{SWITCH}=off")
    compiler = _compiler()
    name = f"kernels-{_fingerprint(compiler)}.so"
    try:
        folder = _cache_folder()
        if not (folder / name).exists():
            compile_into(folder / name, compiler, flags=(NATIVE,))
        return ctypes.CDLL(str(folder / name))
    except OSError as error:
        raise NotCompiled(f"the compiled kernels cannot be kept or loaded: {error}") from error


def describe() -> str:
    """Which kernels this process trains with: a run's provenance."""
    try:
        library()
    except NotCompiled as reason:
        return f"torch's own ({reason})"
    return f"compiled by {_compiler()}"


def compile_into(target: Path, compiler: Path, *, flags: Sequence[str] = ()) -> None:
    """Compile the kernels into a shared library, which appears whole or not at all.

    Raises:
        NotCompiled: the compiler refuses.
        OSError: it cannot be started, or the folder not be written.
    """
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".compiling-") as folder:
        made = Path(folder) / target.name
        command = [str(compiler), *_FLAGS, *flags, str(_FOLDER / _SOURCE), "-lm", "-o", str(made)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the user's own compiler
        if done.returncode:
            raise NotCompiled(f"{compiler} failed: {done.stderr.strip().splitlines()[:1]}")
        made.replace(target)


def _compiler() -> Path:
    asked = os.environ.get("CC")
    for name in (asked,) if asked else ("cc", "gcc", "clang"):
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    raise NotCompiled(f"no C compiler is here ({asked or 'cc, gcc or clang'})")


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
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
