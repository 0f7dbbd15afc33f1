"""What is expected of runs under way: made-up events on a clock of the test's own."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnrepro.execute.events import Advanced, Event, Failed, Finished, Left, Retried, Started, Waiting
from bnrepro.execute.forecast import TRUSTED_SHARE, Forecast
from bnrepro.execute.window import Window
from bnrepro.packing import end_of_all
from bnrepro.spec.arms import Arm
from bnrepro.spec.networks import Network
from bnrepro.spec.run import DeviceKind, RunSpec
from bnrepro.spec.trainer import Progress
from tests.small_claim import DIGITS
from tests.test_budget_time import Clock

SEEDS = 5
REPORTS = 20
"""Of each run, evenly over its time."""


def runs(network: str, arm: str = "batchnorm", seeds: int = SEEDS) -> list[RunSpec]:
    return [DIGITS.spec(Network.parse(network), Arm.parse(arm), seed) for seed in range(seeds)]


SHORT, LONG, OTHER = runs("resnet-8"), runs("resnet-14"), runs("resnet-8", "all")


def advanced(spec: RunSpec, share: float) -> Advanced:
    return Advanced(spec=spec, progress=Progress(steps_done=round(1000 * share), steps=1000, test_accuracy=None))


@dataclass
class Told:
    """A forecast and the clock that its events are told by."""

    forecast: Forecast
    clock: Clock

    @classmethod
    def of(cls, guesses: Mapping[RunSpec, float], begun: Mapping[RunSpec, float] | None = None) -> Told:
        clock = Clock()
        return cls(Forecast(guesses, begun=begun or {}, clock=clock), clock)

    def after(self, seconds: float, *events: Event) -> None:
        self.clock.now += seconds
        for event in events:
            self.forecast.take(event)

    def trained(self, spec: RunSpec, seconds: float) -> None:
        self.after(0, Started(spec=spec))
        self.after(seconds, advanced(spec, 1), Finished(spec=spec, trained=True))


def test_before_anything_is_told_the_guesses_stand() -> None:
    told = Told.of({SHORT[0]: 10.0, LONG[0]: 30.0, LONG[1]: 30.0})
    assert [told.forecast.left(spec) for spec in (SHORT[0], LONG[0])] == [10, 30]
    assert [told.forecast.left_seconds(jobs) for jobs in (1, 2, 3, 9)] == [70, 40, 30, 30]
    assert told.forecast.share_done == 0


def test_a_run_that_ended_tells_what_its_other_seeds_take() -> None:
    told = Told.of(dict.fromkeys(SHORT, 10.0))
    told.trained(SHORT[0], 14)
    told.trained(SHORT[1], 16)
    assert told.forecast.left(SHORT[2]) == 15
    assert told.forecast.left_seconds(1) == 45
    assert told.forecast.share_done == pytest.approx(2 / 5)


def test_a_run_that_ended_scales_the_guess_of_networks_and_arms_that_nobody_measured() -> None:
    told = Told.of({SHORT[0]: 10.0, LONG[0]: 30.0, OTHER[0]: 12.0})
    told.trained(SHORT[0], 30)
    assert [told.forecast.left(spec) for spec in (LONG[0], OTHER[0])] == [90, 36]


def test_one_run_on_a_busy_machine_does_not_spoil_what_is_expected_of_others() -> None:
    told = Told.of({**dict.fromkeys(SHORT[:3], 10.0), LONG[0]: 30.0})
    for spec, seconds in zip(SHORT[:3], (20, 500, 20), strict=True):
        told.trained(spec, seconds)
    assert told.forecast.left(LONG[0]) == 60


def test_runs_of_another_recipe_or_kind_of_device_scale_nothing() -> None:
    on_gpu = LONG[0].model_copy(update={"device": DeviceKind.CUDA})
    other = LONG[0].model_copy(update={"recipe": LONG[0].recipe.model_copy(update={"epochs": 2, "milestones": (1,)})})
    told = Told.of({SHORT[0]: 10.0, on_gpu: 30.0, other: 4.0})
    told.trained(SHORT[0], 100)
    assert [told.forecast.left(spec) for spec in (on_gpu, other)] == [30, 4]


def test_before_any_run_has_ended_those_under_way_scale_the_guesses() -> None:
    told = Told.of({SHORT[0]: 10.0, LONG[0]: 30.0})
    told.after(0, Started(spec=SHORT[0]))
    told.after(10, advanced(SHORT[0], 0.5))
    assert told.forecast.left(SHORT[0]) == 10
    assert told.forecast.left(LONG[0]) == 60


def test_a_run_is_judged_by_its_own_pace_the_more_the_further_it_has_come() -> None:
    told = Told.of({SHORT[0]: 10.0, LONG[0]: 30.0})
    told.trained(LONG[0], 30)
    told.after(0, Started(spec=SHORT[0]))
    told.after(4, advanced(SHORT[0], TRUSTED_SHARE / 2))  # at this pace it takes 40 seconds
    assert told.forecast.left(SHORT[0]) == pytest.approx((1 - TRUSTED_SHARE / 2) * (40 + 10) / 2)
    told.after(4, advanced(SHORT[0], TRUSTED_SHARE))
    assert told.forecast.left(SHORT[0]) == pytest.approx(40 - 8)


def test_between_two_reports_the_time_goes_on_and_a_run_that_is_late_is_not_over() -> None:
    told = Told.of({SHORT[0]: 10.0})
    told.after(0, Started(spec=SHORT[0]))
    told.after(4)
    assert told.forecast.left(SHORT[0]) == 6
    told.after(8)
    assert told.forecast.left(SHORT[0]) == 2, "late by 2 seconds, it is expected to be late by as much again"
    assert told.forecast.left_seconds(1) == told.forecast.left(SHORT[0])


def test_what_a_checkpoint_holds_is_neither_left_nor_taken_for_speed() -> None:
    told = Told.of(dict.fromkeys(SHORT, 100.0), begun={SHORT[0]: 0.5})
    assert told.forecast.left(SHORT[0]) == 50
    assert told.forecast.share_done == pytest.approx(0.1)
    told.after(0, Started(spec=SHORT[0]))
    told.after(25, advanced(SHORT[0], 0.75))
    assert told.forecast.left(SHORT[0]) == 25
    told.after(25, advanced(SHORT[0], 1), Finished(spec=SHORT[0], trained=True))
    assert told.forecast.left(SHORT[1]) == 100


def test_a_run_that_is_tried_again_goes_on_from_where_it_was() -> None:
    told = Told.of(dict.fromkeys(SHORT, 100.0))
    told.after(0, Started(spec=SHORT[0]))
    told.after(60, advanced(SHORT[0], 0.6), Retried(spec=SHORT[0], error="its process was killed"))
    assert told.forecast.left(SHORT[0]) == 40
    told.after(5, Started(spec=SHORT[0]))
    told.after(0, advanced(SHORT[0], 0.5))  # the checkpoint was older than the last report
    told.after(50, advanced(SHORT[0], 1), Finished(spec=SHORT[0], trained=True))
    assert told.forecast.left(SHORT[1]) == 100


@pytest.mark.parametrize(
    "events",
    [
        [Started(spec=SHORT[0]), Finished(spec=SHORT[0], trained=False)],
        [Waiting(spec=SHORT[0]), Finished(spec=SHORT[0], trained=False)],
        [Started(spec=SHORT[0]), advanced(SHORT[0], 0.1), Finished(spec=SHORT[0], trained=True)],
        [Started(spec=SHORT[0]), Failed(spec=SHORT[0], error="it broke")],
        [Left(spec=SHORT[0])],
    ],
    ids=["found", "elsewhere", "diverged early", "failed", "left"],
)
def test_what_was_not_trained_to_its_end_here_measures_nothing_and_is_not_waited_for(events: list[Event]) -> None:
    told = Told.of({SHORT[0]: 10.0, SHORT[1]: 10.0})
    for event in events:
        told.after(0.1, event)
    assert told.forecast.left_seconds(1) == told.forecast.left(SHORT[1]) == 10
    assert told.forecast.left(SHORT[0]) == 0


def test_a_run_that_was_begun_when_nobody_looked_teaches_nothing() -> None:
    told = Told.of(dict.fromkeys(SHORT[:2], 10.0))
    told.after(50, Started(spec=SHORT[0], late=True))
    told.after(1, advanced(SHORT[0], 1), Finished(spec=SHORT[0], trained=True))
    assert told.forecast.left_seconds(1) == told.forecast.left(SHORT[1]) == 10


def test_a_run_that_another_process_trains_is_waited_for_beside_our_own() -> None:
    told = Told.of({SHORT[0]: 10.0, LONG[0]: 30.0, LONG[1]: 30.0})
    told.after(0, Waiting(spec=LONG[0]))
    assert told.forecast.left_seconds(1) == 40
    told.after(5, Waiting(spec=LONG[1]))
    assert told.forecast.left_seconds(1) == 30


def test_what_is_only_measured_takes_no_time_and_nothing_to_do_is_done() -> None:
    told = Told.of({})
    told.after(1, Started(spec=SHORT[0]), Finished(spec=SHORT[0], trained=False))
    assert (told.forecast.left(SHORT[0]), told.forecast.left_seconds(4), told.forecast.share_done) == (0, 0, 1)


def test_the_order_follows_what_is_learned() -> None:
    told = Told.of({SHORT[0]: 10.0, SHORT[1]: 10.0, LONG[0]: 30.0, OTHER[0]: 15.0})
    window, waiting = Window(forecast=told.forecast), [SHORT[1], OTHER[0], LONG[0]]
    assert window.next_of(waiting) == LONG[0]
    told.trained(SHORT[0], 400)
    told.trained(LONG[0], 30)
    assert window.next_of(waiting[:2]) == SHORT[1], "400 seconds, against 15 times the median pace of 20.5"


def test_a_run_that_is_tried_again_takes_its_place_among_the_longer_and_shorter_ones() -> None:
    told = Told.of({LONG[0]: 30.0, LONG[1]: 29.0, SHORT[0]: 10.0})
    told.after(0, Started(spec=LONG[0]), Retried(spec=LONG[0], error="its process was killed"))
    assert Window(forecast=told.forecast).next_of([SHORT[0], LONG[1], LONG[0]]) == LONG[0]
    told.after(0, Started(spec=LONG[0]), advanced(LONG[0], 0.5), Retried(spec=LONG[0], error="again"))
    assert Window(forecast=told.forecast).next_of([SHORT[0], LONG[1], LONG[0]]) == LONG[1]


# Whole fleets


@dataclass(frozen=True)
class Seen:
    """What a fleet had left at one moment, and what was expected."""

    expected: float
    left: float
    """Until the last run ended."""
    least: float
    """What no schedule could have gone below: the longest rest, and all rests over the workers."""
    judged: bool
    """Whether some run has ended, or each has come far enough to tell its pace."""


def fleet(actual: Mapping[RunSpec, float], guesses: Mapping[RunSpec, float], jobs: int) -> list[Seen]:
    """Play a fleet of even pace in the order that the window says; what was expected after each event."""
    told, waiting = Told.of(guesses), list(actual)
    window = Window(forecast=told.forecast)
    under_way: dict[RunSpec, float] = {}
    coming: list[tuple[float, int, int]] = []
    """Reports: when, which of the run, and the run's place in ``specs``."""
    specs = list(actual)
    seen: list[tuple[float, float, float, bool]] = []
    shares: dict[RunSpec, float] = {}
    while waiting or under_way:
        while len(under_way) < jobs and (spec := window.next_of(waiting)) is not None:
            waiting.remove(spec)
            under_way[spec], shares[spec] = told.clock.now, 0.0
            told.after(0, Started(spec=spec))
            for number in range(1, REPORTS + 1):
                at = told.clock.now + actual[spec] * number / REPORTS
                heapq.heappush(coming, (at, number, specs.index(spec)))
        at, number, place = heapq.heappop(coming)
        spec = specs[place]
        told.after(at - told.clock.now, advanced(spec, number / REPORTS))
        shares[spec] = number / REPORTS
        judged = 1.0 in shares.values() or min(shares.values()) >= TRUSTED_SHARE
        if number == REPORTS:
            del under_way[spec]
            told.after(0, Finished(spec=spec, trained=True))
        rests = [*(actual[spec] for spec in waiting), *(b + actual[s] - at for s, b in under_way.items())]
        seen.append((at, told.forecast.left_seconds(jobs), max([*rests, sum(rests) / jobs], default=0.0), judged))
    end = told.clock.now
    return [Seen(expected, end - at, least, ok) for at, expected, least, ok in seen]


