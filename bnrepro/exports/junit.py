"""Verdicts as JUnit XML: the format of test reports that CI systems read.

Jenkins, GitLab, GitHub actions and Azure differ in what they allow beyond the common core, so only that is used:
``testsuites``, ``testsuite`` with ``properties``, and ``testcase`` with one of ``failure``, ``error`` and ``skipped``.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from bnrepro.errors import UsageError
from bnrepro.report.text import abbreviated, visible
from bnrepro.report.words import tone
from bnrepro.spec.results import CheckResult, FailedRun, VerdictDocument

Inconclusive = Literal["skipped", "failure", "passed"]
INCONCLUSIVE: tuple[Inconclusive, ...] = ("skipped", "failure", "passed")
"""What an inconclusive check can be reported as. JUnit has no word for it."""

_MOST_MESSAGE, _MOST_BODY = 400, 20_000
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(documents: Sequence[VerdictDocument], *, inconclusive: Inconclusive = "skipped") -> str:
    """A test report: a suite for each claim, a case for each check, and one for each run that failed.

    Refuted and contradicted checks are failures, failed runs errors, checks that were not assessed are skipped. An
    inconclusive check is what ``inconclusive`` says, with its reason as the message; the suite's properties name every
    check that is neither a pass nor a failure, whatever it is reported as. A run that diverged is a result, no error.

    Times are the seconds that the runs took to train, now or earlier. A check's are those of all runs that it read;
    checks share runs, so a suite counts each of its own once and is shorter than the sum of its cases.

    Raises:
        UsageError: ``inconclusive`` is none of the three words.
    """
    if inconclusive not in INCONCLUSIVE:
        raise UsageError(f"inconclusive checks can be {', '.join(INCONCLUSIVE)}, not '{inconclusive}'")
    root = ET.Element("testsuites", name="bnrepro")
    for document in documents:
        root.append(_suite(document, inconclusive))
    suites = list(root)
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in suites)))
    runs = {run.key: run.wall_seconds for document in documents for run in document.runs}
    root.set("time", _seconds(runs.values()))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(document: VerdictDocument, inconclusive: Inconclusive) -> ET.Element:
    name = xml_text(f"{document.scale.value}.{document.claim}")
    cases = [_case(document, check, name, inconclusive) for check in document.checks]
    cases += [_crash(run, name) for run in document.failed]
    outcomes = Counter(outcome.tag for case in cases for outcome in case)
    suite = ET.Element(
        "testsuite",
        name=name,
        tests=str(len(cases)),
        failures=str(outcomes["failure"]),
        errors=str(outcomes["error"]),
        skipped=str(outcomes["skipped"]),
        time=_seconds(run.wall_seconds for run in document.runs),
    )
    suite.append(_properties(document))
    suite.extend(cases)
    return suite


def _properties(document: VerdictDocument) -> ET.Element:
    properties = ET.Element("properties")

    def tell(name: str, value: str) -> None:
        ET.SubElement(properties, "property", name=xml_text(name), value=xml_text(value))

    tell("title", document.title)
    tell("scale", document.scale.value)
    tell("verdict", document.verdict.value)
    tell("reason", document.reason)
    for deviation in document.deviations:
        tell("not as declared", deviation)
    for word in ("inconclusive", "not assessed"):
        found = [check.id for check in document.checks if check.verdict.value == word]
        if found:
            tell(word, ", ".join(found))
    for name, value in document.provenance.items():
        tell(name, value)
    return properties


def _case(document: VerdictDocument, check: CheckResult, suite: str, inconclusive: Inconclusive) -> ET.Element:
    read = set(check.runs)
    seconds = _seconds(run.wall_seconds for run in document.runs if run.key in read)
    case = ET.Element("testcase", classname=suite, name=xml_text(check.id), time=seconds)
    match tone(check.verdict):
        case "bad":
            outcome: Inconclusive = "failure"
        case "open":
            outcome = inconclusive
        case "none":
            outcome = "skipped"
        case _:
            outcome = "passed"
    if outcome != "passed":
        told = f"{check.verdict.value}: {check.reason}"
        _outcome(case, outcome, kind=check.verdict.value, message=told, body=f"{check.states}\n{told}\n{check.why}")
    return case


def _crash(run: FailedRun, suite: str) -> ET.Element:
    case = ET.Element("testcase", classname=suite, name=xml_text(f"training of {run.description}"), time=_seconds(()))
    body = f"run {run.key}\n{run.error}\n{run.details}"
    _outcome(case, "error", kind="failed run", message=run.error, body=body)
    return case


def _outcome(case: ET.Element, tag: str, *, kind: str, message: str, body: str) -> None:
    line = " ".join(message.split())
    found = ET.SubElement(case, tag, message=xml_text(abbreviated(line, _MOST_MESSAGE)), type=kind)
    if tag != "skipped":  # readers show no body there
        found.text = xml_text(abbreviated(body, _MOST_BODY))


def _seconds(times: Iterable[float]) -> str:
    return f"{sum(times):.3f}"


def xml_text(text: str) -> str:
    r"""Text that XML 1.0 can carry: hidden and forbidden characters are spelled out, ESC as ``\x1b``.

    What can be carried and has a meaning to XML is escaped when it is written.
    """
    return _NOT_XML.sub(lambda match: match[0].encode("unicode_escape").decode(), visible(text))
