"""The committed claims and numbers against the catalogue of the paper's claims and against the paper's text."""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from bnrepro.checks import KINDS, obstacle_at
from bnrepro.small_resnets import BUDGET_NETWORKS, Stratum, search
from bnrepro.spec.catalogue import ROWS
from bnrepro.spec.checks import CheckSpec, CountCheck, MonotoneCheck
from bnrepro.spec.claim import Claim
from bnrepro.spec.load import LoadedClaim, check_references, load_claims, load_references
from bnrepro.spec.networks import Family, Network
from bnrepro.spec.quantities import QUANTITIES, QuantityName
from bnrepro.spec.references import HowRead
from bnrepro.spec.scale import Scale

ROOT = Path(__file__).parents[1]
LOADED = load_claims([ROOT / "claims"])
CLAIMS = {loaded.claim.id: loaded.claim for loaded in LOADED}
REFERENCES = load_references(ROOT / "reference_numbers")

DEEPENED = [f"resnet-{depth}" for depth in (14, 32, 56, 110, 218, 434, 866)]
WIDENED = [f"wrn-14-{width}" for width in (2, 4, 8, 16, 32)]
CIFAR = DEEPENED + WIDENED
IMAGENET = [f"imagenet-resnet-{depth}" for depth in (18, 34, 50, 101, 200)]
VGG = ["vgg-11", "vgg-13", "vgg-16", "vgg-19"]


def checks_of(row: str) -> Iterator[tuple[Claim, CheckSpec]]:
    """The checks of a row of the catalogue, each with its claim."""
    return ((claim, check) for claim in CLAIMS.values() for check in claim.checks if check.row == row)


def all_checks() -> list[tuple[Claim, CheckSpec]]:
    return [(claim, check) for claim in CLAIMS.values() for check in claim.checks]


FILES = {
    "table1_parameter_counts": "A01",
    "sec3_parameter_scaling": "A03 A04 A09 A10",
    "sec3_replicate_spread": "B05",
    "fig1_affine_matters": "B01 B02 B03",
    "sec4_bn_only_accuracy": "C01 C02 C03 C04 C05 C12",
    "sec4_depth_and_width": "C06 C07 C08 C11",
    "sec4_chance_and_all": "C09 C10",
    "sec4_output_layer": "C13 C14 C15 C16 C17",
    "sec4_random_params": "C18 C19 C20",
    "sec4_scattered_random": "C21",
    "fig3_depth_vs_width": "C22 C23 C24 C25",
    "sec5_gamma_distribution": "D01 D02 D03 D04",
    "sec5_gamma_sparsity": "D05 D06 D07 D08 D09",
    "sec5_clamping_harmless": "E01 E02 E03",
    "sec5_activation_sparsity": "E04 E05 E06",
    "appc_vgg": "B04 F01 F02 F03 F04 F05 F06 F07",
    "appc_vgg_parameter_counts": "A02",
    "appd_small_resnets": "G01 G02",
    "appe_feature_init": "H01",
    "appe_bn_init": "H02",
    "appe_beta_one": "H03 H04 H05",
    "appe_beta_one_failures": "H06",
    "appf_k_random": "I01 I02",
    "appf_random_and_output": "I03 I04 I05",
    "appg_parameter_counts": "A05 A06 A07 A08",
    "appg_shortcuts": "J01 J02 J03 J04 J05",
}
"""The rows of the catalogue that each file holds: a file for each place of the paper (docs/decisions/014)."""


def test_every_row_of_the_catalogue_is_in_exactly_one_file() -> None:
    assert len(ROWS) == 80
    assert Counter(row for rows in FILES.values() for row in rows.split()) == Counter(ROWS)


def test_a_file_holds_the_rows_of_its_place_in_their_order() -> None:
    assert {claim.id: " ".join(claim.rows) for claim in CLAIMS.values()} == FILES
    for claim in CLAIMS.values():
        rows = [check.row for check in claim.checks]
        assert rows == sorted(rows), claim.id


def test_the_data_are_looked_at_twice_except_where_failures_are_counted() -> None:
    looks = {claim.id: claim.looks.seeds for claim in CLAIMS.values() if claim.looks.seeds != (3, 5)}
    assert looks == {"appe_beta_one_failures": (17,)}


