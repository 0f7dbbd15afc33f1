"""Networks: the paper's tables of counts from arithmetic alone, and names that no network has."""

from __future__ import annotations

import math
import re
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from bnrepro.errors import UnknownName, UsageError
from bnrepro.spec.arms import Arm
from bnrepro.spec.layers import Role
from bnrepro.spec.load import load_references
from bnrepro.spec.networks import Family, Network, NetworkField
from bnrepro.spec.references import Reference

REFERENCES = load_references(Path(__file__).parents[1] / "reference_numbers")
TABLES = {name: reference for name, reference in REFERENCES if name.startswith(("table1/", "appendix_c_counts/"))}
SLIPS = {
    "table1/wrn-14-2-total": (696_618, 697_000, 696_000),
    "table1/imagenet-resnet-101-total": (44_549_160, 44_500_000, 44_600_000),
    "table1/resnet-866-output-share": (Fraction(65_000, 13_979_930), 0.0, 0.01),
}
"""Cells that cannot be: what the network has, how that rounds, and what is printed."""


def rounded(count: Fraction, reference: Reference) -> float:
    """A count at the precision of a printed one, halves rounded up."""
    unit = Fraction(str(reference.rounding))
    return float(math.floor(count / unit + Fraction(1, 2)) * unit)


def count_of(name: str, reference: Reference) -> Fraction:
    """Of a cell such as ``table1/resnet-14-output`` the count, of ``…-output-share`` the percentage of the total."""
    assert reference.network is not None
    counts = reference.network.counts()
    row = name.partition(f"/{reference.network}-")[2]
    count = Fraction(getattr(counts, row.removesuffix("-share")))
    return 100 * count / counts.total if row.endswith("-share") else count


def test_the_tables_have_seven_rows_of_seventeen_networks_and_five_of_four() -> None:
    rows = Counter(str(reference.network) for reference in TABLES.values())
    assert sorted(rows.values()) == [5] * 4 + [7] * 17
    assert {name for name, number in rows.items() if number == 5} == {"vgg-11", "vgg-13", "vgg-16", "vgg-19"}


@pytest.mark.parametrize("name", [name for name in TABLES if name not in SLIPS])
def test_count_equals_the_papers_tables_as_printed(name: str) -> None:
    assert rounded(count_of(name, TABLES[name]), TABLES[name]) == TABLES[name].value


@pytest.mark.parametrize("name", SLIPS)
def test_three_cells_of_table1_are_slips(name: str) -> None:
    has, rounds_to, prints = SLIPS[name]
    assert count_of(name, TABLES[name]) == has
    assert rounded(Fraction(has), TABLES[name]) == rounds_to
    assert TABLES[name].value == prints


def test_resnet_14_has_560_batchnorm_channels_the_shortcuts_included() -> None:
    network = Network.parse("resnet-14")
    assert sum(layer.out_channels for layer in network.convolutions()) == 560
    assert network.counts().batchnorm == 1_120


@pytest.mark.parametrize(
    ("name", "convolutions", "features", "groups"),
    [
        ("resnet-14", 15, 64, (2, 2, 2)),
        ("wrn-8-0.0625", 9, 4, (1, 1, 1)),
        ("vgg-11", 8, 512, (1, 1, 2, 2, 2)),
        ("vgg-19-0.25", 16, 128, (2, 2, 4, 4, 4)),
        ("imagenet-resnet-34", 36, 512, (3, 4, 6, 3)),
        ("imagenet-resnet-50", 53, 2048, (3, 4, 6, 3)),
        ("imagenet-resnet-200", 203, 2048, (3, 24, 36, 3)),
    ],
)
def test_layers_lead_one_into_the_next(name: str, convolutions: int, features: int, groups: tuple[int, ...]) -> None:
    network = Network.parse(name)
    layers = network.convolutions()
    assert (len(layers), network.features, network.blocks_per_group) == (convolutions, features, groups)
    body = [layer for layer in layers if layer.role is Role.BODY]
    assert [layer.in_channels for layer in body[1:]] == [layer.out_channels for layer in body[:-1]]
    # VGG is named for three linear layers, of which the CIFAR-10 version keeps one.
    assert len(body) == network.depth - (3 if network.family is Family.VGG else 1)
    assert {layer.bias for layer in layers} == {network.family is Family.VGG}


