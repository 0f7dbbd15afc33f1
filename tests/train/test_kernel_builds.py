"""The kernels' library: the same bits from every compiler and processor, kept well, and missed without harm."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bnrepro.errors import DeviceError
from bnrepro.spec.run import RunRecord
from bnrepro.train.kernels import build, calls
from bnrepro.train.run import train
from tests.train.helpers import MemorySlot, run_spec, striped_images

EVERY_KERNEL = Path(__file__).with_name("every_kernel.py")
COMPILERS = [Path(found) for found in map(shutil.which, ("gcc", "clang")) if found]
LEVELS = {
    "x86-64": set[str](),
    "x86-64-v3": {"avx2", "fma", "bmi2"},
    "x86-64-v4": {"avx512f", "avx512bw", "avx512dq", "avx512vl"},
}
"""What a processor must have to run what was compiled for a level, as Linux names it."""
needs_compiler = pytest.mark.skipif(not COMPILERS, reason="neither gcc nor clang is here")


def processor_features() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return {feature for line in lines if line.startswith("flags") for feature in line.split()}


def told_by(library: Path, **variables: str) -> list[str]:
    """One line for each call of each kernel, ending in a digest of what came out."""
    done = subprocess.run(
        [sys.executable, EVERY_KERNEL, library], capture_output=True, text=True, check=False, env=os.environ | variables
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def as_here(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a library tells that was compiled as a user's is."""
    library = tmp_path_factory.mktemp("native") / "kernels.so"
    build.compile_into(library, COMPILERS[0], flags=[build.NATIVE])
    return told_by(library)


@needs_compiler
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("compiler", COMPILERS, ids=lambda path: path.name)
def test_every_level_of_x86_gives_the_same_bits(as_here: list[str], compiler: Path, level: str, tmp_path: Path) -> None:
    if platform.machine() != "x86_64":
        pytest.skip(f"{level} is not a level of {platform.machine()}")
    if missing := LEVELS[level] - processor_features():
        pytest.skip(f"this processor lacks {', '.join(sorted(missing))}")
    build.compile_into(tmp_path / "kernels.so", compiler, flags=[f"-march={level}"])
    assert told_by(tmp_path / "kernels.so") == as_here


@needs_compiler
@pytest.mark.parametrize("compiler", COMPILERS, ids=lambda path: path.name)
def test_every_compiler_gives_the_same_bits(as_here: list[str], compiler: Path, tmp_path: Path) -> None:
    build.compile_into(tmp_path / "kernels.so", compiler, flags=["-O1"])
    assert told_by(tmp_path / "kernels.so") == as_here


@needs_compiler
def test_what_the_flags_forbid_would_give_other_bits(as_here: list[str], tmp_path: Path) -> None:
    if not {"fma"} <= processor_features():
        pytest.skip("this processor has no fused multiply-add, or does not tell")
    build.compile_into(tmp_path / "kernels.so", COMPILERS[0], flags=[build.NATIVE, "-ffp-contract=fast"])
    assert told_by(tmp_path / "kernels.so") != as_here


@needs_compiler
@pytest.mark.parametrize("compiler", COMPILERS, ids=lambda path: path.name)
def test_compilers_have_nothing_to_warn_of(compiler: Path, tmp_path: Path) -> None:
    build.compile_into(tmp_path / "none.so", compiler, flags=["-Wall", "-Wextra", "-Werror", "-fsyntax-only"])