def test_spreads_to_plan_with_are_given_where_means_are_compared_and_only_at_scales_that_are_run() -> None:
    for claim in CLAIMS.values():
        run = {scale for scale in Scale for group in claim.networks if claim.networks_at(group, scale)}
        of_means = any(check.trains and check.kind != "failure_rate" for check in claim.checks)
        assert set(claim.assumed_sd) == (run if of_means else set()), claim.id


def test_the_rows_that_hold_up_no_verdict_are_the_lost_and_the_contradicted() -> None:
    deciding = {row for row in ROWS if any(check.decides for _, check in checks_of(row))}
    assert set(ROWS) - deciding == {"C02", "C12", "C19", "C20", "D09", "E05"}


def test_all_claims_and_numbers_load_and_fit_within_two_seconds() -> None:
    started = time.process_time()
    check_references(load_claims([ROOT / "claims"]), load_references(ROOT / "reference_numbers"))
    assert time.process_time() - started < 2


@pytest.mark.parametrize("loaded", LOADED, ids=lambda loaded: loaded.claim.id)
def test_a_claim_file_is_short_and_names_its_schema(loaded: LoadedClaim) -> None:
    lines = loaded.path.read_text(encoding="utf-8").splitlines()
    assert 20 <= len(lines) <= 150
    assert lines[0] == "# yaml-language-server: $schema=claim.schema.json"
    assert max(map(len, lines)) <= 120


CHECKS = {
    "A01": "count 0, count 0",
    "A02": "count 0, count 0",
    "A03": "count 0, count 0",
    "A04": "count 0.05",
    "A05": "count 0",
    "A06": "count 0",
    "A07": "count 0",
    "A08": "count 0.2",
    "A09": "growth 0, growth 0, growth 0",
    "A10": "count 0, count 0",
    "B01": "superiority 0, range 1",
    "B02": "superiority 0, range 1",
    "B03": "slope 0, slope 0",
    "B04": "equivalence 0.5",
    "B05": "sd_bound 1, sd_bound 1",
    "C01": "range 1.5",
    "C02": "range 1.5",
    "C03": "range 2, range 2, range 2",
    "C04": "range 3, range 3",
    "C05": "range 3",
    "C06": "monotone 0.5",
    "C07": "monotone 0.5",
    "C08": "monotone 0.5, monotone 0.5",
    "C09": "above_chance 10, above_chance 10, above_chance 2",
    "C10": "superiority 0, superiority 0, superiority 0",
    "C11": "superiority 0, range 2",
    "C12": "range 2, range 2",
    "C13": "range 5, range 3",
    "C14": "containment 2, range 3",
    "C15": "range 1, range 0.5",
    "C16": "superiority 27",
    "C17": "equivalence 3.5, equivalence 1",
    "C18": "superiority 10, containment 2",
    "C19": "range 2",
    "C20": "worst_case 0.5",
    "C21": "non_inferiority 1",
    "C22": "linearity 3, linearity 3",
    "C23": "slope_ratio 0.1",
    "C24": "fixed_budget 0",
    "C25": "below_line 0",
    "D01": "range 0.03, range 0.03, range 3",
    "D02": "range 0.03, range 0.04, range 3",
    "D03": "superiority 0, superiority 0",
    "D04": "range 0.03, range 0.03, range 0.03, range 0.03",
    "D05": "superiority 0, superiority 0, range 3, range 3, range 2, range 2",
    "D06": "superiority 0, superiority 0, proportion_in_range 2, proportion_in_range 2",
    "D07": "worst_case 2, worst_case 2",
    "D08": "monotone 3, range 3, range 5",
    "D09": "worst_case 0.5, worst_case 0.5, worst_case 0.5",
    "E01": "equivalence 0.5, equivalence 0.5",
    "E02": "equivalence 0.5, equivalence 0.5",
    "E03": "equivalence 2",
    "E04": "superiority 0, superiority 0, proportion_in_range 2, proportion_in_range 2",
    "E05": "worst_case 0.5, worst_case 0.5",
    "E06": "superiority 5, superiority 5, superiority 5, superiority 5, superiority 5, superiority 5",
    "F01": "range 2, range 2",
    "F02": "proportion_in_range 1",
    "F03": "monotone 0.5",
    "F04": "superiority 3, non_inferiority 2",
    "F05": "range 2, range 2, monotone 0.5",
    "F06": "superiority 6, containment 2",
    "F07": "superiority 0, range 3, range 3, range 2",
    "G01": "superiority 0, range 2",
    "G02": "superiority 1",
    "H01": "equivalence 1, equivalence 1, equivalence 1",
    "H02": "equivalence 1, equivalence 1, equivalence 2, equivalence 2",
    "H03": "superiority 0, containment 1",
    "H04": "range 2, range 2, range 3",
    "H05": "superiority 0, range 1.5, superiority 0, range 1",
    "H06": "failure_rate 20",
    "I01": "matching 1",
    "I02": "matching 1",
    "I03": "non_inferiority 1",
    "I04": "superiority 0, equivalence 3",
    "I05": "superiority 5, superiority 5, superiority 5",
    "J01": "range 1.5",
    "J02": "equivalence 1",
    "J03": "slope 0",
    "J04": "superiority 0, range 2, range 2, range 3",
    "J05": "range 2, range 3, non_inferiority 1, superiority 0",
}
"""Kind and margin or tolerance of every check, by row: the catalogue's, and beside a number of the paper the sign."""


