"""The paper's figures from our runs: what is drawn, the numbers behind it, and what is said where nothing is."""

from __future__ import annotations

import math
import re
import time
from html import unescape

import numpy as np
import pytest

from bnrepro.report.figures import figures_for, render_figures, write_figures
from bnrepro.report.figures.catalogue import FIGURES
from bnrepro.report.figures.fits import fit_of
from bnrepro.report.figures.frame import counted_ticks, round_axis, step_path
from bnrepro.report.figures.groups import Group
from bnrepro.report.figures.looks import look
from bnrepro.report.figures.page import FiguresPage, FigureView, figures_named, page_of, places_named
from bnrepro.spec.binning import distributions_of
from bnrepro.spec.distributions import (
    Distributions,
)
from bnrepro.spec.metrics import Metric
from bnrepro.spec.networks import Family, Network
from bnrepro.spec.probe import AffineValues, Probe
from bnrepro.spec.results import RunRow, VerdictDocument
from bnrepro.spec.scale import Scale
from tests.figure_runs import WHOLE, measured_of, papers, run, whole_document
from tests.page_outline import Outline
from tests.report_parts import ALL, BATCHNORM, data_of, paper_value

ON_IMAGENET = {19, 20, 25}


def page(*documents: VerdictDocument) -> FiguresPage:
    found = page_of(documents)
    assert found is not None
    return found


def view(number: int, *documents: VerdictDocument) -> FigureView:
    return next(view for view in page(*documents).figures if view.figure.number == number)


def table(number: int, *documents: VerdictDocument, panel: int = 0) -> tuple[tuple[str, ...], ...]:
    return view(number, *documents).parts[0].panels[panel].table.rows


# Joining runs


def test_a_run_that_two_claims_share_is_drawn_once():
    shared = run("resnet-14", BATCHNORM, 0, 71.0)
    one, other = papers([shared]), papers([shared, run("resnet-14", BATCHNORM, 1, 73.0)], claim="sec4_other")
    [row] = table(2, one, other)
    assert row[3:7] == ("2", "72.00", "1.41", "0: 71.00, 1: 73.00")
    image = view(2, one, other).parts[0].panels[0].image
    assert image.count("<circle") == 2


def test_what_two_claims_measured_of_one_run_is_put_together():
    whole = measured_of(3)
    parts = ({"affine": whole.affine}, {"clamping": whole.clamping})
    one, other = (
        papers([run("resnet-14", BATCHNORM, 0, 70.0, distributions=Distributions(**part))], claim=f"claim_{index}")
        for index, part in enumerate(parts)
    )
    assert view(6, one, other).drawn
    assert view(15, one, other).drawn
    assert not view(23, one, other).drawn


def test_documents_of_two_scales_are_refused():
    documents = papers([run("resnet-14", ALL, 0, 90.0)]), papers([run("resnet-14", ALL, 0, 90.0)], Scale.REDUCED)
    with pytest.raises(ValueError, match="one scale, not of digits, reduced"):
        page_of(documents)


def test_runs_of_another_device_are_left_out_and_it_is_said():
    many = papers([run("resnet-14", BATCHNORM, seed, 70.0) for seed in range(3)], provenance={"device kind": "cpu"})
    few = papers(
        [run("resnet-14", BATCHNORM, 0, 90.0, key="f" * 64)], provenance={"device kind": "cuda"}, claim="on_a_gpu"
    )
    assert table(2, many, few)[0][3:5] == ("3", "70.00")
    assert [note.partition(" left out")[0] for note in page(many, few).pool.left_out] == ["1 run of CIFAR ResNets"]
    assert "1 run of CIFAR ResNets left out" in render_figures(page(many, few))


def test_runs_on_other_data_are_never_pooled():
    [data] = data_of((Network.parse("resnet-14"),), Scale.DIGITS)
    many = papers([run("resnet-14", BATCHNORM, seed, 70.0) for seed in range(2)])
    other = papers(
        [run("resnet-14", BATCHNORM, 2, 90.0)], data=(data.model_copy(update={"digest": "0" * 64}),), claim="other_data"
    )
    assert table(2, many, other)[0][6] == "0: 70.00, 1: 70.00"


