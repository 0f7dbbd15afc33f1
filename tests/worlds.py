"""Claims, measurements and references made up for tests of checks and verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bnrepro.errors import ReferenceMissing
from bnrepro.measure import Measurements, Observation
from bnrepro.spec.arms import Arm
from bnrepro.spec.claim import Claim
from bnrepro.spec.metrics import Metric, Unit
from bnrepro.spec.networks import Family, Network
from bnrepro.spec.quantities import QuantityName
from bnrepro.spec.references import HowRead, Reference
from bnrepro.spec.results import CheckResult
from bnrepro.spec.scale import Scale
from bnrepro.verdict import Judgement, judge

FAMILY = tuple(Network.parse(name) for name in ("resnet-14", "resnet-20", "resnet-32", "wrn-14-2"))
IMAGENET = (Network.parse("imagenet-resnet-18"), Network.parse("imagenet-resnet-50"))
BETTER, WORSE = Arm.parse("batchnorm"), Arm.parse("random_2")


class Numbers:
    """The paper's numbers, from a dictionary."""

    def __init__(self, numbers: Mapping[str, Reference]) -> None:
        self._numbers = numbers

    def get(self, reference_id: str, /) -> Reference:
        if reference_id not in self._numbers:
            raise ReferenceMissing(f"{reference_id} is not in reference_numbers/")
        return self._numbers[reference_id]


def number(**changes: Any) -> Reference:
    settings = {
        "unit": Unit.PERCENT,
        "rounding": 1.0,
        "n": 5,
        "where": "Section 4",
        "read_from": HowRead.PROSE,
    } | changes
    return Reference(**settings)


NUMBERS = Numbers({"s/gap": number(low=17.0, high=21.0), "s/best": number(value=56.0), "s/most": number(value=4.0)})
BELOW = Arm.parse("random_1")

CHECKS: dict[str, dict[str, Any]] = {
    "superiority": {"better": BETTER, "worse": WORSE, "margin": 10.0},
    "non_inferiority": {"better": BETTER, "worse": WORSE, "margin": 2.0},
    "equivalence": {"better": BETTER, "worse": WORSE, "margin": 2.0},
    "above_chance": {"arm": BETTER, "margin": 10.0},
    "matching": {"target": BETTER, "at": WORSE, "below": BELOW, "margin": 2.0},
    "sd_bound": {"arm": BETTER, "bound": 2.0},
    "count": {"quantities": (QuantityName.TOTAL,), "table": "t"},
    "growth": {"quantities": (QuantityName.OUTPUT_WEIGHTS,), "grows": "linearly"},
    "failure_rate": {"better": BETTER, "worse": WORSE, "at_least_percent": 20.0},
    "proportion_in_range": {"arm": BETTER, "margin": 2.0, "reference": "s/gap"},
    "containment": {"better": BETTER, "worse": WORSE, "margin": 2.0, "reference": "s/gap"},
    "range": {"arm": WORSE, "statistic": "family_maximum", "reference": "s/best", "tolerance": 2.0},
    "worst_case": {"arm": WORSE, "reference": "s/most", "margin": 0.5},
}


def check(kind: str, **changes: Any) -> dict[str, Any]:
    common = {"id": kind, "row": "C18", "kind": kind, "states": "It holds.", "networks": "cifar", "why": "Because."}
    return common | CHECKS[kind] | changes


def claim(
    *checks: dict[str, Any], networks: Sequence[Network] = FAMILY, looks: tuple[int, ...] = (3, 5), **groups: Any
) -> Claim:
    return Claim.model_validate(
        {
            "id": "made_up",
            "title": "Made up",
            "where": "Nowhere",
            "rows": ("C18",),
            "claim": "Something.",
            "networks": {"cifar": dict.fromkeys(Scale, tuple(networks))} | groups,
            "not_run": dict.fromkeys(Scale, "It is made up."),
            "looks": {"seeds": looks},
            "assumed_sd": dict.fromkeys(Scale, 0.5),
            "checks": checks,
        }
    )


Values = Mapping[tuple[Network, Arm], Sequence[float | None]]
"""Points by seed; ``None`` is a run that is missing, NaN one that diverged."""


def table(values: Values, *, scale: Scale = Scale.PAPER, metric: Metric = Metric.TEST_ACCURACY) -> Measurements:
    return Measurements(
        scale=scale,
        classes=dict.fromkeys(Family, 10),
        values={metric: {cell: _seeds(f"{cell[0]}/{cell[1]}", points) for cell, points in values.items()}},
    )


def _seeds(name: str, points: Sequence[float | None]) -> dict[int, Observation]:
    seen = {seed: (value, math.isnan(value)) for seed, value in enumerate(points) if value is not None}
    return {
        seed: Observation(key=f"{name}/{seed}", seed=seed, value=10.0 if diverged else value, diverged=diverged)
        for seed, (value, diverged) in seen.items()
    }


def arms(better: Sequence[float | None], worse: Sequence[float | None], networks: Sequence[Network] = FAMILY) -> Values:
    """The same values on every network."""
    return {(network, arm): points for network in networks for arm, points in ((BETTER, better), (WORSE, worse))}


def judged(
    asked: Claim, values: Values | Measurements, *, scale: Scale = Scale.PAPER, look: int | None = None, **changes: Any
) -> Judgement:
    """Judge a made-up claim, whole and up to its last look unless said otherwise."""
    networks = {group: asked.networks_at(group, scale) for group in asked.networks}
    settings: dict[str, Any] = {"networks": networks, "whole_claim": True, "references": NUMBERS} | changes
    measurements = values if isinstance(values, Measurements) else table(values, scale=scale)
    return judge(asked, scale=scale, measurements=measurements, look=look or len(asked.looks.seeds), **settings)


def result(
    kind: str, values: Values | Measurements, *, networks: Sequence[Any] = FAMILY, **changes: Any
) -> CheckResult:
    """The one check of a whole claim, at one look of five seeds: 90 % intervals."""
    references = changes.pop("references", NUMBERS)
    asked = claim(check(kind, **changes), networks=networks, looks=(5,))
    return judged(asked, values, references=references).checks[0]


def around(centre: float, spread: float = 0.5, n: int = 5) -> list[float]:
    return [float(value) for value in centre + spread * np.linspace(-1, 1, n)]


def gaps(*points: float, spread: float = 0.5) -> Values:
    """The better arm ahead by these points, one for each network of the family."""
    pairs = zip(FAMILY, points, strict=False)
    return {
        key: sample
        for network, gap in pairs
        for key, sample in arms(around(60 + gap, spread), around(60, spread), [network]).items()
    }
