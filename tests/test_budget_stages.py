"""What is trained within a budget, in which order, and what becomes of the rest, night after night.

A night is played on a clock that only moves when a made-up run trains.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bnrepro.deadline import Deadline
from bnrepro.errors import TrainingError
from bnrepro.execute.events import Event, Failed, Finished, Left
from bnrepro.execute.window import Window
from bnrepro.identity import run_key
from bnrepro.question import Question, ask
from bnrepro.spec.arms import Arm
from bnrepro.spec.load import LoadedClaim, References
from bnrepro.spec.networks import Network
from bnrepro.spec.probe import Probe
from bnrepro.spec.run import RunSpec
from bnrepro.spec.scale import PreviewVerdict, Scale, Verdict
from bnrepro.stages import CARRIED_OVER, look_by_look, until
from bnrepro.store import Store
from bnrepro.suite import Suite
from tests.small_claim import DIGITS, TENSORS, made_up
from tests.test_budget_time import Clock
from tests.worlds import check, claim

ARMS = ("all", "batchnorm", "random_2")
SHORT, MIDDLE, LONG = (Network.parse(name) for name in ("resnet-8", "resnet-14", "resnet-20"))
HOURS = {SHORT: 1.0, MIDDLE: 2.0, LONG: 10.0}
BEFORE = 99
"""The seed of the run that tells how long runs of its network take: no claim reads it."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def seconds_known(store: Store, hours: Mapping[Network, float] = HOURS) -> None:
    for network, length in hours.items():
        for arm in ARMS:
            spec = DIGITS.spec(network, Arm.parse(arm), BEFORE)
            store.save(made_up(spec, 50.0, wall_seconds=3600 * length), TENSORS)


def asked(name: str, network: Network, *, looks: tuple[int, ...] = (2,), **changes: Any) -> Question:
    """A claim about one network: batchnorm beats two random weights by 10 points."""
    made = claim(check("superiority", **changes), networks=[network], looks=looks)
    loaded = LoadedClaim(claim=made.model_copy(update={"id": name}), path=Path(f"{name}.yaml"), sha256="0" * 64)
    return ask(loaded, Scale.DIGITS)


def accuracy(spec: RunSpec) -> float | None:
    """The better arm is better by 30 points; two seeds are too few for the network in the middle."""
    spread = 12.0 if spec.network == MIDDLE and spec.seed < 2 else 1.0
    sign = 1 if spec.seed % 2 == 0 else -1
    return (60.0 if str(spec.arm) == "batchnorm" else 30.0) + sign * spread + 0.1 * spec.seed


class Nights:
    """A store, the claims that are asked every night, and what each night did.

    Usage:
        nights = Nights(store, [asked("short", SHORT)])
        suite = nights.night(hours=6)
        nights.done          # ["resnet-8 batchnorm 0", …]
    """

    def __init__(
        self,
        store: Store,
        questions: Sequence[Question],
        accuracy: Callable[[RunSpec], float | None] = accuracy,
        hours: Mapping[Network, float] = HOURS,
    ) -> None:
        self.store = store
        self.hours = hours
        self.questions = questions
        self.accuracy = accuracy
        self.hours_worked = 0.0
        self.done: list[str] = []
        """Runs in the order in which they ended."""
        self.begun: list[str] = []
        """Runs in the order in which they were begun or gone on with."""
        self.stages: list[str] = []
        """Names of the stages of the last night."""

    def night(self, hours: float) -> Suite:
        clock = Clock()
        suite = Suite(self.questions, References({}), setting=DIGITS, store=self.store)
        self.stages = []
        for stage in until(Deadline.after(3600 * hours, clock), suite, share_done):
            self.stages.append(stage.name)
            suite.train(stage.plan, OneProcess(self, clock, stage.window), lambda _: None)  # type: ignore[arg-type]
            assert len(self.stages) < 1000, "it does not end"
        return suite


def share_done(_: RunSpec, checkpoint: bytes) -> float:
    return float(checkpoint)