@needs_compiler
def test_no_kernel_reads_or_writes_beyond_its_arrays(as_here: list[str], tmp_path: Path) -> None:
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("gcc is not here")
    asked = subprocess.run([gcc, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    sanitiser = Path(asked.stdout.strip())
    if not sanitiser.is_absolute():
        pytest.skip("gcc has no AddressSanitizer here")
    flags = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    build.compile_into(tmp_path / "kernels.so", Path(gcc), flags=flags)
    # What Python itself leaks is not asked.
    told = told_by(tmp_path / "kernels.so", LD_PRELOAD=str(sanitiser), ASAN_OPTIONS="detect_leaks=0")
    assert told == as_here


@pytest.fixture
def afresh() -> Iterator[Callable[[], None]]:
    """Forgets which kernels this process has, as another process would; at the end too."""

    def forget() -> None:
        for remembered in (build._found, calls.available, calls._function):
            remembered.cache_clear()

    forget()
    yield forget
    forget()


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, afresh: Callable[[], None]) -> Path:
    """An empty cache of the user's."""
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "bnrepro"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that works."""
    library = tmp_path_factory.mktemp("made") / "kernels.so"
    build.compile_into(library, COMPILERS[0])
    return library


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: Path, home: Path) -> Callable[[], int]:
    """A compiler that is quick, and how often it was asked."""
    log = tmp_path / "log"
    copy = f'sleep 0.2; for target; do :; done; echo asked >> "{log}"; cp "{made}" "$target"'
    monkeypatch.setenv("CC", str(compiler_that(copy, tmp_path)))
    return lambda: len(log.read_text().splitlines()) if log.exists() else 0


def compiler_that(does: str, folder: Path) -> Path:
    script = folder / "compiler"
    script.write_text(f"#!/bin/sh\n{does}\n")
    script.chmod(0o755)
    return script


def libraries(folder: Path) -> list[Path]:
    """All that lies in a cache, which is libraries and nothing else."""
    found = sorted(folder.iterdir())
    assert all(path.name.startswith("kernels-") and path.suffix == ".so" for path in found)
    return found


@needs_compiler
def test_a_library_is_compiled_once_for_all_processes(
    home: Path, compilations: Callable[[], int], afresh: Callable[[], None]
) -> None:
    for _ in range(2):
        assert build.library() is build.library()
        assert build.describe() == f"compiled by {Path(os.environ['CC']).name}"
        afresh()
    assert compilations() == 1
    assert len(libraries(home)) == 1


@needs_compiler
@pytest.mark.parametrize("change", ["processor", "compiler"])
def test_another_processor_or_compiler_has_a_library_of_its_own(
    home: Path,
    compilations: Callable[[], int],
    afresh: Callable[[], None],
    change: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    build.library()
    if change == "processor":
        monkeypatch.setattr(build, "_processor", lambda: "another")
    else:
        (tmp_path / "other").mkdir()
        monkeypatch.setenv("CC", str(shutil.copy(os.environ["CC"], tmp_path / "other")))
    afresh()
    build.library()
    assert compilations() == 2
    assert len(libraries(home)) == 2


@needs_compiler
@pytest.mark.parametrize("damage", ["emptied", "cut", "changed", "padded"])
def test_a_damaged_library_is_compiled_again(
    home: Path, compilations: Callable[[], int], afresh: Callable[[], None], damage: str
) -> None:
    build.library()
    [kept] = libraries(home)
    content = kept.read_bytes()
    half = len(content) // 2
    damaged = {
        "emptied": b"",
        "cut": content[:half],
        "changed": content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :],
        "padded": content + b"\0",
    }
    # As a new file: overwriting one that is loaded would damage this process.
    kept.unlink()
    kept.write_bytes(damaged[damage])
    for _ in range(2):
        afresh()
        assert isinstance(build.library(), ctypes.CDLL)
    assert compilations() == 2
    assert libraries(home) == [kept]
    assert kept.read_bytes() == content


@needs_compiler
def test_processes_that_compile_at_once_leave_one_good_library(home: Path, compilations: Callable[[], int]) -> None:
    script = "from bnrepro.train.kernels import build; print(build.library().looked_up)"
    command = [sys.executable, "-c", script]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    for process in started:
        _, errors = process.communicate()
        assert (process.returncode, errors) == (0, b"")
    assert compilations() >= 1
    assert len(libraries(home)) == 1
    before = compilations()
    build.library()
    assert compilations() == before


def no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    return "torch's own (no C compiler is here (cc, gcc or clang))"


def compiler_that_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("CC", str(tmp_path / "missing"))
    return f"torch's own (no C compiler is here ({tmp_path / 'missing'}))"


def compiler_that_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    script = compiler_that("echo 'no license' >&2; exit 1", tmp_path)
    monkeypatch.setenv("CC", str(script))
    return f"torch's own ({script.name} failed: no license)"


def compiler_that_cannot_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    script = compiler_that("", tmp_path)
    script.write_bytes(b"\x7fELF\0")
    monkeypatch.setenv("CC", str(script))
    return "torch's own (the compiled kernels cannot be kept or loaded: "


def compiler_that_makes_nonsense(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("CC", str(compiler_that('for target; do :; done; echo nonsense > "$target"', tmp_path)))
    return "torch's own (the compiled kernels cannot be kept or loaded: "


def cache_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    return "torch's own (the compiled kernels cannot be kept or loaded: "


def no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", unknown)
    return "torch's own (there is no folder to keep the compiled kernels in: "


def turned_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv(build.SWITCH, "off")
    return f"torch's own ({build.SWITCH}=off)"


@pytest.fixture(scope="module")
def with_kernels() -> RunRecord:
    """A run of a process that has kernels."""
    if not calls.available():
        pytest.skip(build.describe())
    return trained()


def trained() -> RunRecord:
    images = striped_images()
    return train(run_spec(images, arm="random_2"), images, slot=MemorySlot())[0]


@needs_compiler
@pytest.mark.parametrize(
    "trouble",
    [
        no_compiler, compiler_that_is_missing, compiler_that_fails, compiler_that_cannot_start,
        compiler_that_makes_nonsense, cache_in_a_file, no_home, turned_off,
    ],
)  # fmt: skip
def test_without_kernels_a_run_trains_through_torchs_operators_and_says_so(
    trouble: Callable[[pytest.MonkeyPatch, Path], str],
    with_kernels: RunRecord,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    expected = trouble(monkeypatch, tmp_path)
    record = trained()
    assert with_kernels.environment["kernels"].startswith("compiled by ")
    assert record.environment["kernels"].startswith(expected)
    assert not calls.available()
    losses, theirs = ([epoch.train_loss for epoch in run.curve] for run in (record, with_kernels))
    assert losses != theirs
    assert losses == pytest.approx(theirs, rel=1e-3)
    assert not home.exists() or list(home.glob(".compiling-*")) == []


@needs_compiler
def test_a_compiler_that_failed_is_not_asked_again_by_the_same_process(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Else a run could begin with torch's operators and be recorded as one of the kernels.
    compiler_that_fails(monkeypatch, tmp_path)
    assert not calls.available()
    monkeypatch.setenv("CC", str(COMPILERS[0]))
    assert build.describe().endswith("failed: no license)")
    with pytest.raises(build.NotCompiled, match="no license"):
        build.library()


def test_a_switch_that_says_neither_on_nor_off_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(build.SWITCH, "no")
    build._found.cache_clear()
    try:
        with pytest.raises(DeviceError, match="BNREPRO_KERNELS is on or off, not 'no'"):
            build.library()
    finally:
        build._found.cache_clear()
