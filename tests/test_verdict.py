"""Checks to a headline, look by look, and the words of each scale."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bnrepro.errors import UnknownName
from bnrepro.measure import PoolingError
from bnrepro.spec.metrics import Metric
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


def test_cells_needed_are_those_of_the_checks_named() -> None:
    asked = claim(*WHOLE, check("range", id="best", networks="wide"), wide={Scale.PAPER: FAMILY})
    groups = {"cifar": FAMILY[:2], "wide": FAMILY[3:]}
    assert asked.cells_needed(["superiority", "containment"], groups) == (
        (FAMILY[0], BETTER),
        (FAMILY[0], WORSE),
        (FAMILY[1], BETTER),
        (FAMILY[1], WORSE),
    )
    assert asked.cells_needed(["best"], groups) == ((FAMILY[3], WORSE),)
    assert asked.cells_needed([], groups) == ()


def test_nothing_is_trained_for_a_check_that_its_scale_cannot_assess() -> None:
    asked = claim(*WHOLE)
    on_paper, on_digits = (judged(asked, arms([], []), scale=scale) for scale in (Scale.PAPER, Scale.DIGITS))
    assert on_paper.open_checks == ("superiority", "containment")
    assert on_digits.open_checks == ("superiority",)


@pytest.mark.parametrize("scale", [Scale.REDUCED, Scale.DIGITS])
def test_numbers_of_the_paper_are_not_assessed_below_its_scale(scale: Scale) -> None:
    judgement = judged(claim(*WHOLE, check("range"), check("worst_case")), arms(FAR, BASE), scale=scale)
    assert [each.verdict.value for each in judgement.checks] == ["supported", *["not assessed"] * 3]
    assert "only scale paper" in judgement.checks[1].reason
    assert judgement.verdict is PreviewVerdict.SUPPORTED
    assert judgement.reason.endswith("; containment, range, worst_case not assessed.")
    alone = judged(claim(check("range")), arms(FAR, BASE), scale=scale)
    assert (alone.verdict, alone.headline_check) == (PreviewVerdict.NOT_ASSESSED, None)


NO_IMAGENET = "ImageNet is not on this machine"


def imagenet(*, decides: bool) -> dict[str, Any]:
    return check("worst_case", id="imagenet", networks="imagenet", decides=decides)


@pytest.mark.parametrize(("decides", "word"), [(True, "inconclusive"), (False, "confirmed")])
def test_a_deciding_check_that_is_not_assessed_keeps_a_whole_claim_open(*, decides: bool, word: str) -> None:
    asked = claim(check("superiority"), imagenet(decides=decides), imagenet={Scale.PAPER: IMAGENET})
    judgement = judged(asked, arms(FAR, BASE), networks={"cifar": FAMILY}, absent={"imagenet": NO_IMAGENET})
    assert judgement.verdict == word
    assert judgement.checks[1].reason == NO_IMAGENET
    assert judgement.headline_check == ("imagenet" if decides else "superiority")


def test_a_failing_check_refutes_even_where_another_is_not_assessed() -> None:
    asked = claim(check("superiority"), imagenet(decides=True), imagenet={Scale.PAPER: IMAGENET})
    judgement = judged(asked, arms(SHORT, BASE), networks={"cifar": FAMILY}, absent={"imagenet": NO_IMAGENET})
    assert judgement.verdict is PaperVerdict.REFUTED


def test_a_comparison_across_groups_is_not_assessed_on_part_of_one() -> None:
    asked = claim(check("superiority", worse_networks="others"), others=dict.fromkeys(Scale, FAMILY[::-1]))
    whole = judged(asked, arms(FAR, BASE))
    assert [part.name for part in whole.checks[0].parts][:2] == [
        "resnet-14 against wrn-14-2",
        "resnet-20 against resnet-32",
    ]
    part = judged(asked, arms(FAR, BASE), networks={"cifar": FAMILY[:2], "others": FAMILY[2:]}, whole_claim=False)
    assert part.checks[0].reason == "it needs all networks of 'cifar', and some were left out"


def test_a_metric_that_was_not_arranged_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(UnknownName, match="top5_accuracy"):
        judged(claim(check("superiority", metric=Metric.TOP5_ACCURACY)), arms(FAR, BASE))


def test_a_group_that_is_not_run_or_not_asked_for_is_not_assessed() -> None:
    asked = claim(check("superiority", networks="deep"), deep={Scale.PAPER: FAMILY})
    below = judged(asked, arms(FAR, BASE), scale=Scale.DIGITS)
    assert below.checks[0].reason == "the networks 'deep' are not run at scale digits: It is made up."
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
    words |= {part.verdict for each in judgement.checks for part in each.parts}
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


@pytest.mark.parametrize("kind", [check("range"), check("sd_bound")])
def test_a_check_about_all_networks_together_is_not_asked_of_some(kind: dict[str, Any]) -> None:
    judgement = judged(claim(kind), arms(FAR, BASE), networks={"cifar": FAMILY[:2]}, whole_claim=False)
    assert judgement.checks[0].verdict.value == "not assessed"
    assert "it needs all networks of 'cifar'" in judgement.checks[0].reason
