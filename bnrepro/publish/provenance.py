"""What judged a claim: versions, the claim file, the commit, the time."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import bnrepro
from bnrepro.plan import Setting
from bnrepro.question import Question
from bnrepro.recipes import RECIPE_VERSION

_MODULE = Path(bnrepro.__file__)


def provenance(question: Question, setting: Setting, commit: str) -> dict[str, str]:
    """What a report says of its making, name and value."""
    return {
        "bnrepro": bnrepro.__version__,
        "git commit": commit,
        "recipe version": str(RECIPE_VERSION),
        "claim file": question.loaded.path.name,
        "claim file SHA-256": question.loaded.sha256,
        "device kind": setting.device,
        "precision": setting.precision,
        "python": platform.python_version(),
        "judged at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
    }


def git_commit() -> str:
    """The commit of the checkout that this code runs from; 'none' where it is installed, or git is not."""
    if not _git("ls-files", "--error-unmatch", _MODULE.name):
        return "none"
    return _git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*") or "none"


def _git(*arguments: str) -> str:
    """What git prints in the folder of the package; nothing where it fails or is absent."""
    command = ["git", "-C", str(_MODULE.parent), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return ""
    return "" if done.returncode else done.stdout.strip()
