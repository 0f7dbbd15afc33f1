"""The paper's numbers as typed values: what is printed, where, how precisely, and over how many runs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from bnrepro.spec.arms import ArmField
from bnrepro.spec.metrics import Metric, Unit
from bnrepro.spec.networks import NetworkField
from bnrepro.spec.value import Text, Value


class HowRead(StrEnum):
    """Where a number was read: they differ in precision."""

    PROSE = "prose"
    TABLE = "table"
    PLOT = "plot"


EntryName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9_-]+$"),
    Field(json_schema_extra={"patternErrorMessage": "lower-case letters, digits, - and _, such as random-2-gap"}),
]
"""Name of a number, unique in its file."""


class Reference(Value):
    """One number, or one range, as the paper prints it.

    ``value`` or ``low`` and ``high`` in ``unit``; ``rounding`` is the printed unit u, so that 48 at
    u = 1 stands for 47.5 to 48.5.
    """

    value: float | None = None
    """The number, where one is printed."""
    low: float | None = None
    """Lower end, where a range is printed."""
    high: float | None = None
    """Upper end, where a range is printed."""
    unit: Unit
    rounding: Annotated[float, Field(gt=0)]
    """The printed rounding unit."""
    n: Annotated[int, Field(ge=1)]
    """Runs behind the number."""
    where: Text
    """Section, table or figure."""
    read_from: HowRead
    """Prose, table or plot."""
    network: NetworkField | None = None
    """The network it belongs to, where it is one."""
    arm: ArmField | None = None
    """The arm it belongs to, where it is one."""
    metric: Metric | None = None
    """What was measured, where it is an accuracy."""
    missing: Text | None = None
    """Why nothing can be held against it, where the text has lost what it takes: a number, a threshold, a name."""
    note: str = ""
    """What a reader should know: a contradiction, a loss."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        half_a_range = (self.low is None) != (self.high is None)
        number_and_range = self.value is not None and self.low is not None
        unexplained = self.value is None and self.low is None and self.missing is None
        if half_a_range or number_and_range or unexplained:
            raise ValueError("give either 'value', or both 'low' and 'high'; or say in 'missing' why there is none")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self


class ReferenceFile(Value):
    """A file under reference_numbers/: entries by name."""

    source: Text
    """The paper."""
    numbers: Annotated[dict[EntryName, Reference], Field(min_length=1)]
    """Entries by name; a claim refers to one as ``file/name``."""
