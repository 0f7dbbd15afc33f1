"""The history of verifies: only ever added to, whatever happens, and what changed between two of them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from pydantic import ValidationError

from bnrepro.errors import DocumentError, NothingSelected, StoreError, UnknownName, UsageError
from bnrepro.history import (
    HISTORY,
    ChangeKind,
    Diff,
    Night,
    append,
    baseline_of,
    diff,
    find,
    load,
    log,
    newest,
    recent,
)
from bnrepro.spec.scale import PaperVerdict, PreviewVerdict, Scale
from tests.history_samples import FAILED, FIRST, HELD, LEFT_OUT, OPEN, check, claim, night, verdicts
from tests.report_samples import arithmetic, confirmed_paper, inconclusive_part


def between(*, then: object, now: object) -> Diff:
    """What changed in claim a where one check was one thing and is another; an open claim around both."""
    before = claim("a", OPEN, *([] if then is None else [then]))
    after = claim("a", OPEN, *([] if now is None else [now]))
    return diff(night(1, before), night(2, after))


def kind_of(found: Diff) -> ChangeKind | None:
    kinds = [change.kind for change in found.changes if change.check is not None]
    return kinds[0] if kinds else None


# ── the file ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nights_are_numbered_from_one_and_load_as_they_were_added(tmp_path: Path) -> None:
    added = tuple(append(tmp_path, verdicts("a", "b"), at=FIRST + timedelta(days=day)) for day in range(3))
    assert load(tmp_path) == added
    assert [night.sequence for night in added] == [1, 2, 3]
    assert [outcome.claim for outcome in added[0].claims] == ["a", "b"]


def test_there_is_no_history_before_the_first_night(tmp_path: Path) -> None:
    assert load(tmp_path) == ()


def test_a_night_keeps_the_numbers_of_every_check(tmp_path: Path) -> None:
    (document,) = verdicts("a")
    (outcome,) = append(tmp_path, [document], at=FIRST).claims
    ours, theirs = outcome.checks[0], document.checks[0]
    assert (ours.id, ours.verdict, ours.estimate, ours.interval) == (
        theirs.id,
        theirs.verdict,
        theirs.estimate,
        theirs.interval,
    )
    assert (ours.unit, ours.n, ours.look, ours.exact) == (theirs.unit, theirs.n, theirs.look, False)
    assert outcome.headline == ours
    assert outcome.whole_claim


def test_a_night_counts_each_training_once_though_claims_share_runs(tmp_path: Path) -> None:
    one, two = verdicts("a", "b")
    added = append(tmp_path, [one, two], at=FIRST)
    trained = [run for run in one.runs if not run.from_cache]
    assert added.trainings.needed == len(one.runs)
    assert added.trainings.trained == len(trained)
    assert added.trainings.seconds == pytest.approx(sum(run.wall_seconds for run in trained), abs=1e-3)


def test_failed_trainings_and_what_was_left_out_are_kept(tmp_path: Path) -> None:
    (outcome,) = append(tmp_path, [inconclusive_part()], at=FIRST).claims
    assert outcome.trainings.failed == 1
    assert outcome.deviations == ("1 of its 3 networks, resnet-14",)
    assert not outcome.whole_claim


def test_the_time_is_kept_in_utc_to_the_second(tmp_path: Path) -> None:
    eastern = timezone(timedelta(hours=-5))
    added = append(tmp_path, verdicts("a"), at=datetime(2026, 1, 1, 22, 0, 0, 987654, tzinfo=eastern))
    assert json.loads((tmp_path / HISTORY).read_text())["at"] == "2026-01-02T03:00:00Z"
    assert load(tmp_path) == (added,)


def test_a_time_without_its_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="time zone"):
        append(tmp_path, verdicts("a"), at=datetime(2026, 1, 1))
    assert not (tmp_path / HISTORY).exists()


def test_arithmetic_beside_a_smaller_scale_makes_a_night_of_that_scale(tmp_path: Path) -> None:
    (small,) = verdicts("a")
    table = arithmetic().model_copy(update={"provenance": small.provenance})
    for documents in ([small, table], [table, small]):
        added = append(tmp_path, documents, at=FIRST)
        assert added.scale is Scale.DIGITS
        assert {outcome.scale for outcome in added.claims} == {Scale.DIGITS, Scale.PAPER}
    assert append(tmp_path, [table], at=FIRST).scale is Scale.PAPER


def test_verdicts_of_several_verifies_make_no_night(tmp_path: Path) -> None:
    (small,) = verdicts("a")
    large = confirmed_paper().model_copy(update={"provenance": small.provenance})
    for documents, words in (
        ([small, large], "one scale"),
        ([*verdicts("a"), *verdicts("b", device="cuda")], "cpu and cuda"),
        (verdicts("a", "a"), "two verdicts"),
    ):
        with pytest.raises(UsageError, match=words):
            append(tmp_path, documents, at=FIRST)
    with pytest.raises(NothingSelected):
        append(tmp_path, [], at=FIRST)
    assert load(tmp_path) == ()


def test_the_baseline_is_the_newest_night_of_the_kind_with_a_claim_in_common(tmp_path: Path) -> None:
    first = append(tmp_path, verdicts("a", "b"), at=FIRST)
    other_claim = append(tmp_path, verdicts("c"), at=FIRST)
    other_device = append(tmp_path, verdicts("a", device="cuda"), at=FIRST)
    again = append(tmp_path, verdicts("b", "c"), at=FIRST)
    assert [each.baseline for each in (first, other_claim, other_device)] == [None, None, None]
    assert again.baseline == other_claim.id
    assert append(tmp_path, verdicts("a"), at=FIRST).baseline == first.id
    assert baseline_of(tmp_path, again) == other_claim
    assert baseline_of(tmp_path, first) is None


def test_equal_verifies_are_nights_of_their_own(tmp_path: Path) -> None:
    one, two = (append(tmp_path, verdicts("a"), at=FIRST) for _ in range(2))
    assert one.id != two.id
    assert diff(one, two).changes == ()


def test_the_same_verify_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        append(tmp_path / folder, verdicts("a", "b"), at=FIRST)
    assert (tmp_path / "one" / HISTORY).read_bytes() == (tmp_path / "two" / HISTORY).read_bytes()


def test_hostile_text_takes_one_line_and_comes_back(tmp_path: Path) -> None:
    text = 'two\nlines\r\u2028, "claims":[{}], <b>\x1b[31m\x00\u202e' + "x" * 300_000
    for name in ("a", "b"):
        append(tmp_path, verdicts(name, reason=text, title='","claims":[{"sequence":9'), at=FIRST)
    append(tmp_path, verdicts("a"), at=FIRST)
    assert (tmp_path / HISTORY).read_bytes().count(b"\n") == 3
    assert [each.sequence for each in load(tmp_path)] == [1, 2, 3]
    assert load(tmp_path)[0].claims[0].reason == text
    assert load(tmp_path)[2].baseline == load(tmp_path)[0].id


@pytest.mark.parametrize("kept", [1, 40, 200, -40, -3])
def test_a_last_line_cut_short_is_put_aside_and_said(tmp_path: Path, kept: int) -> None:
    whole = append(tmp_path, verdicts("a"), at=FIRST)
    path = tmp_path / HISTORY
    before = path.read_bytes()
    append(tmp_path, verdicts("b"), at=FIRST)
    cut = path.read_bytes()[len(before) :][:kept]
    path.write_bytes(before + cut)
    assert load(tmp_path) == (whole,)
    said: list[str] = []
    added = append(tmp_path, verdicts("c"), at=FIRST, notify=said.append)
    assert added.sequence == 2
    assert load(tmp_path) == (whole, added)
    assert path.read_bytes().startswith(before)
    (aside,) = tmp_path.glob("history-cut-*.txt")
    assert aside.read_bytes() == cut
    assert len(said) == 1
    assert aside.name in said[0]


def test_a_last_line_that_only_lacks_its_end_is_kept(tmp_path: Path) -> None:
    whole = append(tmp_path, verdicts("a"), at=FIRST)
    path = tmp_path / HISTORY
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    said: list[str] = []
    added = append(tmp_path, verdicts("a"), at=FIRST, notify=said.append)
    assert load(tmp_path) == (whole, added)
    assert added.sequence == 2
    assert "night 1" in said[0]
    assert not list(tmp_path.glob("history-cut-*"))


def test_a_file_that_is_nothing_but_a_cut_line_starts_anew(tmp_path: Path) -> None:
    (tmp_path / HISTORY).write_bytes(b'{"id":"')
    assert append(tmp_path, verdicts("a"), at=FIRST).sequence == 1


def test_a_write_that_fails_leaves_the_history_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(tmp_path, verdicts("a"), at=FIRST)
    before = (tmp_path / HISTORY).read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log.os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        append(tmp_path, verdicts("a"), at=FIRST)
    monkeypatch.undo()
    assert (tmp_path / HISTORY).read_bytes() == before
    assert append(tmp_path, verdicts("a"), at=FIRST).sequence == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda line: line.replace(b'"supported"', b'"contradicted"', 1), "is not what was written"),
        (lambda _: b"<<<<<<< HEAD\n", "not a night"),
        (lambda line: line.replace(b'"sequence":2', b'"sequence":"2"'), "sequence"),
        (lambda line: line.replace(b'"format":1', b'"format":2'), "format"),
        (lambda line: b"\xff" + line, "not a night"),
    ],
)
def test_a_damaged_line_is_refused_by_its_number(tmp_path: Path, change: object, words: str) -> None:
    for _ in range(3):
        append(tmp_path, verdicts("a"), at=FIRST)
    path = tmp_path / HISTORY
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = change(lines[1])
    path.write_bytes(b"".join(lines))
    with pytest.raises(DocumentError, match=f"{HISTORY}:2: .*{words}"):
        load(tmp_path)


def test_nothing_is_added_behind_a_damaged_line(tmp_path: Path) -> None:
    append(tmp_path, verdicts("a"), at=FIRST)
    path = tmp_path / HISTORY
    with path.open("ab") as file:
        file.write(b'{"some": "thing"}\n')
    before = path.read_bytes()
    with pytest.raises(DocumentError, match="not a night"):
        append(tmp_path, verdicts("a"), at=FIRST)
    assert path.read_bytes() == before


def test_two_histories_are_not_joined_silently(tmp_path: Path) -> None:
    append(tmp_path, verdicts("a"), at=FIRST)
    path = tmp_path / HISTORY
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(DocumentError, match="stands after night 1"):
        load(tmp_path)


def test_other_line_ends_and_blank_lines_are_no_obstacle(tmp_path: Path) -> None:
    added = tuple(append(tmp_path, verdicts("a"), at=FIRST) for _ in range(2))
    path = tmp_path / HISTORY
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"\n")
    assert load(tmp_path) == added
    assert append(tmp_path, verdicts("a"), at=FIRST).baseline == added[1].id


def test_processes_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    each, processes = 6, 3
    command = [sys.executable, "-m", "tests.history_samples", str(tmp_path), str(each)]
    running = [subprocess.Popen(command) for _ in range(processes)]
    assert [process.wait(timeout=120) for process in running] == [0] * processes
    nights = load(tmp_path)
    assert [found.sequence for found in nights] == list(range(1, each * processes + 1))
    assert [found.baseline for found in nights[1:]] == [found.id for found in nights[:-1]]


def test_a_night_after_a_thousand_reads_the_end_alone_and_changes_nothing_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = verdicts(*(f"claim_{number}" for number in range(25)))
    first = append(tmp_path, documents, at=FIRST)
    path = tmp_path / HISTORY
    with path.open("ab") as file:
        for sequence in range(2, 1001):
            file.write(log._sealed(first.model_copy(update={"sequence": sequence}))[0])
    before = path.read_bytes()
    read: list[int] = []
    backwards = log._lines_backwards

    def counted(file: object) -> object:
        for line in backwards(file):
            read.append(len(line))
            yield line

    monkeypatch.setattr(log, "_lines_backwards", counted)
    started = time.process_time()
    added = append(tmp_path, documents, at=FIRST)
    assert time.process_time() - started < 1
    assert added.sequence == 1001
    assert len(read) == 2, "the last line for its number, and again as the baseline"
    after = path.read_bytes()
    assert after.startswith(before)
    assert after.count(b"\n") == 1001


# ── choosing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def nights() -> tuple[Night, ...]:
    names = ["abcd00000001", "abce00000002", "12345a000003", "000000000004"]
    return tuple(night(number, id=name) for number, name in enumerate(names, start=1))


@pytest.mark.parametrize(
    ("name", "sequence"),
    [("3", 3), ("003", 3), ("abcd", 1), ("ABCE0", 2), ("12345", 3), ("0000", 4), ("12345a000003", 3)],
)
def test_a_night_is_found_by_its_number_or_the_head_of_its_id(name: str, sequence: int) -> None:
    assert find(nights(), name).sequence == sequence


@pytest.mark.parametrize("name", ["9", "abc", "ffff", "", "-1", " 3", "1_0", "٣", "*", "abcd00000001ff"])
def test_a_name_that_no_night_has_is_refused_with_choices(name: str) -> None:
    with pytest.raises(UnknownName, match="unknown night"):
        find(nights(), name)


def test_a_number_goes_before_an_id_that_begins_with_it() -> None:
    known = (night(1, id="000200000000"), night(2, id="aaaaaaaaaaaa"))
    assert find(known, "0002").sequence == 2


def test_an_id_that_begins_several_nights_is_refused_with_them() -> None:
    twice = (night(1, id="abcd00000001"), night(2, id="abcd00000002"))
    with pytest.raises(UsageError, match=r"abcd00000001 \(night 1\), abcd00000002"):
        find(twice, "abcd")


def test_an_empty_history_has_nothing_to_find() -> None:
    with pytest.raises(NothingSelected):
        find((), "1")
    with pytest.raises(NothingSelected, match="scale paper"):
        newest(nights(), scale=Scale.PAPER)
    assert newest(nights(), scale=Scale.DIGITS).sequence == 4


# ── what changed ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("then", "now", "kind"),
    [
        (HELD, FAILED, ChangeKind.NEW_FAILURE),
        (OPEN, FAILED, ChangeKind.NEW_FAILURE),
        (LEFT_OUT, FAILED, ChangeKind.NEW_FAILURE),
        (FAILED, FAILED, ChangeKind.STILL_FAILING),
        (FAILED, HELD, ChangeKind.FIXED),
        (HELD, OPEN, ChangeKind.LOST),
        (HELD, LEFT_OUT, ChangeKind.LOST),
        (OPEN, HELD, ChangeKind.GAINED),
        (LEFT_OUT, HELD, ChangeKind.GAINED),
        (FAILED, OPEN, ChangeKind.MOVED),
        (FAILED, LEFT_OUT, ChangeKind.MOVED),
        (OPEN, LEFT_OUT, ChangeKind.MOVED),
        (LEFT_OUT, OPEN, ChangeKind.MOVED),
        (HELD, HELD, None),
        (OPEN, OPEN, None),
        (LEFT_OUT, LEFT_OUT, None),
    ],
)
def test_every_change_of_a_verdict_has_its_kind(then: object, now: object, kind: ChangeKind | None) -> None:
    found = between(then=check("x", then), now=check("x", now))
    assert kind_of(found) is kind
    assert found.unchanged_checks == (kind is None)


def test_checks_that_went_and_came_are_told() -> None:
    assert kind_of(between(then=check("x", HELD), now=None)) is ChangeKind.MISSING
    assert kind_of(between(then=None, now=check("x", FAILED))) is ChangeKind.ADDED


def test_a_claim_that_went_is_told_once_and_not_check_by_check() -> None:
    both = (check("x", HELD), check("y", FAILED))
    found = diff(
        night(1, claim("a", OPEN), claim("b", FAILED, *both)), night(2, claim("a", OPEN), claim("c", OPEN, *both))
    )
    assert [(each.kind, each.claim, each.check) for each in found.changes] == [
        (ChangeKind.MISSING, "b", None),
        (ChangeKind.ADDED, "c", None),
    ]
    assert (found.unchanged_claims, found.unchanged_checks) == (1, 0)


def test_a_headline_that_fails_now_is_a_new_failure_with_the_numbers_of_both_nights() -> None:
    found = diff(
        night(1, claim("a", HELD, check("x", HELD, 5.0))), night(2, claim("a", FAILED, check("x", FAILED, -5.0)))
    )
    headline, single = found.new_failures
    assert (headline.check, single.check) == (None, "x")
    assert [each.estimate for each in (headline.before, headline.after) if each] == [5.0, -5.0]
    assert single.beyond_noise
    assert not headline.beyond_noise


def test_what_a_reader_must_know_comes_first() -> None:
    kinds = [(FAILED, FAILED), (FAILED, HELD), (HELD, OPEN), (HELD, FAILED)]
    before, after = (
        claim("a", OPEN, *(check(f"x{index}", pair[side]) for index, pair in enumerate(kinds))) for side in (0, 1)
    )
    assert [each.kind for each in diff(night(1, before), night(2, after)).changes] == [
        ChangeKind.NEW_FAILURE,
        ChangeKind.LOST,
        ChangeKind.STILL_FAILING,
        ChangeKind.FIXED,
    ]


@pytest.mark.parametrize(
    ("then", "now", "changed"),
    [
        # half-widths 3 and 4: the root of the sum of squares is 5
        (check("x", HELD, 10.0, 3.0), check("x", HELD, 14.99, 4.0), False),
        (check("x", HELD, 10.0, 3.0), check("x", HELD, 15.01, 4.0), True),
        (check("x", HELD, 15.01, 4.0), check("x", HELD, 10.0, 3.0), True),
        # only the sides that face each other count: 3 below the upper estimate, 4 above the lower one
        (check("x", HELD, 10.0, interval=(0.0, 14.0)), check("x", HELD, 15.01, interval=(12.01, 90.0)), True),
        (check("x", HELD, 10.0, interval=(9.9, 14.0)), check("x", HELD, 14.99, interval=(11.99, 15.0)), False),
        # an unbounded side allows everything
        (check("x", HELD, 10.0, interval=(9.0, None)), check("x", HELD, 99.0, 1.0), False),
        (check("x", HELD, 99.0, 1.0), check("x", HELD, 10.0, interval=(None, 11.0)), True),
        # exact counts have no noise
        (check("x", HELD, 7.0, 0.0, exact=True), check("x", HELD, 8.0, 0.0, exact=True), True),
        (check("x", HELD, 7.0, 0.0, exact=True), check("x", HELD, 7.0, 0.0, exact=True), False),
        # what cannot be compared has changed
        (check("x", OPEN, None), check("x", OPEN, 1.0), True),
        (check("x", OPEN, None), check("x", OPEN, None), False),
        (check("x", HELD, 5.0), check("x", HELD, 5.0, unit="percent"), True),
    ],
)
def test_an_estimate_has_changed_where_it_moved_by_more_than_both_intervals_allow(
    then: object, now: object, changed: object
) -> None:
    assert kind_of(between(then=then, now=now)) is (ChangeKind.CHANGED if changed else None)


def test_a_check_that_fails_on_and_on_says_whether_it_moved() -> None:
    found = between(then=check("x", FAILED, 1.0), now=check("x", FAILED, 9.0))
    assert kind_of(found) is ChangeKind.STILL_FAILING
    assert found.changes[0].beyond_noise


def test_asking_a_part_of_a_claim_is_no_silent_sameness() -> None:
    whole = claim("a", HELD, scale=Scale.PAPER)
    part = claim("a", HELD, scale=Scale.PAPER, deviations=("1 of its 3 networks",))
    assert (whole.verdict, part.verdict) == (PaperVerdict.CONFIRMED, PreviewVerdict.SUPPORTED)
    (change,) = diff(night(1, whole), night(2, part)).changes
    assert change.kind is ChangeKind.MOVED


def test_nights_of_different_scales_are_not_compared() -> None:
    with pytest.raises(UsageError, match="never compared"):
        diff(night(1), night(2, scale=Scale.REDUCED))


def test_what_else_differs_is_said() -> None:
    found = diff(night(1), night(2, device="cuda", git_commit="badf00d"))
    assert found.notes == ("kind of device was cpu and is cuda", "git commit was c0ffee and is badf00d")


def test_a_night_cannot_say_words_that_its_scale_has_not() -> None:
    honest = night(1, claim("a", HELD, check("x", HELD)))
    forged = honest.model_dump_json().replace("supported", "confirmed")
    with pytest.raises(ValidationError, match="cannot say confirmed"):
        Night.model_validate_json(forged)


def test_a_verify_of_one_claim_is_no_baseline_for_one_of_all_and_misses_nothing(tmp_path: Path) -> None:
    first = append(tmp_path, verdicts("a", "b"), at=FIRST)
    single = append(tmp_path, verdicts("a"), at=FIRST, every=False)
    again = append(tmp_path, verdicts("a", "b"), at=FIRST)
    assert (single.baseline, again.baseline) == (first.id, first.id)
    assert diff(first, single).of(ChangeKind.MISSING) == ()
    gone = append(tmp_path, verdicts("a"), at=FIRST)
    assert [change.claim for change in diff(again, gone).of(ChangeKind.MISSING)] == ["b"]


def test_the_newest_nights_are_read_from_the_end_oldest_first(tmp_path: Path) -> None:
    nights = [append(tmp_path, verdicts("a"), at=FIRST) for _ in range(5)]
    assert recent(tmp_path, 2) == tuple(nights[-2:])
    assert recent(tmp_path, 9) == tuple(nights) == load(tmp_path)
    assert recent(tmp_path / "nowhere", 9) == ()
