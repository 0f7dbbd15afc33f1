"""What the rates of a benchmark come to, from made-up rates."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnrepro.bench.result import (
    BenchResult,
    Comparisons,
    PeakMemory,
    Rates,
    Spread,
    median_rates,
    memory_ratio,
)
from bnrepro.bench.rows import heading, memory_rows, speed_rows, warning
from bnrepro.spec.arms import Arm
from bnrepro.spec.bench import Window
from bnrepro.spec.networks import Network
from bnrepro.spec.recipe import Precision
from bnrepro.spec.run import DeviceKind
from bnrepro.terminal import WIDTH, Terminal

A_RATE = st.floats(min_value=1e-2, max_value=1e6)
A_ROUND = st.builds(Rates, **dict.fromkeys(Rates.model_fields, A_RATE))
SOME_ROUNDS = st.lists(A_ROUND, min_size=1, max_size=9)


def rates(plain: float, ours: float, filled: float, floor_alone: float, floor_filled: float) -> Rates:
    return Rates(plain=plain, ours=ours, filled=filled, floor_alone=floor_alone, floor_filled=floor_filled)


def result(
    *rounds: Rates, network: str = "resnet-14", arm: str = "batchnorm", core_share: float | None = 1.0
) -> BenchResult:
    plain, ours = (PeakMemory(before_bytes=400_000_000, peak_bytes=peak) for peak in (800_000_000, 500_000_000))
    return BenchResult(
        network=Network.parse(network),
        arm=Arm.parse(arm),
        device=DeviceKind.CPU,
        precision=Precision.BFLOAT16,
        batch_size=128,
        image_side_pixels=32,
        runs_at_once=2,
        window_steps=None,
        window_seconds=3.0,
        rounds=rounds,
        core_share=core_share,
        median_images_per_second=median_rates(rounds),
        plain_memory=plain,
        ours_memory=ours,
        memory_ratio=memory_ratio(plain, ours),
        plain_environment={"threads": "2"},
        ours_environment={"threads": "1", "device": "a processor"},
        compared=Comparisons.over(rounds),
    )


def test_ratios_are_taken_within_rounds() -> None:
    # The machine was twice as slow in the second round, and ours a little slower than that in the third.
    told = Comparisons.over(
        [rates(100, 200, 400, 300, 500), rates(50, 100, 200, 150, 250), rates(100, 190, 380, 300, 500)]
    )
    assert told.ours_to_plain == Spread(median=2, low=1.9, high=2)
    assert told.filled_to_plain == Spread(median=4, low=3.8, high=4)
    assert told.ours_share_of_floor == Spread(median=2 / 3, low=1.9 / 3, high=2 / 3)
    assert told.filled_share_of_floor == Spread(median=0.8, low=0.76, high=0.8)


def test_the_median_of_rounds_is_taken_rate_by_rate() -> None:
    assert median_rates([rates(1, 5, 9, 2, 7), rates(3, 4, 8, 1, 6), rates(2, 6, 7, 3, 8)]) == rates(2, 5, 8, 2, 7)


@given(SOME_ROUNDS)
def test_a_median_lies_within_its_spread(rounds: list[Rates]) -> None:
    for _, spread in Comparisons.over(rounds):
        assert spread.low <= spread.median <= spread.high


@given(SOME_ROUNDS, st.integers(min_value=-8, max_value=8))
def test_a_machine_that_slows_down_for_a_round_changes_no_ratio(rounds: list[Rates], power: int) -> None:
    # By a power of two, so that the quotients stay what they are to the last bit.
    first, *others = rounds
    slower = Rates(**{name: value * 2.0**power for name, value in first})
    assert Comparisons.over([slower, *others]) == Comparisons.over(rounds)


def test_memory_is_compared_whole_and_without_what_was_held_before() -> None:
    plain, ours = PeakMemory(before_bytes=400, peak_bytes=1000), PeakMemory(before_bytes=450, peak_bytes=600)
    ratio = memory_ratio(plain, ours)
    assert ratio is not None
    assert (ratio.peak, ratio.network) == (0.6, 0.25)
    assert memory_ratio(plain, None) is None


def test_a_network_that_added_nothing_has_no_ratio_of_its_own_memory() -> None:
    nothing, something = PeakMemory(before_bytes=400, peak_bytes=400), PeakMemory(before_bytes=400, peak_bytes=600)
    ratio = memory_ratio(nothing, something)
    assert ratio is not None
    assert ratio.network is None


def test_a_window_is_steps_or_seconds_and_never_empty() -> None:
    assert not Window(steps=3).is_over(2, 1e9)
    assert Window(steps=3).is_over(3, 0.0)
    assert not Window(seconds=2.0).is_over(0, 5.0)
    assert Window(seconds=2.0).is_over(1, 2.0)
    with pytest.raises(ValueError, match="not both"):
        Window()
    with pytest.raises(ValueError, match="not both"):
        Window(steps=1, seconds=1.0)


@pytest.mark.parametrize("scale", [0.01, 1.0, 1000.0])
def test_the_tables_fit_a_terminal_and_name_every_number(scale: float) -> None:
    shown = result(
        rates(1234 * scale, 2000 * scale, 4000 * scale, 3000 * scale, 5000 * scale),
        rates(1000 * scale, 2500 * scale, 5000 * scale, 3000 * scale, 5000 * scale),
        network="wrn-14-0.0625",
        arm="batchnorm_shortcut_output@frozen_gamma_one",
    )
    stream = io.StringIO()
    terminal = Terminal(stream)
    terminal.say(heading(shown))
    terminal.table(speed_rows(shown))
    terminal.table(memory_rows(shown))
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= WIDTH
    for word in ("2.06 [1.62, 2.50]", "4.12 [3.24, 5.00]", "75% [67%, 83%]", "90% [80%, 100%]", "800 MB", "25%", "62%"):
        assert word in text, word


def test_a_machine_that_was_not_idle_is_told() -> None:
    said = warning(result(rates(1, 1, 1, 1, 1), core_share=0.55))
    assert said is not None
    assert "55%" in said
    assert warning(result(rates(1, 1, 1, 1, 1), core_share=0.98)) is None
    assert warning(result(rates(1, 1, 1, 1, 1), core_share=None)) is None


def test_json_gives_back_the_same_result() -> None:
    told = result(rates(100, 200, 400, 300, 500))
    text = told.model_dump_json()
    assert BenchResult.model_validate_json(text) == told
    assert json.loads(text)["median_images_per_second"]["filled"] == 400
