"""Simulated worlds with a known truth, for every kind of check that reads runs.

A world fixes the true means and spreads, the shape of the errors and the looks, and draws runs from them. Its name
fixes its random numbers, so worlds can be simulated in any order, in pieces, and by several processes.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from bnrepro.spec.arms import Arm
from bnrepro.spec.metrics import Unit
from bnrepro.spec.networks import Network
from bnrepro.spec.scale import Scale
from bnrepro.stats import line_weights, residual_weights
from tests.worlds import BELOW, BETTER, WORSE, Numbers, check, claim, judged, number

SEED = 20200229
DIVERGING_PERCENT = 20


class Truth(StrEnum):
    """Where the true values lie."""

    TRUE = "clearly true"
    ONE_ON_BOUND = "one part on the bound"
    ONE_ON_UPPER_BOUND = "one part on the upper bound"
    ALL_ON_BOUND = "all parts on the bound"
    ALL_ON_UPPER_BOUND = "all parts on the upper bound"
    FALSE = "clearly false"
    ONE_FALSE = "one network false"

    @property
    def clear(self) -> bool:
        """Whether the truth is far from every bound."""
        return self in {Truth.TRUE, Truth.FALSE, Truth.ONE_FALSE}

    @property
    def wrong(self) -> tuple[str, ...]:
        """The verdicts whose rate is bounded: on a bound, either."""
        if not self.clear:
            return ("confirmed", "refuted")
        return ("refuted",) if self is Truth.TRUE else ("confirmed",)


class Errors(StrEnum):
    """How seeds scatter around the true mean; every shape has mean 0 and standard deviation 1."""

    NORMAL = "normal"
    UNEQUAL = "normal, spreads 5 : 1"
    PAPER_WIDER = "normal, the paper's spread 5 times ours"
    """Only where a mean is held against a reported one."""
    DIVERGING = f"normal, {DIVERGING_PERCENT} % of runs diverge"
    SKEWED = "skewed"
    OUTLIERS = "10 % outliers"

    @property
    def symmetric(self) -> bool:
        """Whether good and bad runs are alike: neither tail is longer, and none ends at chance level."""
        return self not in {Errors.SKEWED, Errors.DIVERGING}

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
        """Errors, or NaN for a run that diverged."""
        match self:
            case Errors.SKEWED:  # an exponential with its long tail towards bad runs
                return 1 - rng.exponential(size=shape)
            case Errors.OUTLIERS:  # every tenth is five times as large
                size = np.where(rng.random(shape) < 0.1, 5.0, 1.0)
                return rng.normal(size=shape) * size / math.sqrt(0.9 + 0.1 * 25)
            case Errors.DIVERGING:
                return np.where(rng.random(shape) < DIVERGING_PERCENT / 100, math.nan, rng.normal(size=shape))
        return rng.normal(size=shape)


Cells = Mapping[tuple[Network, Arm], float]
"""True means."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One kind of check with true means for each truth."""

    label: str
    check: Mapping[str, Any]
    means: Mapping[Truth, Cells]
    spread: float = 1.0
    own_spreads: bool = False
    """Whether the values of ``means`` are spreads, of runs around 50."""
    rates: bool = False
    """Whether the values of ``means`` are chances that a run diverges."""
    groups: Mapping[str, tuple[Network, ...]] = field(default_factory=dict)
    mirrored: bool = False
    """Whether a world on the upper bound is the mirror image of the one on the lower, where errors are symmetric."""
    paper: float | None = None
    """The true mean behind the paper's number, which is drawn from 5 runs; ``None`` where numbers are fixed."""


PAPER_RUNS = 5
FIXED = {
    "s/gap": number(low=17.0, high=21.0),
    "s/most": number(value=4.0),
    "s/steeper": number(value=1.18, rounding=0.01, unit=Unit.RATIO),
}


