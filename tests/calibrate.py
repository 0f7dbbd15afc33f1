"""Measure how often each kind of check is wrong, and write docs/calibration.md and docs/calibration.svg.

    make calibrate                      20,000 draws of every world, on every core
    make calibrate DRAWS=500            fewer
    python -m tests.calibrate --draws 20000 --processes 1 --seconds 600

What is drawn is kept in build/calibration/, so an interrupted calibration goes on where it stopped. The file there is
named after everything that decides a verdict; after a change to any of it, all is drawn again.
"""

from __future__ import annotations

import argparse
import ast
import gc
import hashlib
import json
import math
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.calibration_page import Rates, figure, page
from tests.simulated import World, all_worlds, bare

ROOT = Path(__file__).parent.parent
KEPT = ROOT / "build" / "calibration"
DRAWS = 20_000
PART = 250
"""Draws that are made and kept together."""
FIRST = 4
"""How many parts of a world on a bound are drawn for each part of another, while time is short."""

_DECIDING = ("bnrepro/checks", "bnrepro/stats", "bnrepro/spec/checks", "bnrepro/measure.py", "bnrepro/verdict.py")
_WORLDS = ("tests/simulated.py", "tests/worlds.py")

Said = Mapping[str, Counter[str]]
"""Verdicts by name of world."""
Piece = tuple[str, int]
"""Name of a world and number of a part."""


def fingerprint() -> str:
    """Of all code that decides a verdict or draws a world."""
    digest = hashlib.sha256()
    for name in (*_DECIDING, *_WORLDS):
        path = ROOT / name
        for source in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            meaning = ast.dump(_without_docstrings(ast.parse(source.read_text())))  # nor comments, nor layout
            digest.update(f"{source.relative_to(ROOT).as_posix()} {meaning}".encode())
    return digest.hexdigest()[:12]


def _without_docstrings(tree: ast.Module) -> ast.Module:
    """The same code with its docstrings emptied: words about a formula change no verdict."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body[0] = ast.Pass()
    return tree


def kept(path: Path) -> dict[Piece, Counter[str]]:
    """The parts that were drawn before; a last line that was cut short is drawn again."""
    if not path.exists():
        return {}
    found = {}
    for line in path.read_text().splitlines():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[entry["world"], entry["part"]] = Counter(entry["said"])
    return found


def pieces(worlds: Sequence[World], draws: int) -> list[Piece]:
    """All parts to draw: worlds on a bound, whose rates take most draws to tell, come sooner."""
    ranked = [
        (part / (FIRST if world.most_wrong_percent and not world.truth.clear else 1), place, (world.name, part))
        for place, world in enumerate(worlds)
        for part in range(math.ceil(draws / PART))
    ]
    return [piece for _, _, piece in sorted(ranked)]


def simulated(todo: Sequence[Piece], processes: int) -> Iterator[tuple[Piece, Counter[str]]]:
    """Draw parts, in any order."""
    if processes == 1:
        yield from map(_draw, todo)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(_draw, todo)


_WORLDS_BY_NAME = {world.name: world for world in all_worlds()}


def _draw(piece: Piece) -> tuple[Piece, Counter[str]]:
    gc.set_threshold(100_000)  # a verdict makes many objects and hardly a cycle
    name, part = piece
    with bare():
        return piece, _WORLDS_BY_NAME[name].verdicts(PART, part=part)


def main() -> int:
    """Draw what is missing and write the page."""
    parser = argparse.ArgumentParser(prog="tests.calibrate", description="Measure the error rates of every check.")
    parser.add_argument("--draws", type=int, default=DRAWS, help="of every world")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=math.inf, help="stop drawing after this time")
    parser.add_argument("--from", dest="source", type=Path, help="write the page from these kept results alone")
    asked = parser.parse_args()
    path = asked.source or KEPT / f"{fingerprint()}.jsonl"
    found = kept(path)
    if asked.source is None:
        found |= _drawn(path, found, asked)
    rates = _rates(found)
    (ROOT / "docs" / "calibration.md").write_text(page(rates, asked.draws))
    (ROOT / "docs" / "calibration.svg").write_text(figure(rates))
    return 0


def _drawn(path: Path, found: Mapping[Piece, object], asked: argparse.Namespace) -> dict[Piece, Counter[str]]:
    todo = [piece for piece in pieces(list(_WORLDS_BY_NAME.values()), asked.draws) if piece not in found]
    path.parent.mkdir(parents=True, exist_ok=True)
    start, new = time.monotonic(), {}
    with path.open("a") as file:
        for (name, part), said in simulated(todo, asked.processes):
            new[name, part] = said
            file.write(json.dumps({"world": name, "part": part, "said": said}) + "\n")
            file.flush()
            elapsed = time.monotonic() - start
            if len(new) % 200 == 0:
                left = elapsed / len(new) * (len(todo) - len(new))
                sys.stderr.write(f"{len(new):,} of {len(todo):,} parts, {elapsed:,.0f} s, {left:,.0f} s left\n")
            if elapsed > asked.seconds:
                break
    return new


def _rates(found: Mapping[Piece, Counter[str]]) -> list[Rates]:
    said: dict[str, Counter[str]] = {}
    for (name, _), counts in found.items():
        said.setdefault(name, Counter()).update(counts)
    return [Rates(world=world, said=said[name]) for name, world in _WORLDS_BY_NAME.items() if name in said]


if __name__ == "__main__":
    sys.exit(main())
