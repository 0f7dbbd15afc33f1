"""The rooms of the package and the direction of the arrows between them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "bnrepro"

MAY_IMPORT = {
    "errors": set(),
    "files": {"errors"},
    "signals": set(),
    "startup": set(),
    "processes": set(),
    "wording": set(),
    "arguments": {"errors", "spec", "deadline"},
    "spec": {"errors"},
    "recipes": {"errors", "spec"},
    "identity": {"errors", "spec"},
    "stats": set(),
    "data": {"errors", "spec"},
    "store": {"errors", "spec", "files"},
    "train": {"errors", "spec", "identity", "data", "signals", "processes"},
    "deadline": {"errors"},
    "packing": set(),
    "turns": set(),
    "bench": {"errors", "spec", "recipes", "data", "processes"},
    "execute": {"errors", "spec", "identity", "store", "signals", "processes", "deadline", "packing"},
    "device": {"errors", "spec"},
    "cost": {"errors", "spec", "packing"},
    "gpu_jobs": {"spec", "device", "cost", "wording"},
    "plan": {"errors", "spec", "recipes", "identity", "store", "cost"},
    "measure": {"errors", "spec"},
    "checks": {"errors", "spec", "recipes", "stats", "measure", "wording"},
    "verdict": {"errors", "spec", "recipes", "measure", "checks"},
    "question": {"errors", "spec", "recipes", "plan", "measure", "wording"},
    "budget": {"errors", "spec", "cost", "plan", "checks", "question"},
    "power": {"spec", "recipes", "stats", "plan", "measure", "checks", "question", "wording"},
    "suite": {
        "errors",
        "spec",
        "recipes",
        "identity",
        "store",
        "plan",
        "execute",
        "measure",
        "question",
        "unfinished",
        "verdict",
    },
    "unfinished": {"deadline", "wording"},
    "stages": {"spec", "plan", "execute", "question", "deadline", "suite", "turns", "unfinished", "wording"},
    "declared": {"errors", "spec", "store", "plan", "question", "suite", "wording"},
    "left_out": {"spec", "question", "suite", "wording"},
    "robust": {"spec", "stats"},
    "publish": {
        "robust",
        "errors",
        "spec",
        "recipes",
        "data",
        "files",
        "plan",
        "measure",
        "question",
        "suite",
        "declared",
        "left_out",
    },
    "small_resnets": {"errors", "spec"},
    "history": {"errors", "spec", "files"},
    "report": {"errors", "spec", "files", "history"},
    "exports": {"errors", "spec", "files", "store", "measure", "history", "report"},
}
"""Each room and the rooms whose names it may know. What is not listed here joins the others: the command line."""

TOP = {
    "carry_out",
    "cli",
    "verbs",
    "diff_text",
    "pytest_plugin",
    "session",
    "terminal",
    "plan_text",
    "verdict_text",
    "progress",
    "doctor",
    "__main__",
    "__init__",
}


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports_of(path: Path) -> set[str]:
    """Every room of bnrepro that a file names in an import, wherever in the file it stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = [
                f"{node.module}.{alias.name}" if node.module == "bnrepro" else node.module for alias in node.names
            ]
        found |= {room_of(module) for module in modules if module.split(".")[0] == "bnrepro" and "." in module}
    return found - {"__version__"}


def files_by_room() -> dict[str, list[Path]]:
    rooms: dict[str, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        rooms.setdefault(path.relative_to(PACKAGE).parts[0].removesuffix(".py"), []).append(path)
    return rooms


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_rooms_upstream_of_it(room: str) -> None:
    for path in files_by_room()[room]:
        wrong = imports_of(path) - MAY_IMPORT[room] - {room}
        assert not wrong, f"{path.name} in room '{room}' imports {', '.join(sorted(wrong))}"


def test_every_file_belongs_to_a_known_room() -> None:
    assert set(files_by_room()) == set(MAY_IMPORT) | TOP


def test_only_the_training_room_imports_torch() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        names = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        if "torch" in names:
            assert path.relative_to(PACKAGE).parts[0] == "train", path


@pytest.mark.parametrize("module", ["bnrepro.cli", "bnrepro.session", "bnrepro.verbs.verify", "bnrepro.report"])
def test_the_command_line_starts_without_heavy_imports(module: str) -> None:
    code = (
        f"import sys, {module}; print(*sorted({{'torch', 'torchvision', 'sklearn', 'scipy.stats'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_verify_imports_what_draws_and_plans_only_when_it_does() -> None:
    unused = "{'rich', 'bnrepro.power', 'bnrepro.exports'}"
    code = f"import sys, bnrepro.verbs.verify; print(*sorted({unused} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
