"""Networks: Table 1 from arithmetic alone, and names that no network has."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from bnrepro.errors import UnknownName, UsageError
from bnrepro.spec.arms import Arm
from bnrepro.spec.load import load_references
from bnrepro.spec.networks import Family, Network
from bnrepro.spec.references import Reference

REFERENCES = load_references(Path(__file__).parents[1] / "reference_numbers")
TABLE1 = {name: reference for name, reference in REFERENCES if name.startswith("table1/")}
SLIP = "table1/wrn-14-2-total"


def printed(count: int, reference: Reference) -> float:
    """A count at the precision of a printed one, halves rounded up."""
    unit = Decimal(str(reference.rounding))
    return float((count / unit).quantize(Decimal(1), ROUND_HALF_UP) * unit)


def count_of(name: str, reference: Reference) -> int:
    assert reference.network is not None
    return int(getattr(reference.network.counts(), name.rpartition("-")[2]))


def test_table1_has_four_rows_of_twelve_networks() -> None:
    assert len(TABLE1) == 48
    assert len({str(reference.network) for reference in TABLE1.values()}) == 12


@pytest.mark.parametrize("name", [name for name in TABLE1 if name != SLIP])
def test_count_equals_table1_as_printed(name: str) -> None:
    assert printed(count_of(name, TABLE1[name]), TABLE1[name]) == TABLE1[name].value


def test_wrn_14_2_is_a_slip_of_table1() -> None:
    assert count_of(SLIP, TABLE1[SLIP]) == 696_618
    assert printed(696_618, TABLE1[SLIP]) == 697_000
    assert TABLE1[SLIP].value == 696_000


def test_resnet_14_has_560_batchnorm_channels_the_shortcuts_included() -> None:
    network = Network.parse("resnet-14")
    assert sum(layer.out_channels for layer in network.convolutions()) == 560
    assert network.counts().batchnorm == 1_120


@pytest.mark.parametrize("name", ["resnet-14", "resnet-866", "wrn-14-32", "wrn-32-2", "imagenet-resnet-50"])
def test_a_name_survives_reading_and_writing(name: str) -> None:
    assert str(Network.parse(name)) == name


def test_width_one_is_written_without_its_width() -> None:
    assert Network.parse("wrn-14-1") == Network.parse("resnet-14")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("resnet-15", "depths are 6D + 2 with D >= 1; the nearest are 14 and 20"),
        ("resnet-0", "depths are 6D + 2 with D >= 1; the nearest are 8 and 14"),
        ("wrn-14-0", "a width is a whole number from 1 up"),
        ("wrn-13-2", "the nearest are 8 and 14"),
        ("imagenet-resnet-51", "did you mean 'imagenet-resnet-50'?"),
        ("resnet14", "did you mean 'resnet-DEPTH'?"),
        ("resnet-14\n", "did you mean 'resnet-DEPTH'?"),
        ("resnet-١٤", "did you mean 'resnet-DEPTH'?"),
        ("vgg-11", "choose from resnet-DEPTH, wrn-DEPTH-WIDTH, imagenet-resnet-DEPTH"),
        (14, "a network is named by text such as resnet-14"),
        (None, "a network is named by text such as resnet-14"),
    ],
)
def test_a_name_of_no_network_says_the_valid_form(name: object, form: str) -> None:
    with pytest.raises(UsageError) as caught:
        Network.parse(name)
    assert form in str(caught.value)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("random_0", "K from 1 up"),
        ("random_-1", "did you mean 'random_K'?"),
        ("random_2 ", "did you mean 'random_K'?"),
        ("batchnrom", "did you mean 'batchnorm'?"),
        (2, "an arm is named by text such as batchnorm"),
    ],
)
def test_a_name_of_no_arm_says_the_valid_form(name: object, form: str) -> None:
    with pytest.raises(UsageError) as caught:
        Arm.parse(name)
    assert form in str(caught.value)


def test_an_unknown_network_is_an_unknown_name() -> None:
    with pytest.raises(UnknownName) as caught:
        Network.parse("imagenet-resnet-19")
    assert caught.value.exit_code == 2
    assert "imagenet-resnet-18" in caught.value.choices


def test_an_imagenet_network_cannot_be_counted_yet() -> None:
    network = Network.parse("imagenet-resnet-50")
    assert network.family is Family.IMAGENET
    with pytest.raises(UsageError, match="builds the CIFAR ResNets only"):
        network.counts()