def test_chance_is_known_to_every_family_that_shares_its_data():
    documents = (papers([run(name, BATCHNORM, 0, 60.0)], claim=name) for name in ("vgg-11-0.25", "resnet-14"))
    found = page(*documents)
    for number in (2, 9):
        assert ">chance<" in found.figures[number - 1].parts[0].panels[0].image


def test_a_caption_names_the_data_of_its_own_networks():
    runs = [run(name, BATCHNORM, 0, 60.0, values={}) for name in ("resnet-14", "imagenet-resnet-18")]
    whole = papers(runs, Scale.PAPER)
    assert view(2, whole).caption[0] == "Paper scale, trained on CIFAR-10 and ImageNet."
    assert view(3, whole).caption[0] == "Paper scale, trained on CIFAR-10."


# Values


def test_the_table_of_a_figure_holds_means_spreads_and_every_seed():
    values = {0: 60.0, 1: 64.0, 2: 65.0}
    runs = [run("resnet-14", BATCHNORM, seed, accuracy) for seed, accuracy in values.items()]
    marks = (paper_value("resnet-14-batchnorm", "resnet-14", BATCHNORM, 48.0),)
    assert table(2, papers([*runs, run("resnet-14", ALL, 0, 92.5)], paper_values=marks)) == (
        ("all parameters", "resnet-14", "14", "1", "92.50", "none", "0: 92.50", "none"),
        ("BatchNorm only", "resnet-14", "14", "3", "63.00", "2.65", "0: 60.00, 1: 64.00, 2: 65.00", "48"),
    )


def test_a_metric_that_a_claim_reads_is_drawn_from_its_own_values():
    runs = [run("resnet-14", ALL, seed, 95.0, values={Metric.GAMMA_BELOW_001: 4.0 + seed}) for seed in range(2)]
    [row] = table(5, papers(runs))
    assert row[0] == "all parameters, |γ| below 0.01"
    assert row[3:7] == ("2", "4.50", "0.71", "0: 4.00, 1: 5.00")


def test_depths_and_widths_meet_at_the_common_network():
    names = ("resnet-14", "resnet-32", "wrn-14-2", "wrn-14-0.25", "wrn-8-0.125")
    drawn = view(2, papers([run(name, BATCHNORM, 0, 50.0) for name in names])).parts[0]
    assert [[row[1] for row in panel.table.rows] for panel in drawn.panels] == [
        ["resnet-14", "resnet-32"],
        ["resnet-14", "wrn-14-2"],
    ]


def test_the_fit_is_least_squares_on_the_logarithm_of_the_count():
    fit = fit_of(look("deeper", 1), [1000.0, 2000.0, 8000.0], [50.0, 57.0, 66.0])
    slope, intercept = np.polyfit(np.log2([1000.0, 2000.0, 8000.0]), [50.0, 57.0, 66.0], 1)
    assert fit is not None
    assert (fit.slope, fit.intercept) == pytest.approx((slope, intercept))
    assert fit.at(4000.0) == pytest.approx(intercept + slope * math.log2(4000.0))


def test_one_network_has_no_fit_and_the_caption_says_so():
    assert fit_of(look("deeper", 1), [1000.0, 1000.0], [50.0, 51.0]) is None
    assert "No line is fitted" in " ".join(view(3, papers([run("resnet-14", BATCHNORM, 0, 50.0)])).caption)


def test_figure_3_tells_both_slopes_and_their_ratio():
    # BatchNorm parameters double exactly with width; with depth from 14 to 26 they go from 1,120 to 2,016.
    accuracy = {"resnet-14": 50.0, "resnet-26": 50.0 + 9 * math.log2(2016 / 1120), "wrn-14-2": 56.0}
    caption = " ".join(view(3, papers([run(name, BATCHNORM, 0, value) for name, value in accuracy.items()])).caption)
    assert "deeper +9.00 points a doubling (2 networks)" in caption
    assert "wider +6.00 points a doubling (2 networks)" in caption
    assert "1.50 times as steep" in caption
    assert (
        view(3, papers([run(name, BATCHNORM, 0, 50.0) for name in accuracy])).parts[0].panels[0].image.count("6 4") == 2
    )


