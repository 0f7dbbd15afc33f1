"""Verdict documents to render: made up, deterministic, and shaped like the real ones."""

from __future__ import annotations

from bnrepro.spec.arms import Arm
from bnrepro.spec.metrics import Metric, Unit
from bnrepro.spec.networks import Network
from bnrepro.spec.quantities import QUANTITIES, QuantityName
from bnrepro.spec.results import FailedRun, VerdictDocument
from bnrepro.spec.scale import Outcome, PaperVerdict, PreviewVerdict, Scale, word_for
from tests.report_parts import (
    ALL,
    BATCHNORM,
    RANDOM,
    check_of,
    document,
    grid,
    not_assessed,
    paper_value,
    part,
    run_row,
    seeded,
    superiority,
)

DIGITS_NETWORKS = ("resnet-14", "resnet-20", "resnet-32", "wrn-14-2")
PAPER_NETWORKS = (
    *(f"resnet-{depth}" for depth in (14, 32, 56, 110, 218, 434, 866)),
    *(f"wrn-14-{width}" for width in (2, 4, 8, 16, 32)),
)
IMAGENET_NETWORKS = tuple(f"imagenet-resnet-{depth}" for depth in (18, 34, 50, 101, 200))
STARTED = ("batchnorm@beta_one", "batchnorm@features_binary")


def supported_digits() -> VerdictDocument:
    """Four networks, two arms, three seeds."""
    runs = grid(DIGITS_NETWORKS, 23.0, 3, 24, (BATCHNORM, RANDOM))
    check = superiority(runs, Scale.DIGITS, whole_claim=True, outcome=Outcome.INSIDE)
    tipped = "without resnet-14 random_2 seed 1 it would stay open"
    check = check.model_copy(update={"fragile": (tipped,), "robust": False})
    return document(
        runs,
        (check, not_assessed(Scale.DIGITS, whole_claim=True)),
        Scale.DIGITS,
        Outcome.INSIDE,
        scale_reason="no CUDA device was found",
        robust_over=48,
    )


def confirmed_paper(arms: tuple[Arm, ...] = (BATCHNORM, RANDOM)) -> VerdictDocument:
    """Twelve networks, five seeds, curves of 160 epochs: the largest page that the suite makes."""
    runs = grid(PAPER_NETWORKS, 19.0, 5, 160, arms)
    check = superiority(runs, Scale.PAPER, whole_claim=True, outcome=Outcome.INSIDE)
    check = check.model_copy(update={"robust": True})
    containment = check.model_copy(
        update={
            "id": "gap_size",
            "kind": "containment",
            "states": "The gap is 17 to 21 points on every network.",
            "region": (15.0, 23.0),
            "margin": 2.0,
        }
    )
    return document(runs, (check, containment), Scale.PAPER, Outcome.INSIDE, robust_over=212)


def inconclusive_part() -> VerdictDocument:
    """One of three networks; of two seeds an arm, one run diverged and one failed."""
    runs = grid(("resnet-14",), 12.0, 2, 8, (BATCHNORM, RANDOM))
    short = runs[1].curve[:3]
    runs[1] = runs[1].model_copy(
        update={
            "status": "diverged",
            "divergence": "the loss stopped being finite in epoch 4",
            "test_accuracy": 10.0,
            "values": {Metric.TEST_ACCURACY: 10.0},
            "curve": short,
        }
    )
    failed = runs.pop()
    check = superiority(runs, Scale.REDUCED, whole_claim=False, outcome=Outcome.OPEN)
    names = ("resnet-14", "resnet-32", "wrn-14-2")
    return document(
        runs,
        (check,),
        Scale.REDUCED,
        Outcome.OPEN,
        deviations=("1 of its 3 networks, resnet-14",),
        networks_declared=tuple(Network.parse(name) for name in names),
        reason="Undecided: resnet-14 random_2 seed 1 has no result, and 1 of 3 runs diverged.",
        failed=(
            FailedRun(
                key=failed.key,
                description="resnet-14 random_2 seed 1",
                error="TrainingError: the worker was killed (signal 9) after 2 attempts;\nout of memory?",
                details="Traceback (most recent call last):\n  TrainingError: out of memory?",
            ),
        ),
        notes=("Only resnet-14 was asked for with --networks.",),
    )


def assessed_nowhere() -> VerdictDocument:
    """Nothing ran."""
    check = not_assessed(Scale.DIGITS, whole_claim=True)
    return document(
        [],
        (check,),
        Scale.DIGITS,
        Outcome.NOT_ASSESSED,
        headline_check=None,
        reason="No check of this claim runs at this scale.",
        networks=(),
        networks_declared=(),
        paper_values=(),
        flags=(),
    )


