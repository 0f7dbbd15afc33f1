"""Trainings and their cost before anything is spent."""

from __future__ import annotations

import argparse

from bnrepro.budget import shared_budget
from bnrepro.cost import CostModel
from bnrepro.plan_text import plan_lines, show_budget, show_powers, show_runs, show_unsettled
from bnrepro.power import powers
from bnrepro.session import Session
from bnrepro.stages import look_name
from bnrepro.terminal import standard_output
from bnrepro.verbs import EXIT_OK, FULLY_SHOWN


def plan(arguments: argparse.Namespace) -> int:
    """Show the trainings that verdicts need, and what claims share, before anything is spent."""
    out = standard_output()
    session = Session.begin(arguments, out.say, only_plan=True)
    suite, setting = session.suite, session.suite.setting
    plans = []
    looks = suite.looks()
    for look in looks:
        plans.append(suite.plan(look))
        for line in plan_lines(plans[-1], look=look_name(look, of=len(looks)), jobs=session.jobs):
            out.say(line)
        if look < len(looks):
            out.say("and if no check is settled by then:")
    out.say()
    settled = [(question, powers(question, suite.references, setting)) for question in suite.questions]
    if len(suite.questions) <= FULLY_SHOWN:
        show_powers(out, settled)
        out.say()
        show_runs(out, plans)
    else:
        show_unsettled(out, settled)
    if len(suite.questions) == 1:
        return EXIT_OK
    out.say()
    model = plans[-1].cost if plans[-1].runs else CostModel(shapes=setting.shapes)
    show_budget(out, suite.questions, shared_budget(suite.questions, suite.references, setting, model), setting.device)
    return EXIT_OK
