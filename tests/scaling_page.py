"""docs/scaling.md and its figure, from the plan, the measured steps and the simulated fleets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bnrepro.cost import ASSUMED_FLOPS, ASSUMED_LAYER_SECONDS
from bnrepro.packing import end_of_all
from bnrepro.spec.networks import Family, Network
from bnrepro.spec.run import DeviceKind, RunSpec
from tests.paper_fleets import WORKERS, Fleet
from tests.paper_plan import HOUR, Budgeted, Paper, looks, trainings_by_claims
from tests.scaling_measured import measured_steps, simulated_fleet
from tests.scaling_words import batchnorm_run, days, hours, multiply_adds, named, percent, power, table
from tests.step_seconds import Measured

GPUS = (1, 4, 8, 16, 32, 64)
DEPTHS = ("resnet-14", "resnet-32", "resnet-56", "resnet-110", "resnet-218", "resnet-434", "resnet-866")
WIDTHS = ("resnet-14", "wrn-14-2", "wrn-14-4", "wrn-14-8", "wrn-14-16", "wrn-14-32")


def page(
    paper: Paper,
    fleets: Sequence[Fleet],
    budgets: Sequence[Budgeted],
    measured: Sequence[Measured],
    machine: Mapping[str, str],
) -> str:
    """The whole page, in Markdown."""
    parts = (
        _head(paper),
        _rates(),
        _families(paper),
        _growth(paper),
        measured_steps(measured, machine),
        simulated_fleet(paper, fleets),
        _looks(paper),
        _budget(paper, budgets),
    )
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


def _head(paper: Paper) -> Iterator[str]:
    whole, cifar, imagenet = paper.of(*Family), paper.cifar(), paper.of(Family.IMAGENET)
    longest = max(whole, key=whole.__getitem__)
    yield "# What the whole paper would cost, and how it scales"
    yield ""
    yield (
        "Written by `make scaling`; do not edit. **GPU times are not measured.** They follow from counted operations "
        "and two assumed rates, which stand below. CPU times are measured. Schedules are simulated."
    )
    yield ""
    yield "## How many GPUs"
    yield ""
    rows = sum(len(question.claim.rows) for question in paper.questions)
    yield (
        f"All {rows} claims at the paper's scale need {len(whole):,} trainings if every look is taken: "
        f"{hours(whole)} GPU-hours. CIFAR-10 takes {len(cifar):,} of the trainings and "
        f"{percent(sum(cifar.values()) / sum(whole.values()))} of the time; ImageNet takes the rest. "
        "So decide about ImageNet first. Days until the last training ends, one run a GPU, longest first:"
    )
    yield ""
    yield from table(
        ["GPUs", "CIFAR-10 alone", "ImageNet alone", "all"],
        ([str(gpus), *(days(end_of_all(part.values(), gpus)) for part in (cifar, imagenet, whole))] for gpus in GPUS),
    )
    enough = {name: sum(part.values()) / max(part.values()) for name, part in (("CIFAR-10", cifar), ("all", whole))}
    yield (
        f"No number of GPUs goes below the longest run: {named(longest)}, {days(whole[longest])} days. It is reached "
        f"with about {enough['all']:.0f} GPUs for all claims; CIFAR-10 alone has such a limit at "
        f"{enough['CIFAR-10']:.0f}. More help only where several share one ImageNet run: `--processes 8` gives each of "
        "its batch's eight parts a GPU; how well that scales is not measured."
    )
    yield ""
    yield (
        f"Stopping at three seeds where that settles a claim saves up to {percent(_saved_by_looks(paper))} of the "
        "GPU-hours ([looks](#what-looks-save)). Planning the claims together saves "
        f"{percent(1 - paper.budget.share)} of the trainings ([claims](#claims))."
    )
    yield ""


def _rates() -> Iterator[str]:
    gpu = ASSUMED_FLOPS[DeviceKind.CUDA]
    yield "## What is assumed"
    yield ""
    yield "```"
    yield f"seconds = FLOPs / {gpu:.0e} + steps · layers · passes · {ASSUMED_LAYER_SECONDS:g}".replace("e+", "e")
    yield "FLOPs   = 2 · epochs · multiply-adds of a forward pass · (training images · passes + test images)"
    yield "```"
    yield ""
    yield (
        f"A GPU is assumed to reach {gpu / 1e12:g} · 10¹² floating-point operations a second on these networks, and "
        f"to take {1000 * ASSUMED_LAYER_SECONDS:g} ms a pass for each convolution with its BatchNorm beside that, in "
        "each step. Passes are 2 where no weight learns (forward, gradients of inputs) and 3 where some do. Layers "
        "are convolutions. A GPU that reaches twice the rate halves the first term alone. A few finished runs in the "
        "store replace all this: `bnrepro plan --all --scale paper` scales its estimate by what they took."
    )
    yield ""


def _families(paper: Paper) -> Iterator[str]:
    whole = paper.of(*Family)
    groups = {
        "CIFAR-10, ResNets of width 1": {s: t for s, t in whole.items() if _is_cifar(s) and s.network.width == 1},
        "CIFAR-10, other widths": {s: t for s, t in whole.items() if _is_cifar(s) and s.network.width != 1},
        "CIFAR-10, VGG": paper.of(Family.VGG),
        "ImageNet, ResNets": paper.of(Family.IMAGENET),
        "all": whole,
    }
    yield "## By family"
    yield ""
    yield "Every training once, every look taken."
    yield ""
    yield from table(
        ["family", "trainings", "FLOPs", "GPU-hours", "share", "longest run, hours"],
        (
            [
                name,
                f"{len(part):,}",
                power(sum(map(paper.model.flops, part))),
                hours(part),
                percent(sum(part.values()) / sum(whole.values())),
                f"{named(max(part, key=part.__getitem__))}, {max(part.values()) / HOUR:,.1f}",
            ]
            for name, part in groups.items()
        ),
    )


def _growth(paper: Paper) -> Iterator[str]:
    yield "## How cost grows"
    yield ""
    yield "### Depth and width"
    yield ""
    yield (
        "One run of `batchnorm` at the paper's recipe. Cost grows in proportion to depth. It grows with the square of "
        "the width where multiply-adds rule, and hardly at all where the fixed time a layer does."
    )
    yield ""
    for names in (DEPTHS, WIDTHS):
        runs = [batchnorm_run(Network.parse(name)) for name in names]
        yield from table(
            ["", *(str(run.network) for run in runs)],
            [
                ["multiply-adds, millions", *(f"{multiply_adds(run) / 1e6:,.0f}" for run in runs)],
                ["GPU-hours", *(f"{paper.model.seconds(run) / HOUR:.2f}" for run in runs)],
                ["of it fixed", *(percent(1 - _arithmetic(paper, run)) for run in runs)],
            ],
        )
    yield "### Seeds"
    yield ""
    first = _look_runs(paper, 0)
    last = _look_runs(paper, -1)
    yield (
        "In proportion: a seed is one more training of each network and arm. Claims look at three seeds, then at "
        f"five; one claim file about a failure rate takes 17 at once. The first looks need {len(first):,} trainings "
        f"and {hours(first)} GPU-hours, all looks {len(last):,} and {hours(last)}."
    )
    yield ""
    yield "### Claims"
    yield ""
    alone = sum(budget.device_seconds for budget in paper.budget.alone)
    together = paper.budget.together.device_seconds
    yield (
        "Less than in proportion, because claims read the same runs. Verified one by one, each with a store of its "
        f"own, they would take {alone / HOUR:,.0f} GPU-hours instead of {together / HOUR:,.0f}. Trainings, mean over "
        "200 random orders in which claim files are added:"
    )
    yield ""
    counted = trainings_by_claims(paper)
    yield from table(
        ["claim files that train", *map(str, counted)],
        [
            ["each file by itself", *(f"{own:,.0f}" for own, _ in counted.values())],
            ["planned together", *(f"{shared:,.0f}" for _, shared in counted.values())],
        ],
    )


def _looks(paper: Paper) -> Iterator[str]:
    yield "## What looks save"
    yield ""
    yield (
        "Three seeds first, and five only for checks that three leave open. Which will, nobody knows beforehand; here "
        "each does with the same chance, independently (mean of 20 draws). The second look begins when the first has "
        f"been judged, so on {WORKERS} GPUs it waits for the first's longest run."
    )
    yield ""
    always = _look_runs(paper, -1)
    found = [looks(paper, share, workers=WORKERS) for share in (0.0, 0.25, 0.5, 1.0)]
    yield from table(
        ["checks that stay open", "trainings", "GPU-hours", f"days on {WORKERS} GPUs"],
        [
            *([percent(e.open_share), f"{e.trainings:,.0f}", f"{e.gpu_hours:,.0f}", f"{e.days:.1f}"] for e in found),
            [
                "always five seeds, no first look",
                f"{len(always):,}",
                hours(always),
                days(end_of_all(always.values(), WORKERS)),
            ],
        ],
    )
    yield (
        "So looks save GPU-hours, unless most checks stay open. On so many GPUs that the longest run rules they save "
        "no days and may cost some: the second look has long runs of its own. `--seeds 5` asks for all at once, which "
        "counts as a deviation from what the claims declare."
    )
    yield ""


def _budget(paper: Paper, budgets: Sequence[Budgeted]) -> Iterator[str]:
    more = sum(each.shared > each.cheapest for each in budgets)
    fewer = sum(each.shared < each.cheapest for each in budgets)
    yield "## Under a budget"
    yield ""
    yield (
        f"`bnrepro.turns` plays two rules at each turn and takes the better: the claim that needs least first, or the "
        f"same with a shared run costing each claim its part. On {len(budgets)} budgets from "
        f"{min(each.hours * each.jobs for each in budgets):,.0f} to "
        f"{max(each.hours * each.jobs for each in budgets):,.0f} GPU-hours, with 1, 8 and 64 GPUs, the second rule "
        f"gets more claim files through their first look in {more}, fewer in {fewer}. So neither alone would do. Some "
        f"of them, on 8 GPUs, of {len(paper.lacking())} claim files that train:"
    )
    yield ""
    some = [each for each in budgets if each.jobs == 8][3::5]
    yield from table(
        ["hours", *(f"{each.hours:,.0f}" for each in some)],
        [
            ["least first", *(str(each.cheapest) for each in some)],
            ["shared runs in part", *(str(each.shared) for each in some)],
            ["taken", *(str(each.taken) for each in some)],
        ],
    )


def _arithmetic(paper: Paper, run: RunSpec) -> float:
    """The share of a run's time that its operations take."""
    return paper.model.flops(run) / ASSUMED_FLOPS[run.device] / paper.model.seconds(run)


def _look_runs(paper: Paper, look: int) -> dict[RunSpec, float]:
    needs = (need for question in paper.questions for need in paper.needs(question, paper.checks(question), look))
    return paper.seconds(paper.keys(needs).values())


def _saved_by_looks(paper: Paper) -> float:
    return 1 - sum(_look_runs(paper, 0).values()) / sum(_look_runs(paper, -1).values())


def _is_cifar(spec: RunSpec) -> bool:
    return spec.network.family is Family.CIFAR