@dataclass(frozen=True, kw_only=True)
class World:
    """A setting with one truth, one shape of errors and planned looks."""

    setting: Setting
    truth: Truth
    errors: Errors
    looks: tuple[int, ...]

    @property
    def name(self) -> str:
        """Unique among all worlds."""
        return f"{self.setting.label} | {self.truth} | {self.shown_errors} | n = {self.shown_n}"

    @property
    def most_wrong_percent(self) -> float | None:
        """What each wrong verdict's rate must not exceed; ``None`` where the rate is only shown."""
        if self.errors in {Errors.SKEWED, Errors.OUTLIERS, Errors.PAPER_WIDER} or self.mixed_numbers:
            return None
        if self.truth.clear:
            return 0.1
        return 6.0 if self.errors is Errors.UNEQUAL else 5.5

    @property
    def redundant(self) -> bool:
        """Whether others show the same: a mirror image, or one more shape or n where the truth is clear."""
        if self.truth.clear:
            return not self.setting.rates and self.errors is not Errors.NORMAL and self.looks != (5,)
        upper = self.truth in {Truth.ONE_ON_UPPER_BOUND, Truth.ALL_ON_UPPER_BOUND}
        return upper and self.setting.mirrored and self.errors.symmetric

    @property
    def mixed_numbers(self) -> bool:
        """Whether one reported number, with one spread behind it, is held against networks that spread otherwise."""
        every = self.truth in {Truth.ALL_ON_BOUND, Truth.ALL_ON_UPPER_BOUND}
        return every and self.setting.paper is not None and self.errors is Errors.UNEQUAL

    @property
    def shown_errors(self) -> str:
        return "failures only" if self.setting.rates else str(self.errors)

    @property
    def shown_n(self) -> str:
        return " and ".join(map(str, self.looks))

    def verdicts(self, draws: int, *, part: int = 0) -> Counter[str]:
        """How often each verdict is given; parts of one world are independent of each other."""
        rng = np.random.Generator(np.random.Philox(key=[SEED, zlib.crc32(self.name.encode())]).jumped(part))
        cells = list(self.setting.means[self.truth])
        runs = self._runs(rng, (draws, len(cells), self.looks[-1])).tolist()
        numbers = self._references(rng, draws)
        groups = dict(self.setting.groups) or {"cifar": tuple(dict.fromkeys(network for network, _ in cells))}
        asked = claim(
            dict(self.setting.check),
            networks=groups.pop("cifar"),
            looks=self.looks,
            **{name: dict.fromkeys(Scale, each) for name, each in groups.items()},
        )
        return Counter(
            judged(asked, dict(zip(cells, draw, strict=True)), references=references).verdict.value
            for draw, references in zip(runs, numbers, strict=True)
        )

    def _runs(self, rng: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
        """What every run gives, shape (draws, cells, seeds); NaN where it diverges."""
        if self.setting.rates:
            failed = rng.random(shape) < np.reshape(list(self.setting.means[self.truth].values()), (-1, 1))
            return np.where(failed, math.nan, 80.0)
        means, sds = np.transpose(self._spreads())[..., np.newaxis]
        return means + sds * self.errors.draw(rng, shape)

    def _spreads(self) -> list[tuple[float, float]]:
        """Mean and spread of each cell; 5 to 1 alternates between arms, or between networks where there is one arm."""
        setting, cells = self.setting, self.setting.means[self.truth]
        if setting.own_spreads:
            return [(50.0, spread) for spread in cells.values()]
        if self.errors is not Errors.UNEQUAL:
            return [(mean, setting.spread) for mean in cells.values()]
        first_arm = next(iter(cells))[1]
        one_arm = len({arm for _, arm in cells}) == 1
        wide = [position % 2 == 0 if one_arm else arm == first_arm for position, (_, arm) in enumerate(cells)]
        return [
            (mean, setting.spread * (2.0 if each else 0.4)) for mean, each in zip(cells.values(), wide, strict=True)
        ]

    def _references(self, rng: np.random.Generator, draws: int) -> Iterator[Numbers]:
        """The paper's numbers of each draw."""
        if self.setting.paper is None:
            yield from itertools.repeat(_FIXED, draws)
            return
        errors = Errors.NORMAL if self.errors in {Errors.DIVERGING, Errors.PAPER_WIDER} else self.errors
        # The number is about the first network, whose spread is thus the paper's, unless the world says otherwise.
        spread = self._spreads()[0][1] * (5 if self.errors is Errors.PAPER_WIDER else 1)
        for reported in self.setting.paper + spread * errors.draw(rng, (draws, PAPER_RUNS)).mean(axis=1):
            yield Numbers({"s/best": number(value=round(float(reported), 1), rounding=0.1, n=PAPER_RUNS)})


_FIXED = Numbers(FIXED)


@contextmanager
def bare() -> Iterator[None]:
    """Verdicts without their marks of fragility and without sentences: both take long and change no verdict."""

    def no_marks(*_: object, **__: object) -> tuple[str, ...]:
        return ()

    def no_words(*_: object, **__: object) -> str:
        return ""

    with ExitStack() as stack:
        for module in ("universal", "ranked", "failure_rate", "slope_ratio"):
            stack.enter_context(patch(f"bnrepro.checks.{module}.tipping", no_marks))
        for sentence in ("quantity", "relation", "corrected", "more_seeds"):
            stack.enter_context(patch(f"bnrepro.checks.reasons.{sentence}", no_words))
        yield


# Settings

NETWORKS = tuple(map(Network.parse, ("resnet-14", "resnet-20", "resnet-32")))
DEEP = tuple(map(Network.parse, ("resnet-14", "resnet-32", "resnet-110")))
WIDE = tuple(map(Network.parse, ("resnet-14", "wrn-14-2", "wrn-14-8")))
LINE = tuple(map(Network.parse, ("resnet-14", "resnet-32", "resnet-56", "resnet-110")))
BUDGETS = (2240, 3360)
NARROW = tuple(map(Network.parse, ("resnet-20", "resnet-56")))
BROAD = tuple(map(Network.parse, ("resnet-14", "wrn-14-4")))


def _doublings(network: Network) -> float:
    return math.log2(network.counts().batchnorm)


def _gaps(*gaps: float) -> Cells:
    """The better arm ahead by these points, one for each network."""
    pairs = zip(NETWORKS, gaps, strict=True)
    return {cell: mean for net, gap in pairs for cell, mean in (((net, BETTER), 40 + gap), ((net, WORSE), 40.0))}


def _means(arm: Arm) -> Callable[..., Cells]:
    return lambda *means: {(network, arm): mean for network, mean in zip(NETWORKS, means, strict=False)}


def _deficits(*pairs: tuple[float, float]) -> Cells:
    """What the arm that matches lacks, and the one that does not."""
    return {
        (network, arm): 60 - deficit
        for network, (at, below) in zip(NETWORKS, pairs, strict=False)
        for arm, deficit in ((BETTER, 0.0), (WORSE, at), (BELOW, below))
    }


def _universal(
    build: Callable[..., Cells],
    *,
    inside: float,
    bound: float,
    outside: float,
    far: float | None = None,
    upper: float | None = None,
) -> dict[Truth, Cells]:
    """Worlds of a check that must hold on each of three networks; ``far`` is deepest inside the region."""
    deep = inside if far is None else far
    worlds = {
        Truth.TRUE: build(inside, inside, inside),
        Truth.ONE_ON_BOUND: build(bound, deep, deep),
        Truth.ALL_ON_BOUND: build(bound, bound, bound),
        Truth.FALSE: build(outside, outside, outside),
        Truth.ONE_FALSE: build(outside, deep, deep),
    }
    if upper is not None:
        worlds |= {
            Truth.ONE_ON_UPPER_BOUND: build(upper, deep, deep),
            Truth.ALL_ON_UPPER_BOUND: build(upper, upper, upper),
        }
    return worlds


def _heights(networks: Sequence[Network], height: Callable[[float], float], arm: Arm = BETTER) -> dict[Any, float]:
    """Means that a function of doublings beyond 1,120 BatchNorm parameters gives."""
    start = math.log2(1120)
    return {(network, arm): height(_doublings(network) - start) for network in networks}


def _slope(slope: float) -> Cells:
    gaining = _heights(DEEP, lambda x: 40 + (5 + slope) * x)
    return gaining | _heights(DEEP, lambda x: 30 + 5 * x, WORSE)


def _ratio(ratio: float) -> Cells:
    return _heights(WIDE, lambda x: 40 + 5 * x) | _heights(DEEP, lambda x: 40 + 5 * ratio * x)


def _bent(largest: float) -> Cells:
    """A line whose second point is off, so that the largest deviation from the fitted line is this."""
    residuals = residual_weights([_doublings(network) for network in LINE])[:, 1]
    off = largest / residuals[np.abs(residuals).argmax()]
    cells = _heights(LINE, lambda x: 50 + 5 * x)
    return cells | {(LINE[1], BETTER): cells[LINE[1], BETTER] + off}


def _last(above: float) -> Cells:
    """A line, and its last network above what the others point at."""
    cells = _heights(LINE, lambda x: 50 + 5 * x)
    weights = line_weights([_doublings(network) for network in LINE[:-1]], _doublings(LINE[-1]))
    pointed = sum(weight * cells[network, BETTER] for weight, network in zip(weights, LINE, strict=False))
    return cells | {(LINE[-1], BETTER): float(pointed) + above}


def _budgets(first: float, second: float) -> Cells:
    """One family ahead of the other by these points at the two budgets."""
    first_at, second_at = (math.log2(budget / 1120) for budget in BUDGETS)
    rise = (second - first) / (second_at - first_at)
    wide = _heights(BROAD, lambda x: 40 + 5 * x)
    return wide | _heights(NARROW, lambda x: 40 + 5 * x + first + rise * (x - first_at))


def _steps(*steps: float) -> Cells:
    means = 50 + np.cumsum((0.0, *steps))
    return {(network, BETTER): float(mean) for network, mean in zip(NETWORKS, means, strict=True)}


def _failing(*chances: tuple[float, float]) -> Cells:
    return {
        (network, arm): chance
        for network, pair in zip(NETWORKS, chances, strict=False)
        for arm, chance in zip((WORSE, BETTER), pair, strict=True)
    }


def _along(kind: str, **settings: Any) -> dict[str, Any]:
    """A check of a kind that reads networks along a line."""
    common = {"id": kind, "row": "C18", "kind": kind, "states": "It holds.", "networks": "cifar", "why": "Because."}
    return common | settings


_GROUPS = {"cifar": DEEP, "wide": WIDE}

SETTINGS = (
    Setting(
        label="superiority",
        check=check("superiority"),
        means=_universal(_gaps, inside=16, bound=10, outside=4, far=30),
    ),
    Setting(
        label="non_inferiority",
        check=check("non_inferiority"),
        means=_universal(_gaps, inside=5, bound=-2, outside=-9, far=12),
    ),
    Setting(
        label="equivalence",
        mirrored=True,
        check=check("equivalence"),
        means=_universal(_gaps, inside=0, bound=-2, outside=-6, upper=2),
        spread=0.3,
    ),
    Setting(
        label="containment",
        mirrored=True,
        check=check("containment"),
        means=_universal(_gaps, inside=19, bound=15, outside=9, upper=23),
        spread=0.5,
    ),
    Setting(
        label="above_chance",
        check=check("above_chance"),
        means=_universal(_means(BETTER), inside=27, bound=20, outside=13, far=60),
    ),
    Setting(
        label="proportion_in_range",
        mirrored=True,
        check=check("proportion_in_range"),
        means=_universal(_means(BETTER), inside=19, bound=15, outside=10, upper=23),
        spread=0.5,
    ),
    Setting(
        label="worst_case",
        check=check("worst_case"),
        means=_universal(_means(WORSE), inside=2, bound=4.5, outside=8, far=-20),
        spread=0.4,
    ),
    Setting(
        label="range",
        mirrored=True,
        check=check("range", statistic="each"),
        means=_universal(_means(WORSE), inside=56, bound=54, outside=50, upper=58),
        spread=0.3,
        paper=56.0,
    ),
    Setting(
        label="range, best of a family",
        check=check("range", statistic="family_maximum"),
        means={
            Truth.TRUE: _means(WORSE)(56, 50, 40),
            Truth.ONE_ON_BOUND: _means(WORSE)(54, 50, 40),
            Truth.ALL_ON_BOUND: _means(WORSE)(54, 54, 54),
            Truth.ONE_ON_UPPER_BOUND: _means(WORSE)(58, 50, 40),
            Truth.ALL_ON_UPPER_BOUND: _means(WORSE)(58, 58, 58),
            Truth.FALSE: _means(WORSE)(50, 50, 50),
            Truth.ONE_FALSE: _means(WORSE)(62, 50, 40),
        },
        spread=0.3,
        paper=56.0,
    ),
    Setting(
        label="matching",
        check=check("matching"),
        means={
            Truth.TRUE: _deficits((-5, 9), (-5, 9)),
            Truth.ONE_ON_BOUND: _deficits((2, 12), (-9, 12)),
            Truth.ONE_ON_UPPER_BOUND: _deficits((-9, 2), (-9, 12)),
            Truth.ALL_ON_BOUND: _deficits((2, 2), (2, 2)),
            Truth.FALSE: _deficits((9, 12), (9, 12)),
            Truth.ONE_FALSE: _deficits((9, 12), (-5, 12)),
        },
    ),
    Setting(
        label="sd_bound",
        check=check("sd_bound"),
        means={
            Truth.TRUE: _means(BETTER)(0.1, 0.1, 0.1),
            # More than half of three networks are two: one is far from the bound, the others on it.
            Truth.ONE_ON_BOUND: _means(BETTER)(0.01, 2, 40),
            Truth.ALL_ON_BOUND: _means(BETTER)(2, 2, 2),
            Truth.FALSE: _means(BETTER)(40, 40, 40),
        },
        own_spreads=True,
    ),
    Setting(
        label="monotone",
        check=_along("monotone", arm=BETTER, margin=0.5, end_to_end=5.0),
        means={
            Truth.TRUE: _steps(8, 8),
            Truth.ONE_ON_BOUND: _steps(-0.5, 30),
            Truth.ONE_ON_UPPER_BOUND: _steps(2.5, 2.5),
            Truth.ALL_ON_BOUND: _steps(-0.5, 5.5),
            Truth.FALSE: _steps(-8, -8),
            Truth.ONE_FALSE: _steps(-8, 30),
        },
        spread=0.5,
    ),
    Setting(
        label="slope",
        check=_along("slope", better=BETTER, worse=WORSE, direction="rising"),
        means={Truth.TRUE: _slope(4), Truth.ALL_ON_BOUND: _slope(0), Truth.FALSE: _slope(-4)},
        groups={"cifar": DEEP},
    ),
    Setting(
        label="slope_ratio",
        check=_along("slope_ratio", arm=BETTER, other_networks="wide", reference="s/steeper", tolerance=0.1),
        means={
            Truth.TRUE: _ratio(1.18),
            Truth.ALL_ON_BOUND: _ratio(1.08),
            Truth.ALL_ON_UPPER_BOUND: _ratio(1.28),
            Truth.FALSE: _ratio(1.6),
        },
        spread=0.2,
        groups=_GROUPS,
    ),
    Setting(
        label="linearity",
        mirrored=True,
        check=_along("linearity", arm=BETTER, margin=3.0),
        means={
            Truth.TRUE: _bent(0),
            Truth.ONE_ON_BOUND: _bent(-3),
            Truth.ONE_ON_UPPER_BOUND: _bent(3),
            Truth.FALSE: _bent(9),
        },
        spread=0.4,
        groups={"cifar": LINE},
    ),
    Setting(
        label="below_line",
        check=_along("below_line", arm=BETTER, network=LINE[-1]),
        means={Truth.TRUE: _last(-9), Truth.ALL_ON_BOUND: _last(0), Truth.FALSE: _last(9)},
        groups={"cifar": LINE},
    ),
    Setting(
        label="fixed_budget",
        check=_along("fixed_budget", arm=BETTER, other_networks="wide", budgets={Scale.PAPER: BUDGETS}),
        means={
            Truth.TRUE: _budgets(8, 8),
            Truth.ONE_ON_BOUND: _budgets(0, 12),
            Truth.ALL_ON_BOUND: _budgets(0, 0),
            Truth.FALSE: _budgets(-8, -8),
            Truth.ONE_FALSE: _budgets(-8, 12),
        },
        groups={"cifar": NARROW, "wide": BROAD},
    ),
    Setting(
        label="failure_rate",
        check=check("failure_rate", at_least_percent=30.0),
        means={
            Truth.TRUE: _failing((0.95, 0.0), (0.95, 0.0)),
            Truth.ONE_ON_BOUND: _failing((0.3, 0.0), (0.95, 0.0)),
            Truth.ALL_ON_BOUND: _failing((0.3, 0.0), (0.3, 0.0)),
            Truth.ONE_ON_UPPER_BOUND: _failing((0.6, 0.6), (0.95, 0.0)),
            Truth.FALSE: _failing((0.001, 0.0), (0.001, 0.0)),
            Truth.ONE_FALSE: _failing((0.001, 0.0), (0.95, 0.0)),
        },
        rates=True,
    ),
)
"""Every kind that reads runs. Arithmetic (``count``, ``growth``) has no error rate."""


LOOKS = ((3,), (5,), (10,))
TWO_LOOKS = (3, 5)


def worlds(setting: Setting) -> list[World]:
    """All worlds of one kind of check."""
    if setting.rates:
        shapes = [(Errors.NORMAL, looks) for looks in ((5,), (10,), (14,), (10, 14))]
    else:
        shapes = [
            (errors, looks)
            for errors in Errors
            for looks in LOOKS
            if not (setting.own_spreads and errors is Errors.UNEQUAL)
            if not (setting.paper is None and errors is Errors.PAPER_WIDER)
        ]
        shapes.insert(3, (Errors.NORMAL, TWO_LOOKS))
    every = [
        World(setting=setting, truth=truth, errors=errors, looks=looks)
        for truth in Truth
        if truth in setting.means
        for errors, looks in shapes
    ]
    return [world for world in every if not world.redundant]


def all_worlds() -> list[World]:
    """Of every kind, in a fixed order."""
    return [world for setting in SETTINGS for world in worlds(setting)]
