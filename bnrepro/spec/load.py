"""Claim files and reference numbers from disk, every problem of every file said at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bnrepro.errors import Problem, ReferenceMissing, SpecError, suggest
from bnrepro.spec.checks import CheckSpec, ContainmentCheck, CountCheck, RangeCheck, ReferenceForm, SlopeRatioCheck
from bnrepro.spec.claim import Claim
from bnrepro.spec.metrics import Unit
from bnrepro.spec.quantities import QUANTITIES
from bnrepro.spec.references import Reference, ReferenceFile
from bnrepro.spec.scale import Scale
from bnrepro.spec.validation import validate
from bnrepro.spec.yaml_strict import Location, Positions, read_document

_REFERENCE_FILE = re.compile(r"[a-z0-9_]+")


@dataclass(frozen=True, kw_only=True)
class LoadedClaim:
    """A claim and the file that it stands in."""

    claim: Claim
    path: Path
    sha256: str
    """Of the file's bytes."""
    positions: Positions = field(default_factory=Positions, repr=False, compare=False)

    def problem(self, message: str, *at: str | int) -> Problem:
        """Something wrong with the value at a place in the file, such as ``"checks", 0, "reference"``."""
        return _problem(self.path, self.positions, at, message)


@dataclass(frozen=True)
class References:
    """The paper's numbers by id, ``file/entry``; iterates over pairs of id and number.

    Usage:
        load_references(Path("reference_numbers")).get("section4/resnet-14-batchnorm").value   # 48.0
    """

    numbers: Mapping[str, Reference]
    directory: Path = Path("reference_numbers")

    def get(self, reference_id: str) -> Reference:
        """The number of an id.

        Raises:
            ReferenceMissing: no file has it; the text says where to add it.
        """
        if reference_id in self.numbers:
            return self.numbers[reference_id]
        file, _, _ = reference_id.partition("/")
        siblings = [known for known in self.numbers if known.startswith(f"{file}/")]
        hint = f" ({suggest(reference_id, siblings)})" if siblings else ""
        raise ReferenceMissing(
            f"{reference_id} is not in {self.directory}/{hint}; "
            f"add it to {self.directory / file}.yaml with its place, precision and number of runs"
        )

    def __iter__(self) -> Iterator[tuple[str, Reference]]:
        return iter(self.numbers.items())

    def __len__(self) -> int:
        return len(self.numbers)


def load_claim(path: Path) -> LoadedClaim:
    """Load one claim file.

    Raises:
        SpecError: with every problem of the file.
    """
    document = read_document(path)
    loaded = LoadedClaim(
        claim=validate(document, Claim), path=path, sha256=document.sha256, positions=document.positions
    )
    if loaded.claim.id != path.stem:
        message = f"id '{loaded.claim.id}' differs from the file's name; call the file {loaded.claim.id}.yaml"
        raise SpecError([loaded.problem(message, "id")])
    return loaded


def load_claims(paths: Sequence[Path]) -> tuple[LoadedClaim, ...]:
    """Load claim files, and of directories every ``*.yaml`` in them that is not hidden, in order of name.

    A file named twice is loaded once.

    Raises:
        SpecError: with the problems of all files, and ids that two files share.
    """
    claims: dict[str, LoadedClaim] = {}
    problems: list[Problem] = []
    for path in _files(paths):
        try:
            loaded = load_claim(path)
        except SpecError as error:
            problems += error.problems
            continue
        # Identifiers are lower case, so this also keeps apart ids that would differ in case only.
        first = claims.setdefault(loaded.claim.id, loaded)
        if first is not loaded:
            problems.append(loaded.problem(f"id '{loaded.claim.id}' is also the id of {first.path}", "id"))
    if problems:
        raise SpecError(problems)
    return tuple(claims.values())


def load_references(directory: Path) -> References:
    """Load every file of reference numbers in a directory.

    Raises:
        SpecError: with the problems of all files.
    """
    numbers: dict[str, Reference] = {}
    problems: list[Problem] = []
    for path in _files([directory]):
        try:
            document = read_document(path)
            entries = validate(document, ReferenceFile).numbers
        except SpecError as error:
            problems += error.problems
            continue
        if not _REFERENCE_FILE.fullmatch(path.stem):
            message = "a file of reference numbers is named with lower-case letters, digits and _"
            problems.append(_problem(path, document.positions, (), message))
        numbers |= {f"{path.stem}/{name}": reference for name, reference in entries.items()}
    if problems:
        raise SpecError(problems)
    return References(numbers, directory)


def check_references(claims: Iterable[LoadedClaim], references: References) -> None:
    """Check that every number that a claim names exists, in the form and the unit that its check needs.

    Raises:
        SpecError: with the position of each name that fails.
    """
    problems = [
        loaded.problem(message, "checks", index, key)
        for loaded in claims
        for index, check in enumerate(loaded.claim.checks)
        for key, message in dict.fromkeys(_misfits(loaded.claim, check, references))
    ]
    if problems:
        raise SpecError(problems)


def _misfits(claim: Claim, check: CheckSpec, references: References) -> Iterator[tuple[str, str]]:
    """What is wrong with the numbers of one check, each with the key that names it."""
    for key, name, unit in _numbers_of(claim, check):
        try:
            reference = references.get(name)
        except ReferenceMissing as error:
            yield key, str(error)
            continue
        form = _form_of(reference)
        if form is not None and check.reference_form not in {form, ReferenceForm.EITHER}:
            yield key, f"{name} is {form.value}; a {check.kind} check needs {check.reference_form.value}"
        if reference.unit is not unit:
            yield key, f"{name} is in {reference.unit}; this check needs {unit}"


def _numbers_of(claim: Claim, check: CheckSpec) -> Iterator[tuple[str, str, Unit]]:
    """The numbers that a check is held against: the key that names each, its id, and the unit that fits."""
    if not isinstance(check, CountCheck):
        yield from (("reference", name, _unit_for(check)) for name in check.references)
        return
    key = "reference" if check.table is None else "table"
    for quantity in check.quantities:
        for network in claim.networks_at(check.networks, Scale.PAPER):
            yield key, check.reference_for(network, quantity), QUANTITIES[quantity].unit


def _unit_for(check: CheckSpec) -> Unit:
    """The unit of what a check estimates: percentages differ by points."""
    if isinstance(check, SlopeRatioCheck):
        return Unit.RATIO
    of_difference = check.of_difference if isinstance(check, RangeCheck) else isinstance(check, ContainmentCheck)
    return Unit.POINTS if of_difference and check.metric.unit is Unit.PERCENT else check.metric.unit


def _form_of(reference: Reference) -> ReferenceForm | None:
    """Of what is printed; ``None`` where the number itself is lost."""
    if reference.value is not None:
        return ReferenceForm.NUMBER
    return None if reference.low is None else ReferenceForm.RANGE


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    seen: set[Path] = set()
    for path in paths:
        inside = path.is_dir() and path.suffix != ".yaml"
        for file in sorted(path.glob("[!.]*.yaml")) if inside else [path]:
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield file


def _problem(path: Path, positions: Positions, location: Location, message: str) -> Problem:
    line, column = positions.of_value(location)
    return Problem(path=path, line=line, column=column, message=message)
