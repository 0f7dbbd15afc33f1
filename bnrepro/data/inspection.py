"""What ``bnrepro data check`` reports: every source read in full, and its prepared arrays compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bnrepro.data.digits import read_digits
from bnrepro.data.images import ImageSet
from bnrepro.data.prepared import check_arrays, read_manifest
from bnrepro.data.sources import find_cifar10
from bnrepro.errors import DataError
from bnrepro.spec.recipe import DatasetName


@dataclass(frozen=True, kw_only=True)
class SourceReport:
    """What was found of one source."""

    dataset: DatasetName
    path: Path | None
    """Where it lies; ``None`` for data that come with a package, or where no data root was given."""
    name: str
    """For people; the data set's name where the source cannot be read."""
    digest: str | None = None
    """``None`` where the source cannot be used."""
    prepared: bool = False
    """Whether the cache holds it with every checksum right."""
    problem: str | None = None
    """Everything that is wrong, with what was expected and found; ``None`` where all is well."""


def describe(data_root: Path | None, cache: Path) -> tuple[SourceReport, ...]:
    """Read and check every source there is, prepared arrays included. Changes nothing.

    Never raises for bad data or a folder that may not be read: that stands in the reports.
    """
    reports = [_report(DatasetName.DIGITS, None, read_digits, cache)]
    try:
        sources = find_cifar10(data_root)
    except (DataError, OSError) as error:
        absent = SourceReport(
            dataset=DatasetName.CIFAR10, path=data_root, name=DatasetName.CIFAR10.value, problem=str(error)
        )
        return (*reports, absent)
    reports += [_report(DatasetName.CIFAR10, source.path, source.read, cache) for source in sources]
    return tuple(reports)


def _report(dataset: DatasetName, path: Path | None, read: Callable[[], ImageSet], cache: Path) -> SourceReport:
    try:
        images = read()
    except (DataError, OSError) as error:
        return SourceReport(dataset=dataset, path=path, name=dataset.value, problem=str(error))
    directory, problem = cache / images.digest, None
    try:
        check_arrays(directory, read_manifest(directory))
        prepared = True
    except FileNotFoundError:
        prepared = False
    except DataError as error:
        prepared, problem = False, f"the prepared copy is damaged and will be renewed: {error}"
    return SourceReport(
        dataset=dataset, path=path, name=images.name, digest=images.digest, prepared=prepared, problem=problem
    )
