"""A claim file as typed values: what is trained, where, and which checks decide.

The field docstrings become the descriptions in ``claims/claim.schema.json``.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Self

from pydantic import Field, model_validator

from bnrepro.errors import UnknownName
from bnrepro.spec.checks import Cell, CheckSpec, FailureRateCheck, Groups, Row
from bnrepro.spec.networks import Network, NetworkField
from bnrepro.spec.scale import Scale
from bnrepro.spec.value import Identifier, MisplacedError, Text, Value


class Looks(Value):
    """When the data are looked at. The error of 5 % a side is shared equally between the looks."""

    seeds: Annotated[tuple[Annotated[int, Field(ge=2)], ...], Field(min_length=1, max_length=3)] = (3, 5)
    """Seeds per arm and network at each look, increasing."""

    @model_validator(mode="after")
    def _increasing(self) -> Self:
        if list(self.seeds) != sorted(set(self.seeds)):
            raise MisplacedError(f"looks must increase, got {list(self.seeds)}", "seeds")
        return self


class Claim(Value):
    """One claim of the paper, with everything that decides it."""

    id: Identifier
    """Name of the claim; the file is called the same."""
    title: Text
    """The claim in one line."""
    where: Text
    """Where the paper makes it."""
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]
    """Rows of the catalogue that this file covers."""
    claim: Text
    """The claim in our own words."""
    networks: dict[Identifier, dict[Scale, tuple[NetworkField, ...]]]
    """Groups of networks by scale. A scale that a group leaves out is not run."""
    not_run: dict[Scale, Text] = Field(default_factory=dict)
    """For each scale at which a group that is trained has no networks: why."""
    looks: Looks = Looks()
    """Seeds at each look."""
    assumed_sd: dict[Scale, Annotated[float, Field(gt=0, le=1000)]] = Field(default_factory=dict)
    """For each scale that is run, the standard deviation between seeds to plan with, in the metric's unit: points
    where it is in percent. It says beforehand what the looks can settle, and enters no verdict."""
    checks: Annotated[tuple[CheckSpec, ...], Field(min_length=1)]
    """What must hold."""
    flags: tuple[Text, ...] = ()
    """Where the paper's text is silent or contradicts itself."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for group, by_scale in self.networks.items():
            for scale, networks in by_scale.items():
                for index, network in enumerate(networks):
                    if network in networks[:index]:
                        raise MisplacedError(f"{network} is listed twice", "networks", group, scale.value, index)
        ids = [check.id for check in self.checks]
        for index, check in enumerate(self.checks):
            if check.id in ids[:index]:
                raise MisplacedError(f"two checks are called '{check.id}'", "checks", index, "id")
            for group in check.groups:
                if group not in self.networks:
                    unknown = UnknownName("group of networks", group, self.networks)
                    raise MisplacedError(str(unknown), "checks", index, _key_of(check, group))
            if (uneven := self._uneven(check)) is not None:
                raise MisplacedError(uneven, "checks", index, "worse_networks")
            for key, network in check.singled_out:
                if not any(network in self.networks_at(group, scale) for group in check.groups for scale in Scale):
                    groups = " or ".join(check.groups)
                    raise MisplacedError(f"{network} is not among the networks {groups}", "checks", index, key)
        decided = {check.row for check in self.checks}
        if decided != set(self.rows):
            raise MisplacedError(
                f"rows are {', '.join(sorted(self.rows))} but the checks decide {', '.join(sorted(decided))}", "rows"
            )
        if self.trains:
            for scale in Scale:
                left_out = [group for group, by_scale in self.networks.items() if not by_scale.get(scale)]
                if left_out and scale not in self.not_run:
                    raise MisplacedError(f"say why {', '.join(left_out)} is not run at scale {scale}", "not_run")
        if any(check.trains and not isinstance(check, FailureRateCheck) for check in self.checks):
            for scale in Scale:
                if scale not in self.assumed_sd and any(self.networks_at(group, scale) for group in self.networks):
                    raise MisplacedError(f"say which spread between seeds to plan with at scale {scale}", "assumed_sd")
        return self

    def _uneven(self, check: CheckSpec) -> str | None:
        """What is wrong with two groups that are compared network by network."""
        other = getattr(check, "worse_networks", None)
        if other is None:
            return None
        for scale in Scale:
            lengths = len(self.networks_at(check.networks, scale)), len(self.networks_at(other, scale))
            if lengths[0] != lengths[1]:
                return f"{check.networks} has {lengths[0]} networks at scale {scale} and {other} has {lengths[1]}"
        return None

    @property
    def trains(self) -> bool:
        """Whether any check needs trained runs; the others are arithmetic."""
        return any(check.trains for check in self.checks)

    def planned_sd(self, check: CheckSpec, scale: Scale) -> float:
        """The standard deviation between seeds to plan a check with at a scale that is run, in the metric's unit."""
        return check.assumed_sd or self.assumed_sd[scale]

    def networks_at(self, group: str, scale: Scale) -> tuple[Network, ...]:
        """The networks of a group at a scale; empty where the group is not run."""
        return self.networks[group].get(scale, ())

    def cells_needed(self, check_ids: Collection[str], groups: Groups) -> tuple[Cell, ...]:
        """The (network, arm) pairs that the named checks read, each once, in file order."""
        wanted = (check for check in self.checks if check.id in check_ids)
        return tuple(
            dict.fromkeys(cell for check in wanted for comparison in check.comparisons(groups) for cell in comparison)
        )


def _key_of(check: CheckSpec, group: str) -> str:
    """The key under which a check names a group."""
    return next(key for key in ("networks", "worse_networks", "other_networks") if getattr(check, key, None) == group)
