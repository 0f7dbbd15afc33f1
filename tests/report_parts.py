"""What made-up verdict documents consist of: runs, groups, checks, data; deterministic, shaped like real ones."""

from __future__ import annotations

import hashlib
import math
import random
import statistics
from typing import Any

from bnrepro.spec.arms import Arm
from bnrepro.spec.metrics import Metric, Unit
from bnrepro.spec.networks import Family, Network
from bnrepro.spec.recipe import DatasetName
from bnrepro.spec.results import (
    CheckResult,
    DataUsed,
    GroupSummary,
    PaperValue,
    PartResult,
    RunRow,
    TrainingCounts,
    VerdictDocument,
)
from bnrepro.spec.run import EpochRecord
from bnrepro.spec.scale import Outcome, Scale, Verdict, word_for

BATCHNORM, RANDOM, ALL = Arm.parse("batchnorm"), Arm.parse("random_2"), Arm.parse("all")
_STUDENT = {2: 12.71, 3: 4.3, 5: 2.78}
_ENVIRONMENT = {"python": "3.12.4", "torch": "2.6.0+cpu", "device": "x86_64 CPU, 1 thread", "system": "Linux 6.8"}


def seeded(name: str) -> random.Random:
    return random.Random(name)  # noqa: S311 - noise for a drawing


def run_key(network: str, arm: Arm, seed: int) -> str:
    return hashlib.sha256(f"{network} {arm} {seed}".encode()).hexdigest()


