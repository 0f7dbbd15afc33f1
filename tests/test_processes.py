"""How many cores there are for us."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bnrepro import processes
from bnrepro.processes import available_cores


@pytest.fixture
def quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 8 cores; the file that tells a container's quota is not there yet."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(processes, "_QUOTA", tmp_path / "cpu.max")
    return tmp_path / "cpu.max"


@pytest.mark.parametrize(
    ("told", "cores"),
    [
        ("max 100000\n", 8),
        ("250000 100000\n", 2),
        ("50000 100000\n", 1),
        ("3200000 100000\n", 8),
        ("something else\n", 8),
    ],
)
def test_a_containers_quota_lowers_the_cores_that_are_used(quota: Path, told: str, cores: int) -> None:
    quota.write_text(told)
    assert available_cores() == cores


def test_without_a_container_all_cores_that_the_process_may_run_on_are_used(quota: Path) -> None:
    assert not quota.exists()
    assert available_cores() == 8