def arithmetic() -> VerdictDocument:
    """A table of 119 cells, of which three differ from the print."""
    wrong = {"wrn-14-2 total", "resnet-866 output share", "imagenet-resnet-101 total"}
    rows = (QuantityName.TOTAL, QuantityName.BATCHNORM, QuantityName.OUTPUT, QuantityName.SHORTCUT)
    shares = (QuantityName.BATCHNORM_SHARE, QuantityName.OUTPUT_SHARE, QuantityName.SHORTCUT_SHARE)
    networks = tuple(Network.parse(name) for name in (*PAPER_NETWORKS, *IMAGENET_NETWORKS))
    cells = []
    for network in networks:
        for quantity in (*rows, *shares):
            name = f"{network} {quantity.replace('_', ' ')}"
            value = float(QUANTITIES[quantity].count(network))
            digits = "" if quantity in rows else ".4f"
            cells.append(
                part(
                    name,
                    PaperVerdict.REFUTED if name in wrong else PaperVerdict.CONFIRMED,
                    value,
                    0.0,
                    region=(value - 1, value - 0.5) if name in wrong else (value - 0.5, value + 0.5),
                    n=0,
                    reason=f"{name} is {value:,{digits}}, printed {value - name.count('total') * 500:,{digits}}",
                )
            )
    settling = next(cell for cell in cells if cell.name == "wrn-14-2 total")
    check = check_of(
        tuple(cells),
        PaperVerdict.REFUTED,
        id="every_cell",
        row="A01",
        kind="count",
        states="Every cell of Table 1 is what the network counts, at the printed digits.",
        estimate=settling.estimate,
        interval=settling.interval,
        region=settling.region,
        margin=0.0,
        unit=Unit.PARAMETERS,
        reason=f"116 of 119 cells agree; {settling.reason}; and 2 more",
        why="Arithmetic leaves no room for error but rounding, halves upwards.",
    )
    return document(
        [],
        (check,),
        Scale.PAPER,
        Outcome.OUTSIDE,
        claim="table1_parameter_counts",
        title="Table 1 counts the parameters of the ResNets",
        where="Section 2, Table 1",
        rows=("A01",),
        statement="The numbers of parameters of the seventeen ResNets, and their shares, are those of Table 1.",
        scale_reason="arithmetic on networks needs no data, so it is judged at the paper's own scale",
        networks=networks,
        networks_declared=networks,
        reason=f"The deciding check failed – {check.reason}.",
        paper_values=(),
    )


def gamma() -> VerdictDocument:
    """Means and shares of γ on one network, against numbers and a range of the paper."""
    means = {ALL: (0.268, 0.212, 93.8), BATCHNORM: (0.241, 0.477, 71.0)}
    metrics = (Metric.GAMMA_MEAN, Metric.GAMMA_SD, Metric.GAMMA_POSITIVE)
    spreads = {Metric.GAMMA_MEAN: 0.006, Metric.GAMMA_SD: 0.004, Metric.GAMMA_POSITIVE: 0.7}
    runs = []
    for arm, centre in means.items():
        for seed in range(5):
            draw = seeded(f"{arm} {seed} gamma")
            values = {
                metric: mean + draw.gauss(0, spreads[metric]) for metric, mean in zip(metrics, centre, strict=True)
            }
            runs.append(run_row("resnet-110", arm, seed, 92.0 if arm == ALL else 69.0, 160, values=values))
    checks = []
    for arm, metric, region, outcome in (
        (ALL, Metric.GAMMA_MEAN, (0.24, 0.3), Outcome.INSIDE),
        (ALL, Metric.GAMMA_POSITIVE, (92.0, 98.0), Outcome.INSIDE),
        (BATCHNORM, Metric.GAMMA_MEAN, (0.17, 0.23), Outcome.OUTSIDE),
        (BATCHNORM, Metric.GAMMA_SD, (0.44, 0.52), Outcome.INSIDE),
    ):
        verdict = word_for(outcome, Scale.PAPER, whole_claim=True)
        own = [run for run in runs if run.arm == arm]
        estimate = sum(run.values[metric] for run in own) / len(own)
        word = "lies" if outcome is Outcome.INSIDE else "does not lie"
        found = part(
            "resnet-110",
            verdict,
            estimate,
            3 * spreads[metric],
            region=region,
            reason=f"the whole interval {word} between {region[0]:g} and {region[1]:g}",
            runs=tuple(run.key for run in own),
        )
        checks.append(
            check_of(
                (found,),
                verdict,
                id=f"{arm}_{metric}",
                row="D01",
                states=f"With {arm.label} trained, {metric.replace('_', ' ')} is as printed.",
                margin=0.03 if metric.unit is Unit.GAMMA else 3.0,
                unit=metric.unit,
                why="Three units of the last printed digit; the two arms lie further apart.",
            )
        )
    printed = {"metric": Metric.GAMMA_MEAN, "unit": Unit.GAMMA, "where": "Section 5, on the values of γ"}
    return document(
        runs,
        tuple(checks),
        Scale.PAPER,
        Outcome.OUTSIDE,
        claim="sec5_gamma_distribution",
        title="The values of γ that ResNet-110 learns",
        where="Section 5 with its Figure 4",
        headline_check="batchnorm_gamma_mean",
        reason="1 of 4 deciding checks failed; batchnorm_gamma_mean – the mean lies above 0.23.",
        paper_values=(
            paper_value("resnet-110-all-gamma-mean", "resnet-110", ALL, 0.27, **printed),
            paper_value("resnet-110-batchnorm-gamma-mean", "resnet-110", BATCHNORM, 0.2, **printed),
            paper_value(
                "resnet-110-all-gamma-positive",
                "resnet-110",
                ALL,
                None,
                **printed | {"metric": Metric.GAMMA_POSITIVE, "unit": Unit.PERCENT, "low": 94.0, "high": 96.0},
            ),
            paper_value(
                "resnet-110-all-sd",
                "resnet-110",
                ALL,
                None,
                **printed | {"metric": Metric.GAMMA_SD, "missing": "the number is lost in our copy of the text"},
            ),
        ),
    )