def test_only_a_bottleneck_has_a_shortcut_convolution_in_its_first_group() -> None:
    shortcuts = {
        name: [layer.name.partition(".")[0] for layer in Network.parse(name).convolutions() if layer.kernel == 1]
        for name in ("resnet-20", "imagenet-resnet-34")
    }
    assert shortcuts == {"resnet-20": ["group2", "group3"], "imagenet-resnet-34": ["group2", "group3", "group4"]}
    layers = {layer.name: layer for layer in Network.parse("imagenet-resnet-50").convolutions()}
    ends = [(layer.in_channels, layer.out_channels, layer.stride) for n, layer in layers.items() if "shortcut" in n]
    assert ends == [(64, 256, 1), (256, 512, 2), (512, 1024, 2), (1024, 2048, 2)]
    assert [layers[f"group2.block1.conv{number}"].stride for number in (1, 2, 3)] == [1, 2, 1]


@pytest.mark.parametrize(("depth", "billions"), [(18, "1.81"), (34, "3.66"), (50, "4.09"), (101, "7.80")])
def test_multiply_adds_are_those_that_torchvision_documents(depth: int, billions: str) -> None:
    network = Network.parse(f"imagenet-resnet-{depth}")
    output_layer = network.features * network.classes
    assert f"{(network.multiply_adds(224) + output_layer) / 1e9:.2f}" == billions


def test_fewer_classes_shrink_the_output_layer_alone() -> None:
    for name, features in (("resnet-14", 64), ("vgg-11", 512), ("imagenet-resnet-50", 2048)):
        network = Network.parse(name)
        usual, small = network.counts(), network.counts(classes=3)
        assert usual.output == (features + 1) * network.classes
        assert small.output == (features + 1) * 3
        assert usual.total - small.total == usual.output - small.output
        assert (small.batchnorm, small.shortcut) == (usual.batchnorm, usual.shortcut)


@pytest.mark.parametrize(
    "name",
    [
        "resnet-14",
        "resnet-866",
        "wrn-14-32",
        "wrn-32-2",
        "wrn-14-0.25",
        "wrn-20-0.125",
        "wrn-8-1.0625",
        "vgg-11",
        "vgg-19-2",
        "vgg-11-0.015625",
        "imagenet-resnet-50",
    ],
)
def test_a_name_survives_reading_and_writing(name: str) -> None:
    assert str(Network.parse(name)) == name


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("wrn-14-1", "resnet-14"),
        ("wrn-14-1.0", "resnet-14"),
        ("wrn-14-2.0", "wrn-14-2"),
        ("wrn-14-0.50", "wrn-14-0.5"),
        ("vgg-11-1", "vgg-11"),
    ],
)
def test_one_network_has_one_name_whatever_the_spelling_of_its_width(spelling: str, name: str) -> None:
    assert str(Network.parse(spelling)) == name
    assert Network.parse(spelling) == Network.parse(name)
    assert hash(Network.parse(spelling)) == hash(Network.parse(name))


def test_a_whole_width_may_be_an_int() -> None:
    network = Network(family=Family.CIFAR, depth=14, width=2)
    assert network == Network.parse("wrn-14-2") == Network(family=Family.CIFAR, depth=14, width=Fraction(2))
    assert network.counts() == Network.parse("wrn-14-2").counts()


