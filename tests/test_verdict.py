"""Checks to a headline, look by look; the words of each scale; and error rates in simulated worlds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bnrepro.measure import PoolingError
from bnrepro.spec.claim import Metric
from bnrepro.spec.results import VerdictDocument
from bnrepro.spec.scale import Outcome, PaperVerdict, PreviewVerdict, Scale, word_for
from tests.report_samples import supported_digits
from tests.worlds import BETTER, FAMILY, IMAGENET, WORSE, arms, check, claim, judged, table

FAR, CLOSE, SHORT = (70.0, 71.0, 72.0, 71.0, 70.0), (60.5, 62.5, 61.0, 62.5, 61.0), (51.0, 52.0, 50.5, 51.5, 52.0)
BASE = (50.0, 51.0, 50.5, 51.0, 50.0)
WHOLE = [check("superiority"), check("containment")]


def test_a_claim_is_confirmed_when_every_deciding_check_holds() -> None:
    judgement = judged(claim(*WHOLE), arms(FAR, BASE))
    assert judgement.verdict is PaperVerdict.CONFIRMED
    assert judgement.headline_check == "superiority"
    assert judgement.open_checks == ()
    assert judgement.reason.startswith("Both deciding checks held; superiority – least favourable of 4 networks: ")


def test_one_failing_check_refutes_the_claim() -> None:
    judgement = judged(claim(*WHOLE), arms([value + 20 for value in FAR], BASE))
    assert judgement.verdict is PaperVerdict.REFUTED
    assert judgement.headline_check == "containment"
    assert judgement.reason.startswith("1 of 2 deciding checks failed; containment – ")


def test_an_open_check_keeps_the_claim_open() -> None:
    judgement = judged(claim(check("superiority")), arms(CLOSE, BASE))
    assert judgement.verdict is PaperVerdict.INCONCLUSIVE
    assert judgement.open_checks == ("superiority",)
    assert "needs about" in judgement.reason


def test_a_check_that_does_not_decide_is_published_beside_the_headline() -> None:
    asked = claim(check("superiority"), check("containment", decides=False))
    judgement = judged(asked, arms([value + 20 for value in FAR], BASE))
    assert judgement.verdict is PaperVerdict.CONFIRMED
    assert [each.verdict.value for each in judgement.checks] == ["confirmed", "refuted"]


def test_the_first_look_that_settles_a_check_is_kept() -> None:
    reversal = arms((*FAR[:3], 20.0, 20.0), BASE)
    asked = claim(check("superiority"))
    first, second = judged(asked, reversal, look=1), judged(asked, reversal, look=2)
    assert first == second
    assert (second.checks[0].look, second.checks[0].n, second.checks[0].looks) == (1, 3, (3, 5))
    assert second.checks[0].level == pytest.approx(0.95)


def test_an_open_check_goes_on_to_the_next_look() -> None:
    asked = claim(check("superiority"))
    values = arms((62.0, 64.5, 63.0, 63.2, 63.1), BASE)
    first, second = judged(asked, values, look=1), judged(asked, values, look=2)
    assert (first.verdict, first.open_checks) == ("inconclusive", ("superiority",))
    assert (second.verdict, second.checks[0].look) == ("confirmed", 2)


def test_a_look_never_sees_later_seeds() -> None:
    asked = claim(check("superiority"))
    assert judged(asked, arms(FAR, BASE), look=1) == judged(asked, arms(FAR[:3], BASE[:3]), look=1)


def test_arms_needed_are_those_of_the_checks_named() -> None:
    asked = claim(*WHOLE, check("range", id="best", networks="wide"), wide={Scale.PAPER: FAMILY})
    assert asked.arms_needed(["superiority", "containment"]) == (("cifar", BETTER), ("cifar", WORSE))
    assert asked.arms_needed(["best"]) == (("wide", WORSE),)
    assert asked.arms_needed([]) == ()


def test_nothing_is_trained_for_a_check_that_its_scale_cannot_assess() -> None:
    asked = claim(*WHOLE, check("superiority", id="top5", metric=Metric.TOP5_ACCURACY))
    on_paper, on_digits = (judged(asked, arms([], []), scale=scale) for scale in (Scale.PAPER, Scale.DIGITS))
    assert on_paper.open_checks == ("superiority", "containment")
    assert on_digits.open_checks == ("superiority",)


@pytest.mark.parametrize("scale", [Scale.REDUCED, Scale.DIGITS])
def test_numbers_of_the_paper_are_not_assessed_below_its_scale(scale: Scale) -> None:
    judgement = judged(claim(*WHOLE, check("range"), check("worst_case")), arms(FAR, BASE), scale=scale)
    assert [each.verdict.value for each in judgement.checks] == ["supported", *["not assessed"] * 3]
    assert "only scale paper" in judgement.checks[1].reason
    assert judgement.verdict is PreviewVerdict.SUPPORTED
    assert judgement.reason.endswith("; not assessed: containment, range, worst_case.")
    alone = judged(claim(check("range")), arms(FAR, BASE), scale=scale)
    assert (alone.verdict, alone.headline_check) == (PreviewVerdict.NOT_ASSESSED, None)


def imagenet(*, decides: bool) -> dict[str, Any]:
    return check("worst_case", id="imagenet", networks="imagenet", decides=decides)


@pytest.mark.parametrize(("decides", "word"), [(True, "inconclusive"), (False, "confirmed")])
def test_a_deciding_check_that_is_not_assessed_keeps_a_whole_claim_open(*, decides: bool, word: str) -> None:
    asked = claim(check("superiority"), imagenet(decides=decides), imagenet={Scale.PAPER: IMAGENET})
    judgement = judged(asked, arms(FAR, BASE), networks={"cifar": FAMILY, "imagenet": ()})
    assert judgement.verdict == word
    assert "cannot train imagenet-resnet-18, imagenet-resnet-50" in judgement.checks[1].reason
    assert judgement.headline_check == ("imagenet" if decides else "superiority")


def test_a_failing_check_refutes_even_where_another_is_not_assessed() -> None:
    asked = claim(check("superiority"), imagenet(decides=True), imagenet={Scale.PAPER: IMAGENET})
    assert judged(asked, arms(SHORT, BASE)).verdict is PaperVerdict.REFUTED


def test_a_group_that_mixes_in_networks_that_cannot_be_trained_is_not_assessed_in_part() -> None:
    judgement = judged(claim(check("superiority"), networks=(*FAMILY, *IMAGENET)), arms(FAR, BASE))
    assert judgement.verdict is PaperVerdict.NOT_ASSESSED


def test_a_metric_that_is_not_measured_is_not_assessed() -> None:
    judgement = judged(claim(check("superiority", metric=Metric.TOP5_ACCURACY)), arms(FAR, BASE))
    assert judgement.checks[0].reason == "this version of bnrepro does not measure top5 accuracy"


def test_a_group_that_is_not_run_or_not_asked_for_is_not_assessed() -> None:
    asked = claim(check("superiority", networks="deep"), deep={Scale.PAPER: FAMILY})
    below = judged(asked, arms(FAR, BASE), scale=Scale.DIGITS)
    assert below.checks[0].reason == "the networks 'deep' are not run at scale digits"
    unasked = judged(asked, arms(FAR, BASE), networks={}, whole_claim=False)
    assert unasked.checks[0].reason == "none of the networks 'deep' was asked for"


def test_part_of_a_claim_speaks_with_the_words_of_a_preview() -> None:
    part = {"cifar": FAMILY[:1]}
    judgement = judged(claim(*WHOLE), arms(FAR, BASE), networks=part, whole_claim=False)
    assert judgement.verdict is PreviewVerdict.SUPPORTED
    with pytest.raises(ValueError, match="in part"):
        judged(claim(*WHOLE), arms(FAR, BASE), networks=part, whole_claim=True)


def test_mistakes_of_the_caller_are_errors() -> None:
    asked = claim(check("superiority"))
    with pytest.raises(ValueError, match="looks 1 to 2"):
        judged(asked, arms(FAR, BASE), look=3)
    with pytest.raises(PoolingError, match="measurements at scale digits cannot judge a claim at scale paper"):
        judged(asked, table({}, scale=Scale.DIGITS))


@pytest.mark.parametrize("scale", Scale)
@pytest.mark.parametrize("whole", [True, False])
def test_only_the_whole_claim_at_the_papers_scale_has_its_words(scale: Scale, *, whole: bool) -> None:
    words = {word_for(outcome, scale, whole_claim=whole) for outcome in Outcome}
    assert ("confirmed" in words) == ("refuted" in words) == (scale is Scale.PAPER and whole)
    assert len(words) == len(Outcome)


any_points = st.lists(st.none() | st.just(math.nan) | st.floats(0, 100), min_size=5, max_size=5)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([Scale.REDUCED, Scale.DIGITS]), any_points, any_points, st.integers(1, 2))
def test_no_data_below_the_papers_scale_confirm_or_refute(scale: Scale, better: Any, worse: Any, look: int) -> None:
    asked = claim(*WHOLE, check("range"), check("worst_case"))
    judgement = judged(asked, arms(better, worse), scale=scale, look=look)
    words = {judgement.verdict, *(each.verdict for each in judgement.checks)}
    words |= {part.verdict for each in judgement.checks for part in each.networks}
    assert all(type(word) is PreviewVerdict for word in words)


@settings(max_examples=60, deadline=None)
@given(any_points, any_points)
def test_any_data_give_a_verdict(better: Any, worse: Any) -> None:
    judgement = judged(claim(*WHOLE, check("range"), check("worst_case")), arms(better, worse))
    assert all(each.reason for each in judgement.checks)


def document(**changes: Any) -> str:
    return supported_digits().model_copy(update=changes).model_dump_json()


def test_a_document_that_says_confirmed_of_digits_does_not_load() -> None:
    assert VerdictDocument.model_validate_json(document()).verdict == "supported"
    checks = supported_digits().checks
    said = checks[0].model_copy(update={"verdict": PaperVerdict.CONFIRMED})
    for changes in ({"verdict": PaperVerdict.CONFIRMED}, {"checks": (said, *checks[1:])}):
        with pytest.raises(ValidationError, match="scale digits cannot say confirmed"):
            VerdictDocument.model_validate_json(document(**changes))


DRAWS = 2000
NOISE = 3 * math.sqrt(0.05 * 0.95 / DRAWS)
WORLDS = pytest.mark.parametrize(
    ("spreads", "most"),
    [
        pytest.param((1.0, 1.0), 0.05, id="equal spreads"),
        # Satterthwaite's degrees of freedom are approximate: 20,000 draws gave 5.4 % of false refutations here.
        pytest.param((2.0, 0.4), 0.06, id="spreads 5 to 1"),
    ],
)


def rate(word: str, gaps: tuple[float, ...], spreads: tuple[float, float], *, draws: int = DRAWS) -> float:
    """How often simulated worlds, two looks each, give a verdict on "more than 10 points ahead on every network"."""
    rng, networks = np.random.default_rng(20200229), FAMILY[: len(gaps)]
    asked, said = claim(check("superiority"), networks=networks), 0
    for _ in range(draws):
        values: dict[Any, list[float]] = {}
        for network, gap in zip(networks, gaps, strict=True):
            values[network, BETTER] = rng.normal(50 + gap, spreads[0], 5).tolist()
            values[network, WORSE] = rng.normal(50, spreads[1], 5).tolist()
        said += judged(asked, values).verdict == word
    return said / draws


@WORLDS
def test_false_confirmations_with_one_network_on_the_boundary_stay_rare(
    spreads: tuple[float, float], most: float
) -> None:
    assert rate("confirmed", (10.0, 40.0, 40.0), spreads) <= most + NOISE


@WORLDS
def test_false_refutations_with_every_network_on_the_boundary_stay_rare(
    spreads: tuple[float, float], most: float
) -> None:
    assert rate("refuted", (10.0, 10.0, 10.0), spreads) <= most + NOISE


def test_clear_worlds_are_never_told_wrong_and_mostly_told_right() -> None:
    assert rate("refuted", (16.0, 16.0, 16.0), (1.0, 1.0), draws=300) == 0
    assert rate("confirmed", (16.0, 16.0, 16.0), (1.0, 1.0), draws=300) > 0.9
    assert rate("refuted", (4.0, 16.0, 16.0), (1.0, 1.0), draws=300) > 0.9