def test_histograms_list_the_mean_share_of_every_filled_bin():
    halves = [[0.0, 0.5], [0.0, 0.0]]
    runs = [
        run(
            "resnet-14",
            BATCHNORM,
            seed,
            70.0,
            distributions=distributions_of(
                {Probe.AFFINE: AffineValues(gamma=np.float32(gamma), beta=np.float32([0, 0]))}
            ),
        )
        for seed, gamma in enumerate(halves)
    ]
    rows = dict(table(15, papers(runs)))
    assert rows["−0.025 to 0.025"] == "75.00"
    assert rows["0.475 to 0.525"] == "25.00"
    assert rows["0.225 to 0.275"] == "0.00"
    assert len(rows) == 11


def test_what_lies_outside_of_all_bins_is_in_the_table_and_the_caption():
    found = distributions_of({Probe.AFFINE: AffineValues(gamma=np.float32([0, 9, -9, 0]), beta=np.float32([0] * 4))})
    drawn = view(15, papers([run("resnet-14", BATCHNORM, 0, 70.0, distributions=found)]))
    rows = dict(drawn.parts[0].panels[0].table.rows)
    assert (rows["below −1.025"], rows["above 2.025"]) == ("25.00", "25.00")
    assert "Up to 50.0 % of a run lies outside" in " ".join(drawn.caption)


def test_clamping_curves_begin_at_the_network_as_trained():
    runs = [run("resnet-14", BATCHNORM, seed, 70.0, distributions=measured_of(seed)) for seed in range(2)]
    drawn = view(6, papers(runs)).parts[0].panels[0].table
    assert [column.title for column in drawn.columns][:4] == ["Arm", "Of what", "none", "0.001"]
    mean, first, _ = drawn.rows
    assert mean[:4] == ("BatchNorm only", "mean, n = 2", "70.00", "69.98")
    assert first[1:3] == ("seed 0", "70.00")


def test_the_deepest_network_that_ran_stands_in_for_the_case_study():
    runs = [run(name, ALL, 0, 90.0, distributions=measured_of(1)) for name in ("resnet-14", "resnet-32")]
    [panel] = view(4, papers(runs)).parts[0].panels
    assert panel.title == "resnet-32, in place of resnet-110"


# Divergence


def diverged(network: str, seed: int) -> RunRow:
    return run(network, BATCHNORM, seed, 10.0, status="diverged", divergence="not finite", distributions=measured_of(9))


def test_a_diverged_run_is_a_cross_at_the_bottom_and_in_no_mean():
    drawn = view(2, papers([run("resnet-14", BATCHNORM, 0, 70.0), diverged("resnet-14", 1)]))
    [row] = drawn.parts[0].panels[0].table.rows
    assert row[3:7] == ("1", "70.00", "none", "0: 70.00, 1: diverged")
    crosses = re.findall(r'<line [^>]*y1="([\d.]+)"[^>]*class="diverged"', drawn.parts[0].panels[0].image)
    assert len(crosses) == 2
    assert min(map(float, crosses)) > 250
    assert "Crosses at the bottom are runs that diverged" in " ".join(drawn.caption)


def test_where_every_run_diverged_the_crosses_remain():
    drawn = view(2, papers([diverged("resnet-14", 0), run("resnet-32", BATCHNORM, 0, 70.0)]))
    assert drawn.parts[0].panels[0].table.rows[0][3:7] == ("0", "none", "none", "0: diverged")
    assert view(2, papers([diverged("resnet-14", 0)])).drawn


