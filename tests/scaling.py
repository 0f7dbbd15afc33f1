"""Write docs/scaling.md and docs/scaling.svg: what the whole paper would cost, and how that grows.

    make scaling                         the page, from what was measured last
    make scaling MEASURE=1               measure the steps first (tests/step_seconds.py): ten minutes of one core
    python -m tests.scaling [--measure] [--page]

The plan and its cost are the code's own. The simulated fleets take a minute and are kept in docs/scaling.json, so that
a test can make the page again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests import scaling_figure, scaling_page, step_seconds
from tests.paper_fleets import WORKERS, Fleet, busy_over_time, fleets
from tests.paper_plan import ROOT, Budgeted, Paper, budgeted

DOCS = ROOT / "docs"
KEPT = DOCS / "scaling.json"


def write(kept: Mapping[str, Any]) -> dict[Path, str]:
    """The page and its figure, from the fleets that were kept and what the code says now."""
    measured, machine = step_seconds.kept()
    found = [Fleet(**each) for each in kept["fleets"]]
    budgets = [Budgeted(**each) for each in kept["budgets"]]
    return {
        DOCS / "scaling.md": scaling_page.page(Paper.planned(), found, budgets, measured, machine),
        DOCS / "scaling.svg": scaling_figure.figure(kept["busy"], WORKERS),
    }


def main() -> int:
    """Simulate, and write the page."""
    parser = argparse.ArgumentParser(prog="tests.scaling", description="Write docs/scaling.md.")
    parser.add_argument("--measure", action="store_true", help="time the training steps first")
    parser.add_argument("--page", action="store_true", help="write the page only, with the fleets of last time")
    asked = parser.parse_args()
    if asked.measure:
        step_seconds.main()
    if not asked.page:
        paper = Paper.planned()
        kept = {
            "fleets": [asdict(each) for each in fleets(paper)],
            "busy": busy_over_time(paper),
            "budgets": [asdict(each) for each in budgeted(paper)],
        }
        KEPT.write_text(json.dumps(kept, separators=(",", ":")) + "\n")
    for path, text in write(json.loads(KEPT.read_text())).items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
