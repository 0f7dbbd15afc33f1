"""The page of a verdict: what it says, and that nothing in it can be taken for markup."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from bnrepro.errors import DocumentError
from bnrepro.report import amounts, load_document, render_html, svg, text
from bnrepro.report.parts import PartsView
from bnrepro.spec.metrics import Unit
from bnrepro.spec.results import VerdictDocument
from bnrepro.spec.scale import PaperVerdict, Scale
from tests.page_outline import Outline
from tests.report_hostile import SCRIPT, hostile_document
from tests.report_parts import BATCHNORM, RANDOM, check_of, run_key
from tests.report_samples import (
    SAMPLES,
    arithmetic,
    confirmed_paper,
    gamma,
    imagenet,
    inconclusive_part,
    supported_digits,
)


@pytest.fixture(scope="module", params=SAMPLES)
def sample(request) -> VerdictDocument:
    return SAMPLES[request.param]()


def test_the_page_says_the_verdict_with_its_scale_beside_it():
    words = Outline(render_html(supported_digits())).text
    assert (
        "✓ supported at digits scale — 8×8 digits, a preview; only the paper's own scale can confirm or refute" in words
    )


def test_a_preview_never_says_confirmed_or_refuted():
    page = render_html(supported_digits()) + render_html(inconclusive_part())
    assert not re.search("confirmed|refuted", page)


def test_a_document_whose_words_do_not_fit_its_scale_is_not_rendered():
    forged = supported_digits().model_copy(update={"verdict": PaperVerdict.CONFIRMED})
    with pytest.raises(ValidationError, match="scale digits cannot say confirmed"):
        render_html(forged)


def test_part_of_a_claim_at_the_paper_scale_is_a_preview_too():
    part = inconclusive_part()
    words = Outline(render_html(part.model_copy(update={"scale": Scale.PAPER}))).text
    assert "at paper scale — not the claim as declared, so a preview; only the whole can confirm or refute" in words


def test_the_paper_scale_says_confirmed():
    assert "✓ confirmed at paper scale" in Outline(render_html(confirmed_paper())).text


def test_the_headline_gives_estimate_interval_seeds_and_arms():
    document = supported_digits()
    check = document.checks[0]
    words = Outline(render_html(document)).text
    shown = f"{check.estimate:+.2f} points 95 % interval {amounts.interval(check.interval, check.unit)}, n = 3 seeds"
    assert f"{shown} BatchNorm only against 2 random weights per channel" in words.replace("\u00a0", " ")


def test_a_partial_selection_is_said():
    words = Outline(render_html(inconclusive_part())).text
    assert "Not as declared: 1 of its 3 networks, resnet-14. The claim as a whole is not judged here." in words


def test_an_unbounded_interval_is_shown_as_unbounded():
    assert "−∞ to +∞" in render_html(inconclusive_part())


def test_failed_and_diverged_runs_are_listed_with_what_happened():
    words = Outline(render_html(inconclusive_part())).text
    assert "resnet-14 random_2 seed 1" in words
    assert "the worker was killed (signal 9)" in words
    assert "✗ diverged : the loss stopped being finite in epoch 4" in words


def test_every_run_is_listed_with_its_source():
    document = supported_digits()
    page = render_html(document)
    for run in document.runs:
        assert f'<div id="run-{run.key}" role="group"' in page
        assert f'href="#run-{run.key}"' in page
    assert "from cache" in page
    assert "trained now" in page


def test_every_check_shows_its_reason_and_why_its_margin(sample):
    words = Outline(render_html(sample)).text
    for check in sample.checks:
        assert check.reason in words
        assert check.why in words


def test_no_missing_value_is_printed_as_none_or_nan(sample):
    words = Outline(render_html(sample)).text
    assert not re.search(r"\bNone\b|\bnan\b|\binf\b|Undefined", words)


def test_every_link_leads_somewhere_and_every_id_is_one_of_a_kind(sample):
    outline = Outline(render_html(sample))
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert {target for target in outline.targets if target != "data:,"} <= {f"#{name}" for name in outline.ids}


def test_headings_are_ordered_under_one_first_heading(sample):
    headings = Outline(render_html(sample)).headings
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(headings))


def test_the_page_has_neither_script_nor_anything_to_fetch(sample):
    page = render_html(sample)
    outline = Outline(page)
    assert not outline.tags & {"script", "img", "iframe", "object", "form", "base"}
    assert not {name for name in outline.attributes if name.startswith("on") or name == "src"}
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page
    assert not re.search(r"url\(|@import|https?://", page)


def test_the_same_document_gives_the_same_bytes(sample):
    again = VerdictDocument.model_validate_json(sample.model_dump_json())
    assert render_html(sample) == render_html(again)


def test_the_largest_page_stays_below_a_megabyte():
    page = render_html(confirmed_paper(arms=(BATCHNORM, RANDOM)))
    assert len(page.encode()) < 1_000_000


@pytest.mark.parametrize("name", SAMPLES)
def test_hostile_text_in_any_field_stays_text(name):
    honest = SAMPLES[name]()
    page = render_html(hostile_document(honest))
    outline = Outline(page)
    assert not outline.tags & {"script", "img"}
    assert not {attribute for attribute in outline.attributes if attribute.startswith("on")}
    assert outline.open == []
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", page)
    assert outline.text.count(SCRIPT) > 10
    assert r"\x1b[31m[red]\u202e" in outline.text


def test_a_hostile_key_cannot_leave_its_attribute():
    document = supported_digits()
    run = document.runs[0].model_copy(update={"key": 'x" onclick="alert(1)'})
    page = render_html(document.model_copy(update={"runs": (run, *document.runs[1:])}))
    assert "onclick" not in Outline(page).attributes
    assert 'id="run-x--onclick--alert-1-"' in page


def test_an_arithmetic_table_lists_what_differs_and_folds_the_rest():
    document = arithmetic()
    parts = PartsView(document.checks[0])
    assert {cell.name for cell in parts.shown} == {
        "wrn-14-2 total",
        "resnet-866 output share",
        "imagenet-resnet-101 total",
    }
    assert (len(parts.folded), parts.folded_title) == (116, "The other 116 parts: 116 confirmed")
    words = Outline(render_html(document)).text
    for cell in document.checks[0].parts:
        assert cell.reason in words


def test_arithmetic_speaks_of_no_seeds_runs_or_looks():
    page = render_html(arithmetic())
    words = Outline(page).text
    assert "116 of 119 agree counted exactly, so no interval and no seeds" in words
    assert "at paper scale — arithmetic on networks needs no data" in words
    assert "Trainings none: arithmetic needs no run" in words
    assert not re.search(r"n = 0|Level of the interval|Look \d|0 needed", words)
    assert "<figure" not in page.replace('<figure class="headline">', "")


def test_a_single_count_is_shown_whole_with_its_thousands_apart():
    document = arithmetic()
    (check,) = document.checks
    cell = next(cell for cell in check.parts if cell.name == "resnet-14 total")
    alone = check_of((cell,), PaperVerdict.CONFIRMED, kind="count", unit=Unit.PARAMETERS, id="every_cell")
    words = Outline(render_html(document.model_copy(update={"checks": (alone,)}))).text
    assert "175,258 parameters counted exactly" in words


def test_a_check_that_is_not_assessed_gives_its_reason_in_the_summary_too():
    words = Outline(render_html(SAMPLES["not-assessed"]())).text
    assert words.count("ImageNet is not run at this scale") == 2
    assert "worst case, published beside – not assessed ImageNet is not run at this scale" in words


def test_tables_of_runs_list_every_metric_of_the_claim():
    document = gamma()
    page = render_html(document)
    for run in document.runs:
        (row,) = re.findall(f'href="#run-{run.key}">[^<]*</a></th><td>{run.network}</td>.*?</tr>', page)
        for metric, value in run.values.items():
            assert f'<td class="num">{amounts.figure(value, metric.unit)}</td>' in row


def test_each_data_set_is_given_with_its_own_recipe():
    words = Outline(render_html(imagenet())).text
    assert "Recipe on CIFAR-10 epochs 24" in words
    assert "Recipe on ImageNet epochs 90" in words
    assert "Networks trained on it ImageNet ResNets" in words


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.04, "0.0 s"), (59.96, "1 min 00 s"), (245, "4 min 05 s"), (4320, "1 h 12 min")]
)
def test_times_are_given_in_units_that_fit(seconds, shown):
    assert text.duration(seconds).replace("\u00a0", " ") == shown


def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path):
    source = tmp_path / "x.json"
    source.write_text("\ufeff" + supported_digits().model_dump_json(), encoding="utf-8")
    assert load_document(source) == supported_digits()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Invalid JSON"),
        (b"{", "Invalid JSON"),
        (b"[]", "not a verdict file of format 1"),
        (b"\xff\xfe", "byte 0 is not UTF-8"),
        (b"[" * 5000, "Invalid JSON"),
    ],
    ids=["empty", "cut short", "a list", "binary", "deep"],
)
def test_a_file_that_is_no_document_is_refused_in_words(tmp_path: Path, content: bytes, words: str):
    source = tmp_path / "x.json"
    source.write_bytes(content)
    with pytest.raises(DocumentError, match=words) as refusal:
        load_document(source)
    assert str(refusal.value).startswith(str(source))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 2}, "format: Input should be 1"),
        ({"verdict": "confirmed"}, "scale digits cannot say confirmed"),
        ({"verdict": "perhaps"}, "verdict"),
        ({"surprise": 1}, "surprise: Extra inputs are not permitted"),
        ({"\x1b[31m": 1}, r"\\x1b\[31m: Extra inputs"),
        ({"networks": ["resnet-15"]}, "depth 15"),
        ({"title": None}, "title: Input should be a valid string"),
        ({"runs": [{}]}, r"runs\.0\.network: Field required\n(.*\n)+  and \d+ more"),
    ],
)
def test_a_document_with_a_wrong_field_is_refused_by_its_place(tmp_path: Path, changes: dict[str, object], words: str):
    source = tmp_path / "x.json"
    source.write_text(json.dumps(json.loads(supported_digits().model_dump_json()) | changes), encoding="utf-8")
    with pytest.raises(DocumentError, match=words):
        load_document(source)


def test_a_missing_file_and_a_folder_are_refused_in_words(tmp_path: Path):
    with pytest.raises(DocumentError, match="cannot be read: No such file"):
        load_document(tmp_path / "absent.json")
    with pytest.raises(DocumentError, match="cannot be read: Is a directory"):
        load_document(tmp_path)


def test_a_run_that_a_check_names_and_nothing_trained_is_said():
    document = inconclusive_part()
    absent = run_key("resnet-14", RANDOM, 1)
    first = document.checks[0].parts[0]
    first = first.model_copy(update={"runs": (*first.runs, absent)})
    check = document.checks[0].model_copy(update={"parts": (first,)})
    assert "no trained run" in render_html(document.model_copy(update={"checks": (check,)}))


def test_the_report_needs_no_torch():
    folder = Path(svg.__file__).parent
    assert not [
        path.name for path in folder.glob("*.py") if re.search(r"^(import|from) (torch|numpy)", path.read_text(), re.M)
    ]