class OneProcess:
    """Trains one made-up run after the other until the window closes, as the pool does."""

    def __init__(self, nights: Nights, clock: Clock, window: Window) -> None:
        self._nights, self._clock, self._window = nights, clock, window

    def run(self, specs: Sequence[RunSpec], _: Mapping[str, tuple[Probe, ...]]) -> Generator[Event, None, None]:
        nights, queue = self._nights, list(specs)
        while (spec := self._window.next_of(queue)) is not None:
            assert self._window.deadline is not None
            name, slot = f"{spec.network} {spec.arm} {spec.seed}", nights.store.checkpoint(run_key(spec))
            nights.begun.append(name)
            whole = 3600 * nights.hours[spec.network]
            done = whole * float(slot.load() or 0)
            now = min(whole - done, self._window.deadline.left_seconds)
            self._clock.now += now
            nights.hours_worked += now / 3600
            value = nights.accuracy(spec)
            if value is None:
                queue.remove(spec)
                yield Failed(spec=spec, error="it broke")
            elif done + now < whole - 1e-6:
                slot.save(repr((done + now) / whole).encode())
            else:
                queue.remove(spec)
                nights.done.append(name)
                nights.store.save(made_up(spec, value, wall_seconds=whole), TENSORS)
                yield Finished(spec=spec, trained=True)
        for spec in queue:
            yield Left(spec=spec)


class Idle:
    """Has nothing to do."""

    def run(self, _: Sequence[RunSpec], __: Mapping[str, tuple[Probe, ...]]) -> Generator[Event, None, None]:
        yield from ()


def runs(network: str, *seeds: int) -> list[str]:
    return [f"{network} {arm} {seed}" for arm in ("batchnorm", "random_2") for seed in seeds]


def verdicts(suite: Suite) -> dict[str, Verdict]:
    return {claim: judgement.verdict for claim, judgement in suite.judgements.items()}


def test_enough_time_comes_to_the_same_as_no_limit(store: Store, tmp_path: Path) -> None:
    questions = [asked("short", SHORT), asked("middle", MIDDLE, looks=(2, 4))]
    seconds_known(store)
    nights = Nights(store, questions)
    suite = nights.night(hours=1000)
    free = Suite(questions, References({}), setting=DIGITS, store=Store(tmp_path / "other"))
    names = []
    for stage in look_by_look(free, share_done):
        names.append(stage.name)
        for spec in stage.plan.missing:
            free.store.save(made_up(spec, accuracy(spec) or 0, wall_seconds=3600 * HOURS[spec.network]), TENSORS)
        free.train(stage.plan, Idle(), lambda _: None)  # type: ignore[arg-type]
    assert names == ["look 1 of 2", "look 2 of 2"]
    assert suite.judgements == free.judgements
    assert suite.unfinished == {}
    assert set(verdicts(suite).values()) == {PreviewVerdict.SUPPORTED}
    assert [judgement.checks[0].look for judgement in suite.judgements.values()] == [1, 2]


def test_the_claim_that_needs_least_has_its_turn_first_and_goes_through_its_looks(store: Store) -> None:
    seconds_known(store)
    nights = Nights(store, [asked("long", LONG), asked("middle", MIDDLE, looks=(2, 4)), asked("short", SHORT)])
    nights.night(hours=1000)
    assert nights.stages == [
        "short at look 1 of 1",
        "middle at look 1 of 2",
        "middle at look 2 of 2",
        "long at look 1 of 1",
    ]
    expected = runs("resnet-8", 0, 1) + runs("resnet-14", 0, 1) + runs("resnet-14", 2, 3) + runs("resnet-20", 0, 1)
    assert sorted(nights.done) == sorted(expected)
    assert [name.split()[0] for name in nights.done] == 4 * ["resnet-8"] + 8 * ["resnet-14"] + 4 * ["resnet-20"]


def test_what_time_ran_out_on_stays_open_and_says_what_is_left(store: Store) -> None:
    seconds_known(store)
    nights = Nights(store, [asked("short", SHORT), asked("middle", MIDDLE, looks=(2, 4))])
    suite = nights.night(hours=9)
    assert verdicts(suite) == {"short": PreviewVerdict.SUPPORTED, "middle": PreviewVerdict.INCONCLUSIVE}
    (left,) = suite.unfinished.values()
    assert list(suite.unfinished) == ["middle"]
    assert (left.look, left.looks) == (1, 2)
    assert len(left.seconds) == 2
    assert sum(left.seconds.values()) == pytest.approx(3 * 3600), "two of four runs are done and one is half way"
    assert len(left.begun) == 1
    (result,) = suite.judgements["middle"].checks
    assert result.look == 1
    assert "no result" in result.reason