def test_curves_and_histograms_hold_no_diverged_run():
    whole = run("resnet-14", BATCHNORM, 0, 70.0, distributions=measured_of(1))
    alone, beside = papers([whole]), papers([whole, diverged("resnet-14", 1)])
    assert table(15, alone) == table(15, beside)
    rows = table(6, beside)
    assert rows[0] == table(6, alone)[0]
    assert rows[-1][1:3] == ("seed 1", "diverged")
    assert 'class="diverged"' in view(15, beside).parts[0].panels[0].image


# The catalogue


def test_the_catalogue_has_every_figure_of_the_paper_once():
    assert [figure.number for figure in FIGURES] == list(range(1, 26))


@pytest.mark.parametrize("scale", Scale)
def test_every_figure_is_drawn_where_there_are_runs_for_it(scale):
    undrawn = {view.figure.number for view in page(whole_document(scale)).figures if not view.drawn}
    assert undrawn == (set() if scale is Scale.PAPER else ON_IMAGENET)


@pytest.mark.parametrize("scale", Scale)
def test_every_figure_says_its_scale_and_what_its_marks_are(scale):
    for each in page(whole_document(scale)).figures:
        if each.drawn:
            said = " ".join((*each.caption, *(sentence for part in each.parts for sentence in part.said)))
            assert said.startswith(f"{scale.capitalize()} scale, trained on")
            assert "2 seeds a" in said
            assert "means" in said or "mean" in said


def test_what_is_not_drawn_has_a_reason():
    for each in page(papers([run("resnet-14", BATCHNORM, 0, 70.0)])).figures:
        assert each.drawn or each.missing, each.figure.number
    missing = view(23, papers([run("resnet-14", BATCHNORM, 0, 70.0)])).missing
    assert missing == ("CIFAR ResNets by depth: activity of ReLU units was not measured of any run at digits scale.",)
    assert view(19, papers([run("resnet-14", BATCHNORM, 0, 70.0)])).missing == (
        "ImageNet ResNets by depth: no run of these arms at digits scale.",
    )


def test_lines_of_one_part_differ_in_shape_and_in_dash_not_only_in_colour():
    for each in page(whole_document(Scale.PAPER)).figures:
        for part in each.parts:
            assert len({style.shape for style in part.legend}) == len(part.legend), each.figure.number
            assert len({style.dash for style in part.legend}) == len(part.legend), each.figure.number


# The paper's values


def test_the_papers_values_are_hollow_and_named_as_incomparable_below_its_scale():
    marks = (
        paper_value("resnet-14-batchnorm", "resnet-14", BATCHNORM, 48.0),
        paper_value("also-printed-here", "resnet-14", BATCHNORM, 48.0),
        paper_value("lost", "resnet-14", BATCHNORM, 47.0, missing="lost in our copy"),
        paper_value("all", "resnet-14", ALL, None, low=91.0, high=93.0),
    )
    runs = [run("resnet-14", BATCHNORM, 0, 70.0), run("resnet-14", ALL, 0, 95.0)]
    images = {}
    for scale, label in ((Scale.PAPER, "paper"), (Scale.DIGITS, "paper, on its own data: not comparable")):
        drawn = view(2, papers(runs, scale, paper_values=marks))
        images[scale] = drawn.parts[0].panels[0].image
        assert drawn.paper_label(drawn.parts[0]) == label
        assert {value.id for value in drawn.parts[0].paper} == {"section4/also-printed-here", "section4/all"}
    assert images[Scale.PAPER].count('class="paper"') == images[Scale.DIGITS].count('class="paper"') == 2


def test_numbers_with_no_place_in_the_image_stand_beside_it():
    gap = paper_value("random-2-gap", None, None, None, low=17.0, high=21.0, unit="points")
    text = Outline(render_figures(page(papers([run("resnet-14", BATCHNORM, 0, 70.0)], paper_values=(gap,))))).text
    assert "section4/random-2-gap – – Test accuracy 17 to 21 points 5" in text


# Links


