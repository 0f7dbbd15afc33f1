"""Plans, budgets and lists of claims as a person reads them before anything is trained."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from bnrepro.checks import ERROR_A_SIDE
from bnrepro.cost import ASSUMED_FLOPS, ASSUMED_LAYER_SECONDS
from bnrepro.plan import Plan
from bnrepro.question import Question
from bnrepro.spec.claim import Claim
from bnrepro.spec.run import DeviceKind, RunSpec
from bnrepro.spec.scale import Scale
from bnrepro.stats import USUAL_POWER
from bnrepro.terminal import Terminal, duration, size
from bnrepro.wording import plural

if TYPE_CHECKING:
    # A verify tells its plan and none of these, which take long to import.
    from bnrepro.budget import Budget, SharedBudget
    from bnrepro.power import CheckPower


def plan_lines(plan: Plan, *, look: str, jobs: int) -> Iterator[str]:
    """A plan in words: how many trainings, what they will cost, and why they must run."""
    if not plan.runs:
        yield f"plan, {look}: nothing to train"
        return
    trainings = plural(len(plan.runs), "training")
    yield f"plan, {look}: {trainings}, {plan.cached} in the store, {len(plan.missing)} to train"
    if plan.missing:
        source = f"from {plural(plan.cost.measured_from, 'run')} in the store"
        basis = source if plan.cost.measured_from else "assumed, nothing measured here yet"
        workers = f"{jobs} process{'es' if jobs > 1 else ''}"
        yield f"about {duration(plan.wall_seconds(jobs))} on {workers} ({basis}), {size(plan.disk_bytes)} on disk"
    measuring = sum(1 for run in plan.runs if run.cached and run.to_measure)
    if measuring:
        yield f"{plural(measuring, 'trained network')} to measure anew"
    reasons = Counter(run.reason for run in plan.runs if not run.cached)
    yield from (f"{number} to train because {reason}" for reason, number in reasons.items())


def show_runs(out: Terminal, plans: Sequence[Plan]) -> None:
    """Every training of some looks, each once."""
    rows = [["network", "arm", "seed", "state", "about"]]
    # A claim that has fewer looks than another is not in the last plan.
    runs = {run.key: (run, plan.cost.seconds(run.spec)) for plan in plans for run in plan.runs}
    for run, seconds in sorted(runs.values(), key=lambda pair: _place(pair[0].spec)):
        state = "in the store" if run.cached else "to train"
        rows.append([str(run.spec.network), str(run.spec.full_arm), str(run.spec.seed), state, duration(seconds)])
    out.table(rows)


def show_powers(out: Terminal, asked: Sequence[tuple[Question, Sequence[CheckPower]]]) -> None:
    """What the looks of some claims can settle, check by check, and which verdicts cannot be expected."""
    asked = [(question, powers) for question, powers in asked if powers]
    if not asked:
        return
    out.say(
        "what the looks can settle, if the seeds of one arm and network spread as the claim file assumes (sd): each "
        f"look resolves a true value so far from a bound with a chance of {_percent(USUAL_POWER)}. Of a check with "
        "several parts (networks, steps) all must hold; told is the chance of the weakest part by itself."
    )
    for question, powers in asked:
        looks = question.claim.looks.seeds
        seeds, level = ", ".join(map(str, looks)), 1 - 2 * ERROR_A_SIDE / len(looks)
        out.say()
        out.say(
            f"{question.claim.id}, at {seeds} seeds, {'each time ' * (len(looks) > 1)}by {_percent(level)} intervals"
        )
        rows = [["check", "parts", "sd", "resolves", "chance to hold"]]
        for power in powers:
            sd = "-" if power.assumed_sd is None else f"{power.assumed_sd:g}"
            resolved = ", ".join(_distance(look.resolved) for look in power.looks) or "-"
            rows.append([power.check, str(power.parts), sd, resolved, _chance(power) or "-"])
        out.table(rows)
        for power in powers:
            if power.warning:
                out.say(f"warning: {power.check}: {power.warning}")


def show_unsettled(out: Terminal, powers: Sequence[tuple[Question, Sequence[CheckPower]]]) -> None:
    """Of many claims, only which checks cannot be expected to be settled at their looks, by claim."""
    asked = sum(len(own) for _, own in powers)
    warned = [(question.claim.id, [each.check for each in own if each.warning]) for question, own in powers]
    count = sum(len(checks) for _, checks in warned)
    if not asked:
        return
    out.say(
        f"{count} of {plural(asked, 'check')} cannot be expected to be settled at their looks, if runs spread as the "
        f"files assume{'; bnrepro plan CLAIM says why:' if count else ''}"
    )
    for name, checks in warned:
        if checks:
            out.say(f"{name}: {', '.join(checks)}", indent="  ")


def _chance(power: CheckPower) -> str:
    """``34, 92 % if the true value is 19``; 80 % where the chance only depends on how far inside the value lies."""
    if not power.looks or math.isinf(power.looks[-1].resolved):
        return power.favourable
    chances = [look.power for look in power.looks if look.power is not None] or [USUAL_POWER]
    *first, last = chances
    return ", ".join([*(f"{100 * chance:.0f}" for chance in first), f"{_percent(last)} {power.favourable}"])


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _distance(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "nothing"


def show_budget(out: Terminal, questions: Sequence[Question], budget: SharedBudget, device: DeviceKind) -> None:
    """What some claims cost alone and together, if every look is taken and nothing were in the store."""
    on_gpu = device is DeviceKind.CUDA
    rows = [["claim", "scale", "trainings", "FLOPs", "GPU-hours" if on_gpu else "core-hours"]]
    for question, alone in zip(questions, budget.alone, strict=True):
        rows.append([question.claim.id, question.scale, *_amounts(alone)])
    out.table(rows)
    together = budget.together
    out.say()
    out.say(
        f"one by one: {plural(budget.trainings_alone, 'training')}; together: {together.trainings}, each once "
        f"({budget.share:.0%}), if every look is taken and nothing is in the store"
    )
    unit = "GPU-hours" if on_gpu else "core-hours"
    rate = f"{ASSUMED_FLOPS[device]:.0e}".replace("e+", "e")
    _, flops, hours = _amounts(together)
    out.say(f"together: {flops} FLOPs, {hours} {unit}, {size(together.disk_bytes)} on disk")
    out.say(
        f"{unit} assume {rate} floating-point operations a second and {ASSUMED_LAYER_SECONDS:g} s a layer and step, "
        "corrected by the runs that the store has of the same recipe on the same kind of device, if any"
    )


def _amounts(budget: Budget) -> tuple[str, str, str]:
    hours = budget.device_seconds / 3600
    return str(budget.trainings), f"{budget.flops:.2g}", f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}"


def listed_claim(claim: Claim, asked: Sequence[tuple[Scale, Budget, str]]) -> list[list[str]]:
    """The lines of one claim in the list: a line a scale, its rows below its name."""
    told = [
        [scale, str(budget.trainings), f"{_amounts(budget)[2]} {unit}" if budget.trainings else "-", verdict]
        for scale, budget, verdict in asked
        for unit in ["GPU-h" if scale is Scale.PAPER else "core-h"]
    ]
    names = [claim.id, *textwrap.wrap("  " + row_ranges(claim.rows), 30, subsequent_indent="  ")]
    lines = max(len(told), len(names))
    names += [""] * (lines - len(names))
    told += [[""] * 4] * (lines - len(told))
    return [[name, *cells] for name, cells in zip(names, told, strict=True)]


def row_ranges(rows: Sequence[str]) -> str:
    """Rows of the catalogue with neighbours drawn together: ``C01-C05 C09 C10``."""
    runs: list[list[str]] = []
    for row in sorted(rows):
        if runs and runs[-1][-1][0] == row[0] and int(runs[-1][-1][1:]) + 1 == int(row[1:]):
            runs[-1].append(row)
        else:
            runs.append([row])
    return " ".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else " ".join(run) for run in runs)


def _place(spec: RunSpec) -> tuple[str, int, Fraction | int, str, int]:
    network = spec.network
    return network.family, network.depth, network.width, str(spec.full_arm), spec.seed