def test_a_run_that_a_checkpoint_holds_is_first_the_next_night(store: Store) -> None:
    seconds_known(store)
    nights = Nights(store, [asked("middle", MIDDLE)])
    nights.night(hours=3)
    assert len(nights.done) == 1
    half_way = nights.begun[-1]
    nights.questions = [asked("short", SHORT), asked("middle", MIDDLE)]
    suite = nights.night(hours=5.5)
    assert nights.stages[:2] == ["runs that a checkpoint holds", "short at look 1 of 1"]
    assert nights.done[1] == half_way
    assert verdicts(suite)["short"] is PreviewVerdict.SUPPORTED


def test_a_run_that_is_longer_than_any_night_ends_some_day_and_never_delays_what_fits(store: Store) -> None:
    seconds_known(store)
    nights = Nights(store, [asked("long", LONG), asked("short", SHORT)])
    suite = nights.night(hours=6)
    assert nights.stages == ["short at look 1 of 1", CARRIED_OVER]
    assert len(nights.done) == 4
    assert verdicts(suite)["short"] is PreviewVerdict.SUPPORTED
    nights_taken = 1
    while suite.unfinished:
        suite = nights.night(hours=6)
        nights_taken += 1
    assert nights_taken == 8, "4 short hours and 4 runs of 10 hours fill 44 hours"
    assert nights.hours_worked == pytest.approx(44), "no step was trained twice"
    assert verdicts(suite)["long"] is PreviewVerdict.SUPPORTED


def test_of_two_long_runs_one_is_brought_to_its_end_before_the_other_goes_on(store: Store) -> None:
    seconds_known(store)
    nights = Nights(store, [asked("long", LONG)])
    for _ in range(4):
        nights.night(hours=3)
    assert len(nights.done) == 1
    assert set(nights.begun[:4]) == {nights.done[0]}


def test_a_deadline_that_has_passed_trains_nothing_and_still_takes_every_look_that_the_store_has(store: Store) -> None:
    seconds_known(store)
    middle = asked("middle", MIDDLE, looks=(2, 4))
    before = Nights(store, [middle]).night(hours=1000)
    nights = Nights(store, [asked("short", SHORT), middle])
    suite = nights.night(hours=0)
    assert nights.begun == nights.stages == []
    assert suite.judgements["middle"] == before.judgements["middle"]
    assert suite.judgements["middle"].checks[0].look == 2
    assert list(suite.unfinished) == ["short"]
    assert verdicts(suite)["short"] is PreviewVerdict.INCONCLUSIVE


def test_a_claim_that_finished_its_look_and_stayed_open_lacks_the_runs_of_the_next(store: Store) -> None:
    seconds_known(store)
    suite = Nights(store, [asked("middle", MIDDLE, looks=(2, 4))]).night(hours=8)
    left = suite.unfinished["middle"]
    assert (left.look, len(left.seconds)) == (2, 4)
    assert sum(left.seconds.values()) == pytest.approx(8 * 3600)


def test_a_run_that_two_claims_lack_is_trained_once(store: Store) -> None:
    seconds_known(store)
    nights = Nights(store, [asked("one", SHORT), asked("two", SHORT, margin=5.0)])
    assert nights.night(hours=1000).unfinished == {}
    assert sorted(nights.done) == sorted(runs("resnet-8", 0, 1))


def test_claims_that_share_their_runs_come_before_one_that_is_a_little_cheaper(store: Store) -> None:
    seconds_known(store, {**HOURS, LONG: 2.5})
    sharing = [asked(f"sharing{number}", LONG, margin=float(number)) for number in (5, 6, 7)]
    nights = Nights(store, [asked("alone", MIDDLE), *sharing], hours={**HOURS, LONG: 2.5})
    suite = nights.night(hours=11)
    assert nights.stages[0] == "sharing5 at look 1 of 1"
    assert list(suite.unfinished) == ["alone"], "8 hours for one claim, or 10 for three: only one of them fits"


