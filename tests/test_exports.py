"""Verdicts and runs for other programs: what they say, and that no text in them becomes anything but text."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnrepro.errors import DocumentError, NothingSelected, StoreError, UsageError
from bnrepro.exports import badge, junit, load_results, load_verdicts, run_table, summary, write_csv, write_parquet
from bnrepro.exports.markdown import Listing, escaped, fitted
from bnrepro.exports.tables import COLUMNS
from bnrepro.history import diff
from bnrepro.publish import write_document
from bnrepro.report.words import tone
from bnrepro.spec.metrics import Metric
from bnrepro.spec.probe import AffineValues, Probe
from bnrepro.spec.results import VerdictDocument
from bnrepro.store import Store
from tests.history_samples import FAILED, HELD, check, claim, night
from tests.page_outline import Outline
from tests.report_hostile import HOSTILE, SCRIPT, hostile_document
from tests.report_samples import SAMPLES, arithmetic, inconclusive_part, monotone, supported_digits
from tests.small_claim import a_run, made_up

HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")


@pytest.fixture(scope="module")
def documents() -> list[VerdictDocument]:
    return [make() for make in SAMPLES.values()]


# ── JUnit ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def outcomes(report: str) -> dict[str, str]:
    """What became of each case: the tag inside it, or passed."""
    cases = ET.fromstring(report).iter("testcase")  # noqa: S314 - made here
    return {case.get("name", ""): next((child.tag for child in case), "passed") for case in cases}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_report_has_a_suite_a_claim_and_a_case_a_check(name: str) -> None:
    document = SAMPLES[name]()
    (suite,) = ET.fromstring(junit([document]))  # noqa: S314 - made here
    assert suite.get("name") == f"{document.scale}.{document.claim}"
    expected = {"good": "passed", "bad": "failure", "open": "skipped", "none": "skipped"}
    found = outcomes(junit([document]))
    for each in document.checks:
        assert found[each.id] == expected[tone(each.verdict)]
    assert len(found) == len(document.checks) + len(document.failed)


@pytest.mark.parametrize(("word", "tag"), [("skipped", "skipped"), ("failure", "failure"), ("passed", "passed")])
def test_an_inconclusive_check_is_what_one_asks_it_to_be_and_always_named(word: Any, tag: str) -> None:
    document = monotone()
    (still,) = (each.id for each in document.checks if each.verdict.value == "inconclusive")
    report = junit([document], inconclusive=word)
    assert outcomes(report)[still] == tag
    named = ET.fromstring(report).find("./testsuite/properties/property[@name='inconclusive']")  # noqa: S314 - made here
    assert named is not None
    assert named.get("value") == still


def test_an_inconclusive_check_that_is_skipped_says_why() -> None:
    document = monotone()
    skipped = ET.fromstring(junit([document])).find(".//skipped")  # noqa: S314 - made here
    assert skipped is not None
    assert skipped.get("type") == "inconclusive"
    assert document.checks[0].reason in skipped.get("message", "")


def test_another_word_for_inconclusive_is_refused() -> None:
    with pytest.raises(UsageError, match="skipped, failure, passed, not 'error'"):
        junit([], inconclusive="error")  # type: ignore[arg-type]


def test_a_run_that_failed_is_an_error_of_its_own() -> None:
    report = junit([inconclusive_part()])
    assert outcomes(report)["training of resnet-14 random_2 seed 1"] == "error"
    error = ET.fromstring(report).find(".//error")  # noqa: S314 - made here
    assert error is not None
    assert "signal 9" in error.get("message", "")
    assert "Traceback" in (error.text or "")


def test_a_report_counts_what_it_holds(documents: list[VerdictDocument]) -> None:
    root = ET.fromstring(junit(documents))  # noqa: S314 - made here
    for suite in root:
        cases = suite.findall("testcase")
        assert int(suite.get("tests", "")) == len(cases)
        for tag, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert int(suite.get(attribute, "")) == len(suite.findall(f"testcase/{tag}"))
    for attribute in ("tests", "failures", "errors"):
        assert int(root.get(attribute, "")) == sum(int(suite.get(attribute, "")) for suite in root)
    assert root.find(".//failure") is not None


def test_times_are_those_of_the_runs_each_counted_once_a_suite() -> None:
    document = supported_digits()
    report = ET.fromstring(junit([document, document.model_copy(update={"claim": "again"})]))  # noqa: S314 - made here
    total = sum(run.wall_seconds for run in document.runs)
    for suite in report:
        assert float(suite.get("time", "")) == pytest.approx(total, abs=1e-3)
    case = report.find("testsuite/testcase")
    assert case is not None
    read = set(document.checks[0].runs)
    expected = sum(run.wall_seconds for run in document.runs if run.key in read)
    assert float(case.get("time", "")) == pytest.approx(expected, abs=1e-3)
    assert float(report.get("time", "")) == pytest.approx(total, abs=1e-3)


def test_a_report_keeps_to_the_common_core_of_the_format(documents: list[VerdictDocument]) -> None:
    """The elements and attributes that the schema of Jenkins' xunit plugin (junit-10) and Ant's have in common."""
    allowed = {
        "testsuites": ({"name", "tests", "failures", "errors", "time"}, {"testsuite"}),
        "testsuite": (
            {"name", "tests", "failures", "errors", "skipped", "time"},
            {"properties", "testcase"},
        ),
        "properties": (set(), {"property"}),
        "property": ({"name", "value"}, set()),
        "testcase": ({"classname", "name", "time"}, {"failure", "error", "skipped"}),
        "failure": ({"message", "type"}, set()),
        "error": ({"message", "type"}, set()),
        "skipped": ({"message", "type"}, set()),
    }
    for element in ET.fromstring(junit(documents)).iter():  # noqa: S314 - made here
        attributes, children = allowed[element.tag]
        assert set(element.attrib) <= attributes
        assert {child.tag for child in element} <= children
        if element.tag == "testcase":
            assert len(element) <= 1
        if "time" in element.attrib:
            assert re.fullmatch(r"\d+\.\d{3}", element.attrib["time"])


def test_a_reader_of_junit_files_understands_the_report(documents: list[VerdictDocument]) -> None:
    reader = pytest.importorskip(
        "junitparser", reason="junitparser is not installed (python -m pip install junitparser)"
    )
    report = reader.JUnitXml.fromstring(junit(documents).encode())
    assert [suite.name for suite in report] == [f"{each.scale}.{each.claim}" for each in documents]
    failed = {
        case.name for suite in report for case in suite for each in case.result if isinstance(each, reader.Failure)
    }
    assert failed == {each.id for document in documents for each in document.checks if tone(each.verdict) == "bad"}
    before = (report.tests, report.failures, report.errors)
    report.update_statistics()
    assert (report.tests, report.failures, report.errors) == before


@pytest.mark.parametrize("name", SAMPLES)
def test_hostile_text_stays_text_in_a_report(name: str) -> None:
    report = junit([hostile_document(SAMPLES[name]())])
    assert not HIDDEN.search(report)
    root = ET.fromstring(report)  # noqa: S314 - made here
    told = [value for element in root.iter() for value in (*element.attrib.values(), element.text or "")]
    assert any(SCRIPT in value and r"\x1b[31m[red]\u202e" in value for value in told)


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\ufffe", "\uffff", "\ud800", "\r", "]]>", "<!--", "&#0;"])
def test_what_xml_cannot_carry_is_spelled_out(character: str) -> None:
    document = supported_digits().model_copy(update={"reason": f"before{character}after"})
    found = ET.fromstring(junit([document]).encode("utf-8")).find(".//property[@name='reason']")  # noqa: S314 - made here
    assert found is not None
    assert re.fullmatch(r"before.+after", found.get("value", ""))


def test_a_message_of_megabytes_is_cut() -> None:
    document = inconclusive_part()
    long = document.failed[0].model_copy(update={"error": "y" * 5_000_000, "details": "z" * 5_000_000})
    report = junit([document.model_copy(update={"failed": (long,)})])
    assert len(report) < 100_000
    assert "yyy…" in report


# ── the summary ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_summary_counts_verdicts_by_scale_and_lists_every_claim_the_worst_first(
    documents: list[VerdictDocument],
) -> None:
    told = summary(documents)
    assert f"## {len(documents)} claims" in told
    assert "- at scale digits: **1** supported, **1** not assessed" in told
    rows = [line for line in told.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert len(rows) == len(documents)
    words = [re.findall(r"\*\*(.+?)\*\*", row)[0] for row in rows]
    order = ("refuted", "contradicted", "inconclusive", "confirmed", "supported", "not assessed")
    assert words == sorted(words, key=order.index)
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 8 for row in rows)


def test_a_summary_tells_new_failures_before_anything_else_that_changed() -> None:
    found = diff(
        night(1, claim("a", HELD, check("x", HELD), check("y", FAILED))),
        night(2, claim("a", FAILED, check("x", FAILED, -5.0), check("y", HELD))),
    )
    told = summary([supported_digits()], found)
    places = [
        told.index(heading)
        for heading in ("**new failures in 1 claim**", "### New failures", "### Fixed", "### Claims")
    ]
    assert places == sorted(places)
    assert "- **`a` `x`**: ✓ supported → ✗ contradicted; +5.00 points" in told
    assert "→ −5.00 points (−6.00 to −4.00; n = 3)" in told


def test_runs_that_failed_are_listed() -> None:
    told = summary([inconclusive_part()])
    assert "**1 failed**" in told
    assert "- resnet-14 random&#95;2 seed 1: TrainingError" in told


@pytest.mark.parametrize("limit", [4_000, 5_000, 20_000, 100_000])
def test_a_summary_keeps_to_its_limit_and_counts_what_it_cuts(limit: int) -> None:
    document = supported_digits()
    many = [document.model_copy(update={"claim": f"claim_{number}", "title": "γ" * 150}) for number in range(300)]
    then, now = (
        night(sequence, *(claim(f"claim_{number}", outcome, check("x", outcome)) for number in range(300)))
        for sequence, outcome in ((1, HELD), (2, FAILED))
    )
    told = summary(many, diff(then, now), limit_bytes=limit)
    assert limit - 700 < len(told.encode()) <= limit
    for rows, noun in ((600, "change"), (300, "claim")):
        written = sum(line.startswith("- **" if noun == "change" else "| ✓") for line in told.splitlines())
        cut = re.search(rf"^and (\d+) more {noun}s?$", told, re.MULTILINE)
        assert written + (int(cut[1]) if cut else 0) == rows


def test_nothing_is_cut_from_a_summary_that_fits(documents: list[VerdictDocument]) -> None:
    assert " more " not in summary(documents, limit_bytes=1_000_000).replace("do more than", "")


def test_a_limit_below_what_the_headings_need_is_refused() -> None:
    with pytest.raises(UsageError, match="4,000 bytes"):
        summary([], limit_bytes=3_999)


def test_a_list_that_fits_to_the_byte_is_whole() -> None:
    listing = Listing(head="head\n\n", rows=["- one", "- two"], noun="row")
    whole = listing.cut(2)
    assert fitted([listing], len(whole.encode()) + 1) == whole
    assert fitted([listing], len(whole.encode())) != whole


@pytest.mark.parametrize("name", SAMPLES)
def test_hostile_text_stays_text_in_a_summary(name: str) -> None:
    told = summary([hostile_document(SAMPLES[name]())])
    assert not HIDDEN.search(told)
    assert "<script" not in told
    assert "<img" not in told
    assert {"br"} >= set(re.findall(r"<(\w+)", told))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a | b", "a &#124; b"),
        (
            "**bold** _it_ `code` ~~x~~",
            "&#42;&#42;bold&#42;&#42; &#95;it&#95; &#96;code&#96; &#126;&#126;x&#126;&#126;",
        ),
        ("[link](http://x.org)", "&#91;link&#93;(http:&#8203;//x.org)"),
        ("www.x.org", "www.&#8203;x.org"),
        ("@someone fixes #12", "@&#8203;someone fixes &#35;&#8203;12"),
        ("&lt; :smile: $x$", "&#38;lt; :&#8203;smile: &#36;x&#36;"),
        ("two\n\n# lines", "two &#35; lines"),
        ("2 steps: 3.5 points [1.9, 10.6]", "2 steps: 3.5 points &#91;1.9, 10.6&#93;"),
    ],
)
def test_markdown_has_no_meaning_in_foreign_text(text: str, shown: str) -> None:
    assert escaped(text) == shown


# ── the badge ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_badge_keeps_scales_apart_and_reads_itself_aloud() -> None:
    image = badge([supported_digits(), monotone(), arithmetic()])
    root = ET.fromstring(image)  # noqa: S314 - made here
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert root.get("role") == "img"
    assert title.text == root.get("aria-label")
    assert title.text == (
        "BatchNorm claims: at scale paper 1 refuted; at scale reduced 1 inconclusive; at scale digits 1 supported"
    )
    assert "paper ✗1 · reduced ?1 · digits ✓1" in Outline(image).text


def test_the_colour_of_a_badge_is_that_of_the_worst_verdict() -> None:
    colours = [
        re.findall(r'fill="(#[0-9a-f]{6})"', badge(chosen))[1]
        for chosen in ([], [supported_digits()], [supported_digits(), monotone()], [monotone(), arithmetic()])
    ]
    assert colours == ["#4c5660", "#0b6b4a", "#7d5600", "#a52a1e"]


def test_white_text_on_every_colour_of_a_badge_can_be_read() -> None:
    def luminance(colour: str) -> float:
        channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    for chosen in ([], [supported_digits()], [monotone()], [arithmetic()]):
        for colour in re.findall(r'fill="(#[0-9a-f]{6})"', badge(chosen)):
            assert 1.05 / (luminance(colour) + 0.05) >= 4.5


def test_the_same_verdicts_give_the_same_bytes(documents: list[VerdictDocument]) -> None:
    for export in (junit, summary, badge):
        assert export(documents) == export([make() for make in SAMPLES.values()])


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two runs, of which one was measured."""
    store = Store(tmp_path / "store")
    for seed, accuracy in ((1, 60.0), (0, 50.0)):
        store.save(made_up(a_run(seed=seed), accuracy), {"a": np.zeros(1, dtype=np.float32)})
    gamma = np.array([-1, 1, 1, 1], dtype=np.float32)
    key = made_up(a_run(seed=0), 50.0).key
    store.save_measured(key, Probe.AFFINE, AffineValues(gamma=gamma, beta=gamma))
    return store


