"""What the paper counts on its networks, by arithmetic.

Nothing is trained and nothing is random: values are exact fractions, the interval of one is the value itself, and the
check is inside or outside but never short of evidence. It is open only where the text allows several readings of
which some agree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from bnrepro.checks import reasons
from bnrepro.checks.look import Finding, Look, PartFinding
from bnrepro.checks.region import Region
from bnrepro.spec.checks import CountCheck
from bnrepro.spec.metrics import Unit
from bnrepro.spec.networks import Network
from bnrepro.spec.quantities import QUANTITIES, QuantityName
from bnrepro.spec.scale import Outcome
from bnrepro.wording import plural


def evaluate(check: CountCheck, look: Look) -> Finding:
    """Every value agrees with the printed number: in its digits, halves rounded up, or within the tolerance.

    With a reference, several quantities are readings of one sentence: all agree, and the check holds; none, and it
    fails; some, and the text does not say which was meant.

    Raises:
        ReferenceMissing: a reference is absent or is a range.
    """
    networks = look.groups[check.networks]
    readings = [[_cell(check, look, network, quantity) for network in networks] for quantity in check.quantities]
    if check.statistic == "maximum":
        compared = [[max(cells, key=lambda cell: cell.value)] for cells in readings]
    else:
        compared = readings
    cells = [cell for reading in compared for cell in reading]
    held = [all(cell.agrees for cell in reading) for reading in compared]
    if all(held):
        outcome = Outcome.INSIDE
    elif check.table is not None or not any(held):
        outcome = Outcome.OUTSIDE
    else:
        outcome = Outcome.OPEN
    shown = max(cells, key=lambda cell: (not cell.agrees, cell.deviation))
    told = _readings_told(compared, held) if outcome is Outcome.OPEN else _cells_told(cells)
    if check.statistic == "maximum":
        told = f"largest of {plural(len(networks), 'network')}: {told}"
    return Finding(
        outcome=outcome,
        estimate=float(shown.value),
        interval=look.exactly(float(shown.value)),
        region=shown.region,
        unit=shown.unit,
        reason=told,
        parts=tuple(cell.part(look, compared=cell in cells) for reading in readings for cell in reading),
    )


@dataclass(frozen=True, kw_only=True)
class _Cell:
    """One value beside the printed number; a float is the decimal that it is written as."""

    network: Network
    quantity: QuantityName
    value: Fraction
    printed: Fraction
    rounding: Fraction
    tolerance: Fraction | None

    @property
    def agrees(self) -> bool:
        if self.tolerance is not None:
            return abs(self.value - self.printed) <= self.tolerance
        return math.floor(self.value / self.rounding + Fraction(1, 2)) * self.rounding == self.printed

    @property
    def deviation(self) -> Fraction:
        """From the printed number, in units of what is allowed."""
        return abs(self.value - self.printed) / (self.tolerance or self.rounding)

    @property
    def region(self) -> Region:
        allowed = self.rounding / 2 if self.tolerance is None else self.tolerance
        return Region(low=float(self.printed - allowed), high=float(self.printed + allowed))

    @property
    def unit(self) -> Unit:
        return QUANTITIES[self.quantity].unit

    @property
    def name(self) -> str:
        return f"{self.network} {_words(self.quantity)}"

    @property
    def told(self) -> str:
        """``resnet-14 total is 175,258, printed 175,000``."""
        allowed = "" if self.tolerance is None else f" (within {float(self.tolerance):g})"
        return f"{self.name} is {self.told_value}, printed {self.told_printed}{allowed}"

    @property
    def told_printed(self) -> str:
        """With the digits that its rounding has, or more where a fraction in words was written out: 0.3333."""
        written = next((digits for digits in range(4) if (self.printed * 10**digits).denominator == 1), 4)
        return _number(self.printed, self.unit, max(written, _decimals(self.rounding)))

    @property
    def told_value(self) -> str:
        """With two digits more than are printed, unless it is whole."""
        return _number(self.value, self.unit, 0 if self.value.denominator == 1 else _decimals(self.rounding) + 2)

    def part(self, look: Look, *, compared: bool) -> PartFinding:
        outcome = Outcome.INSIDE if self.agrees else Outcome.OUTSIDE
        return PartFinding(
            name=self.name,
            outcome=outcome if compared else Outcome.NOT_ASSESSED,
            estimate=float(self.value),
            interval=look.exactly(float(self.value)),
            region=self.region,
            n=0,
            reason=self.told if compared else "not the largest, which the check is about",
        )


def _cell(check: CountCheck, look: Look, network: Network, quantity: QuantityName) -> _Cell:
    printed, reference = look.number_of(check.reference_for(network, quantity))
    return _Cell(
        network=network,
        quantity=quantity,
        value=QUANTITIES[quantity].count(network),
        printed=_as_written(printed),
        rounding=_as_written(reference.rounding),
        tolerance=None if check.tolerance is None else _as_written(check.tolerance),
    )


def _cells_told(cells: Sequence[_Cell]) -> str:
    wrong = [cell.told for cell in cells if not cell.agrees]
    if len(cells) == 1:
        return cells[0].told
    if not wrong:
        return f"all {plural(len(cells), 'cell')} agree"
    verb = "agrees" if len(cells) - len(wrong) == 1 else "agree"
    return f"{len(cells) - len(wrong)} of {plural(len(cells), 'cell')} {verb}; {reasons.named(wrong, conjunction='; ')}"


def _readings_told(readings: Sequence[Sequence[_Cell]], held: Sequence[bool]) -> str:
    """Which readings agree, which do not, and the value of each."""
    yes, no = (
        ", ".join(
            f"{cell.name} ({cell.told_value})"
            for cells, agrees in zip(readings, held, strict=True)
            if agrees is wanted
            for cell in cells
            if cell.agrees is wanted
        )
        for wanted in (True, False)
    )
    verb, printed = "agrees" if sum(held) == 1 else "agree", readings[0][0].told_printed
    return (
        f"{sum(held)} of {len(held)} readings of the text {verb} with the printed {printed}: {yes}, but not {no}; "
        f"no run can settle which was meant"
    )


def _as_written(value: float) -> Fraction:
    """The decimal that a number of a file was written as: 0.01 is a hundredth, not the float nearest to it."""
    return Fraction(repr(float(value)))


def _decimals(rounding: Fraction) -> int:
    """Digits after the point that a printed unit has."""
    return next(digits for digits in range(20) if rounding * 10**digits >= 1)


def _number(value: Fraction, unit: Unit, digits: int) -> str:
    return f"{float(value):,.{digits}f}" + (" %" if unit is Unit.PERCENT else "")


def _words(quantity: QuantityName) -> str:
    return quantity.replace("_", " ")