def run_row(network: str, arm: Arm, seed: int, accuracy: float, epochs: int, **changes: Any) -> RunRow:
    draw = seeded(f"{network} {arm} {seed}")
    milestones = (epochs // 2, 3 * epochs // 4)
    curve = []
    for epoch in range(1, epochs + 1):
        drops = sum(epoch > milestone for milestone in milestones)
        share = 1 - 0.75 * math.exp(-epoch / (0.12 * epochs)) - 0.06 * (2 - drops)
        curve.append(
            EpochRecord(
                epoch=epoch,
                lr=0.1 * 0.1**drops,
                train_loss=2.3 * (1 - share) + 0.1,
                train_accuracy=min(100.0, 10 + (accuracy - 8) * share),
                test_loss=2.3 * (1 - share) + 0.2,
                test_accuracy=accuracy if epoch == epochs else 10 + (accuracy - 10) * share + draw.gauss(0, 2 - drops),
                seconds=1.5,
            )
        )
    counts = Network.parse(network).counts()
    values: dict[str, Any] = {
        "key": run_key(network, arm, seed),
        "network": Network.parse(network),
        "arm": arm,
        "arm_label": arm.label,
        "seed": seed,
        "status": "completed",
        "divergence": None,
        "test_accuracy": accuracy,
        "values": {Metric.TEST_ACCURACY: accuracy},
        "trainable_parameters": counts.total if arm == ALL else counts.batchnorm,
        "batchnorm_parameters": counts.batchnorm,
        "total_parameters": counts.total,
        "wall_seconds": 1.5 * epochs + draw.random(),
        "images_per_second": 4100.0 + 100 * draw.random(),
        "from_cache": seed % 2 == 0,
        "curve": tuple(curve),
        "environment": _ENVIRONMENT,
    }
    return RunRow(**(values | changes))


def grid(networks: tuple[str, ...], gap: float, seeds: int, epochs: int, arms: tuple[Arm, ...]) -> list[RunRow]:
    """Runs whose accuracy rises with depth and with width, BatchNorm ahead of random weights by about ``gap``."""
    runs = []
    for name in networks:
        network = Network.parse(name)
        base = 48 + 5.8 * math.log2(network.depth / 14) + 5 * math.log2(float(network.width))
        for arm in arms:
            mean = {BATCHNORM: base, RANDOM: base - gap, ALL: min(90 + base / 20, 94.0)}[arm]
            for seed in range(seeds):
                draw = seeded(f"{name} {arm} {seed} accuracy")
                runs.append(run_row(name, arm, seed, round(mean + draw.gauss(0, 1.1), 2), epochs))
    return runs


def groups_of(runs: list[RunRow]) -> tuple[GroupSummary, ...]:
    members: dict[tuple[Metric, Network, Arm], list[float]] = {}
    for metric in dict.fromkeys(metric for run in runs for metric in run.values):
        for run in (run for run in runs if metric in run.values):
            values = members.setdefault((metric, run.network, run.arm), [])
            values += [run.values[metric]] if run.status == "completed" else []
    return tuple(
        GroupSummary(
            metric=metric,
            network=network,
            arm=arm,
            arm_label=arm.label,
            n=len(values),
            mean=statistics.mean(values) if values else None,
            sd=statistics.stdev(values) if len(values) > 1 else None,
        )
        for (metric, network, arm), values in members.items()
    )


def superiority(runs: list[RunRow], scale: Scale, *, whole_claim: bool, outcome: Outcome) -> CheckResult:
    """A check of BatchNorm against random weights that comes out as asked."""
    parts = []
    groups = {(group.network, group.arm): group for group in groups_of(runs) if group.metric is Metric.TEST_ACCURACY}
    verdict = word_for(outcome, scale, whole_claim=whole_claim)
    for network in dict.fromkeys(run.network for run in runs):
        better, worse = groups[network, BATCHNORM], groups[network, RANDOM]
        n = min(better.n, worse.n)
        assert better.mean is not None
        assert worse.mean is not None
        estimate, sds = better.mean - worse.mean, [group.sd for group in (better, worse) if group.sd is not None]
        half = _STUDENT[n] * math.sqrt(sum(sd**2 for sd in sds) / n) if n > 1 else None
        parts.append(
            PartResult(
                name=str(network),
                verdict=verdict,
                estimate=estimate,
                interval=(None, None) if half is None else (estimate - half, estimate + half),
                region=(10.0, None),
                n=n,
                reason="no interval from 1 seed" if half is None else "the whole interval lies above 10",
                runs=tuple(run.key for run in runs if run.network == network and run.arm != ALL),
            )
        )
    least = min(parts, key=lambda part: part.estimate or 0)
    return CheckResult(
        id="beats_random",
        row="C18",
        kind="superiority",
        states="BatchNorm alone beats two random weights per channel by more than 10 points on every network.",
        decides=True,
        verdict=verdict,
        estimate=least.estimate,
        interval=least.interval,
        level=0.95,
        n=least.n,
        margin=10.0,
        region=(10.0, None),
        unit="points",
        reason=f"{least.name}: {least.estimate:+.1f} points; {least.reason}",
        why="About half of the gap that the paper reports.",
        look=1,
        looks=(3, 5),
        diverged=sum(run.status == "diverged" for run in runs),
        parts=tuple(parts),
        runs=tuple(key for part in parts for key in part.runs),
        p=0.003,
        fragile=(),
    )


def not_assessed(scale: Scale, *, whole_claim: bool) -> CheckResult:
    return CheckResult(
        id="random_on_imagenet",
        row="C20",
        kind="worst_case",
        states="Two random weights per channel never exceed 4 % top-5 on ImageNet.",
        decides=False,
        verdict=word_for(Outcome.NOT_ASSESSED, scale, whole_claim=whole_claim),
        estimate=None,
        interval=(None, None),
        level=0.95,
        n=0,
        margin=0.5,
        region=(None, None),
        unit="percent",
        reason="ImageNet is not run at this scale",
        why="Half of the last printed digit.",
        look=1,
        looks=(3, 5),
        diverged=0,
        parts=(),
        runs=(),
        p=None,
        fragile=(),
    )


def paper_value(name: str, network: str | None, arm: Arm | None, value: float | None, **changes: Any) -> PaperValue:
    values: dict[str, Any] = {
        "id": f"section4/{name}",
        "network": None if network is None else Network.parse(network),
        "arm": arm,
        "metric": Metric.TEST_ACCURACY,
        "value": value,
        "low": None,
        "high": None,
        "unit": "percent",
        "n": 5,
        "where": "Section 4, on varying depth and width",
        "read_from": "prose",
        "missing": None,
        "note": "",
    }
    return PaperValue(**(values | changes))


def data_of(networks: tuple[Network, ...], scale: Scale) -> tuple[DataUsed, ...]:
    """What the networks' families are trained on at a scale."""
    families = tuple(dict.fromkeys(network.family for network in networks))
    imagenet = tuple(family for family in families if family is Family.IMAGENET)
    small = tuple(family for family in families if family is not Family.IMAGENET)
    digits = scale is Scale.DIGITS
    found = []
    if small:
        found.append(
            DataUsed(
                dataset=DatasetName.DIGITS if digits else DatasetName.CIFAR10,
                families=small,
                name="8×8 digits (scikit-learn)" if digits else "CIFAR-10",
                digest=hashlib.sha256(b"data").hexdigest(),
                train_images=1198 if digits else 50_000,
                test_images=599 if digits else 10_000,
                classes=10,
                chance_accuracy=10.0,
                recipe={
                    "epochs": "24",
                    "batch size": "64",
                    "peak lr": "0.1",
                    "schedule": "milestones 12, 18; factor 0.1",
                    "momentum": "0.9",
                    "weight decay": "0.0001",
                },
            )
        )
    if imagenet:
        found.append(
            DataUsed(
                dataset=DatasetName.IMAGENET,
                families=imagenet,
                name="ImageNet",
                digest=hashlib.sha256(b"imagenet").hexdigest(),
                train_images=1_281_167,
                test_images=50_000,
                classes=1000,
                chance_accuracy=0.1,
                recipe={"epochs": "90", "batch size": "1024", "peak lr": "0.4", "momentum": "0.9"},
            )
        )
    return tuple(found)


def document(
    runs: list[RunRow], checks: tuple[CheckResult, ...], scale: Scale, outcome: Outcome, **changes: Any
) -> VerdictDocument:
    """A document about the claim of section 4; ``changes`` replace fields."""
    whole_claim = not changes.get("deviations")
    networks = tuple(dict.fromkeys(run.network for run in runs))
    failed = len(changes.get("failed", ()))
    trained = sum(not run.from_cache for run in runs)
    values: dict[str, Any] = {
        "claim": "sec4_random_params",
        "title": "γ and β do more than as many randomly chosen weights",
        "where": "Section 4 with its Figure 2, and the second finding of section 1",
        "statement": (
            "With all else frozen at its random draw, training γ and β beats training two random weights in each "
            "convolutional channel, which are as many parameters. On CIFAR-10 the random weights end 17 to 21 points "
            "lower and reach 56 % at best; on ImageNet they stay at or below 4 % top-5."
        ),
        "rows": ("C18", "C20"),
        "scale": scale,
        "scale_reason": "asked for with --scale",
        "deviations": (),
        "networks": networks,
        "networks_declared": networks,
        "verdict": word_for(outcome, scale, whole_claim=whole_claim),
        "reason": "On every network the gap exceeds 10 points; the least favourable is settled too.",
        "headline_check": checks[0].id if checks else None,
        "checks": checks,
        "runs": tuple(runs),
        "groups": groups_of(runs),
        "failed": (),
        "paper_values": (
            paper_value("resnet-14-batchnorm", "resnet-14", BATCHNORM, 48.0),
            paper_value("resnet-866-batchnorm", "resnet-866", BATCHNORM, 82.0),
            paper_value("wrn-14-32-batchnorm", "wrn-14-32", BATCHNORM, 73.0),
            paper_value("random-2-gap", None, None, None, low=17.0, high=21.0, unit="points", note="Over all twelve."),
        ),
        "flags": (
            "Section 1 gives 56 % as the best of random weights; 17 to 21 points below 82 % would be 61 to 65 %.",
            "The text does not say where γ and β stand while random weights are trained; we leave them at their draw.",
        ),
        "notes": (),
        "trainings": TrainingCounts(
            needed=len(runs) + failed,
            cached=len(runs) - trained,
            trained=trained,
            failed=failed,
            fixed_seeds=5 * len(runs) // 3,
        ),
        "data": data_of(networks, scale),
        "provenance": {
            "bnrepro": "0.1.0",
            "recipe version": "1",
            "claim file": f"sha256:{hashlib.sha256(b'claim').hexdigest()}",
        },
    }
    return VerdictDocument(**(values | changes))


def part(name: str, verdict: Verdict, estimate: float | None, half: float | None, **changes: Any) -> PartResult:
    """A part whose interval is ``half`` to either side; unbounded without it."""
    bounded = estimate is not None and half is not None
    values: dict[str, Any] = {
        "name": name,
        "verdict": verdict,
        "estimate": estimate,
        "interval": (estimate - half, estimate + half) if bounded else (None, None),
        "region": (0.0, None),
        "n": 5,
        "reason": "the whole interval lies above 0",
        "runs": (),
    }
    return PartResult(**(values | changes))


def check_of(parts: tuple[PartResult, ...], verdict: Verdict, **changes: Any) -> CheckResult:
    """A check that its first part settles."""
    first = parts[0]
    values: dict[str, Any] = {
        "id": "check",
        "row": "C06",
        "kind": "range",
        "states": "It is as the paper says.",
        "decides": True,
        "verdict": verdict,
        "estimate": first.estimate,
        "interval": first.interval,
        "level": 0.95,
        "n": first.n,
        "margin": 0.5,
        "region": first.region,
        "unit": Unit.POINTS,
        "reason": f"{first.name}: {first.reason}",
        "why": "The smallest effect that the paper calls one.",
        "look": 1,
        "looks": (3, 5),
        "diverged": 0,
        "parts": parts,
        "runs": tuple(dict.fromkeys(key for part in parts for key in part.runs)),
        "p": None,
        "fragile": (),
    }
    return CheckResult(**(values | changes))
