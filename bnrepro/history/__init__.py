"""Every verify that was ever made, one line each, and what changed from one to another.

The record is ``<reports>/history.jsonl``. It is only ever added to.
"""

from __future__ import annotations

from bnrepro.history.compare import Change, ChangeKind, Diff, NightName, diff
from bnrepro.history.find import find, newest
from bnrepro.history.log import HISTORY, append, baseline_of, load, recent
from bnrepro.history.night import CheckOutcome, ClaimOutcome, Night, Work

__all__ = [
    "HISTORY",
    "Change",
    "ChangeKind",
    "CheckOutcome",
    "ClaimOutcome",
    "Diff",
    "Night",
    "NightName",
    "Work",
    "append",
    "baseline_of",
    "diff",
    "find",
    "load",
    "newest",
    "recent",
]
