"""Identity: what is in a run's key, and what is not."""

from __future__ import annotations

import warnings
from enum import Enum
from typing import TypeVar

import pytest
from pydantic import ValidationError

from bnrepro.identity import KEY_DIGITS, differences, identity_of, run_key
from bnrepro.recipes import RECIPES
from bnrepro.spec.arms import AffineInit, Arm
from bnrepro.spec.networks import Family, Network
from bnrepro.spec.recipe import Recipe, ResizedCrop
from bnrepro.spec.run import DeviceKind, Part, RunSpec
from bnrepro.spec.scale import Scale

SPEC = RunSpec(
    scale=Scale.PAPER,
    recipe=RECIPES[Family.CIFAR, Scale.PAPER],
    network=Network.parse("resnet-14"),
    arm=Arm.parse("batchnorm"),
    seed=3,
    data_digest="0" * 64,
    device=DeviceKind.CPU,
    recipe_version=1,
)
IDENTITY = [name for name, field in RunSpec.model_fields.items() if Part.IDENTITY in field.metadata]
RUNTIME = [name for name, field in RunSpec.model_fields.items() if Part.RUNTIME in field.metadata]

Fields = TypeVar("Fields", RunSpec, Recipe)


def another(value: object) -> object:
    """A value of the same type that is not this one."""
    if value is None:
        return ResizedCrop()
    if isinstance(value, bool):
        return not value
    if isinstance(value, Enum):
        # An enumeration with one member will have more; its value stands for them until then.
        return next((member for member in type(value) if member is not value), f"not {value.value}")
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return f"{value}1"
    if isinstance(value, tuple):
        return (*value, another(value[-1]))
    if isinstance(value, Network):
        return Network.parse("resnet-20")
    if isinstance(value, Arm):
        return Arm.parse("random_2")
    assert isinstance(value, Recipe)
    return changed(value, "peak_lr")


def changed(value: Fields, name: str) -> Fields:
    return value.model_copy(update={name: another(getattr(value, name))})


def key_of(spec: RunSpec) -> str:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="(?s).*serializ", category=UserWarning)  # of the made-up enum member
        return run_key(spec)


@pytest.mark.parametrize("name", RunSpec.model_fields)
def test_every_field_of_a_run_is_declared_identity_or_runtime(name: str) -> None:
    declared = [part for part in RunSpec.model_fields[name].metadata if isinstance(part, Part)]
    assert len(declared) == 1, f"say whether {name} changes the result (IDENTITY) or only the running (RUNTIME)"


def test_only_checkpoints_and_the_sharing_of_work_are_runtime() -> None:
    assert RUNTIME == ["checkpoint_seconds", "processes", "decoders"]
    assert set(identity_of(SPEC)) == set(IDENTITY)


def test_the_key_of_a_run_is_what_it_was_when_this_was_written() -> None:
    # A key that moves orphans every stored run: change it only together with RECIPE_VERSION.
    assert run_key(SPEC) == "a6c1e54da8457ac5282f6a093800e7c9"
    assert len(run_key(SPEC)) == KEY_DIGITS


@pytest.mark.parametrize("name", IDENTITY)
def test_a_change_of_an_identity_field_changes_the_key(name: str) -> None:
    assert key_of(changed(SPEC, name)) != key_of(SPEC)


@pytest.mark.parametrize("name", Recipe.model_fields)
def test_a_change_of_any_number_of_the_recipe_changes_the_key(name: str) -> None:
    spec = SPEC.model_copy(update={"recipe": changed(SPEC.recipe, name)})
    assert key_of(spec) != key_of(SPEC)
    assert [line.split()[0] for line in differences(spec, SPEC)] == [name]


@pytest.mark.parametrize("name", RUNTIME)
def test_a_change_of_a_runtime_field_does_not_change_the_key(name: str) -> None:
    assert changed(SPEC, name) != SPEC
    assert run_key(changed(SPEC, name)) == run_key(SPEC)
    assert differences(changed(SPEC, name), SPEC) == ()


def test_a_default_is_part_of_the_key_whether_written_or_not() -> None:
    written = RunSpec(**{**dict(SPEC), "affine_init": AffineInit.UNIFORM})
    assert run_key(written) == run_key(SPEC)
    assert identity_of(SPEC)["affine_init"] == "uniform"


def test_a_run_keeps_its_key_through_json() -> None:
    assert run_key(RunSpec.model_validate_json(SPEC.model_dump_json())) == run_key(SPEC)


def test_two_names_of_one_network_are_one_run() -> None:
    wide = SPEC.model_copy(update={"network": Network.parse("wrn-14-1")})
    assert run_key(wide) == run_key(SPEC)


def test_differences_name_each_field_with_its_old_and_new_value() -> None:
    recipe = SPEC.recipe.model_copy(update={"peak_lr": 0.2})
    spec = SPEC.model_copy(update={"recipe": recipe, "arm": Arm.parse("all")})
    assert set(differences(spec, SPEC)) == {"peak_lr 0.1 → 0.2", "arm batchnorm → all"}
    assert set(differences(SPEC, spec)) == {"peak_lr 0.2 → 0.1", "arm all → batchnorm"}
    assert differences(SPEC, SPEC) == ()


def test_a_change_inside_the_crop_changes_the_key_and_shows_the_crop() -> None:
    cropped, narrower = (
        SPEC.model_copy(update={"recipe": SPEC.recipe.model_copy(update={"resized_crop": crop})})
        for crop in (ResizedCrop(), ResizedCrop(scale=(0.2, 1.0)))
    )
    assert len({run_key(SPEC), run_key(cropped), run_key(narrower)}) == 3
    (line,) = differences(narrower, cropped)
    assert line.startswith("resized_crop {")
    assert "0.2" in line


def test_no_field_of_the_recipe_has_the_name_of_a_field_of_the_run() -> None:
    # Differences name the recipe's fields beside the run's, without a prefix.
    assert not set(RunSpec.model_fields) & set(Recipe.model_fields)


def test_a_run_has_no_seed_below_zero_and_no_field_that_is_unknown() -> None:
    for wrong in ({"seed": -1}, {"workers": 2}, {"checkpoint_seconds": float("nan")}):
        with pytest.raises(ValidationError):
            RunSpec(**{**dict(SPEC), **wrong})
