"""A session carried out: every stage trained, every claim judged, and what reports say of each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from bnrepro.execute.events import Event
from bnrepro.plan_text import plan_lines
from bnrepro.publish import document_for, git_commit
from bnrepro.session import Session
from bnrepro.spec.results import VerdictDocument
from bnrepro.stages import Stage

Following = Callable[[Stage], AbstractContextManager[Callable[[Event], None]]]
"""Opens what is told the events of a stage while it is trained."""


def carry_out(session: Session, *, say: Callable[[str], None], following: Following) -> list[VerdictDocument]:
    """Train and judge all that a session asks for; ``say`` is told the plan of each stage before it begins.

    Nothing is written but the store. The documents stand in the order of the suite's questions.

    Raises:
        BnreproError: nothing could be trained or judged.
    """
    suite = session.suite
    for stage in session.stages():
        for line in plan_lines(stage.plan, look=stage.name, jobs=session.jobs):
            say(line)
        if stage.plan.missing:
            session.get_ready()
        with following(stage) as listener:
            suite.train(stage.plan, session.pool(stage.window), listener)
    commit = git_commit()
    return [
        document_for(question, suite, data=session.data, scale_reason=session.scale_reason, commit=commit)
        for question in suite.questions
    ]