def guesses_of(specs: Sequence[RunSpec]) -> Iterator[tuple[RunSpec, float]]:
    yield from zip(specs, [7.0] * SEEDS + [23.0] * SEEDS + [11.0] * SEEDS, strict=True)


ALL = [*SHORT, *LONG, *OTHER]
factors = st.floats(min_value=0.1, max_value=10)


@settings(max_examples=25, deadline=None)
@given(factor=factors, jobs=st.integers(min_value=1, max_value=6))
def test_where_all_guesses_are_wrong_by_one_factor_the_first_pace_that_is_known_mends_them_all(
    factor: float, jobs: int
) -> None:
    guesses = dict(guesses_of(ALL))
    seen = fleet({spec: factor * guess for spec, guess in guesses.items()}, guesses, jobs)
    told = [each for each in seen if each.judged]
    assert len(told) > 0.8 * len(seen)
    for each in told:
        assert each.expected >= each.least * (1 - 1e-9) - 1e-6, "less than what is physically left"
    settled = told[len(told) // 4 :]
    assert all(each.expected == pytest.approx(each.left, rel=1e-6, abs=1e-3) for each in settled)


@settings(max_examples=25, deadline=None)
@given(short=factors, long=factors, other=factors, jobs=st.integers(min_value=1, max_value=6))
def test_where_each_guess_is_wrong_in_its_own_way_the_end_is_known_once_each_kind_has_ended(
    short: float, long: float, other: float, jobs: int
) -> None:
    guesses = dict(guesses_of(ALL))
    wrong = [short] * SEEDS + [long] * SEEDS + [other] * SEEDS
    actual = {spec: factor * guesses[spec] for spec, factor in zip(ALL, wrong, strict=True)}
    seen = fleet(actual, guesses, jobs)
    whole = seen[0].left
    for each in seen:
        assert each.expected >= 0
        assert each.left < 1e-6 or each.expected > 0, "nothing is left, while a run is under way"
    last = [each for each in seen if each.left <= min(actual.values()) * (1 - TRUSTED_SHARE)]
    assert all(abs(each.expected - each.left) <= 0.05 * whole for each in last)


# Packing


def test_packing_is_longest_first_and_goes_on_from_what_is_under_way() -> None:
    assert end_of_all([1, 2, 3, 4, 5], 2) == 8  # 5 + 2 + 1 and 4 + 3
    assert end_of_all([], 2) == 0
    assert end_of_all([], 2, busy=[7.0]) == 7
    assert end_of_all([3, 3], 2, busy=[2.0]) == 5
    assert end_of_all([1], 1, busy=[2.0, 4.0]) == 5, "of two under way where one may be, the second goes first"


@given(
    st.lists(st.floats(min_value=0, max_value=100), max_size=30),
    st.lists(st.floats(min_value=0, max_value=100), max_size=8),
    st.integers(min_value=1, max_value=8),
)
def test_no_packing_ends_before_what_is_physically_left(seconds: list[float], busy: list[float], workers: int) -> None:
    end = end_of_all(seconds, workers, busy=busy)
    assert end >= max([*seconds, *busy], default=0.0)
    if len(busy) <= workers:
        assert end >= sum([*seconds, *busy]) / workers - 1e-9
        longest = max([*seconds, *busy], default=0.0)
        assert end <= sum([*seconds, *busy]) / workers + longest + 1e-9
