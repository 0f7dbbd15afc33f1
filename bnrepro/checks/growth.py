"""How a count grows with the width of a network, by arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from bnrepro.checks import reasons
from bnrepro.checks.look import Finding, Look, PartFinding
from bnrepro.checks.region import Region
from bnrepro.spec.checks import GrowthCheck
from bnrepro.spec.metrics import Unit
from bnrepro.spec.networks import Network
from bnrepro.spec.quantities import QUANTITIES, QuantityName
from bnrepro.spec.scale import Outcome
from bnrepro.stats import ConfidenceInterval
from bnrepro.wording import plural

_POWERS = {"not at all": 0, "linearly": 1, "quadratically": 2}


def evaluate(check: GrowthCheck, look: Look) -> Finding:
    """Every network's count over the first network's equals 1, w / w₁ or (w / w₁)², exactly.

    As in ``count``, values are fractions, an interval is the value itself, and no run is read.
    """
    first, *others = look.groups[check.networks]
    ratios = [
        _Ratio(
            network=network,
            first=first,
            quantity=quantity,
            value=QUANTITIES[quantity].count(network),
            base=QUANTITIES[quantity].count(first),
            factor=(Fraction(network.width) / Fraction(first.width)) ** _POWERS[check.grows],
        )
        for quantity in check.quantities
        for network in others
    ]
    if not ratios:
        nothing = Region(low=1, high=1)
        return Finding(
            outcome=Outcome.OPEN,
            interval=look.whole_line,
            region=nothing,
            unit=Unit.RATIO,
            reason=f"{first} alone: growth is between two networks or more",
        )
    wrong = [ratio for ratio in ratios if not ratio.agrees]
    shown = (wrong or ratios)[0]
    return Finding(
        outcome=Outcome.OUTSIDE if wrong else Outcome.INSIDE,
        estimate=shown.estimate,
        interval=shown.interval(look),
        region=shown.region,
        unit=Unit.RATIO,
        reason=_told(ratios, wrong),
        parts=tuple(ratio.part(look) for ratio in ratios),
    )


@dataclass(frozen=True, kw_only=True)
class _Ratio:
    """A count beside what the first network's would grow to."""

    network: Network
    first: Network
    quantity: QuantityName
    value: Fraction
    base: Fraction
    factor: Fraction

    @property
    def agrees(self) -> bool:
        return self.value == self.base * self.factor

    @property
    def estimate(self) -> float | None:
        """``None`` where the first network has none of it."""
        return float(self.value / self.base) if self.base else None

    def interval(self, look: Look) -> ConfidenceInterval:
        return look.whole_line if self.estimate is None else look.exactly(self.estimate)

    @property
    def region(self) -> Region:
        return Region(low=float(self.factor), high=float(self.factor))

    @property
    def name(self) -> str:
        return f"{self.network} {self.quantity.replace('_', ' ')}"

    @property
    def told(self) -> str:
        """``wrn-14-2 output is 1.985 times that of resnet-14, not 2``."""
        if self.estimate is None:
            return f"{self.name} is {float(self.value):,g}, and {self.first} has none"
        ratio = f"{float(self.factor):.6g}"
        return f"{self.name} is {ratio if self.agrees else f'{self.estimate:.6g}'} times that of {self.first}" + (
            "" if self.agrees else f", not {ratio}"
        )

    def part(self, look: Look) -> PartFinding:
        return PartFinding(
            name=self.name,
            outcome=Outcome.INSIDE if self.agrees else Outcome.OUTSIDE,
            estimate=self.estimate,
            interval=self.interval(look),
            region=self.region,
            n=0,
            reason=self.told,
        )


def _told(ratios: list[_Ratio], wrong: list[_Ratio]) -> str:
    if wrong:
        named = reasons.named([ratio.told for ratio in wrong], conjunction="; ")
        return f"{len(ratios) - len(wrong)} of {plural(len(ratios), 'ratio')} agree exactly; {named}"
    return ratios[0].told if len(ratios) == 1 else f"all {plural(len(ratios), 'ratio')} agree exactly"
