"""The sections of docs/scaling.md on what was measured on a CPU and what was simulated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bnrepro.recipes import recipe_for
from bnrepro.spec.networks import Network
from bnrepro.spec.scale import Scale
from tests.paper_fleets import BOUND, DISTURBANCES, DRAWS, WORKERS, Fleet
from tests.paper_plan import HOUR, Paper
from tests.scaling_words import DAY, batchnorm_run, change, hours, multiply_adds, percent, table
from tests.step_seconds import ARMS, DEEPEST, NETWORKS, Fit, Measured, spread, worst_error

FORETOLD = ("resnet-110", "resnet-866", "wrn-14-32")


def measured_steps(measured: Sequence[Measured], machine: Mapping[str, str]) -> Iterator[str]:
    """Seconds of a training step, the formula fitted to them, and how far it carries."""
    yield "### Measured on one CPU core"
    yield ""
    yield (
        f"CPU seconds of one training step, batch {machine['batch']}, images of 32×32, {machine['precision']}, one "
        f"thread, {machine['processor']}, torch {machine['torch']}. The least of some rounds; the greatest is "
        f"{spread(measured):.2f} times that in the median, because other work shared the machine. "
        "`python -m tests.step_seconds` measures anew."
    )
    yield ""
    by_arm = {arm: [each for each in measured if each.arm == arm] for arm in ARMS}
    least = {(each.network, each.arm): each.least for each in measured}
    yield from table(
        ["arm", *NETWORKS],
        ([f"`{arm}`", *(f"{least[network, arm]:.3f}" for network in NETWORKS)] for arm in ARMS),
    )
    yield "Fitted for each arm, no coefficient below 0, least squares of relative errors:"
    yield ""
    yield "```"
    yield "seconds a step = a · multiply-adds of all passes + b · elements out of all convolutions + c · convolutions"
    yield "```"
    yield ""
    fits = {arm: Fit.to(own) for arm, own in by_arm.items()}
    deepest, foretold = Network.parse(DEEPEST), [Network.parse(name) for name in FORETOLD]
    steps = recipe_for(deepest, Scale.PAPER).epochs * recipe_for(deepest, Scale.PAPER).steps_per_epoch(50_000)
    yield from table(
        [
            "arm",
            "a, ps",
            "b, ns",
            "c, µs",
            "worst error of the fit",
            f"error at {DEEPEST} of a fit to the others",
            *(f"{name}, days a run" for name in FORETOLD),
        ],
        (
            [
                f"`{arm}`",
                f"{1e12 * fit.a:.1f}",
                f"{1e9 * fit.b:.2f}",
                f"{1e6 * fit.c:.0f}",
                percent(worst_error(fit, by_arm[arm])),
                percent(_foretelling_error(by_arm[arm])),
                *(f"{fit.seconds(network, arm) * steps / DAY:,.1f}" for network in foretold),
            ]
            for arm, fit in fits.items()
        ),
    )
    yield (
        f"Days are {steps:,} steps on one core, evaluation left out. The last two columns are extrapolated, by "
        f"{_ratio('resnet-866', DEEPEST)} and {_ratio('wrn-14-32', 'wrn-14-4')} times the multiply-adds of the largest "
        "network measured in their direction. The three coefficients trade against each other, as deep networks have "
        "more of everything: read the sum, not one of them."
    )
    yield ""


def simulated_fleet(paper: Paper, fleets: Sequence[Fleet]) -> Iterator[str]:
    """A thousand runs on many workers, by order and by what goes wrong."""
    runs = paper.cifar()
    yield f"## {len(runs):,} runs on {WORKERS} workers, simulated"
    yield ""
    yield (
        f"All trainings on CIFAR-10, {hours(runs)} GPU-hours, the longest {max(runs.values()) / HOUR:.1f}. The "
        "simulation asks bnrepro's own window and forecast which is next. Hours until the last run ended, and in "
        "brackets the share of the workers' time that went into results:"
    )
    yield ""
    found = {(each.order, each.off, each.lost): each for each in fleets}
    yield from table(
        ["order", *(_disturbance(*column) for column in DISTURBANCES)],
        (
            [
                order,
                *(
                    f"{(e := found[order, *column]).hours:,.0f}"
                    + ("" if order == BOUND else f" ({percent(e.utilisation)})")
                    for column in DISTURBANCES
                ),
            ]
            for order in dict.fromkeys(each.order for each in fleets)
        ),
    )
    yield (
        f"Off by a factor: the true time of each network and arm is the estimate times a lognormal factor that lies "
        f"within the one named for two thirds of them; the same {DRAWS} draws for each order, medians shown. The true "
        "work changes with the draw, so compare within a column. A lost worker's run goes on elsewhere from its last "
        "checkpoint, and the worker does not come back."
    )
    yield ""
    # Both have the same disturbances in the same order.
    refined, first = (
        [e for e in fleets if e.order.startswith("longest") and ("refined" in e.order) is ours]
        for ours in (True, False)
    )
    gain = max(abs(a.hours - b.hours) / b.hours for a, b in zip(refined, first, strict=True))
    yield (
        "What counts is that long runs do not come last. Where longest first leaves workers idle, one run is longer "
        "than all others shared out over the workers, and no order helps. Refined estimates "
        f"{change(gain)}: even estimates that are wrong by a factor of three tell long runs from short ones, "
        f"as lengths differ by a factor of {max(runs.values()) / min(runs.values()):,.0f}. They are for the time that "
        "is told to be left, and for budgets."
    )
    yield ""
    yield "![Workers at work over time, by order](scaling.svg)"
    yield ""


def _foretelling_error(measured: Sequence[Measured]) -> float:
    fit = Fit.to([each for each in measured if each.network != DEEPEST])
    return worst_error(fit, [each for each in measured if each.network == DEEPEST])


def _ratio(large: str, small: str) -> str:
    one, other = (multiply_adds(batchnorm_run(Network.parse(name))) for name in (large, small))
    return f"{one / other:.0f}"


def _disturbance(off: float, lost: int) -> str:
    told = "estimates right" if off == 1 else f"off by a factor of {off:g}"
    return f"{told}, {lost} workers lost" if lost else told
