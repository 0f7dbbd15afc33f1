"""Runs that look like a claim's own and were not pooled with them: of another recipe, device, precision or data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bnrepro.question import Question
from bnrepro.spec.run import RunSpec
from bnrepro.suite import Suite
from bnrepro.wording import plural


def left_out_note(question: Question, suite: Suite) -> str | None:
    """The runs of a claim's networks, arms, starts and seeds that its verdict leaves out, by why; ``None`` for none.

    Runs of other scales are never mentioned: nobody would pool them.
    """
    if not question.claim.trains:
        return None
    counts = Counter(why for why in _reasons(question, suite) if why)
    if not counts:
        return None
    told = (f"{plural(count, 'run')} {why}" for why, count in sorted(counts.items()))
    return f"Left out: {'; '.join(told)}."


def _reasons(question: Question, suite: Suite) -> Iterator[str]:
    """What keeps each run from being pooled that has the place of one of the claim's and was not used."""
    for cell in question.cells:
        expected = suite.setting.spec(*cell, seed=0)  # runs of one sample differ in nothing but the seed
        for record in suite.stored.get(cell, ()):
            if record.key not in suite.records and record.spec.seed < question.claim.looks.seeds[-1]:
                yield _why(record.spec, expected)


def _why(spec: RunSpec, expected: RunSpec) -> str:
    """What keeps a run from being pooled, in words; empty where nothing does."""
    ours, theirs = expected.recipe, spec.recipe
    same_precision = theirs.model_copy(update={"precision": ours.precision})
    reasons = [
        (spec.recipe_version != expected.recipe_version, f"of recipe version {spec.recipe_version}"),
        (same_precision != ours, "of another recipe"),
        (theirs.precision is not ours.precision, f"in {theirs.precision}"),
        (spec.data_digest != expected.data_digest, "on other data"),
        (spec.device is not expected.device, f"on {spec.device}"),
    ]
    return " ".join(words for differs, words in reasons if differs)