def test_kinds_and_margins_are_those_of_the_catalogue() -> None:
    written = {
        row: ", ".join(f"{check.kind} {check.shown_margin:g}" for _, check in checks_of(row)) for row in sorted(ROWS)
    }
    assert written == CHECKS


@pytest.mark.parametrize(
    ("row", "networks"),
    [
        ("A01", CIFAR + IMAGENET),
        ("A02", VGG),
        ("A09", CIFAR),
        ("B01", CIFAR),
        ("B02", IMAGENET),
        ("B03", CIFAR),
        ("B04", VGG),
        ("C01", ["resnet-110"]),
        ("C03", ["resnet-14", "resnet-866", "wrn-14-32"]),
        ("C04", ["imagenet-resnet-50", "imagenet-resnet-200"]),
        ("C06", DEEPENED),
        ("C07", ["resnet-14", *WIDENED]),
        ("C08", IMAGENET),
        ("C09", CIFAR + VGG + IMAGENET),
        ("C10", CIFAR + VGG + IMAGENET),
        ("C11", ["resnet-434", "wrn-14-32"]),
        ("C13", IMAGENET),
        ("C16", ["imagenet-resnet-200"]),
        ("C17", CIFAR),
        ("C18", CIFAR),
        ("C20", IMAGENET),
        ("C22", [network for network in CIFAR if network != "resnet-866"]),
        ("C23", CIFAR),
        ("C25", DEEPENED),
        ("D03", ["resnet-110", "imagenet-resnet-101"]),
        ("D06", CIFAR + IMAGENET),
        ("D07", [network for network in CIFAR + IMAGENET if network not in {"resnet-434", "resnet-866"}]),
        ("D08", DEEPENED),
        ("D09", CIFAR + VGG + IMAGENET),
        ("E01", CIFAR + IMAGENET),
        (
            "E03",
            [n for n in CIFAR if n not in {"resnet-434", "resnet-866", "wrn-14-16", "wrn-14-32"}],
        ),
        ("E06", CIFAR + VGG + IMAGENET),
        ("F04", ["vgg-11", "vgg-16", "vgg-19"]),
        ("F05", VGG),
        ("H02", CIFAR + IMAGENET),
        ("H04", ["resnet-866", "wrn-14-32", "imagenet-resnet-200"]),
        ("H06", ["resnet-434", "resnet-866"]),
        ("I02", ["resnet-110", "resnet-218", "resnet-434", "resnet-866"]),
        ("I04", [network for network in IMAGENET if network != "imagenet-resnet-50"]),
        ("I05", CIFAR + VGG + IMAGENET),
        ("J04", ["resnet-14", "resnet-110", "wrn-14-32", "imagenet-resnet-101"]),
        ("J05", ["resnet-14", "imagenet-resnet-101"]),
    ],
)
def test_networks_at_the_papers_scale_are_those_of_the_catalogue(row: str, networks: list[str]) -> None:
    named = {
        str(network)
        for claim, check in checks_of(row)
        for group in check.groups
        for network in claim.networks_at(group, Scale.PAPER)
    }
    assert named == set(networks)


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=lambda claim: claim.id)
def test_not_run_speaks_of_just_the_scales_at_which_something_is_left_out(claim: Claim) -> None:
    left_out = {scale for scale in Scale for group in claim.networks if not claim.networks_at(group, scale)}
    assert set(claim.not_run) == (left_out if claim.trains else set())
    assert claim.trains or left_out == {Scale.REDUCED, Scale.DIGITS}


