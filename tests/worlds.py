"""Claims, measurements and references made up for tests of checks and verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bnrepro.errors import ReferenceMissing
from bnrepro.measure import Measurements, Observation
from bnrepro.spec.arms import Arm
from bnrepro.spec.claim import Claim, Metric
from bnrepro.spec.networks import Network
from bnrepro.spec.references import HowRead, Reference
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
    settings = {"unit": "percent", "rounding": 1.0, "n": 5, "where": "Section 4", "read_from": HowRead.PROSE} | changes
    return Reference(**settings)


NUMBERS = Numbers({"s/gap": number(low=17.0, high=21.0), "s/best": number(value=56.0), "s/most": number(value=4.0)})

CHECKS: dict[str, dict[str, Any]] = {
    "superiority": {"better": BETTER, "worse": WORSE, "margin_points": 10.0},
    "containment": {"better": BETTER, "worse": WORSE, "margin_points": 2.0, "reference": "s/gap"},
    "range": {"arm": WORSE, "statistic": "family_maximum", "reference": "s/best", "tolerance_points": 2.0},
    "worst_case": {"arm": WORSE, "reference": "s/most", "margin_points": 0.5},
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
            "looks": {"seeds": looks},
            "checks": checks,
        }
    )


Values = Mapping[tuple[Network, Arm], Sequence[float | None]]
"""Points by seed; ``None`` is a run that is missing, NaN one that diverged."""


def table(values: Values, *, scale: Scale = Scale.PAPER) -> Measurements:
    return Measurements(
        scale=scale,
        values={
            Metric.TEST_ACCURACY: {
                (network, arm): {
                    seed: Observation(
                        key=f"{network}/{arm}/{seed}",
                        seed=seed,
                        value=10.0 if math.isnan(value) else value,
                        diverged=math.isnan(value),
                    )
                    for seed, value in enumerate(points)
                    if value is not None
                }
                for (network, arm), points in values.items()
            }
        },
    )


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
