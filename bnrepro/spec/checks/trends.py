"""Checks along networks: steps from each to the next, slopes and lines over BatchNorm parameters.

The lines are least squares of the metric on log2 of the number of BatchNorm parameters, one line for each seed.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bnrepro.spec.arms import Arm, ArmField
from bnrepro.spec.checks.base import AgainstPaper, Amount, CheckBase, Comparison, Groups, OneArm, WithMargin
from bnrepro.spec.networks import Network, NetworkField
from bnrepro.spec.scale import Scale
from bnrepro.spec.value import Identifier


class MonotoneCheck(OneArm, WithMargin):
    """From each network to the next the mean rises (or falls), the margin allowed for, and from first to last."""

    along_networks: ClassVar[bool] = True
    kind: Literal["monotone"]
    direction: Literal["rising", "falling"] = "rising"
    end_to_end: Amount
    """What the first-to-last change must exceed, at the paper's scale; at the others it must exceed 0."""


class AlongNetworks(CheckBase):
    """A check to which every network gives a point."""

    along_networks: ClassVar[bool] = True

    def comparisons(self, groups: Groups) -> tuple[Comparison, ...]:
        """One comparison, of every cell of the check."""
        cells = ((network, arm) for group in self.groups for network in groups[group] for arm in self.arms)
        cells_once = tuple(dict.fromkeys(cells))
        return (cells_once,) if cells_once else ()


class SlopeCheck(AlongNetworks):
    """The gain of `better` over `worse` changes with each doubling of BatchNorm parameters in one direction."""

    kind: Literal["slope"]
    better: ArmField
    """What `worse` is subtracted from."""
    worse: ArmField
    """What is subtracted."""
    direction: Literal["rising", "falling"]
    """The sign of the slope."""

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms whose runs the check reads."""
        return (self.better, self.worse)


class SlopeRatioCheck(AlongNetworks, OneArm, AgainstPaper):
    """The slope along `networks` over the slope along `other_networks` agrees with a reported ratio."""

    kind: Literal["slope_ratio"]
    other_networks: Identifier
    """The group whose slope is the denominator."""
    tolerance: Annotated[float, Field(gt=0, le=10)]
    """The largest true deviation of the ratio that still counts as agreement."""
    sensitivity_without: tuple[NetworkField, ...] = ()
    """Networks that an alternative fit leaves out; an alternative that comes out otherwise leaves the check open."""
    sensitivity_common_start: bool = False
    """Whether an alternative fit makes both lines meet at the networks' smallest BatchNorm count."""

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of networks that the check reads."""
        return (self.networks, self.other_networks)

    @property
    def singled_out(self) -> tuple[tuple[str, Network], ...]:
        """Networks that the check names by themselves, each with the key that names it."""
        return tuple(("sensitivity_without", network) for network in self.sensitivity_without)

    @property
    def shown_margin(self) -> float:
        """Of the ratio."""
        return self.tolerance


class LinearityCheck(AlongNetworks, OneArm, WithMargin):
    """Every network's mean lies within the margin of the least-squares line through all of them."""

    kind: Literal["linearity"]
    margin: Annotated[float, Field(gt=0, le=1000)]
    """The largest deviation that still counts as on the line."""


class BelowLineCheck(AlongNetworks, OneArm):
    """One network lies below the line through the others."""

    kind: Literal["below_line"]
    network: NetworkField
    """The one that lies below; a member of `networks`."""

    @property
    def singled_out(self) -> tuple[tuple[str, Network], ...]:
        """Networks that the check names by themselves, each with the key that names it."""
        return (("network", self.network),)


class FixedBudgetCheck(AlongNetworks, OneArm):
    """At given numbers of BatchNorm parameters, `networks` lie above `other_networks`, both interpolated on log2."""

    kind: Literal["fixed_budget"]
    other_networks: Identifier
    """The group that lies below."""
    budgets: dict[Scale, Annotated[tuple[Annotated[int, Field(gt=0)], ...], Field(min_length=1)]]
    """BatchNorm parameters at which the two are compared, by scale."""

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of networks that the check reads."""
        return (self.networks, self.other_networks)