@pytest.mark.parametrize("scale", [Scale.REDUCED, Scale.DIGITS])
@pytest.mark.parametrize("claim", CLAIMS.values(), ids=lambda claim: claim.id)
def test_a_claim_that_runs_at_a_small_scale_can_say_something_there(claim: Claim, scale: Scale) -> None:
    runs_there = any(claim.networks_at(group, scale) for group in claim.networks)
    assessable = [
        check.id
        for check in claim.checks
        if check.decides
        and all(claim.networks_at(group, scale) for group in check.groups)
        and obstacle_at(check, scale, REFERENCES) is None
    ]
    assert runs_there == bool(assessable)


NAMED = re.compile(r"(ImageNet )?\b(ResNet|WRN|VGG)((?:-\d+)+)((?:(?:,| and| or| to) \d+\b(?!\.\d| %| points?))*)")
"""A network as a sentence names it, with what it lets other numbers share: ImageNet ResNet-50 to 101 to 200."""


def networks_named_in(sentence: str) -> list[str]:
    """The networks that a sentence names, as a claim file writes them."""
    return [
        f"{'imagenet-' if imagenet else ''}{family.lower()}{size}"
        for imagenet, family, first, others in NAMED.findall(sentence)
        for size in (first, *(f"-{other}" for other in re.findall(r"\d+", others)))
    ]


@pytest.mark.parametrize(
    ("sentence", "networks"),
    [
        ("It rises from ImageNet ResNet-50 to 101 to 200.", [f"imagenet-resnet-{depth}" for depth in (50, 101, 200)]),
        ("On VGG-16 and VGG-19, and on ResNet-434 and 866.", ["vgg-16", "vgg-19", "resnet-434", "resnet-866"]),
        ("From WRN-14-32 to 73 %, and from ResNet-14 to 48.5 %.", ["wrn-14-32", "resnet-14"]),
        ("Every ResNet of width 1/8 beats 16 weights.", []),
    ],
)
def test_networks_are_recognised_in_a_sentence(sentence: str, networks: list[str]) -> None:
    assert networks_named_in(sentence) == networks


def test_a_check_names_only_networks_that_it_has_at_every_scale_at_which_it_can_be_judged() -> None:
    found = 0
    for claim, check in all_checks():
        if KINDS[check.kind].against_paper:
            continue
        named = set(networks_named_in(check.states))
        for scale in Scale:
            groups = [claim.networks_at(group, scale) for group in check.groups]
            if all(groups):
                left_out = named - {str(network) for group in groups for network in group}
                assert not left_out, (claim.id, check.id, scale)
                found += len(named)
    assert found > 10


def test_a_bound_that_holds_at_the_papers_scale_alone_says_so_where_a_smaller_scale_is_judged() -> None:
    said = {
        (claim.id, check.id): "at the paper's scale" in check.states
        for claim, check in all_checks()
        if isinstance(check, MonotoneCheck) and check.end_to_end
        if claim.networks_at(check.networks, Scale.REDUCED) or claim.networks_at(check.networks, Scale.DIGITS)
    }
    assert len(said) == 5
    assert all(said.values()), said


def test_imagenet_networks_run_at_the_papers_scale_only() -> None:
    for claim in CLAIMS.values():
        for group in claim.networks:
            small = [network for scale in (Scale.REDUCED, Scale.DIGITS) for network in claim.networks_at(group, scale)]
            assert Family.IMAGENET not in {network.family for network in small}, (claim.id, group)


def test_top5_accuracy_is_asked_of_imagenet_alone() -> None:
    for claim, check in all_checks():
        if check.metric == "top5_accuracy":
            networks = [network for group in check.groups for network in claim.networks_at(group, Scale.PAPER)]
            assert {network.family for network in networks} == {Family.IMAGENET}, (claim.id, check.id)


def test_a_number_of_one_network_arm_or_metric_is_held_against_just_that() -> None:
    held = 0
    for claim, check in all_checks():
        for name in check.references:
            reference = REFERENCES.get(name)
            networks = claim.networks_at(check.networks, Scale.PAPER)
            if reference.network is not None:
                assert networks == (reference.network,), (claim.id, check.id)
            if reference.arm is not None and check.trains:
                assert check.arms == (reference.arm,) * len(check.arms), (claim.id, check.id)
            if reference.metric is not None and check.trains:
                assert check.metric is reference.metric, (claim.id, check.id)
            held += 1
    assert held > 70


