"""Folders of reports as a site is built from them: made up, deterministic, as large as asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bnrepro.history import append
from bnrepro.publish import write_document
from bnrepro.report.night import write_night
from bnrepro.spec.results import VerdictDocument
from bnrepro.spec.scale import Outcome, Scale
from tests.report_parts import BATCHNORM, RANDOM, document, grid, seeded, superiority
from tests.report_samples import DIGITS_NETWORKS, PAPER_NETWORKS, SAMPLES

_NETWORKS = {
    Scale.PAPER: PAPER_NETWORKS,
    Scale.REDUCED: ("resnet-14", "resnet-32", "wrn-14-2"),
    Scale.DIGITS: DIGITS_NETWORKS,
}
_EPOCHS = {Scale.PAPER: 160, Scale.REDUCED: 40, Scale.DIGITS: 16}
_SEEDS = {Scale.PAPER: 5, Scale.REDUCED: 3, Scale.DIGITS: 3}
_PLACES = (
    "Section 4 with its Figure 2",
    *(f"Section {number}, on something" for number in (1, 3, 4, 5)),
    "Appendix C, on VGG",
    "Appendix F with its Figure 13",
)
_FIRST_NIGHT = datetime(2026, 1, 1, 3, 0, tzinfo=UTC)


def claim_document(place: int, scale: Scale, **changes: Any) -> VerdictDocument:
    """A claim's verdict at a scale, as large as that scale makes it; its outcome goes with its place."""
    outcome = tuple(Outcome)[place % 3]
    gap = seeded(f"{place}").uniform(8, 24)
    runs = grid(_NETWORKS[scale], gap, _SEEDS[scale], _EPOCHS[scale], (BATCHNORM, RANDOM))
    check = superiority(runs, scale, whole_claim=True, outcome=outcome)
    marks = {"robust": place % 2 == 0, "fragile": ("without resnet-14 batchnorm seed 0 it would stay open",)}
    values = {
        "claim": f"claim_{place:02}",
        "title": f"Claim {place} says that γ and β do more than as many random weights",
        "where": _PLACES[place % len(_PLACES)],
        "rows": (f"C{place % 25 + 1:02}",),
        "robust_over": 48,
        "provenance": {
            "bnrepro": "0.1.0",
            "git commit": "0" * 40,
            "recipe version": "1",
            "device kind": "cpu",
            "precision": "float32",
            "judged at": "2026-04-10 03:00:00 UTC",
        },
    }
    return document(runs, (check.model_copy(update=marks),), scale, outcome, **(values | changes))


def sample_site(reports: Path) -> None:
    """Verdict files of every kind, three nights at each of two scales, and one file that is no verdict."""
    write_reports(reports, claims=2, scales=(Scale.REDUCED, Scale.DIGITS), nights=3)
    for name in ("supported-digits", "inconclusive-part", "not-assessed", "arithmetic", "gamma", "monotone"):
        write_document(SAMPLES[name]().model_copy(update={"claim": name.replace("-", "_")}), reports)
    (reports / "digits" / "cut_short.json").write_text('{"format": 1,', encoding="utf-8")


def write_reports(
    reports: Path, *, claims: int, scales: tuple[Scale, ...], nights: int, with_runs: bool = True
) -> None:
    """Verdict files of some claims at some scales, and a history in which every claim was judged each night.

    Without their runs, documents are small; an index shows as much of them, but for what they cost.
    """
    for scale in scales:
        documents = [claim_document(place, scale) for place in range(claims)]
        # What a night keeps of a document does not depend on its runs.
        light = [each.model_copy(update={"runs": (), "groups": ()}) for each in documents]
        for each in documents if with_runs else light:
            write_document(each, reports)
        for number in range(nights):
            night = append(reports, light, at=_FIRST_NIGHT + timedelta(days=number))
            write_night(reports, night, None)
