"""A store of 2,000 runs: what every claim costs when nothing is left to train."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from bnrepro.spec.load import load_claims
from tests.large_store import fill
from tests.small_claim import REPOSITORY, environment

RUNS = 2000
ALLOWED_SECONDS = 5.0


def verify_all(folder: Path) -> tuple[list[dict[str, object]], float]:
    """Verdicts of all claims of the paper on digits, and the processor's seconds.

    It works in one thread and waits for nothing, so that these are also the seconds on a machine of its own.
    """
    command = [sys.executable, "-m", "bnrepro", "verify", "--all", "--scale", "digits", "--device", "cpu", "--json"]
    command += ["--store", str(folder / "store"), "--reports", str(folder / "reports")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=300, cwd=REPOSITORY, env=environment()
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ran.returncode in {0, 1, 4}, ran.stderr
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return [json.loads(line) for line in ran.stdout.splitlines()], seconds


@pytest.mark.slow
def test_all_claims_are_judged_from_2000_stored_runs_within_5_seconds(tmp_path: Path) -> None:
    claims = load_claims([REPOSITORY / "claims"])
    read = fill(tmp_path / "store", claims, RUNS)
    assert 100 < read < RUNS
    verify_all(tmp_path)  # prepares the data and declares the claims
    (documents, first), (_, second) = verify_all(tmp_path), verify_all(tmp_path)
    assert len(documents) == len(claims)
    assert all(document["trainings"]["trained"] == 0 for document in documents)  # type: ignore[index]
    assert any("runs of recipe version 200" in str(document["notes"]) for document in documents)
    assert min(first, second) <= ALLOWED_SECONDS, (first, second)
