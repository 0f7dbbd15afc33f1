"""What the scheduler itself takes: CPU time of the process that hands out runs and shows their progress.

Each run burns a fixed CPU time in its worker, no torch, and reports as often as a real one does:
    python -c 'from tests.scheduler_cost import main; main()' FOLDER RUNS BURNED_SECONDS bars|lines
prints the parent's CPU seconds, from the first run handed out to the last result.
"""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

from bnrepro.cost import CostModel
from bnrepro.execute.forecast import Forecast
from bnrepro.execute.pool import LocalPool
from bnrepro.execute.window import Window
from bnrepro.identity import run_key
from bnrepro.plan import Plan, PlannedRun
from bnrepro.progress import shown
from bnrepro.spec.recipe import DatasetName
from bnrepro.spec.run import RunSpec
from bnrepro.spec.trainer import Progress
from bnrepro.stages import Stage
from bnrepro.store import Store
from bnrepro.terminal import Terminal
from tests.fake_trainer import Report, Result, Stop, result
from tests.small_claim import DIGITS, a_run

JOBS = 2
REPORTS = 16
"""Of each run: one an epoch of the recipe for digits."""


def burns(spec: RunSpec, data: Path, *, slot: object, stop: Stop, report: Report) -> Result:
    """Takes as much CPU time as the data folder says."""
    seconds = float((data / "seconds").read_text())
    begun = time.process_time()
    for step in range(1, REPORTS + 1):
        while time.process_time() - begun < seconds * step / REPORTS:
            pass
        report(Progress(steps_done=step, steps=REPORTS, test_accuracy=50.0))
    return result(spec)


class Screen(io.StringIO):
    """A terminal that nobody looks at."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def main() -> None:
    """Hand out the runs as a verify does."""
    folder, runs, seconds, form = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    (folder / "seconds").write_text(seconds)
    specs = [a_run(seed) for seed in range(runs)]
    planned = tuple(PlannedRun(spec=spec, key=run_key(spec), record=None, reason="new") for spec in specs)
    plan = Plan(runs=planned, cost=CostModel(shapes=DIGITS.shapes))
    window = Window(forecast=Forecast({spec: plan.cost.seconds(spec) for spec in specs}))
    pool = LocalPool(
        Store(folder / "store"),
        burns,
        data={DatasetName.DIGITS: folder},
        jobs=JOBS,
        preload=["tests.scheduler_cost"],
        window=window,
    )
    screen = Screen() if form == "bars" else io.StringIO()
    begun = time.process_time()
    with shown(Stage(name="look 1 of 1", plan=plan, window=window), Terminal(screen), jobs=JOBS) as listener:
        for event in pool.run(plan.work):
            listener(event)
    sys.stdout.write(repr(time.process_time() - begun))
