"""The scheduler is to leave the machine to the runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.small_claim import REPOSITORY, environment

RUNS, SECONDS = 12, 1.0
"""Short ones: most runs on digits take several times as long."""


@pytest.mark.slow
@pytest.mark.parametrize("form", ["lines", "bars"])
def test_handing_out_short_runs_takes_less_than_three_percent_of_their_cpu_time(tmp_path: Path, form: str) -> None:
    program = [sys.executable, "-c", "from tests.scheduler_cost import main; main()"]
    program += [str(tmp_path), str(RUNS), str(SECONDS), form]
    done = subprocess.run(
        program, capture_output=True, text=True, timeout=300, check=True, cwd=REPOSITORY, env=environment()
    )
    parent = float(done.stdout)
    assert 0 < parent < 0.03 * (parent + RUNS * SECONDS)