def monotone() -> VerdictDocument:
    """Steps along depth and a pair of networks, each against its own region."""
    runs = grid(("resnet-14", "resnet-32", "resnet-56", "wrn-14-0.25", "wrn-44-0.25"), 19.0, 3, 12, (BATCHNORM,))
    keys = tuple(run.key for run in runs)
    yes, still = PreviewVerdict.SUPPORTED, PreviewVerdict.INCONCLUSIVE
    steps = (
        part("resnet-32 to resnet-56", still, 1.1, 2.4, region=(-0.5, None), reason="does not clear −0.5", runs=keys),
        part("resnet-14 to resnet-32", yes, 6.9, 2.1, region=(-0.5, None), runs=keys),
        part("resnet-14 to resnet-56", yes, 8.0, 2.5, runs=keys),
    )
    pair = "wrn-44-0.25 BatchNorm + shortcuts + output layer against resnet-14 all parameters"
    checks = (
        check_of(steps, still, id="rises", kind="monotone", states="Accuracy rises from each depth to the next."),
        check_of(
            (part(pair, yes, 2.2, 0.4, runs=keys),),
            yes,
            id="slope",
            kind="slope",
            states="The gain grows with each doubling of BatchNorm parameters.",
            unit="points per doubling",
            margin=0.0,
            decides=False,
        ),
    )
    return document(runs, checks, Scale.REDUCED, Outcome.OPEN, paper_values=(), claim="sec4_depth_and_width")


def imagenet() -> VerdictDocument:
    """Many arms and starts on two families, with two metrics and two data sets; many parts."""
    arms = (BATCHNORM, ALL, *(Arm.parse(f"random_{k}") for k in range(1, 17)), *map(Arm.parse, STARTED))
    families = {"imagenet-resnet-18": 30.0, "imagenet-resnet-50": 36.0, "vgg-11": 60.0, "vgg-19": 64.0}
    runs, parts = [], []
    for name, base in families.items():
        for place, arm in enumerate(arms):
            for seed in range(2):
                top1 = base - 1.5 * place + 0.8 * seed
                values = {Metric.TEST_ACCURACY: top1}
                if name.startswith("imagenet"):
                    values[Metric.TOP5_ACCURACY] = min(100.0, top1 * 1.6)
                runs.append(run_row(name, arm, seed, top1, 6, values=values))
            keys = tuple(run.key for run in runs[-2:])
            verdict = PaperVerdict.INCONCLUSIVE if place == 7 else PaperVerdict.CONFIRMED
            parts.append(part(f"{name} {arm}", verdict, base - 1.5 * place, 3.0, region=(0.1, None), n=2, runs=keys))
    check = check_of(
        tuple(parts),
        PaperVerdict.INCONCLUSIVE,
        kind="above_chance",
        states="Every arm ends above chance on every network.",
        unit=Unit.PERCENT,
    )
    shown = {"metric": Metric.TOP5_ACCURACY, "n": 3}
    return document(
        runs,
        (check,),
        Scale.PAPER,
        Outcome.OPEN,
        paper_values=(
            paper_value("imagenet-resnet-50-batchnorm", "imagenet-resnet-50", BATCHNORM, 55.0, **shown),
            paper_value(
                "imagenet-resnet-18-batchnorm", "imagenet-resnet-18", BATCHNORM, None, low=40.0, high=50.0, **shown
            ),
        ),
    )


SAMPLES = {
    "supported-digits": supported_digits,
    "confirmed-paper": confirmed_paper,
    "inconclusive-part": inconclusive_part,
    "not-assessed": assessed_nowhere,
    "arithmetic": arithmetic,
    "gamma": gamma,
    "monotone": monotone,
    "imagenet": imagenet,
}
