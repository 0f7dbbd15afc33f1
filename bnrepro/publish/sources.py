"""What stands beside a claim's runs: the data, how they were trained on, and the paper's numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bnrepro.data import PreparedData
from bnrepro.question import Question
from bnrepro.spec.checks import CountCheck
from bnrepro.spec.load import References
from bnrepro.spec.recipe import DatasetName, Recipe
from bnrepro.spec.results import DataUsed, PaperValue
from bnrepro.spec.run import RunRecord


def data_used(data: Mapping[DatasetName, PreparedData], records: Sequence[RunRecord]) -> tuple[DataUsed, ...]:
    """The data sets that some runs were trained on, each with its recipe."""
    recipes = {record.spec.recipe.dataset: record.spec.recipe for record in records}
    return tuple(_data_used(data[name], recipe, records) for name, recipe in recipes.items())


def paper_values(question: Question, references: References) -> tuple[PaperValue, ...]:
    """The numbers that the checks name, and those of the claim's arms on the networks evaluated."""
    claim = question.claim
    named = {name for check in claim.checks for name in check.references}
    for check in claim.checks:
        if isinstance(check, CountCheck) and check.table is not None:
            networks = question.networks[check.networks]
            named |= {check.reference_for(network, each) for network in networks for each in check.quantities}
    arms = {arm for check in claim.checks for arm in check.arms}
    return tuple(
        PaperValue(
            id=name,
            network=reference.network,
            arm=reference.arm,
            metric=reference.metric,
            value=reference.value,
            low=reference.low,
            high=reference.high,
            unit=reference.unit,
            n=reference.n,
            where=reference.where,
            read_from=reference.read_from,
            missing=reference.missing,
            note=reference.note,
        )
        for name, reference in references
        if name in named or (reference.arm in arms and reference.network in question.evaluated)
    )


def _data_used(data: PreparedData, recipe: Recipe, records: Sequence[RunRecord]) -> DataUsed:
    families = (record.spec.network.family for record in records if record.spec.recipe.dataset is recipe.dataset)
    return DataUsed(
        dataset=recipe.dataset,
        families=tuple(dict.fromkeys(families)),
        name=data.name,
        digest=data.digest,
        train_images=data.train_images,
        test_images=data.test_images,
        classes=data.classes,
        chance_accuracy=100 / data.classes,
        recipe=_recipe_text(recipe),
    )


def _recipe_text(recipe: Recipe) -> dict[str, str]:
    settings = recipe.model_dump(mode="json", exclude_none=True)
    return {name.replace("_", " "): _text(value) for name, value in settings.items()}


def _text(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name.replace('_', ' ')} {_text(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