def test_a_claim_names_its_figures_by_number_and_by_range():
    assert figures_named("Section 5 with its Figures 4 to 6, and its Figure 21 in Appendix H") == {4, 5, 6, 21}
    assert figures_named("Appendix C.2 with its Figures 8 and 9") == {8, 9}
    assert figures_named("Figures 1, 2 and 25; Table 1") == {1, 2, 25}
    assert figures_named("Figures 0 to 999999999") == set(range(1, 26))
    assert figures_named("Section 4") == set()
    assert places_named("Section 4, on depth; Appendix E.2; section 2") == {"section 4", "appendix e.2", "section 2"}


def test_a_claim_links_to_the_figures_that_its_runs_draw():
    named = papers([run("resnet-14", BATCHNORM, 0, 70.0)], where="Section 4 with its Figures 2 and 7")
    assert [(link.number, link.href) for link in figures_for(named)] == [(2, "figures.html#figure-2")]
    placed = papers([run("resnet-14", BATCHNORM, 0, 70.0)], where="Section 4, the case study")
    assert [link.number for link in figures_for(placed)] == [2, 3]
    assert figures_for(papers([])) == ()


def test_the_page_links_back_to_the_claims_that_name_a_figure():
    text = render_figures(page(papers([run("resnet-14", BATCHNORM, 0, 70.0)])))
    assert '<a href="sec4_random_params.html">γ and β do more than as many randomly chosen weights</a>' in text


# The page


def test_the_page_lies_beside_its_claims_and_is_the_same_bytes_in_any_order(tmp_path):
    one = papers([run("resnet-14", BATCHNORM, seed, 70.0 + seed, distributions=measured_of(seed)) for seed in range(3)])
    other = papers([run("resnet-14", ALL, 0, 93.0)], claim="another")
    path = write_figures([one, other], tmp_path)
    assert path == tmp_path / "digits" / "figures.html"
    first = path.read_bytes()
    write_figures([other, one], tmp_path)
    assert path.read_bytes() == first


def test_where_nothing_can_be_drawn_there_is_no_page(tmp_path):
    assert write_figures([], tmp_path) is None
    assert write_figures([papers([])], tmp_path) is None
    assert write_figures([papers([run("wrn-8-0.125", "output", 0, 20.0)])], tmp_path) is None
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def whole_page() -> str:
    return render_figures(page(whole_document(Scale.PAPER)))


def test_the_page_is_well_formed_needs_no_script_and_fetches_nothing(whole_page):
    outline = Outline(whole_page)
    assert not outline.open
    assert len(outline.ids) == len(set(outline.ids))
    assert not {"script", "img", "iframe", "object"} & outline.tags
    assert {target for target in outline.targets if target.startswith("#")} <= {f"#{name}" for name in outline.ids}
    assert not {target for target in outline.targets if ":" in target.removeprefix("data:")}
    assert all(after - before <= 1 for before, after in zip(outline.headings, outline.headings[1:], strict=False))


def test_every_image_names_and_describes_itself_and_has_a_table(whole_page):
    images = re.findall(r"<svg(?![^>]*aria-hidden).*?</svg>", whole_page, flags=re.DOTALL)
    titles = [re.findall(r"<title[^>]*>(.+?)</title>", image) for image in images]
    described = [re.findall(r"<desc[^>]*>(.+?)</desc>", image) for image in images]
    assert len(images) == sum(
        len(part.panels) for view in page(whole_document(Scale.PAPER)).figures for part in view.parts
    )
    assert all(len(found) == 1 for found in titles + described)
    assert all('role="img"' in image for image in images)
    tables = re.findall(r"<table>.*?</table>", whole_page, flags=re.DOTALL)
    assert len(tables) == len(images)
    assert all("<caption>" in table and 'scope="col"' in table and 'scope="row"' in table for table in tables)


def test_axes_name_what_they_show_with_its_unit(whole_page):
    titles = {unescape(title) for title in re.findall(r'class="axis-title">([^<]+)<', whole_page)}
    assert titles
    assert all(re.search(r"\(.+\)", title) for title in titles), titles


