"""Runs and verdicts as pandas data frames, for notebooks. pandas is only imported here, when it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnrepro.errors import NothingSelected
from bnrepro.exports.tables import COLUMNS, optional, run_table
from bnrepro.report.document import load_document
from bnrepro.spec.results import CheckResult, VerdictDocument
from bnrepro.spec.scale import Scale
from bnrepro.store import Store

if TYPE_CHECKING:
    import pandas as pd

_CHECK_COLUMNS = (
    "claim",
    "title",
    "scale",
    "whole_claim",
    "claim_verdict",
    "check",
    "row",
    "kind",
    "states",
    "decides",
    "settles",
    "verdict",
    "estimate",
    "low",
    "high",
    "level",
    "region_low",
    "region_high",
    "margin",
    "unit",
    "n",
    "look",
    "runs",
    "diverged",
    "p",
    "robust",
    "fragile",
    "reason",
    "device",
    "precision",
    "bnrepro",
    "git_commit",
    "judged_at",
)


def load_results(store: Path | str = ".bnrepro") -> pd.DataFrame:
    """Every finished run of a store, a row each, with the columns of :data:`bnrepro.exports.tables.COLUMNS`.

    Usage:
        runs = bnrepro.load_results()
        runs[runs.scale == "digits"].groupby(["network", "arm"]).test_accuracy.agg(["mean", "std", "count"])

    Args:
        store: the folder that ``--store`` names.

    Raises:
        UsageError: pandas is not installed.
        NothingSelected: there is no store.
        StoreError: the store cannot be read.
    """
    pandas = optional("pandas", "data frames")
    root = Path(store)
    if not (root / "store.json").is_file():
        raise NothingSelected(f"there is no store in {root}; `bnrepro verify` makes one, --store says where")
    return pandas.DataFrame(run_table(Store(root)), columns=list(COLUMNS))


def load_verdicts(reports: Path | str = "reports") -> pd.DataFrame:
    """Every check of every verdict file, a row each. An unbounded side of an interval is missing, not infinite.

    Usage:
        checks = bnrepro.load_verdicts()
        checks[checks.decides].groupby(["scale", "verdict"]).size()

    Args:
        reports: the folder that ``--reports`` names.

    Raises:
        UsageError: pandas is not installed.
        NothingSelected: there is no verdict file.
        DocumentError: a verdict file cannot be read.
    """
    pandas = optional("pandas", "data frames")
    paths = [path for scale in Scale for path in sorted((Path(reports) / scale.value).glob("*.json"))]
    if not paths:
        raise NothingSelected(f"there is no verdict in {reports}; `bnrepro verify` writes them, --reports says where")
    documents = [load_document(path) for path in paths]
    rows = [_check(document, check) for document in documents for check in document.checks]
    return pandas.DataFrame(rows, columns=list(_CHECK_COLUMNS))


def _check(document: VerdictDocument, check: CheckResult) -> dict[str, Any]:
    provenance = document.provenance
    return {
        "claim": document.claim,
        "title": document.title,
        "scale": document.scale.value,
        "whole_claim": document.whole_claim,
        "claim_verdict": document.verdict.value,
        "check": check.id,
        "row": check.row,
        "kind": check.kind,
        "states": check.states,
        "decides": check.decides,
        "settles": check.id == document.headline_check,
        "verdict": check.verdict.value,
        "estimate": check.estimate,
        "low": check.interval[0],
        "high": check.interval[1],
        "level": check.level,
        "region_low": check.region[0],
        "region_high": check.region[1],
        "margin": check.margin,
        "unit": check.unit,
        "n": check.n,
        "look": check.look,
        "runs": len(check.runs),
        "diverged": check.diverged,
        "p": check.p,
        "robust": check.robust,
        "fragile": len(check.fragile),
        "reason": check.reason,
        "device": provenance.get("device kind"),
        "precision": provenance.get("precision"),
        "bnrepro": provenance.get("bnrepro"),
        "git_commit": provenance.get("git commit"),
        "judged_at": provenance.get("judged at"),
    }
