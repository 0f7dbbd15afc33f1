"""Claim files: which there are, and whether they are right."""

from __future__ import annotations

import argparse
from pathlib import Path

from bnrepro.budget import setting_without_data, shared_budget
from bnrepro.cost import CostModel
from bnrepro.declared import changed_claims
from bnrepro.errors import DocumentError
from bnrepro.plan_text import listed_claim
from bnrepro.question import ask
from bnrepro.report import load_document
from bnrepro.session import asked_claims, load_suite
from bnrepro.spec.catalogue import ROWS
from bnrepro.spec.scale import Scale
from bnrepro.terminal import standard_output
from bnrepro.verbs import EXIT_OK, EXIT_OPEN
from bnrepro.wording import plural


def list_claims(arguments: argparse.Namespace) -> int:
    """List claims: rows, and at each scale the trainings, their cost and the last verdict."""
    claims, references = load_suite(asked_claims(arguments))
    table = [["claim and its rows", "scale", "trainings", "about", "last verdict"]]
    for loaded in claims:
        asked = []
        for scale in Scale if loaded.claim.trains else (Scale.PAPER,):
            question = ask(loaded, scale)
            if question.declared:
                setting = setting_without_data(scale)
                alone = shared_budget([question], references, setting, CostModel(shapes=setting.shapes)).together
                asked.append((scale, alone, _last_verdict(arguments.reports / scale / f"{loaded.claim.id}.json")))
        table += listed_claim(loaded.claim, asked)
    out = standard_output()
    out.table(table)
    rows = {row for loaded in claims for row in loaded.claim.rows}
    out.say()
    out.say(f"{plural(len(claims), 'claim')}, {len(rows)} of {len(ROWS)} rows of the catalogue")
    out.say(
        "trainings and hours of a CPU core or a GPU if every look is taken and nothing is in the store, at assumed "
        "rates; bnrepro plan tells them, and what claims share"
    )
    return EXIT_OK


def validate(arguments: argparse.Namespace) -> int:
    """Check claim files and the reference numbers that they name."""
    out = standard_output()
    claims, references = load_suite(asked_claims(arguments))
    checks = sum(len(loaded.claim.checks) for loaded in claims)
    out.say(
        f"ok: {plural(len(claims), 'claim')}, {plural(checks, 'check')}, {plural(len(references), 'reference number')}"
    )
    if not arguments.against_store:
        return EXIT_OK
    changed = 0
    for claim, scale, changes in changed_claims(claims, arguments.store, out.say):
        changed += 1
        out.say(f"{claim} at scale {scale}, since runs exist:")
        for change in changes:
            out.say(str(change), indent="  ")
    if not changed:
        out.say(f"no claim means anything else than when its first runs came into {arguments.store}")
    return EXIT_OPEN if changed else EXIT_OK


def _last_verdict(report: Path) -> str:
    if not report.is_file():
        return "-"
    try:
        document = load_document(report)
    except DocumentError:
        return "unreadable report"
    return f"{document.verdict}{'' if document.whole_claim else ', not as declared'}"
