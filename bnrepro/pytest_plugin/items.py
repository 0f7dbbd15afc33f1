"""Claim files and their checks as pytest's collectors and items."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from bnrepro.device import choose_device
from bnrepro.errors import BnreproError, printable
from bnrepro.pytest_plugin.failure import explained, properties
from bnrepro.pytest_plugin.options import how_inconclusive, verify_arguments
from bnrepro.pytest_plugin.outcome import ClaimOutcome
from bnrepro.pytest_plugin.recognise import references_of
from bnrepro.pytest_plugin.sharing import verdicts_of
from bnrepro.report.sections import section_of
from bnrepro.session import choose_scale
from bnrepro.spec.load import LoadedClaim, References, check_references, load_claim, load_references
from bnrepro.spec.results import CheckResult
from bnrepro.spec.scale import Scale


class ClaimFile(pytest.File):
    """A claim file; broken, it is a collection error with every problem and where it stands."""

    def collect(self) -> Iterator[ClaimNode]:
        """The claim that the file holds."""
        try:
            loaded = load_claim(self.path)
            check_references([loaded], _references(self.config, references_of(self.path)))
        except BnreproError as error:
            raise self.CollectError("\n".join(map(printable, str(error).splitlines()))) from None
        yield ClaimNode.from_parent(self, name=loaded.claim.id, loaded=loaded)


class ClaimNode(pytest.Collector):
    """A claim; each of its checks is an item."""

    def __init__(self, *, loaded: LoadedClaim, **node: Any) -> None:
        super().__init__(**node)
        self.loaded = loaded

    def collect(self) -> Iterator[CheckItem]:
        """The checks, in the order of the file."""
        scale = _scale(self.config) if self.loaded.claim.trains else Scale.PAPER
        for index, check in enumerate(self.loaded.claim.checks):
            yield CheckItem.from_parent(self, name=check.id, loaded=self.loaded, index=index, scale=scale)


class CheckItem(pytest.Item):
    """One check of a claim: passes where it holds, fails where it does not."""

    def __init__(self, *, loaded: LoadedClaim, index: int, scale: Scale, **node: Any) -> None:
        super().__init__(**node)
        claim, check = loaded.claim, loaded.claim.checks[index]
        self.loaded = loaded
        self.check = check
        self.line, _ = loaded.positions.of_value(("checks", index))
        self.bnrepro_told: dict[str, str] | None = None
        """What reports tell of the verdict, once there is one."""
        section = _marker_of(claim.where)
        marks = {"id": claim.id, "kind": check.kind, "row": check.row, "section": section, "scale": scale.value}
        self.add_marker(pytest.mark.claim(**marks, deciding=check.decides))
        for name in (check.kind, check.row, section, scale.value, "deciding" if check.decides else ""):
            if name:
                _register(self.config, name)
                self.add_marker(name)

    @cached_property
    def _outcome(self) -> ClaimOutcome:
        selected = [item.path for item in self.session.items if isinstance(item, CheckItem)]
        verified = verdicts_of(self.config).of(self.path, selected)
        if verified.error is not None:
            pytest.fail("\n".join(map(printable, verified.error.splitlines())), pytrace=False)
        return verified.claim(self.loaded.claim.id)

    def setup(self) -> None:
        """See that the claim is judged; the first item of a session does so for all."""
        _ = self._outcome

    def runtest(self) -> None:
        """Come to what the verdict says.

        Raises:
            pytest.fail.Exception: the check does not hold.
            pytest.skip.Exception: it could not be assessed.
            pytest.xfail.Exception: it is inconclusive, and that is how inconclusive checks are to end.
        """
        outcome = self._outcome
        result = outcome.check(self.check.id)
        reason = printable(result.reason)
        word = result.verdict.value
        self.user_properties += properties(outcome, result)
        self.bnrepro_told = {"verdict": word, "scale": outcome.scale.value, "claim": outcome.claim, "reason": reason}
        match word:
            case "confirmed" | "supported":
                return
            case "not assessed":
                pytest.skip(f"not assessed: {reason}")
            case "inconclusive":
                self._end_inconclusive(outcome, result, f"inconclusive at scale {outcome.scale}: {reason}")
            case _:
                pytest.fail(explained(outcome, result), pytrace=False)

    def _end_inconclusive(self, outcome: ClaimOutcome, result: CheckResult, told: str) -> None:
        match how_inconclusive(self.config):
            case "skip":
                pytest.skip(told)
            case "fail":
                pytest.fail(explained(outcome, result), pytrace=False)
            case "xfail":
                # Not pytest.xfail(), which does nothing under --runxfail: the check would pass.
                raise pytest.xfail.Exception(told, pytrace=False)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What the check found, with no traceback, placed where the check is written."""
        shown = super().repr_failure(excinfo, style)
        crash = getattr(shown, "reprcrash", None)
        if crash is not None and isinstance(excinfo.value, pytest.fail.Exception):
            crash.path, crash.lineno = str(self.path), self.line
            crash.message = self._in_one_line(str(excinfo.value))
        return shown

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the check is written, and its name."""
        return self.path, self.line - 1, f"{self.loaded.claim.id}: {self.check.id}"

    def _in_one_line(self, text: str) -> str:
        if self.bnrepro_told is None:
            return text.partition("\n")[0]
        return "{verdict} at scale {scale}: {reason}".format(**self.bnrepro_told)


def _marker_of(where: str) -> str:
    """The section of the paper as a marker, called as its file of reference numbers is; empty where there is none."""
    name = section_of(where).name
    return {"Section": f"section{name[-1]}", "Appendix": f"appendix_{name[-1].lower()}"}.get(name.partition(" ")[0], "")


def _register(config: pytest.Config, marker: str) -> None:
    """Make a marker known, so that ``--strict-markers`` lets it pass."""
    known = config.stash.setdefault(_MARKERS, set())
    if marker not in known:
        known.add(marker)
        config.addinivalue_line("markers", f"{marker}: of a claim's check, see the marker 'claim'")


def _references(config: pytest.Config, folder: Path) -> References:
    """The reference numbers in a folder, read once a session.

    Raises:
        SpecError: with the problems of all files.
    """
    known = config.stash.setdefault(_REFERENCES, {})
    if folder not in known:
        known[folder] = load_references(folder)
    return known[folder]


def _scale(config: pytest.Config) -> Scale:
    """The scale at which claims are asked, chosen once a session."""
    if _SCALE not in config.stash:
        arguments = verify_arguments(config, [])
        device = choose_device(arguments.device)
        config.stash[_SCALE], _ = choose_scale(arguments.scale, device, arguments.data_root)
    return config.stash[_SCALE]


_MARKERS = pytest.StashKey[set[str]]()
_REFERENCES = pytest.StashKey[dict[Path, References]]()
_SCALE = pytest.StashKey[Scale]()
