"""Nights and verdicts to compare, made up and deterministic. Run as a program it adds nights to a history:
python -m tests.history_samples REPORTS NIGHTS
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bnrepro.history import CheckOutcome, ClaimOutcome, Night, Work, append
from bnrepro.spec.results import VerdictDocument
from bnrepro.spec.scale import Outcome, Scale, word_for
from tests.report_samples import supported_digits

HELD, FAILED, OPEN, LEFT_OUT = Outcome.INSIDE, Outcome.OUTSIDE, Outcome.OPEN, Outcome.NOT_ASSESSED
FIRST = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)
NO_WORK = Work(needed=0, cached=0, trained=0, failed=0, seconds=0.0)


def check(name: str, outcome: Outcome, estimate: float | None = 5.0, half: float = 1.0, **changes: Any) -> CheckOutcome:
    """A check at the digits scale, ``half`` to either side of its estimate."""
    values: dict[str, Any] = {
        "id": name,
        "verdict": word_for(outcome, Scale.DIGITS, whole_claim=True),
        "decides": True,
        "estimate": estimate,
        "interval": (None, None) if estimate is None else (estimate - half, estimate + half),
        "region": (0.0, None),
        "level": 0.95,
        "exact": False,
        "unit": "points",
        "n": 3,
        "look": 1,
    }
    return CheckOutcome(**(values | changes))


def claim(
    name: str, outcome: Outcome, *checks: CheckOutcome, scale: Scale = Scale.DIGITS, **changes: Any
) -> ClaimOutcome:
    """A claim that its first check settles."""
    values: dict[str, Any] = {
        "claim": name,
        "title": f"What {name} says",
        "scale": scale,
        "verdict": word_for(outcome, scale, whole_claim=not changes.get("deviations")),
        "reason": "The deciding check says so.",
        "deviations": (),
        "headline_check": checks[0].id if checks else None,
        "checks": checks,
        "trainings": NO_WORK,
    }
    return ClaimOutcome(**(values | changes))


def night(sequence: int, *claims: ClaimOutcome, **changes: Any) -> Night:
    """A night at the digits scale."""
    values: dict[str, Any] = {
        "id": f"{sequence:012x}",
        "sequence": sequence,
        "at": FIRST + timedelta(days=sequence),
        "scale": Scale.DIGITS,
        "device": "cpu",
        "precision": "float32",
        "every": True,
        "baseline": None,
        "version": "0.1.0",
        "git_commit": "c0ffee",
        "recipe_version": "1",
        "trainings": NO_WORK,
        "claims": claims,
    }
    return Night(**(values | changes))


def verdicts(*names: str, device: str = "cpu", **changes: Any) -> Sequence[VerdictDocument]:
    """One document a name, as one verify would write them."""
    document = supported_digits()
    provenance = document.provenance | {"device kind": device, "precision": "float32", "git commit": "c0ffee"}
    return [document.model_copy(update={"claim": name, "provenance": provenance} | changes) for name in names]


if __name__ == "__main__":
    for _ in range(int(sys.argv[2])):
        append(Path(sys.argv[1]), verdicts("a"), at=FIRST)
