"""Tables, amounts and names on docs/scaling.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bnrepro.budget import setting_without_data
from bnrepro.cost import PUBLISHED_SHAPES
from bnrepro.spec.arms import Arm
from bnrepro.spec.networks import Network
from bnrepro.spec.recipe import DatasetName
from bnrepro.spec.run import RunSpec
from bnrepro.spec.scale import Scale
from tests.paper_plan import HOUR

DAY = 24 * HOUR


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a table, the first column to the left, and an empty line."""
    yield f"| {' | '.join(heading)} |"
    yield "|---|" + "---:|" * (len(heading) - 1)
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def batchnorm_run(network: Network) -> RunSpec:
    """The run of ``batchnorm`` on a network at the paper's recipe."""
    return setting_without_data(Scale.PAPER).spec(network, Arm.parse("batchnorm"), 0)


def multiply_adds(run: RunSpec) -> int:
    """Of a forward pass over one image of CIFAR-10."""
    shape = PUBLISHED_SHAPES[DatasetName.CIFAR10]
    return run.network.multiply_adds(shape.side, shape.channels)


def named(spec: RunSpec) -> str:
    """Network and arm."""
    return f"{spec.network} `{spec.full_arm}`"


def hours(runs: Mapping[RunSpec, float]) -> str:
    """Of some runs together, by their seconds."""
    return f"{sum(runs.values()) / HOUR:,.0f}"


def days(seconds: float) -> str:
    """With a decimal as long as it tells something."""
    return f"{seconds / DAY:,.1f}" if seconds < 100 * DAY else f"{seconds / DAY:,.0f}"


def percent(share: float) -> str:
    """A share from 0 to 1."""
    return f"{100 * share:.0f} %"


def change(share: float) -> str:
    """What follows "estimates", of the most that they change the end by."""
    told = f"{100 * share:.1f} %"
    return "do not change the end here" if told == "0.0 %" else f"change the end by at most {told} here"


def power(value: float) -> str:
    """A large number: 1.6 · 10^19."""
    return f"{value:.2g}".replace("e+", " · 10^")
