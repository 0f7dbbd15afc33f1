"""The site of a folder of reports: what its index says, where its links lead, and what a broken file does to it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import time
from pathlib import Path

import pytest

from bnrepro.arguments import make_parser
from bnrepro.cli import DATA_VERBS, VERBS
from bnrepro.errors import StoreError
from bnrepro.publish import write_document
from bnrepro.report.index import Index, render_index
from bnrepro.report.lines import Line
from bnrepro.report.own_run import command_again
from bnrepro.report.sections import section_of
from bnrepro.report.site import SiteBuilt, write_site
from bnrepro.session import Session
from bnrepro.spec.results import VerdictDocument
from bnrepro.spec.scale import Scale
from tests.page_outline import Outline
from tests.report_hostile import SCRIPT, hostile_document
from tests.report_parts import run_row
from tests.report_samples import SAMPLES, arithmetic, assessed_nowhere, inconclusive_part, supported_digits
from tests.report_sites import claim_document, sample_site, write_reports

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> SiteBuilt:
    reports = tmp_path_factory.mktemp("site") / "reports"
    sample_site(reports)
    return write_site(reports)


def index_of(*documents: VerdictDocument) -> str:
    return render_index(Index(lines=tuple(map(Line.of, documents)), figures={}))


def words_of(page: str) -> str:
    return Outline(page).text.replace("\u00a0", " ")


def line_of(page: str, scale: str) -> str:
    """The words of the one line at a scale."""
    (line,) = re.findall(rf'<li class="line" data-scale="{scale}".*?</li>', page, re.DOTALL)
    return words_of(line)


def contents(reports: Path) -> dict[str, bytes]:
    return {path.relative_to(reports).as_posix(): path.read_bytes() for path in reports.rglob("*.html")}


def test_a_line_gives_verdict_marks_effect_cost_and_time():
    told = line_of(index_of(claim_document(0, Scale.DIGITS)), "digits")
    check = claim_document(0, Scale.DIGITS).checks[0]
    low, high = check.interval
    assert told.startswith("digits ✓ supported robust fragile")
    assert f"{check.estimate:+.2f} points n = 3 {low:+.2f} to {high:+.2f} wanted: above +10.00" in told
    assert "24 runs, 9 min" in told
    assert told.endswith("2026-04-10 03:00 UTC")


def test_a_line_without_an_estimate_gives_its_reason():
    told = line_of(index_of(assessed_nowhere()), "digits")
    assert told == "digits – not assessed No check of this claim runs at this scale. no run"


def test_counts_that_are_compared_at_once_are_told_as_counts():
    assert "✗ refuted 116 of 119 agree counted exactly no run" in line_of(index_of(arithmetic()), "paper")


def test_a_claim_that_was_asked_in_part_is_marked():
    assert "in part" in line_of(index_of(inconclusive_part()), "reduced")
    assert "in part" not in line_of(index_of(supported_digits()), "digits")


def test_claims_are_grouped_by_section_in_the_order_of_the_paper():
    places = ("Appendix C.1, the table", "Section 5", "Nowhere", "Section 4 with its Figure 2")
    documents = [claim_document(place, Scale.DIGITS, where=where) for place, where in enumerate(places)]
    headings = re.findall(r'<h3 id="[^"]*-name">([^ <]+ ?[^ <]*)', index_of(*documents))
    assert headings == ["Section 4", "Section 5", "Appendix C", "Elsewhere"]


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("Section 4 with its Figure 2, and section 1", "Section 4"),
        ("Appendix C.1, the table", "Appendix C"),
        ("Sections 4 and 5", "Elsewhere"),
        ("Section 42", "Elsewhere"),
        ("<b>Section 4</b>", "Elsewhere"),
    ],
)
def test_the_section_of_a_claim_is_where_it_stands_first(where, name):
    assert section_of(where).name == name


def test_every_claim_file_of_the_suite_stands_in_a_section():
    wheres = [re.search(r"^where: (.*)$", path.read_text(), re.M)[1] for path in REPOSITORY.glob("claims/*.yaml")]
    assert len(wheres) == 26
    assert not [where for where in wheres if not section_of(where.strip("'\"")).subject]


def test_the_summary_counts_verdicts_marks_and_rows_at_each_scale():
    documents = [claim_document(place, scale) for place in range(3) for scale in (Scale.PAPER, Scale.DIGITS)]
    extra = claim_document(3, Scale.DIGITS, rows=("D01", "D02"))
    words = words_of(index_of(*documents, extra))
    assert (
        "Paper scale the paper's own data, networks and schedule 1 confirmed 1 refuted 1 inconclusive "
        "1 without a verdict robust 2 fragile 3 rows assessed 1 of 80" in words
    )
    assert "Reduced scale CIFAR-10 with fewer epochs, a preview No verdict yet." in words
    assert "2 supported 1 contradicted 1 inconclusive robust 2 fragile 4" in words
    assert "4 claims here cover 5 of 80 rows of the catalogue" in words


def test_runs_that_claims_share_are_counted_once():
    same = claim_document(0, Scale.DIGITS)
    words = words_of(index_of(same, same.model_copy(update={"claim": "another"})))
    assert f"{len(same.runs)} runs, " in words[: words.index("Claims")]


def test_rows_that_no_claim_covers_are_named():
    words = words_of(index_of(claim_document(0, Scale.DIGITS)))
    assert "79 rows of the catalogue without a verdict A01, A02" in words


def test_the_site_has_an_index_a_page_a_claim_and_one_of_figures(site):
    reports = site.index.parent
    pages = {path.relative_to(reports).as_posix() for path in site.pages}
    assert site.index == reports / "index.html"
    assert {"digits/claim_00.html", "reduced/claim_01.html", "digits/figures.html", "paper/gamma.html"} <= pages
    assert all(path.is_file() for path in site.pages)


def test_every_link_of_the_site_leads_somewhere(site):
    reports = site.index.parent
    outlines = {path: Outline(path.read_text(encoding="utf-8")) for path in reports.rglob("*.html")}
    assert len(outlines) > 15
    for path, outline in outlines.items():
        for target in outline.targets - {"data:,"}:
            name, _, place = target.partition("#")
            file = (path.parent / name).resolve() if name else path
            assert file in outlines, f"{path.name} links to {target}"
            assert not place or place in outlines[file].ids, f"{path.name} links to {target}"


def test_a_claim_page_leads_back_and_to_other_scales_and_figures(site):
    outline = Outline((site.index.parent / "digits" / "claim_00.html").read_text(encoding="utf-8"))
    assert {"../index.html#claim-claim_00", "../reduced/claim_00.html"} <= outline.targets
    assert any(target.startswith("figures.html#") for target in outline.targets)
    assert "trend" in outline.ids


def test_the_index_lists_nights_newest_first_and_links_those_that_have_a_page(tmp_path):
    write_reports(tmp_path, claims=1, scales=(Scale.REDUCED, Scale.DIGITS), nights=3)
    (tmp_path / "nights" / "000002.html").unlink()
    table = write_site(tmp_path).index.read_text(encoding="utf-8").partition('id="nights"')[2]
    nights = re.findall(r'<tr><th scope="row">(?:<a href="([^"]*)">)?(\d+)', table)
    assert [int(number) for _, number in nights] == [6, 5, 4, 3, 2, 1]
    assert [href for href, _ in nights if href] == [f"nights/{number:06}.html" for number in (6, 5, 4, 3, 1)]


def test_two_builds_are_byte_identical_wherever_they_lie(site, tmp_path):
    reports = site.index.parent
    before = contents(reports)
    write_site(reports)
    assert contents(reports) == before
    copy = tmp_path / "elsewhere"
    shutil.copytree(reports, copy, ignore=shutil.ignore_patterns("index.html", "claim_*.html", "figures.html"))
    write_site(copy)
    assert contents(copy) == before


def test_verify_after_verify_makes_the_same_site_as_all_at_once(tmp_path):
    reports = tmp_path / "reports"
    for scale, place in ((Scale.DIGITS, 0), (Scale.DIGITS, 1), (Scale.REDUCED, 1), (Scale.DIGITS, 0)):
        judged = claim_document(place, scale)
        write_document(judged, reports)
        write_site(reports, judged=[judged])
    bit_by_bit = contents(reports)
    assert len(bit_by_bit) == 6
    for page in reports.rglob("*.html"):
        page.unlink()
    write_site(reports)
    assert contents(reports) == bit_by_bit


def test_a_page_that_would_not_change_is_left_alone(site):
    before = {path: path.stat().st_mtime_ns for path in site.pages}
    write_site(site.index.parent)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_broken_file_is_named_with_its_reason_and_stops_no_other(tmp_path):
    write_reports(tmp_path, claims=2, scales=(Scale.DIGITS,), nights=0)
    write_site(tmp_path)
    (tmp_path / "digits" / "claim_00.json").write_text("{", encoding="utf-8")
    built = write_site(tmp_path)
    assert [problem.path for problem in built.problems] == ["digits/claim_00.json"]
    words = words_of(built.index.read_text(encoding="utf-8"))
    assert "1 file could not be read" in words
    assert "digits/claim_00.json: not a verdict file of format 1" in words
    assert "Claim 1 says that" in words
    assert "Claim 0 says that" not in words
    assert str(tmp_path) not in words


def test_the_page_of_a_file_that_broke_shows_no_old_verdict(tmp_path):
    write_reports(tmp_path, claims=1, scales=(Scale.DIGITS,), nights=0)
    write_site(tmp_path)
    (tmp_path / "digits" / "claim_00.json").write_text("[]", encoding="utf-8")
    write_site(tmp_path)
    words = words_of((tmp_path / "digits" / "claim_00.html").read_text(encoding="utf-8"))
    assert "digits/claim_00.json could not be read" in words
    assert "supported" not in words


@pytest.mark.parametrize("name", ["paper/claim_00.json", "digits/other.json", "digits/Claim 0.json"])
def test_a_verdict_that_stands_in_the_wrong_place_is_a_problem(tmp_path, name):
    target = tmp_path / name
    target.parent.mkdir()
    target.write_text(claim_document(0, Scale.DIGITS).model_dump_json(), encoding="utf-8")
    built = write_site(tmp_path)
    assert [problem.path for problem in built.problems] == [name]
    assert "holds claim 'claim_00' at scale digits; it belongs at" in built.problems[0].reason


def test_a_damaged_history_takes_nothing_but_the_history(tmp_path):
    write_reports(tmp_path, claims=1, scales=(Scale.DIGITS,), nights=2)
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"id":"nothing"}\n')
    built = write_site(tmp_path)
    assert [problem.path for problem in built.problems] == ["history.jsonl"]
    assert "Claim 0 says that" in built.index.read_text(encoding="utf-8")
    assert "Nights" not in built.index.read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_an_error_that_leaves_nothing_behind(tmp_path):
    write_reports(tmp_path, claims=1, scales=(Scale.DIGITS,), nights=0)
    page = next((tmp_path / "digits").glob("*.json")).with_suffix(".html")
    page.mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(StoreError, match=rf"cannot use .*{page.name}"):
        write_site(tmp_path)
    assert {path for path in tmp_path.rglob("*") if path not in before} <= {tmp_path / "digits" / "figures.html"}


def test_an_empty_folder_gives_an_index_that_says_what_to_do(tmp_path):
    words = words_of(write_site(tmp_path).index.read_text(encoding="utf-8"))
    assert "There is no verdict yet. bnrepro verify --all --scale digits" in words


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("length", [1, 5_000])
def test_hostile_text_stays_text_in_the_index(name, length):
    page = index_of(hostile_document(SAMPLES[name](), text=f"{SCRIPT}\"'>\x1b[31m\u202e{'x' * length}"))
    outline = Outline(page)
    assert "img" not in outline.tags
    assert page.count("<script") == 1
    assert not {attribute for attribute in outline.attributes if attribute.startswith("on")}
    assert outline.open == []
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", page)
    assert SCRIPT in outline.text
    assert len(page) < 50_000


def test_hostile_text_stays_text_in_the_page_of_a_file_that_is_none(tmp_path):
    (tmp_path / "digits").mkdir()
    found = json.loads(assessed_nowhere().model_dump_json()) | {f"{SCRIPT}\u202e": 1}
    (tmp_path / "digits" / "x.json").write_text(json.dumps(found), encoding="utf-8")
    write_site(tmp_path)
    for page in ("index.html", "digits/x.html"):
        text = (tmp_path / page).read_text(encoding="utf-8")
        assert SCRIPT not in text
        assert rf"{SCRIPT}\u202e" in Outline(text).text


def test_the_only_script_that_may_run_is_the_one_that_the_policy_names():
    page = index_of(supported_digits())
    assert len(re.findall(r"script-src 'sha256-[A-Za-z0-9+/]{43}='; ", page)) == 1
    assert "unsafe-inline'" not in page.replace("style-src 'unsafe-inline'", "")
    assert not re.search(r"url\(|@import|https?://", page)


def test_a_run_says_how_to_train_it_again_in_one_command(tmp_path):
    parser = make_parser(VERBS, DATA_VERBS)
    claim = REPOSITORY / "claims" / "sec4_random_params.yaml"
    asked = parser.parse_args(["plan", str(claim), "--scale", "digits", "--store", str(tmp_path / "store")])
    runs = Session.begin(asked, lambda _: None, only_plan=True).suite.plan(2).runs
    seed = 3
    (wanted,) = [
        run
        for run in runs
        if (str(run.spec.network), str(run.spec.full_arm), run.spec.seed) == ("resnet-20", "random_2", seed)
    ]
    row = run_row("resnet-20", wanted.spec.full_arm, seed, 50.0, 2, key=wanted.key)
    provenance = {"device kind": "cpu", "precision": "float32"}
    command = command_again(supported_digits().model_copy(update={"provenance": provenance}), row)
    program, _, *words = shlex.split(command)
    again = parser.parse_args(["plan", *words[:-4], "--store", str(tmp_path / "again")])
    assert (program, words[-4:]) == ("bnrepro", ["--store", "again", "--reports", "again/reports"])
    assert row.key in {run.key for run in Session.begin(again, lambda _: None, only_plan=True).suite.plan(1).runs}


def test_a_command_for_a_hostile_document_is_one_shell_word_a_value():
    document = hostile_document(supported_digits(), text="x; rm -rf $HOME `id`\n'")
    document = document.model_copy(update={"provenance": {"device kind": "cpu; reboot", "precision": "'\n"}})
    words = shlex.split(command_again(document, document.runs[0]))
    assert words[2] == "claims/x; rm -rf $HOME `id`\n'.yaml"
    assert words[words.index("--device") + 1] == "cpu; reboot"
    assert words[words.index("--precision") + 1] == "'\n"


@pytest.mark.slow
def test_25_claims_at_3_scales_over_100_nights_make_a_small_index_in_seconds(tmp_path):
    write_reports(tmp_path, claims=25, scales=tuple(Scale), nights=100)
    started = time.process_time()
    built = write_site(tmp_path)
    assert time.process_time() - started < 10
    assert len(built.pages) == 78
    assert built.index.stat().st_size < 500_000
    assert max(path.stat().st_size for path in built.pages if path.name != "figures.html") < 1_000_000
