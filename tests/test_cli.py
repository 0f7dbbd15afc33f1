"""The command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bnrepro
from bnrepro.device import cuda_devices
from tests.small_claim import REPOSITORY, World, call, environment

CLAIMS = REPOSITORY / "claims"
HELD = {"batchnorm": [60, 62], "random_2": [30, 31]}
CLOSE = {"batchnorm": [50, 62], "random_2": [38, 41]}
HOSTILE = "<script>alert(1)</script> [red]red[/red] &amp; \\x1b[31mESC"
"""As a YAML double-quoted string: markup, rich's markup and an ANSI sequence."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def verify(world: World, *more: object) -> int:
    return call("verify", world.claims, "--scale", "digits", "--device", "cpu", *world.folders(), *more)


def assert_narrow(text: str) -> None:
    """No line wider than 80 columns, those of one long word aside."""
    wide = [line for line in text.splitlines() if len(line) > 80 and " " in line.strip().split(": ", 1)[-1]]
    assert wide == []


def test_version_and_help_say_what_this_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--version") == 0
    assert capsys.readouterr().out == f"bnrepro {bnrepro.__version__}\n"
    assert call("--help") == 0
    told = capsys.readouterr().out
    for verb in ("verify", "plan", "list", "validate", "report", "doctor", "data"):
        assert verb in told
        assert call(verb, "--help") == 0
        assert "usage: bnrepro" in capsys.readouterr().out


def test_the_module_runs_as_a_program() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bnrepro", "--version"], capture_output=True, text=True, check=True, env=environment()
    )
    assert ran.stdout.startswith("bnrepro ")


