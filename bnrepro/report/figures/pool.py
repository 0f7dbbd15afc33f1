"""The runs of many claims at one scale, each once: what the paper's figures are drawn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from bnrepro.report.panels import FAMILY_NAMES
from bnrepro.report.text import count_of
from bnrepro.spec.arms import Arm
from bnrepro.spec.distributions import Distributions
from bnrepro.spec.metrics import Metric
from bnrepro.spec.networks import Family, Network
from bnrepro.spec.results import PaperValue, RunRow, VerdictDocument
from bnrepro.spec.scale import Scale

Setting = tuple[str, ...]
"""What runs of one family must share to be drawn together: device, precision, recipe and data."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Runs that can stand in one figure, and the paper's numbers beside them."""

    documents: tuple[VerdictDocument, ...]
    """By claim."""
    scale: Scale
    runs: tuple[RunRow, ...]
    """Each key once, by network, arm and seed; of each family only those of one setting."""
    left_out: tuple[str, ...]
    """What was left out because it may not be pooled with the rest, in sentences."""

    @cached_property
    def cells(self) -> dict[tuple[Network, Arm], tuple[RunRow, ...]]:
        """Runs of each arm on each network, by seed."""
        found: dict[tuple[Network, Arm], list[RunRow]] = {}
        for run in self.runs:
            found.setdefault((run.network, run.arm), []).append(run)
        return {cell: tuple(runs) for cell, runs in found.items()}

    @cached_property
    def networks(self) -> tuple[Network, ...]:
        """Every network that has a run, by depth and width."""
        return tuple(sorted({run.network for run in self.runs}, key=lambda network: (network.depth, network.width)))

    @cached_property
    def paper(self) -> tuple[PaperValue, ...]:
        """The paper's numbers, each once."""
        return tuple({value.id: value for document in self.documents for value in document.paper_values}.values())

    def data_names(self, families: frozenset[Family]) -> tuple[str, ...]:
        """The data that networks of some families were trained on, each once."""
        used = (data for document in self.documents for data in document.data if families & set(data.families))
        return tuple(dict.fromkeys(data.name for data in used))

    def chance(self, metric: Metric, family: Family) -> float | None:
        """What guessing scores on the data of a family, in percent; ``None`` where that says nothing."""
        used = (data for document in self.documents for data in document.data if family in data.families)
        return next((metric.chance(data.classes) for data in used), None)

    def paper_at(self, metric: Metric, network: Network, arm: Arm) -> tuple[PaperValue, ...]:
        """The paper's values of one metric of one arm on one network; the same number printed twice is one."""
        found = (
            value
            for value in self.paper
            if value.missing is None
            and value.unit == metric.unit
            and (value.metric, value.network, value.arm) == (metric, network, arm)
        )
        return tuple({(value.value, value.low, value.high): value for value in found}.values())


def pool_of(documents: Iterable[VerdictDocument]) -> Pool:
    """Join the runs of documents over claims, by key.

    Raises:
        ValueError: there is no document, or they are of more than one scale, which are never pooled.
    """
    ordered = tuple(sorted(documents, key=lambda document: document.claim))
    scales = sorted({document.scale for document in ordered})
    if len(scales) != 1:
        raise ValueError(f"figures are of one scale, not of {', '.join(scales) or 'none'}")
    joined: dict[str, RunRow] = {}
    settings: dict[str, Setting] = {}
    for document in ordered:
        for run in document.runs:
            joined[run.key] = _joined(joined[run.key], run) if run.key in joined else run
            settings.setdefault(run.key, _setting(document, run))
    runs, left_out = _of_one_setting(tuple(joined.values()), settings)
    return Pool(
        documents=ordered,
        scale=scales[0],
        runs=tuple(
            sorted(runs, key=lambda run: (run.network.depth, run.network.width, run.arm.name, run.seed, run.key))
        ),
        left_out=left_out,
    )


def metric_of(run: RunRow, metric: Metric) -> float | None:
    """A metric of one run; ``None`` where it was not measured."""
    return run.test_accuracy if metric is Metric.TEST_ACCURACY else run.values.get(metric)


def _joined(one: RunRow, other: RunRow) -> RunRow:
    """One run as two claims show it: what either of them read of it."""
    ours, theirs = one.distributions or Distributions(), other.distributions or Distributions()
    parts = {
        name: getattr(ours, name) if getattr(ours, name) is not None else getattr(theirs, name)
        for name in Distributions.model_fields
    }
    distributions = Distributions.model_construct(**parts) if any(parts.values()) else None
    return one.model_copy(update={"values": other.values | one.values, "distributions": distributions})


def _setting(document: VerdictDocument, run: RunRow) -> Setting:
    said = (document.provenance.get(name, "not said") for name in ("device kind", "precision", "recipe version"))
    used = next((data for data in document.data if run.network.family in data.families), None)
    recipe = () if used is None else (used.digest, *(f"{name}: {value}" for name, value in sorted(used.recipe.items())))
    return (*said, *recipe)


def _of_one_setting(runs: Sequence[RunRow], settings: dict[str, Setting]) -> tuple[tuple[RunRow, ...], tuple[str, ...]]:
    """Of each family the runs of the setting that most of them share, and a sentence about the others."""
    kept: list[RunRow] = []
    said = []
    for family in Family:
        kin = [run for run in runs if run.network.family is family]
        counts = Counter(settings[run.key] for run in kin)
        usual = max(sorted(counts), key=counts.__getitem__, default=())
        own = [run for run in kin if settings[run.key] == usual]
        kept += own
        if len(own) < len(kin):
            others = count_of(len(kin) - len(own), "run")
            said.append(
                f"{others} of {FAMILY_NAMES[family]} left out: made on another kind of device, in another precision, "
                "by another recipe or on other data than most, so never pooled with them."
            )
    return tuple(kept), tuple(said)