def test_every_stored_run_is_a_row_with_what_was_measured_on_it(store: Store) -> None:
    first, second = run_table(store)
    assert tuple(first) == COLUMNS
    assert [row["seed"] for row in (first, second)] == [0, 1]
    assert [row["test_accuracy"] for row in (first, second)] == [50.0, 60.0]
    assert first["gamma_positive"] == 75.0
    assert second["gamma_positive"] is None
    assert first["key"] == made_up(a_run(seed=0), 50.0).key
    assert (first["scale"], first["device"], first["status"]) == ("digits", "cpu", "completed")


def test_a_table_has_every_metric_and_no_other_names() -> None:
    assert {metric.value for metric in Metric} <= set(COLUMNS)
    assert len(COLUMNS) == len(set(COLUMNS))


def test_a_csv_reads_back_as_it_was(store: Store, tmp_path: Path) -> None:
    rows = run_table(store)
    path = write_csv(rows, tmp_path / "out" / "runs.csv")
    with path.open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert [float(row["test_accuracy"]) for row in found] == [50.0, 60.0]
    assert found[1]["gamma_positive"] == ""
    assert [row["arm"] for row in found] == [row["arm"] for row in rows]
    before = path.read_bytes()
    assert write_csv(run_table(store), path).read_bytes() == before