def test_a_supported_claim_exits_0_and_says_so(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write_claim()
    world.fill(HELD)
    assert verify(world) == 0
    told = capsys.readouterr()
    assert told.out.startswith("scale digits: asked for with --scale\n")
    assert "SUPPORTED at scale digits: A small claim" in told.out
    assert "trainings: 4 needed, 4 from the store, 0 trained" in told.out
    assert f"report: {world.reports / 'digits' / 'small.html'}" in told.out
    assert told.err == ""
    assert_narrow(told.out)
    assert (world.reports / "digits" / "small.html").is_file()


def test_a_contradicted_claim_exits_1(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write_claim(better="random_2", worse="batchnorm")
    world.fill(HELD)
    assert verify(world) == 1
    assert "CONTRADICTED at scale digits" in capsys.readouterr().out


def test_an_inconclusive_claim_exits_4(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write_claim()
    world.fill(CLOSE)
    assert verify(world) == 4
    assert "INCONCLUSIVE" in capsys.readouterr().out


def test_one_seed_is_inconclusive_however_far_apart_the_arms(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write_claim()
    world.fill(HELD)
    assert verify(world, "--seeds", 1) == 4
    told = capsys.readouterr().out
    assert "one look at 1 seed" in told
    assert "[-∞, ∞]" in told
    assert "needs at least 2 seeds" in " ".join(told.split())


def test_one_contradicted_claim_among_others_exits_1(world: World) -> None:
    world.write_claim()
    world.write_claim(id="swapped", better="random_2", worse="batchnorm")
    world.fill(HELD)
    assert verify(world) == 1


def test_one_open_claim_among_supported_ones_exits_4(world: World) -> None:
    world.write_claim()
    world.write_claim(id="steep", margin=31)
    world.fill(HELD)
    assert verify(world) == 4


def test_a_claim_that_is_not_run_at_this_scale_exits_4_and_trains_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write_claim(networks="[]")
    assert verify(world) == 4
    told = capsys.readouterr().out
    assert "NOT ASSESSED" in told
    assert "nothing to train" in told


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--networks", "resnet-15"], "resnet-15"),
        (["--networks", "wrn-14-0"], "wrn-14-0"),
        (["--networks", "resnet-20"], "choose from resnet-8"),
        (["--networks", ""], "''"),
        (["--seeds", "0"], "'0' is not a whole number from 1 up"),
        (["--seeds", "-1"], "'-1' is not a whole number from 1 up"),
        (["--seeds", "2.5"], "'2.5' is not a whole number from 1 up"),
        (["--jobs", "0"], "'0' is not a whole number from 1 up"),
        (["--checkpoint-seconds", "-1"], "'-1' is not a number of seconds from 0 up"),
        (["--checkpoint-seconds", "nan"], "'nan' is not a number of seconds from 0 up"),
        (["--checkpoint-seconds", "inf"], "'inf' is not a number of seconds from 0 up"),
        (["--scale", "huge"], "invalid choice: 'huge'"),
        (["--device", "tpu"], "invalid choice: 'tpu'"),
        (["--precision", "float16"], "invalid choice: 'float16'"),
    ],
)
def test_what_cannot_be_asked_for_exits_2_with_the_valid_form(
    world: World, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    world.write_claim()
    assert verify(world, *options) == 2
    told = capsys.readouterr()
    assert words in " ".join(told.err.split())
    assert "Traceback" not in told.err
    assert not (world.store / "runs").exists()


def test_an_unknown_depth_says_which_depths_there_are(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write_claim()
    verify(world, "--networks", "resnet-15")
    assert "depths are 6D + 2 with D >= 1; the nearest are 14 and 20" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["verify", "plan", "list", "validate"])
def test_no_claim_exits_5(world: World, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert call(verb, world.claims) == 5
    assert "no claim file in" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["verify", "plan", "list", "validate"])
def test_a_broken_claim_file_exits_2_with_the_place_of_every_problem(
    world: World, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    path = world.write_claim(margin=-1)
    path.write_text(path.read_text().replace("title:", "titel:"))
    assert call(verb, world.claims) == 2
    told = capsys.readouterr().err
    assert f"error: {path}:2:1: unknown key 'titel'" in told
    assert f"error: {path}:19:13: checks, item 1, margin must be at least 0, got -1\n" in told
    assert "Traceback" not in told


def test_a_claim_file_that_is_not_there_exits_2(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("validate", world.claims / "none.yaml") == 2
    assert "none.yaml" in capsys.readouterr().err


def test_a_reference_that_is_missing_exits_2_before_anything_is_trained(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    path = world.write_claim()
    path.write_text(
        path.read_text().replace("superiority", "containment").replace("margin:", "reference: a/b\n    margin:")
    )
    assert verify(world) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "a/b is not in" in told
    assert not world.store.exists()


def test_a_folder_that_cannot_be_a_store_exits_3(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write_claim()
    world.store.write_text("a file")
    assert verify(world) == 3
    assert str(world.store) in capsys.readouterr().err


def test_a_full_disk_exits_3_with_its_name(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write_claim()
    world.fill(HELD)
    verify(world)  # now only the report is left to write

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("bnrepro.files.os.fsync", full)
    assert verify(world) == 3
    told = " ".join(capsys.readouterr().err.split())
    assert f"cannot write {world.reports}" in told
    assert "No space left" in told


@pytest.mark.slow
@pytest.mark.skipif(bool(cuda_devices()), reason="a CUDA device is here")
def test_a_device_that_cannot_be_used_exits_3_and_writes_no_verdict(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write_claim()
    verb = ["verify", world.claims, "--scale", "digits", "--device", "cuda", *world.folders()]
    assert call(*verb) == 3
    assert "torch cannot use a CUDA device here" in " ".join(capsys.readouterr().err.split())
    assert not list(world.reports.glob("**/*"))


def test_without_git_the_commit_is_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write_claim()
    world.fill(HELD)
    monkeypatch.setenv("PATH", str(world.claims))
    assert call("verify", world.claims, "--scale", "digits", "--device", "cpu", *world.folders()) == 0
    document = json.loads((world.reports / "digits" / "small.json").read_bytes())
    assert document["provenance"]["git commit"] == "none"


def test_a_claim_without_reference_numbers_beside_it_exits_2_and_says_where_they_lie(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write_claim()
    world.references.rmdir()
    assert call("validate", world.claims) == 2
    assert "reference_numbers/ lies beside the folder of the claims" in " ".join(capsys.readouterr().err.split())


def test_list_goes_on_past_a_report_that_cannot_be_read(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write_claim()
    damaged = world.reports / "digits" / "small.json"
    damaged.parent.mkdir(parents=True)
    damaged.write_text("{")
    assert call("list", world.claims, "--reports", world.reports) == 0
    assert "unreadable report" in capsys.readouterr().out


def test_a_bug_of_ours_exits_3_and_asks_for_a_report(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write_claim()
    monkeypatch.setattr("bnrepro.session.load_suite", lambda _: 1 / 0)
    assert verify(world) == 3
    told = capsys.readouterr().err
    assert "this is a bug in bnrepro" in told
    assert "ZeroDivisionError" in told


def test_json_stands_alone_on_standard_output_and_agrees_with_the_file(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write_claim()
    world.write_claim(id="swapped", better="random_2", worse="batchnorm")
    world.fill(HELD)
    assert verify(world, "--json") == 1
    told = capsys.readouterr()
    documents = [json.loads(line) for line in told.out.splitlines()]
    assert [(document["claim"], document["verdict"]) for document in documents] == [
        ("small", "supported"),
        ("swapped", "contradicted"),
    ]
    for document in documents:
        assert document == json.loads((world.reports / "digits" / f"{document['claim']}.json").read_text())
    assert "SUPPORTED" in told.err


def test_a_verdict_from_the_store_alone_imports_nothing_heavy(world: World) -> None:
    world.write_claim()
    world.fill(HELD)
    code = (
        "import sys; from bnrepro.cli import main; code = main(sys.argv[1:]);"
        "heavy = {'torch', 'torchvision', 'sklearn', 'scipy.stats', 'PIL'} & set(sys.modules);"
        "raise SystemExit(f'imported {heavy}' if heavy else code)"
    )
    command = ["verify", str(world.claims), "--scale", "digits", "--device", "cpu", *world.folders()]
    ran = subprocess.run(
        [sys.executable, "-c", code, *command], capture_output=True, text=True, check=False, env=environment()
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    for verb in (["list", str(world.claims)], ["plan", *command[1:]], ["validate", str(world.claims)], ["report"]):
        arguments = [*verb, *(["--reports", str(world.reports)] if verb[0] in {"list", "report"} else [])]
        ran = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, env=environment()
        )
        assert (ran.returncode, ran.stderr) == (0, ""), verb


def test_the_scale_is_chosen_and_the_reason_is_the_first_line(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write_claim()
    world.fill(HELD)
    assert call("verify", world.claims, "--device", "cpu", *world.folders()) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "scale digits: no CUDA device is used here, and the paper's own scale needs one"


def test_list_shows_each_claim_at_each_scale_with_its_last_verdict(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write_claim()
    world.fill(HELD)
    for verdict in ("-", "supported"):
        assert call("list", world.claims, "--reports", world.reports) == 0
        told = capsys.readouterr().out
        heading, first, second, *_ = told.splitlines()
        assert heading.split() == ["claim", "and", "its", "rows", "scale", "trainings", "about", "last", "verdict"]
        name, scale, trainings, hours, unit, last = first.split()
        assert (name, scale, trainings, unit, last) == ("small", "digits", "4", "core-h", verdict)
        assert float(hours) > 0
        assert second.split() == ["C18"]
        assert "1 claim, 1 of 80 rows of the catalogue" in told
        assert_narrow(told)
        verify(world)
        capsys.readouterr()


def test_the_claims_that_ship_cover_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("list", CLAIMS) == 0
    told = capsys.readouterr().out
    assert "26 claims, 80 of 80 rows of the catalogue" in told
    assert_narrow(told)


def test_claims_share_their_trainings_in_the_plan_of_all_and_that_is_told(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write_claim()
    world.write_claim(id="other", better="all", worse="batchnorm")
    assert call("plan", world.claims, "--scale", "digits", "--device", "cpu", *world.folders()) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "one by one: 8 trainings; together: 6, each once (75%)" in told
    for words in ("FLOPs", "core-hours", "on disk", "core-hours assume 5e10 floating-point operations a second"):
        assert words in told


def test_the_plan_of_the_papers_scale_needs_no_data_and_halves_the_trainings(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    options = ["--scale", "paper", "--device", "cuda", "--store", tmp_path / "store"]
    assert call("plan", CLAIMS, *options) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "cifar10 is not here; planned for as published" in told
    alone, together = (
        int(re.search(pattern, told)[1])  # type: ignore[index]
        for pattern in (r"one by one: (\d+) trainings", r"together: (\d+), each once")
    )
    assert together <= alone / 2
    assert "GPU-hours" in told


def test_verify_wants_claims_or_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("verify") == 2
    assert "or say --all" in " ".join(capsys.readouterr().err.split())


def test_arithmetic_is_judged_at_the_papers_scale_without_data(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folders = ["--store", tmp_path / "store", "--reports", tmp_path / "reports"]
    scaling = CLAIMS / "sec3_parameter_scaling.yaml"
    assert call("verify", scaling, "--scale", "digits", "--device", "cpu", *folders) == 0
    assert "CONFIRMED at scale paper" in capsys.readouterr().out
    assert (tmp_path / "reports" / "paper" / "sec3_parameter_scaling.html").is_file()
    assert call("verify", CLAIMS / "table1_parameter_counts.yaml", "--device", "cpu", *folders) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "66 of 68 cells agree" in told


def test_many_verdicts_are_told_in_a_line_each(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("first", "second", "third", "fourth"):
        world.write_claim(id=name)
    world.fill(HELD)
    assert verify(world) == 0
    told = capsys.readouterr().out
    assert "4 claims: 4 supported" in told
    assert [line.split()[:3] for line in told.splitlines() if line.startswith("  first")] == [
        ["first", "digits", "supported"]
    ]
    assert_narrow(told)


def test_small_resnets_prints_the_grid_of_a_budget(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("small-resnets") == 0
    assert "wrn-8-0.3125 (-3.4%)" in capsys.readouterr().out
    assert call("small-resnets", "--budget", 8288) == 0
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 1 + 8 * 47
    assert ["wrn-8-0.3125", "5/16", "8,005", "-3.4%", "higher", "match"] in [row.split() for row in rows]
    assert call("small-resnets", "--budget", 0) == 2


def test_plan_shows_what_is_stored_and_what_would_be_trained(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write_claim(looks="[2, 3]")
    world.write_claim(id="other", looks="[2]", better="all", worse="batchnorm")
    world.fill(HELD)
    assert call("plan", world.claims, "--scale", "digits", "--device", "cpu", *world.folders()) == 0
    told = capsys.readouterr().out
    assert "plan, look 1 of 2: 6 trainings, 4 in the store, 2 to train" in told
    assert "plan, look 2 of 2: 6 trainings, 4 in the store, 2 to train" in told
    assert "2 to train because the store has no run of their network, arm and seed" in told
    rows = [line.split() for line in told.splitlines() if line.startswith("  resnet-8")]
    assert len(rows) == 8, "the runs of both claims, also of the one that has one look only"
    assert sum("to train" in " ".join(row) for row in rows) == 4
    assert not list(world.store.glob("runs/*/*/checkpoint"))
    assert_narrow(told)


def test_validate_counts_what_it_read(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write_claim()
    assert call("validate", world.claims) == 0
    assert capsys.readouterr().out == "ok: 1 claim, 1 check, 0 reference numbers\n"


def test_the_claims_that_ship_are_valid(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("validate", CLAIMS) == 0
    assert capsys.readouterr().out.startswith("ok: ")


def test_report_writes_the_same_page_again(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write_claim()
    world.fill(HELD)
    verify(world)
    page = world.reports / "digits" / "small.html"
    first = page.read_bytes()
    page.unlink()
    assert call("report", "--reports", world.reports) == 0
    assert page.read_bytes() == first
    assert f"reports: {world.reports / 'index.html'}" in capsys.readouterr().out


def test_report_without_a_verdict_exits_5_and_a_damaged_one_3(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("report", "--reports", world.reports) == 5
    (world.reports / "digits").mkdir(parents=True)
    (world.reports / "digits" / "small.json").write_text("{}")
    assert call("report", "--reports", world.reports) == 3
    assert "small.json" in capsys.readouterr().err


def test_doctor_finds_a_sound_store_sound_and_a_damaged_one_not(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.fill(HELD)
    assert call("doctor", "--store", world.store) == 0
    told = capsys.readouterr().out
    assert_narrow(told)
    told = " ".join(told.split())
    for words in (
        "python: ",
        "torch: ",
        "devices: ",
        "kernels on the CPU: ",
        "digits: digest c4906d041c8f",
        "4 runs in",
        "0 damaged",
    ):
        assert words in told
    damaged = next(iter(world.store.glob("runs/*/*/record.json")))
    damaged.write_bytes(damaged.read_bytes() + b" ")
    assert call("doctor", "--store", world.store) == 3
    told = " ".join(capsys.readouterr().out.split())
    assert "4 runs in" in told
    assert "1 damaged" in told
    assert damaged.is_file()  # doctor looks and moves nothing
    assert "record.json does not match its checksum" in told


def test_data_check_reads_the_digits_and_says_what_is_missing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("data", "check", "--store", world.store) == 0
    assert "ok   digits: digest c4906d041c8f, not prepared yet" in capsys.readouterr().out
    assert call("data", "check", "--store", world.store, "--data-root", world.claims) == 3
    told = " ".join(capsys.readouterr().out.split())
    assert "BAD cifar10" in told
    assert "cifar-10-batches-py" in told


def test_data_fetch_wants_a_place(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BNREPRO_DATA_ROOT", raising=False)
    assert call("data", "fetch", "cifar10") == 2
    assert "--data-root" in capsys.readouterr().err


def test_hostile_text_is_shown_as_text_everywhere(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    text = f'"{HOSTILE}"'
    world.write_claim(title=text, states=text, claim=text, flag=text)
    world.fill(HELD)
    assert verify(world, "--json") == 0
    told = capsys.readouterr()
    assert "\x1b" not in told.out + told.err
    assert r"[red]red[/red] &amp; \x1b[31mESC" in " ".join(told.err.split())
    assert "<script>alert(1)</script>" in told.err
    page = (world.reports / "digits" / "small.html").read_text()
    assert "\x1b" not in page
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert json.loads(told.out)["title"].endswith("\x1b[31mESC")
    assert call("report", "--reports", world.reports) == 0
    assert call("list", world.claims, "--reports", world.reports) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_hostile_text_in_a_broken_file_or_path_is_shown_as_text(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    path = world.write_claim()
    path.write_text(path.read_text() + '"\\e[31m[red]": 1\n')
    assert call("validate", world.claims) == 2
    told = capsys.readouterr().err
    assert "\x1b" not in told
    assert r"\x1b[31m[red]" in told
    assert call("validate", str(world.claims) + "\x1b[31m\n.yaml") == 2
    told = capsys.readouterr().err
    assert "\x1b" not in told
    assert r"\x1b[31m\n.yaml" in told


def test_a_terminal_that_lacks_our_letters_gets_their_numbers(world: World) -> None:
    world.write_claim(title="γ and β")
    world.fill(HELD)
    ran = subprocess.run(
        world.command("verify", "--seeds", 1),
        capture_output=True,
        check=False,
        env=environment() | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )
    assert ran.returncode == 4
    assert rb"\u03b3 and \u03b2" in ran.stdout
    assert ran.stderr == b""


def test_a_reader_that_goes_away_is_no_bug(world: World) -> None:
    world.write_claim()
    world.fill(HELD)
    process = subprocess.Popen(
        world.command("plan"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )
    assert process.stdout is not None
    process.stdout.close()
    _, told = process.communicate(timeout=60)
    assert "Traceback" not in told
    assert "bug" not in told


def test_folders_can_be_named_by_the_environment(world: World) -> None:
    world.write_claim()
    world.fill(HELD)
    command = [part for part in world.command("verify") if part not in {"--store", str(world.store)}]
    ran = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment() | {"BNREPRO_STORE": str(world.store)}
    )
    assert ran.returncode == 0
    assert "4 from the store" in ran.stdout


@pytest.mark.slow
@pytest.mark.xdist_group("cli_faults")
def test_a_damaged_run_is_set_aside_said_and_trained_again(world: World) -> None:
    world.write_claim()
    world.fill(HELD, epochs=2)
    damaged = next(iter(world.store.glob("runs/*/*/record.json")))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    ran = world.verify(epochs=2)
    said = " ".join(ran.stdout.split())
    assert f"run {damaged.parent.name}: record.json does not match its checksum; set aside in" in said
    assert "4 needed, 3 from the store, 1 trained" in said


@pytest.mark.slow
@pytest.mark.xdist_group("cli_faults")
def test_training_and_then_the_store_come_to_the_same_verdict(world: World) -> None:
    world.write_claim()
    first = world.verify("--json", epochs=4)
    second = world.verify("--json", epochs=4)
    assert first.returncode == second.returncode
    told = [json.loads(ran.stdout) for ran in (first, second)]
    assert [document["trainings"]["trained"] for document in told] == [4, 0]
    for document in told:
        for varying in ("trainings", "provenance", "runs"):
            document.pop(varying)
    assert told[0] == told[1]
    assert_narrow(first.stderr)
    for number in range(1, 5):
        assert f"[{number}/4] resnet-8 " in first.stderr


def test_a_damaged_history_costs_neither_verdict_nor_pages_nor_exports(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write_claim()
    world.fill(HELD)
    world.reports.mkdir()
    (world.reports / "history.jsonl").write_text("this is no night\n")
    junit = world.reports / "junit.xml"
    assert verify(world, "--junit", junit) == 3
    told = capsys.readouterr()
    assert "SUPPORTED at scale digits" in told.out
    assert "history.jsonl" in told.err
    assert junit.is_file()
    assert (world.reports / "digits" / "small.html").is_file()
    assert (world.reports / "history.jsonl").read_text() == "this is no night\n"


def test_an_export_into_no_folder_is_refused_before_anything_is_trained(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write_claim()
    assert verify(world, "--summary", world.reports / "nowhere" / "summary.md") == 2
    assert "there is no folder" in capsys.readouterr().err.replace("\n", " ")
    assert not world.reports.exists()


def test_all_claims_and_some_by_name_cannot_be_asked_together(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write_claim()
    assert verify(world, "--all") == 2
    assert "--all is every claim" in capsys.readouterr().err


def test_every_verify_is_recorded_compared_and_exported(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write_claim()
    world.fill(HELD)
    assert call("diff", "--reports", world.reports) == 5
    files = {option: world.reports.parent / f"out.{option}" for option in ("junit", "summary", "badge")}
    assert verify(world, *(word for option, path in files.items() for word in (f"--{option}", path))) == 0
    assert "<testsuites" in files["junit"].read_text()
    assert "supported" in files["summary"].read_text()
    assert files["badge"].read_text().startswith("<svg")
    assert call("diff", "--reports", world.reports) == 5
    world.fill({"batchnorm": [30, 31], "random_2": [60, 62]})
    assert verify(world) == 1
    capsys.readouterr()
    assert call("diff", "--reports", world.reports) == 1
    told = capsys.readouterr().out
    assert "new failure (2)" in told
    assert "supported to contradicted" in told
    assert_narrow(told)
    assert call("diff", "1", "1", "--reports", world.reports) == 0
    table = world.reports.parent / "runs.csv"
    assert call("export", "csv", table, "--store", world.store) == 0
    assert len(table.read_text().splitlines()) == 5
    assert (world.reports / "nights" / "000002.html").is_file()
