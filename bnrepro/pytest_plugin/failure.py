"""What an item tells of its check: in a failure to a person, as properties to a CI server."""

from __future__ import annotations

import textwrap
from collections import Counter

from bnrepro.errors import printable
from bnrepro.pytest_plugin.outcome import ClaimOutcome
from bnrepro.report.amounts import exact, exact_region, interval, region, told
from bnrepro.spec.results import CheckResult, Interval
from bnrepro.wording import plural

_WIDTH = 100
_MOST_PARTS = 8
_HELD, _FAILED = {"confirmed", "supported"}, {"refuted", "contradicted"}


def explained(outcome: ClaimOutcome, result: CheckResult) -> str:
    """A check that does not hold, for a reader: what it states, what was found, against what, on which evidence."""
    lines = [
        f"{result.verdict.value.upper()} at scale {outcome.scale}: {result.states}",
        f"claim: {outcome.title}",
        f"found: {_found(result)}",
        f"because: {result.reason}",
        *(f"not as declared: {deviation}" for deviation in outcome.deviations),
        *_parts(result),
        *(f"fragile: {each}" for each in result.fragile),
    ]
    if not result.decides:
        lines.append(f"This check does not decide the claim's headline, which is: {outcome.verdict.value}.")
    shown = [line for text in lines for line in _wrapped(text)]
    if outcome.page is not None:
        shown.append(printable(f"report: {outcome.page}"))  # in one line, to be copied
    return "\n".join(shown)


def properties(outcome: ClaimOutcome, result: CheckResult) -> list[tuple[str, str]]:
    """Names and values for ``--junitxml``; numbers are in the check's unit, as many digits as tell them apart."""
    found = {
        "claim": outcome.claim,
        "check": result.id,
        "row": result.row,
        "kind": result.kind,
        "scale": outcome.scale.value,
        "verdict": result.verdict.value,
        "headline": outcome.verdict.value,
        "deciding": "yes" if result.decides else "no",
        "reason": result.reason,
    }
    if result.estimate is not None:
        found |= {
            "estimate": f"{result.estimate:.6g}",
            "interval": _numbers(result.interval),
            "region": _numbers(result.region),
            "unit": result.unit,
        }
    if result.runs:
        found |= {"level": f"{result.level:.6g}", "seeds": str(result.n), "runs": str(len(result.runs))}
    if outcome.page is not None:
        found["report"] = outcome.page
    return [(name, printable(value)) for name, value in found.items()]


def _found(result: CheckResult) -> str:
    if result.estimate is None:
        return "no estimate"
    if not result.runs:  # arithmetic
        return f"{exact(result.estimate)}; asked for: {exact_region(result.region)}"
    told_interval = f"{result.level:.0%} interval {interval(result.interval, result.unit)}"
    look = f"{plural(result.n, 'seed')}, look {result.look} of {len(result.looks)}, {plural(len(result.runs), 'run')}"
    asked = region(result.region, result.unit)
    return f"{told(result.estimate, result.unit)}, {told_interval}; asked for: {asked} ({look})"


def _parts(result: CheckResult) -> list[str]:
    """The parts that do not hold, those that settle it first, where there are several."""
    words = Counter(part.verdict.value for part in result.parts)
    if len(result.parts) < 2:
        return []
    counted = ", ".join(f"{count} {word}" for word, count in words.most_common())
    missed = sorted(
        (part for part in result.parts if part.verdict.value not in _HELD),
        key=lambda part: part.verdict.value not in _FAILED,
    )
    shown = [f"  {part.name}: {part.verdict.value}: {part.reason}" for part in missed[:_MOST_PARTS]]
    if left := len(missed) - len(shown):
        shown.append(f"  and {left} more")
    return [f"{plural(len(result.parts), 'part')}: {counted}", *shown]


def _numbers(bounds: Interval) -> str:
    low, high = bounds
    return f"[{'-inf' if low is None else f'{low:.6g}'}, {'inf' if high is None else f'{high:.6g}'}]"


def _wrapped(text: str) -> list[str]:
    """A line within the width; what follows hangs in."""
    indent = " " * (len(text) - len(text.lstrip()) + 2)
    return textwrap.wrap(
        printable(text), _WIDTH, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )
