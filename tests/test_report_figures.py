"""The figures of a page and its numbers: what is drawn where, on which axis, and in which digits."""

from __future__ import annotations

import re

import pytest

from bnrepro.report import amounts, curves, render_html, svg
from bnrepro.report.arms import arm_styles
from bnrepro.report.measured import Measured, measured
from bnrepro.report.metric_names import metric_name
from bnrepro.report.panels import panels_of
from bnrepro.report.value_axis import value_axis
from bnrepro.spec.arms import Arm
from bnrepro.spec.metrics import Metric, Unit
from bnrepro.spec.networks import Family, Network
from bnrepro.spec.results import VerdictDocument
from tests.page_outline import Outline
from tests.report_parts import ALL, BATCHNORM, RANDOM, grid, paper_value
from tests.report_samples import (
    SAMPLES,
    confirmed_paper,
    gamma,
    imagenet,
    inconclusive_part,
    monotone,
    supported_digits,
)


@pytest.fixture(scope="module", params=SAMPLES)
def sample(request) -> VerdictDocument:
    return SAMPLES[request.param]()


def test_figures_name_themselves_and_use_no_other_file(sample):
    page = render_html(sample)
    for figure in re.findall(r"<svg(?![^>]*aria-hidden)[^>]*>", page):
        assert 'role="img"' in figure
        assert "aria-label" in figure


def panels(*names):
    return {panel.title: list(panel.places.values()) for panel in panels_of(map(Network.parse, names))}


def test_panels_split_by_depth_and_width_and_share_the_narrow_network():
    depth, width = panels_of(confirmed_paper().networks)
    assert list(depth.places.values()) == [14, 32, 56, 110, 218, 434, 866]
    assert list(width.places.values()) == [1, 2, 4, 8, 16, 32]


def test_each_family_has_panels_of_its_own():
    assert panels("vgg-19", "imagenet-resnet-50", "resnet-14", "vgg-11", "imagenet-resnet-18", "resnet-32") == {
        "CIFAR ResNets by depth, at width 1": [14, 32],
        "VGGs by depth, at width 1": [11, 19],
        "ImageNet ResNets by depth": [18, 50],
    }


def test_narrow_networks_are_panels_by_depth_and_a_network_alone_gives_its_name():
    assert panels("wrn-8-0.125", "wrn-44-0.125", "wrn-14-0.25", "wrn-14-32") == {
        "CIFAR ResNets by depth, at width 0.125": [8, 44],
        "wrn-14-0.25": [14],
        "wrn-14-32": [32],
    }


def test_every_network_has_a_place_in_some_panel(sample):
    for shown in measured(sample):
        placed = {network for panel in shown.panels for network in panel.places}
        assert placed == {group.network for group in shown.groups}


def test_every_metric_has_its_own_figure_with_its_meaning_and_unit():
    outline = Outline(render_html(gamma()))
    assert {"measured-1", "measured-2", "measured-3"} <= set(outline.ids)
    assert "Mean over all BatchNorm channels of a network." in outline.text
    assert "share of all γ (%)" in outline.text


@pytest.mark.parametrize("metric", Metric)
def test_every_metric_has_a_name_and_its_axis_a_unit(metric):
    name = metric_name(metric)
    assert name.title
    assert amounts.unit_name(name.unit) in name.axis_title


def test_a_change_of_accuracy_is_told_in_points_with_its_sign():
    unit = metric_name(Metric.CLAMPED_CHANGE_001).unit
    assert amounts.figure(0.4, unit) == "+0.40"


def of_metric(document, metric):
    return Measured(document=document, metric=metric)


def test_chance_belongs_to_the_data_of_a_family_and_to_accuracies_alone():
    top1, top5 = (of_metric(imagenet(), metric) for metric in (Metric.TEST_ACCURACY, Metric.TOP5_ACCURACY))
    assert (top1.chance(Family.VGG), top1.chance(Family.IMAGENET), top5.chance(Family.IMAGENET)) == (10, 0.1, 0.5)
    assert of_metric(gamma(), Metric.GAMMA_MEAN).chance(Family.CIFAR) is None


def test_the_papers_number_is_a_diamond_and_its_range_a_bar():
    mean, _, positive = re.findall(r'<article id="measured-\d".*?</article>', render_html(gamma()), re.DOTALL)
    # The diamonds of both arms, and the one of the legend.
    assert len(re.findall('<path d="[^"]*Z" class="paper"', mean)) == 3
    assert len(re.findall('<rect [^>]*class="paper"', positive)) == 1


def test_what_the_paper_gives_as_a_difference_or_has_lost_is_not_drawn():
    values = (
        paper_value("gain", "resnet-14", BATCHNORM, 5.0, unit=Unit.POINTS),
        paper_value("lost", "resnet-14", BATCHNORM, 5.0, missing="its threshold is lost"),
        paper_value("elsewhere", "resnet-866", BATCHNORM, 82.0),
    )
    document = supported_digits().model_copy(update={"paper_values": values})
    assert of_metric(document, Metric.TEST_ACCURACY).paper_marks == ()
    assert "Not compared: its threshold is lost" in Outline(render_html(document)).text


@pytest.mark.parametrize(
    ("metric", "values", "ends"),
    [
        (Metric.TEST_ACCURACY, (48.0, 52.0), (0, 100)),
        (Metric.GAMMA_MEAN, (0.2, 0.27), (0.18, 0.28)),
        (Metric.GAMMA_SD, (0.21, 0.48), (0, 0.5)),
        (Metric.GAMMA_POSITIVE, (94.0, 99.9), (92, 100)),
        (Metric.GAMMA_BELOW_001, (0.0, 0.0), (0, 0.6)),
        (Metric.CLAMPED_CHANGE_001, (-0.4, 0.1), (-1, 0.5)),
        (Metric.CLAMPED_CHANGE_005, (-3.0, -1.0), (-4, 0)),
        (Metric.UNITS_OFF, (), (0, 0.6)),
    ],
)
def test_the_axis_of_values_fits_the_metric_and_its_data(metric, values, ends):
    axis = value_axis(metric, values)
    assert (axis.low, axis.high) == pytest.approx(ends)
    assert axis.ticks[0] == axis.low
    assert axis.ticks[-1] == axis.high
    assert len(axis.ticks) <= 8


def test_parts_with_regions_of_their_own_are_drawn_each_in_its_own():
    page = render_html(monotone())
    drawn = page.split('id="check-1"')[1].split("</svg>")[0]
    assert drawn.count('class="region"') == 3
    assert "each row in its own region" in page


def test_many_parts_are_told_in_a_table_instead_of_drawn():
    page = render_html(imagenet())
    assert "intervals-1-title" not in page
    assert "The other 76 parts: 76 confirmed" in page
    assert 'href="#check-1-runs-80"' in page


def test_a_group_whose_runs_all_diverged_is_drawn_without_a_mean():
    document = inconclusive_part()
    lost = document.groups[0].model_copy(update={"n": 0, "mean": None, "sd": None})
    page = render_html(document.model_copy(update={"groups": (lost, *document.groups[1:])}))
    assert '<td class="num">0</td><td class="num">none</td><td class="num">none</td>' in page


def test_no_runs_give_a_page_without_figures():
    page = render_html(SAMPLES["not-assessed"]())
    assert "<figure" not in page
    assert "No run was trained or found in the store." in page


def test_the_papers_values_are_said_to_be_of_other_data_at_digits_scale():
    assert "paper, CIFAR-10 (other data: not comparable)" in render_html(supported_digits())
    assert "not comparable" not in render_html(confirmed_paper())


def test_twenty_arms_can_be_told_apart():
    styles = arm_styles(imagenet()).values()
    assert len(styles) == 20
    assert len({(style.css, style.shape) for style in styles}) == 20
    assert len({(style.css, style.dash) for style in styles}) == 20


def test_arms_differ_in_colour_in_shape_and_in_dash():
    arms = (BATCHNORM, RANDOM, ALL)
    styles = arm_styles(confirmed_paper(arms=arms)).values()
    for aspect in ("css", "shape", "dash"):
        assert len({getattr(style, aspect) for style in styles}) == len(arms)


def test_an_arm_without_a_usual_look_takes_a_free_one():
    document = supported_digits()
    other = Arm.parse("random_8")
    runs = tuple(run.model_copy(update={"arm": other}) if run.arm == RANDOM else run for run in document.runs)
    styles = arm_styles(document.model_copy(update={"runs": runs, "groups": document.groups[:1]}))
    assert styles[other].css != styles[BATCHNORM].css


def test_thinning_keeps_the_ends_and_the_number():
    thin = curves.thinned(range(1000), 10)
    assert (thin[0], thin[-1], len(thin)) == (0, 999, 10)
    assert curves.thinned(range(5), 10) == (0, 1, 2, 3, 4)


def test_the_learning_rate_drops_are_found_in_the_curve():
    (run,) = grid(("resnet-14",), 20.0, 1, 8, (BATCHNORM,))
    assert curves.drops(run.curve) == (5, 7)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-13.7, 42.1), (0.001, 0.0042), (-1e6, 1e6), (3, 3)])
def test_ticks_lie_within_their_axis_and_are_few(low, high):
    ticks = svg.round_ticks(low, high, 6)
    assert 1 <= len(ticks) <= 6
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)


def test_an_axis_of_one_value_puts_it_in_the_middle():
    assert svg.Axis(low=14, high=14, start=0, stop=100, log=True)(14) == 50


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (1.005, "percent", "1.00"),
        (-0.001, "points", "0.00"),
        (-3.456, "points", "−3.46"),
        (3.456, "points per doubling", "+3.46"),
        (0.2618, "gamma", "0.262"),
        (-0.0001, "ratio", "0.000"),
        (1_190_000, "parameters", "1,190,000"),
        (174_999.5, "parameters", "174,999.5"),
        (1.5, "something else", "1.50"),
    ],
)
def test_figures_have_the_decimals_and_the_sign_of_their_unit(value, unit, shown):
    assert amounts.figure(value, unit) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(175_258, "175,258"), (0.63904, "0.639"), (0.0000461, "0.0000461"), (-2.5, "−2.5"), (56.0, "56")],
)
def test_exact_values_keep_the_digits_that_they_have(value, shown):
    assert amounts.exact(value) == shown


@pytest.mark.parametrize(
    ("bounds", "shown"),
    [((0.375, 0.385), "0.375 to 0.385"), ((2.0, 2.0), "2"), ((None, 0.5), "below 0.5"), ((None, None), "any value")],
)
def test_what_agrees_with_the_print_is_given_to_its_last_digit(bounds, shown):
    assert amounts.exact_region(bounds) == shown


@pytest.mark.parametrize(
    ("unit", "name", "after"),
    [("percent", "%", "%"), ("gamma", "γ", ""), ("gamma per doubling", "γ per doubling", "γ per doubling")],
)
def test_units_are_named_for_readers(unit, name, after):
    assert (amounts.unit_name(unit), amounts.unit_after(unit)) == (name, after)
