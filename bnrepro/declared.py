"""Declared beforehand: what a claim said before its runs existed, and what it says now.

A claim file is fixed before its runs. The store keeps each text under which a claim was asked; where its meaning
changed after runs existed, the report says what changed and what the verdict was under the text declared first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from pydantic import ValidationError

from bnrepro.errors import BnreproError
from bnrepro.plan import NOT_AT_HAND
from bnrepro.question import Question, ask
from bnrepro.spec.claim import Claim
from bnrepro.spec.declared import Change, Declaration, changes, meaning_digest
from bnrepro.spec.load import LoadedClaim
from bnrepro.spec.recipe import DatasetName
from bnrepro.spec.scale import Scale
from bnrepro.store import Store
from bnrepro.suite import Suite
from bnrepro.wording import plural


@dataclass(frozen=True, kw_only=True)
class History:
    """The texts of one claim at one scale, seen from the one that is asked now."""

    first: Declaration
    """The text in force when the claim's first runs came to be; while there are none, the last one."""
    first_claim: Claim | None
    """``None`` where another version of bnrepro wrote it, so that it cannot be compared."""
    changes: tuple[Change, ...]
    """From the first text to the one asked now."""
    others: int
    """How many more meanings were asked since runs exist, neither the first nor the one asked now."""


def history(declared: Sequence[Declaration], claim: Claim, scale: Scale, *, runs: int) -> History | None:
    """Compare a claim with the texts under which it was asked before; ``None`` where it never was.

    Args:
        declared: texts at this scale, first declared first.
        claim: as its file says it now.
        scale: at which it is asked.
        runs: of the claim at this scale that exist now.
    """
    if not declared:
        return None
    runs_after = [later.runs for _, later in pairwise(declared)] + [runs]
    # Runs once seen stay seen, also when the store has lost them since.
    position = next(
        (index for index, after in enumerate(runs_after) if declared[index].runs or after), len(declared) - 1
    )
    first, since = declared[position], declared[position + 1 :]
    first_claim = _parsed(first)
    now = meaning_digest(claim, scale)
    seen = {_digest(each, scale) for each in since} - {now, _digest(first, scale)}
    there = bool(first.runs or runs_after[position])
    return History(
        first=first,
        first_claim=first_claim,
        changes=changes(first_claim, claim, scale) if first_claim is not None and there else (),
        others=len(seen),
    )


def declaration_notes(question: Question, suite: Suite) -> tuple[str, ...]:
    """What a report says about a claim whose text was not fixed before its runs; nothing where it was."""
    claim, scale = question.loaded.claim, question.scale
    if not claim.trains:
        return ()
    found = history(suite.store.declarations(claim.id, scale), claim, scale, runs=len(suite.runs_of(question)))
    if found is None:
        return ()
    notes = []
    if found.first.runs:
        notes.append(f"First asked when the store had {plural(found.first.runs, 'run')} of its networks and arms.")
    if found.first_claim is None:
        notes.append("The text declared first is of another version of bnrepro and cannot be compared with this one.")
    elif found.changes:
        listed = "; ".join(map(str, found.changes))
        notes.append(f"Changed since runs exist: {listed}. {_verdict_then(found.first_claim, question, suite)}")
    if found.others:
        again = "" if found.changes or found.first_claim is None else ", and now again with the meaning declared first"
        notes.append(f"Asked with {plural(found.others, 'other meaning')} too since runs exist{again}.")
    return tuple(notes)


def changed_claims(
    claims: Iterable[LoadedClaim], folder: Path, notify: Callable[[str], None]
) -> Iterator[tuple[str, Scale, tuple[Change, ...]]]:
    """The claims that mean something else than when their first runs came to be: id, scale, and what changed.

    Args:
        claims: as their files say them.
        folder: of the store; one that does not exist tells of no change, and is not made.
        notify: is told what the store has to say.
    """
    if not folder.is_dir():
        notify(f"no store at {folder} yet")
        return
    store = Store(folder, notify)
    counts = Counter((record.spec.scale, record.spec.network, record.spec.full_arm) for record in store.records())
    for loaded in claims:
        for scale in Scale if loaded.claim.trains else ():
            declared = store.declarations(loaded.claim.id, scale)
            runs = sum(counts[scale, network, arm] for network, arm in ask(loaded, scale).cells)
            found = history(declared, loaded.claim, scale, runs=runs)
            if found is not None and found.changes:
                yield loaded.claim.id, scale, found.changes


def _verdict_then(first: Claim, question: Question, suite: Suite) -> str:
    """The sentence about the verdict under the text declared first, on the runs that are here."""
    at_hand = {name for name, facts in suite.setting.data.items() if facts.digest != NOT_AT_HAND}
    narrowed = set(question.evaluated) < set(question.declared)
    other_looks = question.claim.looks != question.loaded.claim.looks
    then = ask(
        replace(question.loaded, claim=first),
        question.scale,
        networks=question.evaluated if narrowed else (),
        seeds=question.claim.looks.seeds[-1] if other_looks else None,
        absent_data={name: f"{name} is not here" for name in DatasetName if name not in at_hand},
    )
    then = replace(then, deviations=tuple(dict.fromkeys([*then.deviations, *question.deviations])))
    try:
        verdict = suite.judged_now(then).verdict
    except BnreproError as error:
        return f"Under the text declared first it cannot be judged any more: {error}"
    return f"Under the text declared first the verdict on the runs that are here is {verdict}."


def _digest(declared: Declaration, scale: Scale) -> str:
    claim = _parsed(declared)
    return declared.sha256 if claim is None else meaning_digest(claim, scale)


def _parsed(declared: Declaration) -> Claim | None:
    try:
        return Claim.model_validate_json(declared.claim)
    except ValidationError:
        return None
