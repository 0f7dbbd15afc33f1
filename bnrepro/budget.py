"""What claims would cost, one by one and together, before anything is spent; the store is not asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bnrepro.checks import References, obstacle_at
from bnrepro.cost import PUBLISHED_SHAPES, CostModel
from bnrepro.plan import NOT_AT_HAND, DataFacts, Need, Setting, resolved
from bnrepro.question import Question
from bnrepro.spec.run import DeviceKind
from bnrepro.spec.scale import Scale


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The trainings of one or several claims, if every look is taken."""

    trainings: int
    flops: float
    """Floating-point operations of all of them."""
    device_seconds: float
    """One after the other, on one CPU core or one GPU."""
    disk_bytes: int
    """Of the store, what is measured on the trained networks included."""


@dataclass(frozen=True, kw_only=True)
class SharedBudget:
    """Claims that are planned together, against the same claims each for itself."""

    alone: tuple[Budget, ...]
    """Of each claim, in the order given."""
    together: Budget
    """Each training once, however many claims read it."""

    @property
    def trainings_alone(self) -> int:
        """What the claims would train one by one."""
        return sum(budget.trainings for budget in self.alone)

    @property
    def share(self) -> float:
        """Trainings together over trainings one by one; 1 where there are none."""
        return self.together.trainings / self.trainings_alone if self.trainings_alone else 1.0


def shared_budget(
    questions: Sequence[Question], references: References, setting: Setting, model: CostModel
) -> SharedBudget:
    """What some claims cost alone and together."""
    needs = [tuple(_needs(question, references)) for question in questions]
    return SharedBudget(
        alone=tuple(_budget(own, setting, model) for own in needs),
        together=_budget([need for own in needs for need in own], setting, model),
    )


def setting_without_data(scale: Scale) -> Setting:
    """What a plan needs where no data are at hand: the published shapes; a GPU at the paper's scale, else a CPU."""
    facts = {name: DataFacts(digest=NOT_AT_HAND, shape=shape) for name, shape in PUBLISHED_SHAPES.items()}
    return Setting(scale=scale, device=DeviceKind.CUDA if scale is Scale.PAPER else DeviceKind.CPU, data=facts)


def _needs(question: Question, references: References) -> Iterable[Need]:
    """What the checks that can be assessed read, up to the last look."""
    claim = question.claim
    checks = [check.id for check in claim.checks if obstacle_at(check, question.scale, references) is None]
    return question.needs(checks, claim.looks.seeds[-1])


def _budget(needs: Iterable[Need], setting: Setting, model: CostModel) -> Budget:
    runs, probes = resolved(needs, setting)
    specs = tuple(runs.values())
    measured = sum(model.measured_bytes(spec, probes[key]) for key, spec in runs.items())
    return Budget(
        trainings=len(specs),
        flops=sum(map(model.flops, specs)),
        device_seconds=sum(map(model.seconds, specs)),
        disk_bytes=measured + sum(map(model.disk_bytes, specs)),
    )