def test_a_fraction_of_the_width_is_a_fraction_of_every_layers_channels() -> None:
    for name, narrow in (("resnet-20", "wrn-20-0.125"), ("vgg-16", "vgg-16-0.125")):
        pairs = zip(Network.parse(name).convolutions(), Network.parse(narrow).convolutions(), strict=True)
        assert all(8 * small.out_channels == layer.out_channels for layer, small in pairs)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("resnet-15", "depths are 6D + 2 with D >= 1; the nearest are 14 and 20"),
        ("resnet-0", "depths are 6D + 2 with D >= 1; the nearest are 8 and 14"),
        ("wrn-14-0", "width 0 in 'wrn-14-0': a width is a multiple of 1/16 (0.0625), from 1/16 up"),
        ("wrn-14-0.0", "a width is a multiple of 1/16 (0.0625), from 1/16 up"),
        ("wrn-14-0.3", "width 0.3 in 'wrn-14-0.3': a width is a multiple of 1/16 (0.0625), from 1/16 up"),
        ("vgg-11-0.01", "width 0.01 in 'vgg-11-0.01': a width is a multiple of 1/64 (0.015625), from 1/64 up"),
        ("wrn-13-2", "the nearest are 8 and 14"),
        ("wrn-14--2", "wrn-DEPTH-WIDTH"),
        ("wrn-14-1/8", "wrn-DEPTH-WIDTH"),
        ("wrn-14-02", "wrn-DEPTH-WIDTH"),
        ("wrn-14-.5", "wrn-DEPTH-WIDTH"),
        ("wrn-14-nan", "wrn-DEPTH-WIDTH"),
        ("vgg-12", "no VGG has depth 12 (in 'vgg-12'): depths are 11, 13, 16 and 19"),
        ("vgg-0-2", "depths are 11, 13, 16 and 19"),
        ("vgg11", "choose from resnet-DEPTH"),
        ("imagenet-resnet-51", "did you mean 'imagenet-resnet-50'?"),
        ("imagenet-resnet-50-2", "did you mean 'imagenet-resnet-50'?"),
        ("resnet14", "did you mean 'resnet-DEPTH'?"),
        ("resnet-14\n", "did you mean 'resnet-DEPTH'?"),
        ("resnet-١٤", "did you mean 'resnet-DEPTH'?"),
        (
            "alexnet",
            "choose from resnet-DEPTH, wrn-DEPTH-WIDTH, vgg-DEPTH, vgg-DEPTH-WIDTH, imagenet-resnet-DEPTH",
        ),
        (14, "a network is named by text such as resnet-14"),
        (None, "a network is named by text such as resnet-14"),
    ],
)
def test_a_name_of_no_network_says_the_valid_form(name: object, form: str) -> None:
    with pytest.raises(UsageError) as caught:
        Network.parse(name)
    assert form in str(caught.value)


@pytest.mark.parametrize(
    ("family", "depth", "width"),
    [
        (Family.CIFAR, 9, 1),
        (Family.CIFAR, 14, -1),
        (Family.CIFAR, 14, Fraction(1, 3)),
        (Family.VGG, 14, 1),
        (Family.IMAGENET, 50, 2),
        (Family.IMAGENET, 152, 1),
    ],
)
def test_a_network_that_does_not_exist_cannot_be_made(family: Family, depth: int, width: int | Fraction) -> None:
    with pytest.raises(UsageError):
        Network(family=family, depth=depth, width=width)


def test_the_json_schema_knows_the_names_that_parse() -> None:
    pattern = re.compile(TypeAdapter(NetworkField).json_schema()["pattern"])
    for name in ("resnet-14", "wrn-14-4", "wrn-20-0.125", "wrn-14-2.0", "vgg-19", "vgg-11-0.25", "imagenet-resnet-200"):
        assert pattern.search(name), name
        assert Network.parse(name)
    for name in ("vgg-12", "wrn-14", "wrn-14-.5", "imagenet-resnet-19", "resnet-14-2", "vgg-11-1/4"):
        assert not pattern.search(name), name


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