HOSTILE = "<script>alert(1)</script>'\"&\u202e\x1b" + "long" * 500


def test_hostile_text_is_shown_as_text():
    [data] = data_of((Network.parse("resnet-14"),), Scale.DIGITS)
    hostile = papers(
        [run("resnet-14", BATCHNORM, 0, 70.0, arm_label=HOSTILE, divergence=HOSTILE)],
        claim="javascript:alert(1)//../x\"'<b>",
        title=HOSTILE,
        statement=HOSTILE,
        paper_values=(paper_value(HOSTILE, "resnet-14", BATCHNORM, 48.0, where=HOSTILE, note=HOSTILE),),
        data=(data.model_copy(update={"name": HOSTILE}),),
    )
    text = render_figures(page(hostile))
    assert "<script" not in text
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert Outline(text).open == []
    assert 'href="javascript%3Aalert%281%29%2F%2F..%2Fx%22%27%3Cb%3E.html"' in text


def test_absurd_numbers_do_not_stop_the_page():
    runs = [
        run("resnet-14", arm, seed, value) for arm in ("all", "batchnorm") for seed, value in enumerate((1e300, -1e9))
    ]
    runs.append(run("resnet-32", BATCHNORM, 0, 50.0, batchnorm_parameters=0, trainable_parameters=0))
    assert "Figure 1." in render_figures(page(papers(runs)))


def test_a_thousand_curves_stay_under_two_megabytes():
    networks = [f"resnet-{depth}" for depth in range(14, 14 + 6 * 20, 6)]
    both = (BATCHNORM, ALL)
    runs = [
        run(name, arm, seed, 70.0, distributions=Distributions(affine=measured_of(seed).affine))
        for name in networks
        for arm in both
        for seed in range(9)
    ]
    found = page(papers(runs))
    curves = sum(
        panel.image.count('class="curve"') for view in found.figures for part in view.parts for panel in part.panels
    )
    assert curves > 1_000
    assert len(render_figures(found).encode()) < 2_000_000


# Small pieces


def test_an_axis_is_round_and_holds_its_values():
    axis = round_axis([97.1, 98.6], least_span=2)
    assert axis.low <= 97.1
    assert axis.high >= 98.6
    assert axis.ticks[0] == axis.low
    assert round_axis([], least_span=1).low == 0
    assert round_axis([99.9], least_span=2).high == 100


def test_an_axis_of_counts_has_three_ticks_or_more():
    assert counted_ticks(1120, 64736) == (2000, 5000, 10000, 20000, 50000)
    assert len(counted_ticks(1064, 2404)) >= 3
    assert counted_ticks(5, 5_000_000) == (10, 100, 1000, 10000, 100000, 1000000)


def test_the_outline_of_a_histogram_joins_flat_stretches():
    assert step_path([0, 10, 20, 30], [5, 5, 2], 9) == "M0 9H0V5H20V2H30V9H30"


def test_groups_hold_the_networks_that_the_paper_puts_together():
    networks = [Network.parse(name) for name in (*WHOLE, "vgg-11-0.25")]
    held = {group: [str(network) for network in group.members(networks)] for group in Group}
    assert held[Group.DEPTH] == [name for name in WHOLE if name.startswith("resnet")]
    assert held[Group.WIDTH] == ["resnet-14", *(name for name in WHOLE if re.fullmatch(r"wrn-14-\d+", name))]
    assert held[Group.SMALL_SHALLOW] == ["wrn-8-0.4375", "wrn-38-0.25"]
    assert held[Group.SMALL_DEEP] == ["wrn-32-0.125", "wrn-68-0.125"]
    assert len(Group.VGG.panels(networks)) == 2
    assert {network.family for network in Group.IMAGENET.members(networks)} == {Family.IMAGENET}


def test_the_page_of_the_whole_paper_takes_seconds_of_one_core():
    found = page(whole_document(Scale.PAPER))
    start = time.process_time()
    render_figures(found)
    assert time.process_time() - start < 5
