"""Accuracy rises, or falls, from each network to the next and from the first to the last."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

from bnrepro.checks.evidence import Evidence, evidence_of, samples_of
from bnrepro.checks.lines import too_few
from bnrepro.checks.look import Finding, Look
from bnrepro.checks.region import Region
from bnrepro.checks.units import difference_unit
from bnrepro.checks.universal import every_part
from bnrepro.measure import Sample
from bnrepro.spec.checks import MonotoneCheck
from bnrepro.spec.scale import Scale
from bnrepro.stats import Estimate, welch
from bnrepro.stats.student import FloatArray


def evaluate(check: MonotoneCheck, look: Look) -> Finding:
    """Every step, in the order of the claim file, in (-margin, ∞), and the change from first to last in (bound, ∞).

    Each is a difference of two means (Welch 1947), counted as positive in the direction that the check states. It is
    unpaired for the reason given in ``superiority``: networks of one seed share some first draws, which nobody has
    shown to matter after training. Neighbouring steps share a network; intersection-union and Holm hold under any
    dependence. The bound of the whole change is ``end_to_end`` at the paper's scale and 0 at the others, whose
    networks span less.
    """
    samples = [sample for comparison in look.comparisons for sample in samples_of(check, look, comparison)]
    step = Region(low=-check.margin)
    unit = difference_unit(check)
    if len(samples) < 2:
        return too_few(look, step, unit=unit, reason=f"{samples[0].network} alone: a step is between two networks")
    whole = Region(low=check.end_to_end if look.scale is Scale.PAPER else 0.0)
    sign = 1 if check.direction == "rising" else -1
    steps = [_change(first, second, sign, step) for first, second in pairwise(samples)]
    in_all = _change(samples[0], samples[-1], sign, whole, told=" in all")
    return every_part([*steps, in_all], look, unit=unit, noun="step")


def _change(first: Sample, second: Sample, sign: int, region: Region, *, told: str = "") -> Evidence:
    name = f"{first.network} to {second.network}{told}"
    return evidence_of(name, (first, second), partial(_difference, sign=sign), region)


def _difference(first: FloatArray, second: FloatArray, *, sign: int) -> Estimate:
    return welch(sign * second, sign * first)