def test_the_small_networks_are_the_nearest_wherever_each_stratum_has_a_match() -> None:
    claim = CLAIMS["appd_small_resnets"]
    grids = [(network, search(network.counts().batchnorm)) for network in BUDGET_NETWORKS]
    both = [(network, grid) for network, grid in grids if {*Stratum} <= {match.stratum for match in grid.matches}]
    higher, lower = (
        tuple(grid.nearest(stratum).network for _, grid in both) for stratum in (Stratum.HIGHER, Stratum.LOWER)
    )
    assert {group: claim.networks_at(group, Scale.PAPER) for group in claim.networks} == {
        "small_shallow": higher,
        "large": tuple(network for network, _ in both),
        "upper": higher,
        "lower": lower,
    }


@pytest.mark.parametrize(("scale", "channels"), [(Scale.REDUCED, 3), (Scale.DIGITS, 1)])
def test_the_small_networks_of_small_scales_are_of_like_size_too(scale: Scale, channels: int) -> None:
    claim = CLAIMS["appd_small_resnets"]
    (small,), (large,), (upper,), (lower,) = (
        claim.networks_at(group, scale) for group in ("small_shallow", "large", "upper", "lower")
    )
    assert 0.88 < small.counts(channels).total / large.counts(channels).batchnorm < 1
    assert upper.counts(channels).total / lower.counts(channels).total == pytest.approx(1, abs=0.06)


