"""The page of a night and the trend on a claim's page."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from bnrepro.history import ChangeKind, Night, diff
from bnrepro.report.night import NightPage, render_night, write_night
from bnrepro.report.trend import MOST_NIGHTS, trend_section
from bnrepro.spec.scale import Scale
from tests.history_samples import FAILED, HELD, LEFT_OUT, OPEN, check, claim, night
from tests.page_outline import Outline
from tests.report_hostile import HOSTILE, SCRIPT

KEPT = {"id", "at", "scale", "verdict", "baseline"}


def hostile(value: object, key: str = "") -> object:
    """The JSON of a night with every free text replaced by something that wants out."""
    if isinstance(value, dict):
        return {name: hostile(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [hostile(item, key) for item in value]
    return HOSTILE if isinstance(value, str) and key not in KEPT else value


def made_hostile(honest: Night) -> Night:
    return Night.model_validate_json(json.dumps(hostile(json.loads(honest.model_dump_json()))))


def before_and_after() -> tuple[Night, Night]:
    """Two nights with a change of every kind."""
    then = [HELD, HELD, FAILED, FAILED, OPEN, OPEN, HELD]
    now = [FAILED, OPEN, HELD, FAILED, HELD, LEFT_OUT, HELD]
    checks = [[check(f"x{place}", outcome) for place, outcome in enumerate(side)] for side in (then, now)]
    checks[1][-1] = check("x6", HELD, 50.0)
    before = night(3, claim("a", HELD, *checks[0]), claim("gone", HELD))
    after = night(4, claim("a", FAILED, *checks[1]), claim("new", OPEN, check("y", OPEN, None)), baseline=before.id)
    return before, after


def drawn(section: str) -> int:
    """Estimates in a figure."""
    return len(re.findall(r'class="estimate"', section))


def test_a_night_page_tells_every_kind_of_change_with_both_numbers() -> None:
    before, after = before_and_after()
    found = diff(before, after)
    assert {change.kind for change in found.changes} == set(ChangeKind)
    text = Outline(render_night(after, found)).text
    for kind in ChangeKind:
        assert f"{kind.value.capitalize()}" in text
    assert "new failures in 1 claim" in text
    assert "now +50.00 points [+49.00 to +51.00], n = 3" in text
    assert "before +5.00 points [+4.00 to +6.00]" in text
    assert "supported became ✗ contradicted" in text


def test_a_night_without_a_baseline_says_so_and_lists_its_claims() -> None:
    text = Outline(render_night(night(1, claim("a", HELD, check("x", HELD))), None)).text
    assert "no earlier night" in text
    assert "nothing to compare with" in text
    assert "What a says" in text


def test_a_night_on_which_nothing_changed_says_so() -> None:
    same = claim("a", HELD, check("x", HELD))
    text = Outline(render_night(night(2, same), diff(night(1, same), night(2, same)))).text
    assert "no new failure" in text
    assert "1 claim and 1 check are unchanged within noise, which is all of them." in text


def test_a_night_page_is_written_once_and_never_again(tmp_path: Path) -> None:
    before, after = before_and_after()
    path = write_night(tmp_path, after, diff(before, after))
    assert path == tmp_path / "nights" / "000004.html"
    os.utime(path, (1, 1))
    first = path.read_bytes()
    assert write_night(tmp_path, after, None) == path
    assert path.read_bytes() == first
    assert path.stat().st_mtime == 1


def test_a_night_page_links_to_the_night_before_only_where_that_has_a_page(tmp_path: Path) -> None:
    before, after = before_and_after()
    found = diff(before, after)
    assert "000003.html" not in write_night(tmp_path / "alone", after, found).read_text()
    write_night(tmp_path / "both", before, None)
    assert 'href="000003.html"' in write_night(tmp_path / "both", after, found).read_text()


def test_a_comparison_of_another_night_is_refused(tmp_path: Path) -> None:
    before, after = before_and_after()
    with pytest.raises(ValueError, match="cannot stand"):
        write_night(tmp_path, before, diff(before, after))


def test_a_night_page_has_no_script_nothing_to_fetch_and_ordered_headings() -> None:
    before, after = before_and_after()
    page = render_night(after, diff(before, after))
    outline = Outline(page)
    assert not outline.tags & {"script", "img", "iframe", "object"}
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    assert outline.open == []
    assert page == render_night(after, diff(before, after))


def test_hostile_text_stays_text_on_a_night_page_and_in_a_trend() -> None:
    before, after = (made_hostile(each) for each in before_and_after())
    for page in (render_night(after, diff(before, after)), str(trend_section([before, after], HOSTILE, Scale.DIGITS))):
        outline = Outline(page)
        assert not outline.tags & {"script", "img"}
        assert not {attribute for attribute in outline.attributes if attribute.startswith("on")}
        assert outline.open == []
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", page)
        assert SCRIPT in outline.text
        assert r"\x1b[31m[red]\u202e" in outline.text


def test_the_tally_keeps_words_of_different_scales_apart() -> None:
    page = NightPage(
        night=night(1, claim("a", HELD), claim("b", HELD, scale=Scale.PAPER), claim("c", FAILED)),
        diff=None,
        link_before=False,
    )
    assert [(word, count) for _, _, word, count in page.verdicts] == [
        ("supported", 1),
        ("confirmed", 1),
        ("contradicted", 1),
    ]
    assert page.several_scales


def test_a_trend_needs_two_nights_of_the_claim_at_the_scale() -> None:
    one, two = night(1, claim("a", HELD, check("x", HELD))), night(2, claim("a", HELD, check("x", HELD)))
    assert trend_section([one], "a", Scale.DIGITS) == ""
    assert trend_section([one, two], "b", Scale.DIGITS) == ""
    assert trend_section([one, two], "a", Scale.REDUCED) == ""
    assert drawn(trend_section([one, two], "a", Scale.DIGITS)) == 2


def test_a_trend_marks_where_the_verdict_flipped() -> None:
    outcomes = [HELD, HELD, FAILED, HELD]
    section = trend_section(
        [night(place, claim("a", each, check("x", each))) for place, each in enumerate(outcomes, start=1)],
        "a",
        Scale.DIGITS,
    )
    text = Outline(section).text
    assert "The verdict changed 2 times in 4 nights at digits scale" in text
    assert "Night 4 : ✓ supported , before contradicted; night 3 : ✗ contradicted , before supported." in text
    assert "was supported" in text
    assert re.findall(r">([✓✗?])</text>", section) == ["✓", "✗", "✓"]


def test_a_trend_without_a_flip_says_that_nothing_changed() -> None:
    section = trend_section([night(place, claim("a", OPEN, check("x", OPEN))) for place in (1, 2)], "a", Scale.DIGITS)
    assert "The same verdict on each of 2 nights at digits scale." in Outline(section).text


def test_a_trend_draws_the_last_hundred_nights_and_says_how_many_it_does_not() -> None:
    history = [night(place, claim("a", HELD, check("x", HELD, place % 7))) for place in range(1, MOST_NIGHTS + 31)]
    section = trend_section(history, "a", Scale.DIGITS)
    assert drawn(section) == MOST_NIGHTS
    assert "30 nights before them are in the history and not drawn" in Outline(section).text
    assert 'href="../nights/000030.html"' not in section
    assert 'href="../nights/000031.html"' in section
    assert len(section.encode()) < 100_000


def test_a_trend_follows_the_newest_headline_through_nights_that_had_others() -> None:
    x, y = check("x", HELD, 1.0), check("y", HELD, 2.0)
    history = [
        night(1, claim("a", HELD, x)),  # no y yet
        night(2, claim("a", HELD, x, y)),  # y beside x
        night(3, claim("a", HELD, y.model_copy(update={"unit": "percent"}), x)),  # y in another unit
        night(4, claim("a", HELD, y, x)),
    ]
    section = trend_section(history, "a", Scale.DIGITS)
    assert drawn(section) == 2
    assert "estimates of y, points" in Outline(section).text


def test_a_trend_without_any_estimate_shows_the_verdicts_alone() -> None:
    history = [night(place, claim("a", LEFT_OUT, check("x", LEFT_OUT, None))) for place in (1, 2, 3)]
    section = trend_section(history, "a", Scale.DIGITS)
    assert drawn(section) == 0
    assert "no night had an estimate" in Outline(section).text


def test_a_trend_tells_devices_and_partial_questions_apart() -> None:
    whole = claim("a", HELD, check("x", HELD))
    part = claim("a", HELD, check("x", HELD), deviations=("fewer networks",))
    text = Outline(trend_section([night(1, whole), night(2, part, device="cuda")], "a", Scale.DIGITS)).text
    assert "Grey dots: nights that asked less than the whole claim." in text
    assert "Each kind of device has its shape" in text
    assert "in part" in text


def test_an_unbounded_interval_reaches_the_edge_of_the_figure() -> None:
    open_ended = check("x", OPEN, 5.0, interval=(None, None))
    section = trend_section([night(place, claim("a", OPEN, open_ended)) for place in (1, 2)], "a", Scale.DIGITS)
    assert "−∞ to +∞" in Outline(section).text
    assert section.count('y1="176" ') >= 2


def test_the_page_of_a_night_that_is_no_longer_in_the_history_gives_way(tmp_path: Path) -> None:
    _, after = before_and_after()
    other = after.model_copy(update={"id": "0123456789ab"})
    first = write_night(tmp_path, after, None).read_text()
    assert write_night(tmp_path, other, None).read_text() != first