def test_with_many_processes_a_stage_takes_in_further_turns_until_they_have_work(store: Store) -> None:
    seconds_known(store)
    questions = [asked("short", SHORT), asked("middle", MIDDLE), asked("long", LONG)]
    names, lengths = {}, {}
    for jobs in (1, 2, 8, 64):
        suite = Suite(questions, References({}), setting=DIGITS, store=store)
        stage = next(until(Deadline.after(3600 * 1000, Clock()), suite, share_done, jobs=jobs))
        names[jobs], lengths[jobs] = stage.name, [stage.plan.cost.seconds(spec) / 3600 for spec in stage.plan.missing]
    assert names == {
        1: "short at look 1 of 1",
        2: "short at look 1 of 1",
        8: "short at look 1 of 1 and 2 turns more",
        64: "short at look 1 of 1 and 2 turns more",
    }
    assert lengths[2] == [1.0] * 4
    assert lengths[8] == [1.0] * 4 + [2.0] * 4 + [10.0] * 4, "the cheaper claim's runs are begun first all the same"


def test_a_look_without_a_limit_knows_what_a_checkpoint_holds_and_begins_the_longest_run(store: Store) -> None:
    seconds_known(store)
    suite = Suite([asked("short", SHORT), asked("middle", MIDDLE)], References({}), setting=DIGITS, store=store)
    half_way = DIGITS.spec(MIDDLE, Arm.parse("batchnorm"), 0)
    store.checkpoint(run_key(half_way)).save(b"0.9")
    stage = next(look_by_look(suite, share_done))
    waiting, window = list(stage.plan.work), stage.window
    assert window.forecast.left(half_way) == pytest.approx(0.1 * 2 * 3600)
    assert window.forecast.left_seconds(jobs=1) == pytest.approx((4 * 1 + 3 * 2 + 0.2) * 3600)
    order = []
    while (spec := window.next_of(waiting)) is not None:
        waiting.remove(spec)
        order.append(spec)
    assert [spec.network for spec in order] == [MIDDLE] * 3 + [SHORT] * 4 + [MIDDLE]
    assert order[-1] == half_way


def breaks(*networks: Network) -> Callable[[RunSpec], float | None]:
    return lambda spec: None if spec.network in networks else accuracy(spec)


def test_runs_that_fail_are_tried_once_a_night_and_the_other_claims_go_on(store: Store) -> None:
    seconds_known(store)
    nights = Nights(store, [asked("short", SHORT), asked("middle", MIDDLE, looks=(2, 4))], breaks(SHORT))
    suite = nights.night(hours=1000)
    assert sorted(nights.begun[:4]) == sorted(runs("resnet-8", 0, 1))
    assert len(suite.failed) == 4
    assert suite.unfinished == {}, "nobody should wait for them"
    assert verdicts(suite) == {"short": PreviewVerdict.INCONCLUSIVE, "middle": PreviewVerdict.SUPPORTED}


def test_nothing_but_failures_is_an_error_and_not_a_verdict(store: Store) -> None:
    seconds_known(store)
    nights = Nights(store, [asked("short", SHORT), asked("middle", MIDDLE)], breaks(SHORT, MIDDLE))
    with pytest.raises(TrainingError, match=r"every run failed; the first, resnet-8 .*: it broke"):
        nights.night(hours=1000)
    assert len(nights.begun) == 8


def test_failures_are_no_error_while_other_runs_are_left(store: Store) -> None:
    seconds_known(store)
    suite = Nights(store, [asked("short", SHORT), asked("long", LONG)], breaks(SHORT)).night(hours=5)
    assert len(suite.failed) == 4
    assert list(suite.unfinished) == ["long"]


@pytest.mark.parametrize("hours", [[0.3, 0.3], [7.5, 1.1, 12.9], [25.0, 30.0]])
def test_whatever_the_nights_the_end_is_the_same_and_no_step_is_lost(store: Store, hours: list[float]) -> None:
    seconds_known(store)
    nights = Nights(store, [asked("short", SHORT), asked("middle", MIDDLE, looks=(2, 4)), asked("long", LONG)])
    for length in hours:
        before = nights.hours_worked
        suite = nights.night(hours=length)
        if suite.unfinished:
            assert nights.hours_worked - before == pytest.approx(length), "every night is used to its end"
    suite = nights.night(hours=1000)
    assert suite.unfinished == {}
    assert nights.hours_worked == pytest.approx(4 * 1 + 8 * 2 + 4 * 10)
    assert len(nights.done) == len(set(nights.done)) == 16
    assert verdicts(suite) == dict.fromkeys(("short", "middle", "long"), PreviewVerdict.SUPPORTED)