TEXT = {
    "appendix_c/vgg-11-batchnorm": (57, 1, "Appendix C.2"),
    "appendix_c/vgg-19-batchnorm": (61, 1, "Appendix C.2"),
    "appendix_c/all": ((92, 93), 1, "Appendix C.2"),
    "appendix_c/chance": (10, 1, "Appendix C.2"),
    "appendix_c/vgg-11-output-gain": (3, 1, "Appendix C.2"),
    "appendix_c/deeper-output-gain": (2, 1, "Appendix C.2"),
    "appendix_c/vgg-11-output": (41, 1, "Appendix C.2"),
    "appendix_c/vgg-19-output": (27, 1, "Appendix C.2"),
    "appendix_c/random-2-gap": ((13, 14), 1, "Appendix C.2"),
    "appendix_c/vgg-11-batchnorm-gamma-small": (44, 1, "Appendix C.2"),
    "appendix_c/vgg-19-batchnorm-gamma-small": (48, 1, "Appendix C.2"),
    "appendix_c/all-gamma-small": ((2, 3), 1, "Appendix C.2"),
    "appendix_d/small-over-batchnorm-best": ((5, 10), 1, "Appendix D"),
    "appendix_d/lower-stratum-width": (0.125, 0.125, "Appendix D"),
    "appendix_d/upper-stratum-width": ((0.25, 0.5), 0.25, "Appendix D"),
    "appendix_e/beta-one-gain": ((1, 3), 1, "Appendix E.2"),
    "appendix_e/resnet-866-batchnorm-beta-one": (84, 1, "Appendix E.2"),
    "appendix_e/wrn-14-32-batchnorm-beta-one": (75, 1, "Appendix E.2"),
    "appendix_e/imagenet-resnet-200-batchnorm-beta-one": (37, 1, "Appendix E.2"),
    "appendix_e/wrn-14-32-all-beta-one-loss": (3.5, 0.1, "Appendix E.2"),
    "appendix_e/imagenet-resnet-200-all-beta-one-loss": (0.5, 0.1, "Appendix E.2"),
    "appendix_f/random-k-shallow": (8, 1, "Appendix F"),
    "appendix_f/random-8-over-batchnorm": (4, 1, "Appendix F"),
    "appendix_f/random-k-deep": (16, 1, "Appendix F"),
    "appendix_f/random-16-over-batchnorm": (8, 1, "Appendix F"),
    "appendix_g/resnet-110-shortcut-output": (3200, 100, "Appendix G"),
    "appendix_g/resnet-110-shortcut-output-share": (0.38, 0.01, "Appendix G"),
    "appendix_g/resnet-110-gain": (5, 1, "Appendix G"),
    "appendix_g/resnet-110-batchnorm-shortcut-output": (74.6, 0.1, "Appendix G"),
    "appendix_g/resnet-866-gain": (0, 1, "Appendix G"),
    "appendix_g/resnet-14-trained-ratio": (4, 1, "Appendix G"),
    "appendix_g/resnet-14-batchnorm": (48, 1, "Appendix G"),
    "appendix_g/resnet-14-batchnorm-shortcut-output": (63, 1, "Appendix G"),
    "appendix_g/wrn-14-32-shortcut-output": (2600000, 100000, "Appendix G"),
    "appendix_g/wrn-14-32-shortcut-output-over-batchnorm": (315, 1, "Appendix G"),
    "appendix_g/wrn-14-32-batchnorm": (73, 1, "Appendix G"),
    "appendix_g/wrn-14-32-batchnorm-shortcut-output": (87, 1, "Appendix G"),
    "appendix_g/imagenet-resnet-101-batchnorm": (25, 1, "Appendix G"),
    "appendix_g/imagenet-resnet-101-batchnorm-shortcut-output": (72, 1, "Appendix G"),
    "appendix_g/imagenet-resnet-101-trained-ratio": (26, 1, "Appendix G"),
    "appendix_g/imagenet-resnet-101-batchnorm-count": (105000, 1000, "Appendix G"),
    "appendix_g/imagenet-resnet-101-trained": (2800000, 100000, "Appendix G"),
    "appendix_g/resnet-14-shortcut-output": (49, 1, "Appendix G"),
    "appendix_g/imagenet-resnet-101-shortcut-output": (35, 1, "Appendix G"),
    "section1/affine-gain-cifar": ((0.5, 2), 0.5, "Section 1"),
    "section1/affine-gain-imagenet": (2, 1, "Section 1"),
    "section1/batchnorm-share-most": (0.6, 0.1, "Section 1"),
    "section1/random-2-best": (56, 1, "Section 1"),
    "section1/channels-disabled": ((25, 50), 5, "Section 1"),
    "section2/rosenfeld-tsotsos-densenet": (61, 1, "Section 2"),
    "section2/rosenfeld-tsotsos-wide-resnet": (30, 1, "Section 2"),
    "section2/comparable-to-densenet": (80, 1, "Section 2"),
    "section2/comparable-to-wide-resnet": (70, 1, "Section 2"),
    "section4/batchnorm-share-cifar-most": (0.64, 0.01, "Section 4"),
    "section4/batchnorm-share-imagenet-most": (0.27, 0.01, "Section 4"),
    "section4/resnet-110-total": (1700000, 100000, "Section 4"),
    "section4/resnet-110-batchnorm-count": (8300, 100, "Section 4"),
    "section4/resnet-110-batchnorm-share": (0.48, 0.01, "Section 4"),
    "section4/chance-cifar": (10, 1, "Section 4"),
    "section4/resnet-110-all": (None, 1, "Section 4"),
    "section4/resnet-110-batchnorm": (69.5, 0.1, "Section 4"),
    "section4/resnet-14-batchnorm": (48, 1, "Section 4"),
    "section4/resnet-866-batchnorm": (82, 1, "Section 4"),
    "section4/wrn-14-32-batchnorm": (73, 1, "Section 4"),
    "section4/imagenet-resnet-50-batchnorm": (17, 1, "Section 4"),
    "section4/imagenet-resnet-200-batchnorm": (32, 1, "Section 4"),
    "section4/beta-one-gain-cifar": ((2, 3), 1, "Section 4"),
    "section4/beta-one-gain-imagenet": (5, 1, "Section 4"),
    "section4/imagenet-output-count": ((500000, 2100000), 100000, "Section 4"),
    "section4/output-gain-top5": (25, 1, "Section 4"),
    "section4/output-best-top5": (57, 1, "Section 4"),
    "section4/output-gain-top1": ((12, 19), 1, "Section 4"),
    "section4/output-best-top1": (32, 1, "Section 4"),
    "section4/imagenet-resnet-200-output-top5": (2.7, 0.1, "Section 4"),
    "section4/imagenet-resnet-200-output-top1": (0.8, 0.1, "Section 4"),
    "section4/resnet-434-over-wrn-14-32": (7, 1, "Section 4"),
    "section4/resnet-434-batchnorm-count": (32500, 100, "Section 4"),
    "section4/wrn-14-32-batchnorm-count": (35800, 100, "Section 4"),
    "section4/depth-over-width-slope": (1.18, 0.01, "Section 4"),
    "section4/resnet-866-batchnorm-count": (65000, 1000, "Section 4"),
    "section4/resnet-14-total": (175000, 1000, "Section 4"),
    "section4/resnet-866-batchnorm-over-resnet-14-total": (0.333, 0.1, "Section 4"),
    "section4/random-2-gap": ((17, 21), 1, "Section 4"),
    "section4/random-2-imagenet-most": (4, 1, "Section 4"),
    "section4/random-k-to-match": ((8, 16), 1, "Section 4"),
    "section5/resnet-110-all-gamma-mean": (0.27, 0.01, "Section 5"),
    "section5/resnet-110-all-gamma-sd": (0.21, 0.01, "Section 5"),
    "section5/resnet-110-all-gamma-positive": (95, 1, "Section 5"),
    "section5/resnet-110-batchnorm-gamma-mean": (0.2, 0.01, "Section 5"),
    "section5/resnet-110-batchnorm-gamma-sd": (0.48, 0.01, "Section 5"),
    "section5/resnet-110-batchnorm-gamma-negative": (25, 1, "Section 5"),
    "section5/imagenet-resnet-101-all-gamma-mean": (0.14, 0.01, "Section 5"),
    "section5/imagenet-resnet-101-all-gamma-sd": (0.14, 0.01, "Section 5"),
    "section5/imagenet-resnet-101-batchnorm-gamma-mean": (0.05, 0.01, "Section 5"),
    "section5/imagenet-resnet-101-batchnorm-gamma-sd": (0.26, 0.01, "Section 5"),
    "section5/resnet-110-batchnorm-gamma-small": (27, 1, "Section 5"),
    "section5/imagenet-resnet-101-batchnorm-gamma-small": (33, 1, "Section 5"),
    "section5/resnet-110-all-gamma-small": (4, 1, "Section 5"),
    "section5/imagenet-resnet-101-all-gamma-small": (5, 1, "Section 5"),
    "section5/gamma-small-quarter-to-third": ((25, 33.3), 5, "Section 5"),
    "section5/gamma-small-batchnorm": ((24, 38), 1, "Section 5"),
    "section5/gamma-small-all-most": (5, 1, "Section 5"),
    "section5/gamma-small-all-every-case": (5, 1, "Section 5"),
    "section5/mehta-sparsity": (50, 10, "Section 5"),
    "section5/resnet-14-all-gamma-below-0_05": (3, 1, "Section 5"),
    "section5/resnet-866-all-gamma-below-0_05": (48, 1, "Section 5"),
    "section5/units-off-batchnorm": ((28, 39), 1, "Section 5"),
    "section5/units-off-all-cifar-most": (10, 1, "Section 5"),
    "section5/units-off-all-imagenet-most": (2, 1, "Section 5"),
}
"""Every number that the text states of results: id, number or range, printed precision, and where it stands."""


