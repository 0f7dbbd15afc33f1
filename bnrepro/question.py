"""A claim as one invocation asks it: at which scale, on which networks, and how that differs from its file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from bnrepro.errors import UsageError
from bnrepro.measure import probe_of
from bnrepro.plan import Need
from bnrepro.recipes import RECIPES
from bnrepro.spec.checks import Cell, CheckSpec
from bnrepro.spec.claim import Claim, Looks
from bnrepro.spec.load import LoadedClaim
from bnrepro.spec.networks import Network
from bnrepro.spec.recipe import DatasetName, Precision
from bnrepro.spec.scale import Scale
from bnrepro.wording import plural

ARITHMETIC = "arithmetic on networks needs no data, so it is judged at the paper's own scale"
"""Why a claim that trains nothing is not asked at the scale chosen."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A claim as it is asked this time: at one scale, perhaps otherwise than its file declares."""

    loaded: LoadedClaim
    claim: Claim
    """With the number of seeds asked for."""
    scale: Scale
    """Arithmetic is always asked at the paper's scale: it needs no data and no device."""
    networks: dict[str, tuple[Network, ...]]
    """Of each group, what is evaluated."""
    absent: dict[str, str]
    """Groups whose data are not at hand, and what to do about it."""
    declared: tuple[Network, ...]
    """All networks that the claim names at this scale and that can be run here."""
    deviations: tuple[str, ...]
    """How this differs from what the file declares, in words; any of them rules out the paper's words."""

    @property
    def evaluated(self) -> tuple[Network, ...]:
        """The networks of all groups, each once."""
        return _each_once(self.networks)

    def needs(self, checks: Collection[str], seeds: int) -> Iterator[Need]:
        """What some checks read at a look of so many seeds."""
        for check in self.claim.checks:
            if check.id in checks and self._can_compare(check):
                for comparison in check.comparisons(self.networks):
                    for cell in comparison:
                        yield Need(cell=cell, seeds=seeds, probe=probe_of(check.metric))

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Every network and arm that any check reads, each once."""
        return tuple(dict.fromkeys(need.cell for need in self.needs([check.id for check in self.claim.checks], 1)))

    def _can_compare(self, check: CheckSpec) -> bool:
        """Whether the networks at hand suffice; the verdict says why, where they do not."""
        whole = all(self.networks[group] == self.claim.networks_at(group, self.scale) for group in check.groups)
        return all(self.networks[group] for group in check.groups) and (whole or not check.needs_whole_groups)


def ask(
    loaded: LoadedClaim,
    scale: Scale,
    *,
    networks: Sequence[Network] = (),
    seeds: int | None = None,
    precision: Precision = Precision.FLOAT32,
    substitute_data: Sequence[str] = (),
    absent_data: Mapping[DatasetName, str] = MappingProxyType({}),
) -> Question:
    """Put a claim as the command line asks for it; everything declared is the default.

    Args:
        loaded: the claim.
        scale: at which it is asked, if it trains anything.
        networks: only these of the claim's.
        seeds: one look at so many, not the claim's looks.
        precision: of all runs.
        substitute_data: data that are not the published ones, by name.
        absent_data: data sets that are not at hand, and what to do about it.
    """
    claim, deviations = loaded.claim, []
    if not claim.trains:
        scale, networks, seeds, precision, substitute_data = Scale.PAPER, (), None, Precision.FLOAT32, ()
    members, absent = {}, {}
    for group in claim.networks:
        members[group] = claim.networks_at(group, scale)
        if claim.trains and (lacking := _absent(members[group], scale, absent_data)):
            members[group], absent[group] = (), lacking
    declared = _each_once(members)
    if networks and not set(declared) <= set(networks):
        kept = [network for network in declared if network in networks]
        named = f", {', '.join(map(str, kept))}" if kept else ""
        deviations.append(f"{len(kept) or 'none'} of its {plural(len(declared), 'network')}{named}")
        members = {group: tuple(one for one in all_of if one in networks) for group, all_of in members.items()}
    if seeds is not None and claim.looks.seeds != (seeds,):
        planned = " and ".join(map(str, claim.looks.seeds))
        deviations.append(f"one look at {plural(seeds, 'seed')} instead of looks at {planned}")
        # Unlike a claim file, a person may ask for one seed: the interval is then infinite, and says so.
        claim = claim.model_copy(update={"looks": Looks.model_construct(seeds=(seeds,))})
    if precision is not Precision.FLOAT32:
        deviations.append(f"precision {precision}")
    deviations += [f"{name} instead of the published data" for name in substitute_data]
    return Question(
        loaded=loaded,
        claim=claim,
        scale=scale,
        networks=members,
        absent=absent,
        declared=declared,
        deviations=tuple(deviations),
    )


def _absent(networks: Sequence[Network], scale: Scale, absent_data: Mapping[DatasetName, str]) -> str:
    """Why a group cannot be run here; empty where it can."""
    for network in networks:
        recipe = RECIPES.get((network.family, scale))
        if recipe is None:
            return f"no recipe trains {network} at scale {scale}"
        if recipe.dataset in absent_data:
            return absent_data[recipe.dataset]
    return ""


def _each_once(groups: Mapping[str, tuple[Network, ...]]) -> tuple[Network, ...]:
    return tuple(dict.fromkeys(network for members in groups.values() for network in members))


def refuse_unknown(networks: Sequence[Network], questions: Sequence[Question]) -> None:
    """Refuse networks that none of the claims has.

    Raises:
        UsageError: says which there are.
    """
    trained = [question for question in questions if question.claim.trains]
    known = tuple(dict.fromkeys(network for question in trained for network in question.declared))
    if unknown := [str(network) for network in networks if network not in known]:
        claims = trained[0].claim.id if len(trained) == 1 else f"{len(trained)} claims"
        scale = f" at scale {trained[0].scale}" if trained else ""
        raise UsageError(
            f"{claims}{scale}: no network {', '.join(unknown)} that can be trained here; "
            f"choose from {', '.join(map(str, known)) or 'nothing: there is none'}"
        )
