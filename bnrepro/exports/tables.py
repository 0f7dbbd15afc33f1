"""Every stored run as a row: for spreadsheets, data frames and statistics programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from bnrepro.errors import UsageError
from bnrepro.files import write_atomically
from bnrepro.measure import probe_of, value_of
from bnrepro.report.text import visible
from bnrepro.spec.metrics import Metric
from bnrepro.spec.probe import Measured, Probe
from bnrepro.spec.run import RunRecord
from bnrepro.store import Store

_TEXT = ("key", "scale", "dataset", "network", "arm", "status", "divergence", "device", "precision", "data_digest")
_WHOLE = ("seed", "recipe_version", "epochs", "trainable_parameters", "total_parameters", "resumed")
_MEASURED = tuple(metric for metric in Metric if probe_of(metric) is not None)

COLUMNS = (
    "key",
    "scale",
    "dataset",
    "network",
    "arm",
    "seed",
    "status",
    "divergence",
    "test_accuracy",
    "top5_accuracy",
    "test_loss",
    *(metric.value for metric in _MEASURED),
    "trainable_parameters",
    "total_parameters",
    "wall_seconds",
    "images_per_second",
    "resumed",
    "device",
    "precision",
    "epochs",
    "recipe_version",
    "data_digest",
)
"""Of a table of runs. Accuracies and shares are in percent, changes in points, as the metrics say."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def run_table(store: Store) -> list[dict[str, Any]]:
    """One row for each finished run, in the order of scale, network, arm, seed and key, with :data:`COLUMNS`.

    What was measured on a run's network is read along, and what was not is ``None``; nothing is measured for the table.
    """
    probes = tuple(dict.fromkeys(probe for metric in _MEASURED if (probe := probe_of(metric)) is not None))
    rows = []
    for record in store.records():
        found = {probe: store.measured(record.key, probe) for probe in probes}
        rows.append(_row(record, {probe: value for probe, value in found.items() if value is not None}))
    return sorted(rows, key=lambda row: (row["scale"], row["network"], row["arm"], row["seed"], row["key"]))


def write_csv(rows: Iterable[Mapping[str, Any]], path: Path, *, columns: Sequence[str] = COLUMNS) -> Path:
    """Write rows as CSV (RFC 4180, UTF-8, lines end in a line feed); ``None`` is an empty cell. Returns the path.

    Spreadsheets take a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, and run it. A text that begins
    so gets an apostrophe before it, as OWASP advises ("CSV injection"); numbers are written as they are. No name of
    ours begins so, therefore nothing is lost; parquet and data frames keep every text as it is.

    Raises:
        StoreError: the file cannot be written; an older one stays.
        ValueError: a row has a column that is not among ``columns``.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="raise")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    write_atomically(path, text.getvalue().encode())
    return path


def write_parquet(rows: Iterable[Mapping[str, Any]], path: Path) -> Path:
    """Write rows of :func:`run_table` as Parquet, every column with its own type. Returns the path.

    Raises:
        UsageError: pyarrow is not installed.
        StoreError: the file cannot be written; an older one stays.
    """
    arrow, parquet = optional("pyarrow", "Parquet files"), optional("pyarrow.parquet", "Parquet files")
    kinds = dict.fromkeys(_TEXT, arrow.string()) | dict.fromkeys(_WHOLE, arrow.int64())
    schema = arrow.schema([(name, kinds.get(name, arrow.float64())) for name in COLUMNS])
    buffer = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist([dict(row) for row in rows], schema=schema), buffer)
    write_atomically(path, buffer.getvalue())
    return path


def optional(module: str, purpose: str) -> ModuleType:
    """A package that bnrepro does without until someone asks for what it gives.

    Raises:
        UsageError: it is not installed; the message says how to change that.
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise UsageError(
            f"{purpose} need {package}, which is not installed: python -m pip install {package}"
        ) from error


def _row(record: RunRecord, measured: Mapping[Probe, Measured]) -> dict[str, Any]:
    spec = record.spec
    values: dict[str, Any] = {
        "key": record.key,
        "scale": spec.scale.value,
        "dataset": spec.recipe.dataset.value,
        "network": str(spec.network),
        "arm": str(spec.full_arm),
        "seed": spec.seed,
        "status": record.status,
        "divergence": record.divergence,
        "test_accuracy": record.test_accuracy,
        "top5_accuracy": record.top5_accuracy,
        "test_loss": record.test_loss,
        **{metric.value: value_of(metric, record, measured) for metric in _MEASURED},
        "trainable_parameters": record.trainable_parameters,
        "total_parameters": record.total_parameters,
        "wall_seconds": record.wall_seconds,
        "images_per_second": record.images_per_second,
        "resumed": record.resumed,
        "device": spec.device.value,
        "precision": spec.recipe.precision.value,
        "epochs": spec.recipe.epochs,
        "recipe_version": spec.recipe_version,
        "data_digest": spec.data_digest,
    }
    return {name: values[name] for name in COLUMNS}


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    return f"'{visible(value)}" if value.startswith(_FORMULA_STARTS) else visible(value)