@pytest.mark.parametrize("name", TEXT)
def test_a_number_of_the_text_is_there_as_printed(name: str) -> None:
    number, rounding, where = TEXT[name]
    reference = REFERENCES.get(name)
    printed = reference.value if reference.low is None else (reference.low, reference.high)
    assert (printed, reference.rounding) == (number, rounding)
    assert reference.where.startswith(where)
    assert reference.read_from is HowRead.PROSE


def test_no_number_of_the_text_is_left_out_of_the_list() -> None:
    assert {name for name, reference in REFERENCES if reference.read_from is not HowRead.TABLE} == set(TEXT)


LOST = {
    "section2/comparable-to-densenet",
    "section2/comparable-to-wide-resnet",
    "section4/resnet-110-all",
    "section5/units-off-batchnorm",
    "section5/units-off-all-cifar-most",
    "section5/units-off-all-imagenet-most",
}


def test_numbers_that_nothing_can_be_held_against_are_the_lost_ones_and_hold_up_no_verdict() -> None:
    assert {name for name, reference in REFERENCES if reference.missing} == LOST
    resting = {claim.id for claim, check in all_checks() if check.decides and LOST & set(check.references)}
    assert resting == set()


def test_runs_behind_a_number_are_five_three_or_none() -> None:
    for name, reference in REFERENCES:
        counted = reference.unit == "parameters" and reference.metric is None
        if reference.read_from is HowRead.TABLE or counted:
            assert reference.n == 1, name
        elif reference.network is not None and reference.unit in {"percent", "points", "gamma"} and reference.metric:
            assert reference.n == (3 if reference.network.family is Family.IMAGENET else 5), name


