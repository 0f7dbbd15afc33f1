"""Claims as pytest items: what is collected, what each item comes to, and that nothing is trained twice."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml

from bnrepro.data import prepare
from bnrepro.pytest_plugin import items, verifying
from bnrepro.session import Session
from bnrepro.spec.recipe import DatasetName
from tests import plugin_trainer
from tests.small_claim import REPOSITORY, World, call, environment

# Nested sessions forget the modules that they are the first to import, and numpy can be imported only once.
assert items.ClaimFile
assert verifying.verify

pytest_plugins = ["pytester"]

PLUGIN = () if entry_points(group="pytest11", name="bnrepro") else ("-p", "bnrepro.pytest_plugin")
STRICT = ("-W", "error", "-p", "no:hypothesispytest", "--strict-markers", "--strict-config", "-p", "no:cacheprovider")
HELD = {"batchnorm": [60, 62], "random_2": [30, 31]}
HOSTILE = "<script>alert(1)</script> ]]> &amp; \x1b[31mred\u202e"
IN_YAML = r"<script>alert(1)</script> ]]> &amp; \x1b[31mred\u202e"
OPEN = {"id": "open", "worse": "all"}
FAILING = {"id": "failing", "better": "random_2", "worse": "batchnorm"}

NUMBER = """\
  resnet-14-total: {value: 175e3, rounding: 1e3, unit: parameters, n: 1, where: Nowhere, read_from: table}
"""
COUNTED = """\
id: counted
title: ResNet-14 counts
where: Nowhere
rows: [A02]
claim: It has some parameters.
networks:
  all: {paper: [resnet-14]}
checks:
  - id: counts
    row: A02
    states: It has 175,000.
    kind: count
    networks: all
    quantities: [total]
    table: table
    why: Arithmetic.
