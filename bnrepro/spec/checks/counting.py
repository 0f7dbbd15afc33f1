"""Arithmetic on networks, which trains nothing, and runs that fail."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from bnrepro.spec.checks.base import Amount, CheckBase, Comparison, Groups, ReferenceForm, ReferenceId, TwoArms
from bnrepro.spec.networks import Network
from bnrepro.spec.quantities import QUANTITIES, QuantityName
from bnrepro.spec.value import MisplacedError


class CountCheck(CheckBase):
    """A quantity of networks, by arithmetic, equals what the paper prints."""

    reference_form: ClassVar[ReferenceForm] = ReferenceForm.NUMBER
    trains: ClassVar[bool] = False
    kind: Literal["count"]
    quantities: Annotated[tuple[QuantityName, ...], Field(min_length=1)]
    """What is counted. With `reference`: the readings that the text allows, of which all, some or none may agree."""
    statistic: Literal["each", "maximum"] = "each"
    """Every network is compared, or the largest over the networks alone."""
    reference: ReferenceId | None = None
    """The reported number; or else:"""
    table: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")] | None = None
    """The file of reference numbers whose entries `NETWORK-QUANTITY`, `-` for `_`, are compared one by one."""
    tolerance: Amount | None = None
    """The largest deviation that counts as agreement; without it, the printed digits must agree, halves rounded up."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.reference is None) == (self.table is None):
            raise MisplacedError("give either 'reference' or 'table'")
        units = {QUANTITIES[quantity].unit for quantity in self.quantities}
        if len(units) > 1:
            raise MisplacedError(f"one check counts in one unit, not in {' and '.join(sorted(units))}", "quantities")
        return self

    @property
    def references(self) -> tuple[str, ...]:
        """Reference numbers that the check is held against; those of a table are found by its networks."""
        return () if self.reference is None else (self.reference,)

    def reference_for(self, network: Network, quantity: QuantityName) -> str:
        """The number that one cell is held against, such as ``table1/resnet-14-batchnorm-share``."""
        return self.reference or f"{self.table}/{network}-{quantity.replace('_', '-')}"

    @property
    def shown_margin(self) -> float:
        """In the quantity's unit."""
        return self.tolerance or 0.0

    def comparisons(self, groups: Groups) -> tuple[Comparison, ...]:  # noqa: ARG002 - arithmetic reads no runs
        """None: nothing is trained."""
        return ()


class GrowthCheck(CheckBase):
    """From the first network to every other, a quantity stays, or grows as a power of the width, exactly."""

    trains: ClassVar[bool] = False
    kind: Literal["growth"]
    quantities: Annotated[tuple[QuantityName, ...], Field(min_length=1)]
    """What is counted."""
    grows: Literal["not at all", "linearly", "quadratically"]
    """With the width."""

    def comparisons(self, groups: Groups) -> tuple[Comparison, ...]:  # noqa: ARG002 - arithmetic reads no runs
        """None: nothing is trained."""
        return ()


class FailureRateCheck(TwoArms):
    """On every network, runs of `worse` fail at least this often, and more often than runs of `better`."""

    kind: Literal["failure_rate"]
    at_least_percent: Annotated[float, Field(gt=0, lt=100)]
    """The least rate of runs of `worse` that diverge."""

    @property
    def shown_margin(self) -> float:
        """In percent of the runs."""
        return self.at_least_percent