def test_an_empty_store_gives_a_csv_of_headings(tmp_path: Path) -> None:
    path = write_csv(run_table(Store(tmp_path / "store")), tmp_path / "runs.csv")
    assert path.read_text() == ",".join(COLUMNS) + "\n"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x","y")'])
def test_no_text_in_a_csv_is_a_formula_to_a_spreadsheet(tmp_path: Path, text: str) -> None:
    path = write_csv([{"key": text, "test_loss": -1.5}], tmp_path / "runs.csv", columns=("key", "test_loss"))
    with path.open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["key"].startswith("'")
    assert row["test_loss"] == "-1.5"


def test_hostile_text_stays_in_its_cell(tmp_path: Path) -> None:
    text = f'{HOSTILE},"\n;x'
    path = write_csv([{"key": text}], tmp_path / "runs.csv", columns=("key",))
    assert not HIDDEN.search(path.read_text())
    with path.open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["key"].endswith(',"\n;x')


def test_a_table_that_cannot_be_written_is_refused_in_words(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file/runs\.csv"):
        write_csv(run_table(store), tmp_path / "file" / "runs.csv")


def test_parquet_keeps_every_column_with_its_type(store: Store, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed (python -m pip install pyarrow)")
    rows = run_table(store)
    path = write_parquet(rows, tmp_path / "runs.parquet")
    table = parquet.read_table(path)
    assert table.to_pylist() == rows
    types = {field.name: str(field.type) for field in table.schema}
    assert (types["key"], types["seed"], types["top5_accuracy"]) == ("string", "int64", "double")
    before = path.read_bytes()
    assert write_parquet(rows, path).read_bytes() == before


def test_runs_load_as_a_data_frame(store: Store) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed (python -m pip install pandas)")
    frame = load_results(store.root)
    assert list(frame.columns) == list(COLUMNS)
    assert frame.groupby("arm").test_accuracy.mean().item() == 55.0


def test_verdicts_load_as_a_data_frame_of_checks(tmp_path: Path) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed (python -m pip install pandas)")
    documents = [supported_digits(), monotone()]
    for document in documents:
        write_document(document, tmp_path)
    frame = load_verdicts(tmp_path)
    assert list(frame["check"]) == [each.id for document in reversed(documents) for each in document.checks]
    assert frame.loc[frame.settles, "estimate"].tolist() == [
        document.checks[0].estimate for document in reversed(documents)
    ]
    (tmp_path / "digits" / "broken.json").write_text("{")
    with pytest.raises(DocumentError, match=r"broken\.json"):
        load_verdicts(tmp_path)


def test_a_folder_without_store_or_verdicts_is_refused_and_stays_empty(tmp_path: Path) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed (python -m pip install pandas)")
    with pytest.raises(NothingSelected, match="no store"):
        load_results(tmp_path)
    with pytest.raises(NothingSelected, match="no verdict"):
        load_verdicts(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("absent", "call"),
    [
        ("pandas", load_results),
        ("pandas", load_verdicts),
        ("pyarrow", lambda folder: write_parquet([], folder / "runs.parquet")),
    ],
)
def test_a_package_that_is_absent_is_named_with_the_way_to_install_it(
    absent: str, call: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(UsageError, match=f"python -m pip install {absent}"):
        call(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_exports_start_without_heavy_packages() -> None:
    code = "import sys, bnrepro.exports; print(*sorted({'torch', 'pandas', 'pyarrow', 'sklearn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