"""


class Sessions(World):
    """Nested pytest sessions in a world of claims."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        super().__init__(pytester.path)
        self.pytester = pytester

    def arguments(self, *more: object) -> list[str]:
        own = ["--scale=digits", "--bnrepro-device=cpu", f"--bnrepro-store={self.store}"]
        return [*PLUGIN, *STRICT, *own, *map(str, more)]

    def run(self, *more: object) -> pytest.RunResult:
        """``pytest claims/`` in this process."""
        return self.pytester.runpytest_inprocess(*self.arguments(self.claims, *more))

    def run_apart(self, *more: object) -> pytest.RunResult:
        """``pytest claims/`` in a process of its own."""
        return self.pytester.runpytest_subprocess(*self.arguments(self.claims, *more), timeout=120)

    def trained(self) -> list[str]:
        return plugin_trainer.trained(self.store)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the digits prepared."""
    folder = tmp_path_factory.mktemp("prepared")
    prepare(DatasetName.DIGITS, data_root=None, imagenet_root=None, cache=folder)
    return folder


@pytest.fixture
def world(pytester: pytest.Pytester, prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Sessions:
    made = Sessions(pytester)
    shutil.copytree(prepared, made.store / "data")
    for name in [name for name in os.environ if name.startswith(("BNREPRO_", "PYTEST_ADDOPTS"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY), prepend=os.pathsep)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("CI", raising=False)
    return made


@pytest.fixture
def trainer(world: Sessions, monkeypatch: pytest.MonkeyPatch) -> Sessions:
    """The world with a trainer that trains nothing, in this process and in others."""
    monkeypatch.setattr(Session, "pool", Session.pool)  # so that it is itself again afterwards
    world.pytester.makeconftest("from tests.plugin_trainer import install\ninstall()\n")
    return world


def lines(result: pytest.RunResult) -> str:
    return result.stdout.str()


def verdicts(reports: Path) -> dict[str, str]:
    """Of every check, by claim and check."""
    documents = [json.loads(path.read_text()) for path in reports.glob("*/*.json")]
    return {f"{each['claim']}::{check['id']}": check["verdict"] for each in documents for check in each["checks"]}


# what is collected


def test_each_check_of_each_claim_is_an_item(world: Sessions) -> None:
    world.write_claim()
    world.write_claim(**OPEN)
    told = lines(world.run("--collect-only", "-q"))
    assert [line for line in told.splitlines() if "::" in line] == [
        "claims/open.yaml::open::better",
        "claims/small.yaml::small::better",
    ]
    assert world.trained() == []


def test_every_claim_of_the_repository_is_collected_with_all_its_checks(world: Sessions) -> None:
    told = lines(world.pytester.runpytest_inprocess(*PLUGIN, *STRICT, "--collect-only", "-q", REPOSITORY / "claims"))
    found = {line.split("/")[-1] for line in told.splitlines() if "::" in line}
    written = set()
    for path in (REPOSITORY / "claims").glob("*.yaml"):
        checks = yaml.safe_load(path.read_text())["checks"]
        written |= {f"{path.name}::{path.stem}::{check['id']}" for check in checks}
    assert found == written


@pytest.mark.parametrize(
    ("option", "selected"),
    [
        ("-kopen", {"open"}),
        ("-ksmall or counts", {"small", "counted"}),
        ("-mclaim", {"small", "open", "counted"}),
        ("-mnot claim", set()),
        ("-msuperiority", {"small", "open"}),
        ("-mA02", {"counted"}),
        ("-mdigits", {"small", "open"}),
        ("-mpaper", {"counted"}),
        ("-msection4", {"small"}),
        ("-mappendix_e", {"open"}),
        ("-mdeciding and not section4", {"open", "counted"}),
        ("-mclaim(kind='superiority', section='section4')", {"small"}),
        ("-mclaim(deciding=False)", set()),
        ("-kSUPERIORITY", {"small", "open"}),
    ],
)
def test_keywords_and_markers_select_by_what_a_check_is(world: Sessions, option: str, selected: set[str]) -> None:
    small = world.write_claim()
    small.write_text(small.read_text().replace("where: Nowhere", "where: Section 4 with its Figure 2"))
    other = world.write_claim(**OPEN)
    other.write_text(other.read_text().replace("where: Nowhere", "where: Appendix E.2"))
    write_arithmetic(world)
    told = lines(world.run("--collect-only", "-q", option))
    assert {line.split("::")[1] for line in told.splitlines() if "::" in line} == selected


def write_arithmetic(world: Sessions) -> None:
    """A claim that trains nothing: how many parameters ResNet-14 has."""
    number = (
        "{value: 175e3, rounding: 1e3, unit: parameters, n: 1, where: Nowhere, read_from: table, network: resnet-14}"
    )
    (world.references / "table.yaml").write_text(f"source: Made up.\nnumbers:\n  resnet-14-total: {number}\n")
    (world.claims / "counted.yaml").write_text(COUNTED)


def test_other_peoples_files_are_left_alone(world: Sessions) -> None:
    written = world.write_claim()
    text = written.read_text()
    broken = "id: [unclosed\n"
    for name in (
        "elsewhere/claims/a.yaml",
        "docs/mkdocs.yaml",
        "claims/.hidden.yaml",
        "claims/b.yml",
        "claims/nested/c.yaml",
        "reference_numbers/d.yaml",
        "f.yaml",
    ):
        path = world.pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(broken)
    (world.references / "d.yaml").write_text("source: Nobody.\nnumbers:\n" + NUMBER)
    (world.pytester.path / "docs" / "own.yaml").write_text(text)
    result = world.pytester.runpytest_inprocess(*world.arguments("--collect-only", "-q", world.pytester.path))
    assert result.ret == 0
    assert [line for line in lines(result).splitlines() if "::" in line] == ["claims/small.yaml::small::better"]


def test_a_claim_in_another_folder_says_so_in_its_first_line(world: Sessions) -> None:
    text = world.write_claim().read_text()
    other = world.pytester.path / "more" / "small.yaml"
    other.parent.mkdir()
    other.write_text("# yaml-language-server: $schema=../claims/claim.schema.json\n" + text)
    result = world.pytester.runpytest_inprocess(*world.arguments("--collect-only", "-q", other.parent))
    assert "more/small.yaml::small::better" in lines(result)


def test_a_broken_claim_is_a_collection_error_with_every_problem_and_its_line(world: Sessions) -> None:
    world.write_claim()
    broken = world.write_claim(id="broken", better="batchnrom")
    broken.write_text(broken.read_text().replace("title:", "titel:") + "\nextra: &anchor 1\n")
    result = world.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    told = lines(result)
    assert "ERROR collecting claims/broken.yaml" in told
    for number, message in ((2, "unknown key 'titel'"), (17, "did you mean 'batchnorm'?"), (25, "anchor &anchor")):
        assert re.search(rf"broken\.yaml:{number}:\d+: .*{re.escape(message)}", told), message
    assert "Traceback" not in told
    assert ".py:" not in told


def test_a_number_that_no_file_has_is_a_collection_error(world: Sessions) -> None:
    path = world.write_claim()
    path.write_text(path.read_text().replace("kind: superiority", "kind: containment").replace(
        "margin: 10", "margin: 10\n    reference: section4/gap"))  # fmt: skip
    told = lines(world.run())
    assert re.search(r"small\.yaml:\d+:\d+: section4/gap is not in .*reference_numbers", told)


# what items come to


def test_a_check_that_holds_passes_and_says_its_word(world: Sessions) -> None:
    world.write_claim()
    world.fill(HELD)
    result = world.run("-v")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*small.yaml::small::better SUPPORTED (digits)*", "*1 passed*"])
    result.stdout.fnmatch_lines(["scale digits: 1 check, 1 supported", "trainings: 0 trained, 4 from the store"])


def test_a_check_that_fails_tells_what_was_found_and_no_traceback(world: Sessions) -> None:
    world.write_claim(**FAILING, title="Random weights win", states="They win by far.")
    world.fill(HELD)
    result = world.run("-rf", f"--bnrepro-reports={world.reports}")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*_ failing: better _*",
            "CONTRADICTED at scale digits: They win by far.",
            "claim: Random weights win",
            "found: −30.50 points, 90% interval −34.73 to −26.27; asked for: above +10.00 (2 seeds, look 1 of 1,",
            "because: resnet-8: -30.5 points *",
            f"report: {world.reports}/digits/failing.html",
            "CONTRADICTED (digits) claims/failing.yaml::failing::better - contradicted at scale digits: resnet-8:*",
        ]
    )
    assert ".py" not in lines(result).replace("pytest", "")
    assert (world.reports / "digits" / "failing.html").exists()
    assert verdicts(world.reports) == {"failing::better": "contradicted"}


@pytest.mark.parametrize(
    ("options", "code", "counted"),
    [
        ((), 0, "1 inconclusive"),
        (("--inconclusive=xfail",), 0, "1 inconclusive"),
        (("--inconclusive=skip",), 0, "1 inconclusive"),
        (("--inconclusive=pass",), 0, "1 inconclusive"),
        (("--bnrepro-inconclusive=fail",), 1, "1 failed"),
        (("-o", "bnrepro_inconclusive=fail"), 1, "1 failed"),
        (("-o", "bnrepro_inconclusive=fail", "--inconclusive=skip"), 0, "1 inconclusive"),
        (("--runxfail",), 1, "1 failed"),
    ],
)
def test_an_inconclusive_check_is_told_as_such_whatever_it_comes_to(
    world: Sessions, options: tuple[str, ...], code: int, counted: str
) -> None:
    world.write_claim(**OPEN)
    world.fill({"batchnorm": [60, 62], "all": [40, 80]})
    result = world.run(*options)
    assert result.ret == code
    result.stdout.fnmatch_lines(
        [
            "claims/open.yaml [?] *",
            "scale digits: 1 check, 1 inconclusive",
            "INCONCLUSIVE (digits) claims/open.yaml::open::better - resnet-8: *",
            f"=* {counted} in *",
        ]
    )
    assert "passed" not in lines(result)


def test_a_check_that_cannot_be_assessed_is_skipped_with_its_reason_where_it_is_written(world: Sessions) -> None:
    path = world.write_claim(networks="[]")
    path.write_text(path.read_text().replace("    digits: []", "    paper: [resnet-14]"))
    result = world.run("-rs")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        ["SKIPPED [[]1] claims/small.yaml:12: not assessed: * are not run at scale digits: It is small."]
    )


def test_junit_has_names_properties_and_messages(world: Sessions) -> None:
    world.write_claim()
    world.write_claim(**OPEN)
    world.write_claim(**FAILING)
    world.fill(HELD | {"all": [40, 80]})
    world.run("--junitxml=out.xml")
    suite = ET.parse(world.pytester.path / "out.xml").getroot()[0]  # noqa: S314 - our own file
    cases = {case.attrib["classname"]: case for case in suite}
    assert set(cases) == {f"claims.{claim}.yaml.{claim}" for claim in ("small", "open", "failing")}
    assert {case.attrib["name"] for case in cases.values()} == {"better"}
    told = {
        name.split(".")[1]: {each.attrib["name"]: each.attrib["value"] for each in case.iter("property")}
        for name, case in cases.items()
    }
    assert {claim: each["verdict"] for claim, each in told.items()} == {
        "small": "supported",
        "open": "inconclusive",
        "failing": "contradicted",
    }
    held = told["small"]
    assert (held["scale"], held["row"], held["kind"], held["unit"]) == ("digits", "C18", "superiority", "points")
    assert held["estimate"] == "30.5"
    low, high = (float(bound) for bound in held["interval"].strip("[]").split(", "))
    assert 10 < low < 30.5 < high
    assert held["region"] == "[10, inf]"
    assert (suite.attrib["failures"], suite.attrib["errors"], suite.attrib["skipped"]) == ("1", "0", "1")
    failure = cases["claims.failing.yaml.failing"].find("failure")
    assert failure is not None
    assert failure.attrib["message"].startswith("contradicted at scale digits: resnet-8: -30.5 points")
    assert "\n" not in failure.attrib["message"]
    assert failure.text is not None
    assert "asked for: above +10.00" in failure.text
    skipped = cases["claims.open.yaml.open"].find("skipped")
    assert skipped is not None
    assert skipped.attrib["type"] == "pytest.xfail"
    assert skipped.attrib["message"].startswith("inconclusive at scale digits: resnet-8: ")


def test_hostile_text_is_shown_as_text_in_every_place(world: Sessions) -> None:
    quoted = json.dumps(HOSTILE)
    world.write_claim(**FAILING, title=quoted, states=quoted, claim=quoted, flag=quoted)
    world.fill(HELD)
    result = world.run("-v", "--color=no", "--junitxml=out.xml")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    told = lines(result)
    assert IN_YAML in told
    assert "\x1b" not in told
    assert "\u202e" not in told
    text = (world.pytester.path / "out.xml").read_text()
    failure = next(ET.fromstring(text).iter("failure"))  # noqa: S314 - our own file
    assert failure.text is not None
    assert IN_YAML in failure.text
    assert "\u202e" not in text


# errors


def test_what_keeps_a_claim_from_being_judged_is_an_error_in_one_line(world: Sessions) -> None:
    world.write_claim()
    world.write_claim(**OPEN)
    result = world.run("--bnrepro-networks=resnet-20", "-v")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    told = lines(result)
    assert "2 errors" in told
    for claim in ("open", "small"):
        assert re.search(rf"ERROR at setup of {claim}: better _+\n2 claims at .*: no network resnet-20", told)
    assert told.count("scale digits: asked for") == 1, "the second item must not begin all over again"
    assert ".py:" not in told


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--scale=huge", "--bnrepro-scale: invalid choice: 'huge'"),
        ("--bnrepro-seeds=0", "--bnrepro-seeds: '0' is not a whole number from 1 up"),
        ("--bnrepro-networks=resnet", "--bnrepro-networks: "),
        ("--inconclusive=maybe", "--bnrepro-inconclusive: 'maybe' is not one of xfail, skip, fail, pass"),
        ("-obnrepro_scale=huge", "--bnrepro-scale: invalid choice: 'huge'"),
    ],
)
def test_an_option_that_cannot_be_is_a_usage_error(pytester: pytest.Pytester, option: str, message: str) -> None:
    result = pytester.runpytest_inprocess(*PLUGIN, option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in result.stderr.str()


def test_a_short_option_that_somebody_else_has_stays_theirs(world: Sessions) -> None:
    world.write_claim()
    world.fill(HELD)
    world.pytester.makeconftest(
        """
        def pytest_addoption(parser):
            parser.addoption("--scale", type=int)

        def pytest_report_header(config):
            return f"theirs is {config.getoption('--scale') + 1}"
        """
    )
    options = ["--scale=41", "--bnrepro-scale=digits", f"--bnrepro-store={world.store}"]
    result = world.pytester.runpytest_inprocess(*PLUGIN, *STRICT, world.claims, *options)
    result.stdout.fnmatch_lines(["theirs is 42", "*1 passed*"])


def test_the_ini_file_gives_defaults_with_folders_beside_it(world: Sessions) -> None:
    world.write_claim()
    world.fill(HELD)
    world.pytester.makeini("[pytest]\nbnrepro_scale = digits\nbnrepro_store = store\nbnrepro_reports = out\n")
    result = world.pytester.runpytest_inprocess(*PLUGIN, *STRICT, world.claims)
    result.stdout.fnmatch_lines(["trainings: 0 trained, 4 from the store", "*1 passed*"])
    assert verdicts(world.pytester.path / "out") == {"small::better": "supported"}


# what it costs


def test_loading_the_plugin_imports_nothing_but_its_options() -> None:
    code = (
        "import pytest, sys; before = set(sys.modules); import bnrepro.pytest_plugin; "
        "print(*sorted(set(sys.modules) - before))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment())
    allowed = {"bnrepro", "bnrepro.pytest_plugin", "bnrepro.pytest_plugin.options"}
    assert set(ran.stdout.split()) <= allowed


def test_a_session_without_claims_pays_and_shows_nothing(pytester: pytest.Pytester) -> None:
    pytester.makefile(".yaml", other="id: [unclosed")
    pytester.makepyfile(
        """
        import sys

        def test_nothing_came_with_the_plugin():
            ours = {name for name in sys.modules if name.startswith("bnrepro")}
            assert ours <= {"bnrepro", "bnrepro.pytest_plugin", "bnrepro.pytest_plugin.options",
                            "bnrepro.pytest_plugin.recognise"}
            assert not {"torch", "numpy", "pydantic", "scipy", "yaml"} & set(sys.modules)
        """
    )
    result = pytester.runpytest_subprocess(*PLUGIN, *STRICT)
    result.assert_outcomes(passed=1)
    assert "= claims =" not in lines(result)


def test_nothing_is_written_where_no_reports_are_asked_for(world: Sessions) -> None:
    world.write_claim()
    world.fill(HELD)
    before = set(world.pytester.path.iterdir())
    world.run()
    assert set(world.pytester.path.iterdir()) == before


# training


def test_runs_are_trained_once_for_all_items_and_only_where_a_check_is_selected(trainer: Sessions) -> None:
    trainer.write_claim(looks="[2]")
    trainer.write_claim(**FAILING)
    trainer.write_claim(**OPEN)
    result = trainer.run("-k", "small or failing")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, failed=1, deselected=1)
    wanted = ["resnet-8 batchnorm 0", "resnet-8 batchnorm 1", "resnet-8 random_2 0", "resnet-8 random_2 1"]
    assert sorted(trainer.trained()) == wanted
    result.stdout.fnmatch_lines(["trainings: 4 trained, 0 from the store"])


def test_trainings_are_told_with_v_and_not_without(trainer: Sessions) -> None:
    trainer.write_claim()
    quiet = lines(trainer.run())
    assert "plan" not in quiet
    assert "resnet-8" not in quiet
    shutil.rmtree(trainer.store / "runs")
    told = lines(trainer.run("-v"))
    assert "plan, look 1 of 1: 4 trainings, 0 in the store, 4 to train" in told
    assert "[4/4] resnet-8" in told


def test_the_live_log_tells_trainings(trainer: Sessions) -> None:
    trainer.write_claim()
    told = lines(trainer.run("--log-cli-level=INFO"))
    assert "plan, look 1 of 1: 4 trainings" in told


@pytest.mark.parametrize("spread", ["load", pytest.param("each", marks=pytest.mark.slow)])
def test_workers_share_trainings_and_agree_with_verify(
    trainer: Sessions, monkeypatch: pytest.MonkeyPatch, prepared: Path, spread: str
) -> None:
    trainer.write_claim()
    trainer.write_claim(**FAILING)
    trainer.write_claim(**OPEN, looks="[2, 3]")
    result = trainer.run_apart("-n2", f"--dist={spread}", f"--bnrepro-reports={trainer.reports}")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    runs = trainer.trained()
    assert len(runs) == len(set(runs))
    result.stdout.fnmatch_lines(["trainings: 8 trained, 0 from the store"])

    apart = World(trainer.pytester.path / "apart")
    shutil.copytree(prepared, apart.store / "data")
    plugin_trainer.install()
    assert call("verify", trainer.claims, "--scale=digits", "--device=cpu", *apart.folders()) == 1
    assert sorted(plugin_trainer.trained(apart.store)) == sorted(runs)
    assert verdicts(apart.reports) == verdicts(trainer.reports)
    assert set(verdicts(apart.reports).values()) == {"supported", "contradicted", "inconclusive"}


def test_another_worker_goes_on_where_the_one_that_trained_died(trainer: Sessions) -> None:
    trainer.write_claim()
    trainer.write_claim(**FAILING)
    trainer.pytester.makeconftest(
        """
        import os
        from pathlib import Path
        from tests import plugin_trainer
        from bnrepro import carry_out

        plugin_trainer.install()
        document_for = carry_out.document_for

        def dies_once(*arguments, **named):
            try:
                Path("died").touch(exist_ok=False)
            except FileExistsError:
                return document_for(*arguments, **named)
            os._exit(3)

        carry_out.document_for = dies_once
        """
    )
    result = trainer.run_apart("-n2")
    assert (trainer.pytester.path / "died").exists()
    assert "crashed" in lines(result)
    assert len(trainer.trained()) == 4
    result.stdout.fnmatch_lines(["trainings: 0 trained, 4 from the store"])


# A terminal signals the whole group; a service manager may signal the one process that it knows.
@pytest.mark.parametrize(
    ("workers", "whole_group"), [("-n0", True), ("-n0", False), pytest.param("-n2", True, marks=pytest.mark.slow)]
)
def test_control_c_keeps_checkpoints_and_the_next_session_goes_on(
    trainer: Sessions, workers: str, *, whole_group: bool
) -> None:
    trainer.write_claim()
    trainer.pytester.makeconftest("from tests.plugin_trainer import install\ninstall(slow=True)\n")
    command = [sys.executable, "-m", "pytest", *trainer.arguments(trainer.claims, workers, "--bnrepro-jobs=4")]
    process = subprocess.Popen(
        command, cwd=trainer.pytester.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    while len(trainer.trained()) < 4:
        time.sleep(0.02)
        assert process.poll() is None
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
    try:
        told, _ = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    assert process.returncode == pytest.ExitCode.INTERRUPTED, told
    wait_until_gone(process.pid)
    assert len(list(trainer.store.glob("runs/*/*/checkpoint"))) == 4
    result = trainer.run_apart()
    result.assert_outcomes(passed=1)
    assert len(trainer.trained()) == 4, "each went on from its checkpoint"


def wait_until_gone(group: int) -> None:
    for _ in range(500):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    raise AssertionError("some process of the session is still there")


def test_importing_the_package_before_pytest_starts_warns_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text("def test_theirs():\n    assert True\n")
    code = "import bnrepro, pytest, sys; sys.exit(pytest.main(['-q', '-W', 'error', 'test_theirs.py']))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