SLIPS = {
    "table1/wrn-14-2-total": 697_000,
    "table1/imagenet-resnet-101-total": 44_500_000,
    "table1/resnet-866-output-share": 0,
}
"""Cells of Table 1 that are not what the network counts at the printed digits, and what that is."""


@pytest.mark.parametrize(("table", "cells"), [("table1", 17 * 7), ("appendix_c_counts", 4 * 5)])
def test_a_table_is_whole_and_equals_the_count_but_for_the_known_slips(table: str, cells: int) -> None:
    named = [
        (check.reference_for(network, quantity), QUANTITIES[quantity].count(network))
        for claim in CLAIMS.values()
        for check in claim.checks
        if isinstance(check, CountCheck) and check.table == table
        for network in claim.networks_at(check.networks, Scale.PAPER)
        for quantity in check.quantities
    ]
    assert {name for name, _ in named} == {name for name, _ in REFERENCES if name.startswith(f"{table}/")}
    assert len(named) == cells
    for name, count in named:
        reference = REFERENCES.get(name)
        unit = Fraction(str(reference.rounding))
        rounded = math.floor(count / unit + Fraction(1, 2)) * unit
        assert float(rounded) == SLIPS.get(name, reference.value)
        assert (name in SLIPS) == ("slip" in reference.note)


@pytest.mark.parametrize(
    ("quantity", "network", "count"),
    [
        (QuantityName.SHORTCUT_OUTPUT_SHARE, "resnet-110", 0.19),
        (QuantityName.SHORTCUT_OUTPUT_SHARE, "resnet-56", 0.38),
        (QuantityName.SHORTCUT_OUTPUT_OVER_BATCHNORM, "wrn-14-32", 73.71),
        (QuantityName.SHORTCUT_OVER_BATCHNORM, "imagenet-resnet-101", 26.28),
        (QuantityName.BATCHNORM_SHORTCUT_OVER_BATCHNORM, "imagenet-resnet-101", 27.28),
        (QuantityName.BATCHNORM_SHORTCUT_OUTPUT_OVER_BATCHNORM, "imagenet-resnet-101", 46.73),
        (QuantityName.BATCHNORM_SHORTCUT_OUTPUT_OVER_BATCHNORM, "resnet-14", 3.87),
    ],
)
def test_what_the_flags_of_appendix_g_say_is_what_the_networks_count(
    quantity: QuantityName, network: str, count: float
) -> None:
    assert round(float(QUANTITIES[quantity].count(Network.parse(network))), 2) == count


DIGITS = {
    "all": "resnet-14 resnet-20 resnet-32 wrn-14-2 vgg-11-0.25 vgg-19-0.25 wrn-8-0.125 wrn-14-0.25 wrn-44-0.125",
    "batchnorm": "resnet-14 resnet-20 resnet-26 resnet-32 wrn-14-2 vgg-11-0.25 vgg-19-0.25",
    "random_2": "resnet-14 resnet-20 resnet-32 wrn-14-2 vgg-11-0.25 vgg-19-0.25",
    "all_but_affine": "resnet-14 resnet-32 wrn-14-2 vgg-11-0.25 vgg-19-0.25",
    "batchnorm_output": "resnet-14 resnet-32 wrn-14-2 vgg-11-0.25 vgg-19-0.25",
    "output": "vgg-11-0.25 vgg-19-0.25",
    "batchnorm_shortcut_output": "resnet-14 resnet-20 resnet-32",
    "random_2_scattered": "resnet-14 resnet-20",
    "random_2_output": "resnet-14 resnet-20",
    "shortcut_output": "resnet-14",
    "batchnorm@features_uniform": "resnet-14",
    "batchnorm@features_binary": "resnet-14",
    "batchnorm@features_orthogonal": "resnet-14",
    "batchnorm@gamma_one": "resnet-14",
    "batchnorm@gamma_centred": "resnet-14",
    "batchnorm@beta_one": "resnet-14",
}
"""All that is trained on digits: the whole suite there is for a laptop and a quarter of an hour."""


def test_the_suite_on_digits_trains_no_more_than_is_declared() -> None:
    trained: dict[str, set[str]] = {}
    for claim in CLAIMS.values():
        groups = {group: claim.networks_at(group, Scale.DIGITS) for group in claim.networks}
        for network, arm in claim.cells_needed([check.id for check in claim.checks], groups):
            trained.setdefault(str(arm), set()).add(str(network))
    assert trained == {arm: set(networks.split()) for arm, networks in DIGITS.items()}
