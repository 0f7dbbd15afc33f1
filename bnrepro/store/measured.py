"""Measurements of a finished run: one sealed file for each probe, in the run's folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import safetensors.numpy
from safetensors import SafetensorError

from bnrepro.spec.probe import MEASURED_TYPES, PROBE_VERSIONS, Measured, Probe
from bnrepro.store.sealed import DamagedError, read_sealed, write_sealed

_SUFFIX = ".measured"


def measured_file(folder: Path, probe: Probe) -> Path:
    """Where a probe's measurement lies; a probe of another version has a file of another name."""
    return folder / f"{probe}-v{PROBE_VERSIONS[probe]}{_SUFFIX}"


def measured_files(folder: Path) -> Iterator[Path]:
    """Every measurement in a run's folder, those of other versions included."""
    yield from sorted(folder.glob(f"[!.]*{_SUFFIX}"))


def read_measured(path: Path, probe: Probe) -> Measured | None:
    """A stored measurement; ``None`` where there is no such file.

    Raises:
        DamagedError: the file is not what was written, or not what this probe gives.
    """
    content = read_sealed(path)
    if content is None:
        return None
    try:
        return MEASURED_TYPES[probe].from_arrays(safetensors.numpy.load(content))
    except (ValueError, SafetensorError) as error:
        raise DamagedError(f"is not a measurement of {probe}: {error}") from error


def write_measured(path: Path, value: Measured) -> None:
    """Put a measurement in place, whole."""
    write_sealed(path, safetensors.numpy.save(value.arrays()))
