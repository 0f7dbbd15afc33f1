"""What a reader should know of how a verdict came about, and which checks are robust."""

from __future__ import annotations

from collections.abc import Sequence

from bnrepro.declared import declaration_notes
from bnrepro.left_out import left_out_note
from bnrepro.question import Question
from bnrepro.robust import Robustness, robust_over
from bnrepro.spec.results import CheckResult
from bnrepro.suite import Suite


def notes(question: Question, suite: Suite, looks_taken: int) -> tuple[str, ...]:
    """What a report says of declaration, runs left out, time that ran out, looks and interruptions."""
    told = list(declaration_notes(question, suite))
    if (left_out := left_out_note(question, suite)) is not None:
        told.append(left_out)
    if (unfinished := suite.unfinished.get(question.claim.id)) is not None:
        told.append(unfinished.note)
    looks = len(question.claim.looks.seeds)
    if unfinished is None and looks_taken < looks and suite.runs_of(question):
        told.append(f"Settled at look {looks_taken} of {looks}; later looks were not needed.")
    resumed = sum(1 for record in suite.runs_of(question) if record.resumed)
    if resumed:
        told.append(f"{resumed} of the runs went on from a checkpoint after an interruption.")
    return tuple(told)


def robustness_of(suite: Suite) -> Robustness | None:
    """What survives Holm over all claims of the invocation; ``None`` where that is not more than one check."""
    if len(suite.judgements) < 2:
        return None
    found = robust_over({claim: judgement.checks for claim, judgement in suite.judgements.items()})
    return found if found.checks > 1 else None


def marked(checks: Sequence[CheckResult], claim: str, robustness: Robustness | None) -> tuple[CheckResult, ...]:
    """Some checks of a claim, each with whether it is robust where that is known."""
    if robustness is None:
        return tuple(checks)
    return tuple(check.model_copy(update={"robust": robustness.mark(claim, check)}) for check in checks)


def robustness_note(robustness: Robustness | None) -> tuple[str, ...]:
    """How the word robust is meant, where it is used."""
    if robustness is None:
        return ()
    return (
        f"A verdict is called robust where it survives Holm's correction over the {robustness.checks} checks that were "
        "held against runs in the same invocation; those that stayed open are counted among them.",
    )
