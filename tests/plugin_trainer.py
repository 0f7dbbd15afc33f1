"""A trainer for claims collected by pytest: it trains nothing, and how well an arm does is fixed. No torch.

A ``conftest.py`` puts it into the place of the real one:
    from tests.plugin_trainer import install
    install()
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from bnrepro.execute.pool import LocalPool
from bnrepro.execute.window import ALWAYS_OPEN, Window
from bnrepro.session import Session
from bnrepro.spec.run import RunRecord, RunSpec
from bnrepro.spec.trainer import Interrupted, Progress, Slot
from tests.small_claim import TENSORS, made_up

ACCURACY = {"batchnorm": (60, 62, 61), "random_2": (30, 31, 32), "all": (40, 80, 60)}
"""Of each seed: two arms that differ clearly, and one whose seeds do not agree."""
SLOW_STEPS = 6000
"""Of a slow training, each a hundredth of a second."""


def install(*, slow: bool = False) -> None:
    """Let every session train with this module."""

    def pool(session: Session, window: Window = ALWAYS_OPEN) -> LocalPool:
        folders = {name: found.directory for name, found in session.data.items()}
        return LocalPool(
            session.store, slowly if slow else at_once, data=folders, jobs=session.jobs, preload=[__name__]
        )

    Session.pool = pool  # type: ignore[method-assign]


def trained(store: Path) -> list[str]:
    """The run of every training begun, in the order in which they began."""
    log = store / "data" / "log"
    return log.read_text().splitlines() if log.exists() else []


def at_once(
    spec: RunSpec, data: Path, *, slot: Slot, stop: Callable[[], bool], report: Callable[[Progress], None]
) -> tuple[RunRecord, Mapping[str, np.ndarray]]:
    """Takes long enough for another process to come in between."""
    _log(spec, data)
    time.sleep(0.05)
    return made_up(spec, ACCURACY[str(spec.arm)][spec.seed]), TENSORS


def slowly(
    spec: RunSpec, data: Path, *, slot: Slot, stop: Callable[[], bool], report: Callable[[Progress], None]
) -> tuple[RunRecord, Mapping[str, np.ndarray]]:
    """Takes seconds, and goes on from a checkpoint at once."""
    saved = slot.load()
    if saved is None:
        _log(spec, data)
        for step in range(SLOW_STEPS):
            report(Progress(steps_done=step, steps=SLOW_STEPS, test_accuracy=None))
            if stop():
                slot.save(b"half way")
                raise Interrupted
            time.sleep(0.01)
    return made_up(spec, ACCURACY[str(spec.arm)][spec.seed], resumed=int(saved is not None)), TENSORS


def _log(spec: RunSpec, data: Path) -> None:
    with (data.parent / "log").open("a") as file:
        file.write(f"{spec.network} {spec.arm} {spec.seed}\n")
