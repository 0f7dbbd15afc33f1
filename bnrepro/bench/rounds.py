"""Rounds: every rate once within seconds, so that what disturbs the machine falls on all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bnrepro.bench.crew import Crew, Member, crew, timed_together
from bnrepro.bench.result import BenchResult, Comparisons, PeakMemory, Rates, median_rates, memory_ratio
from bnrepro.spec.bench import Entry, Window, Workload
from bnrepro.spec.run import DeviceKind

_WARM_WINDOW = Window(steps=1)


def bench(
    workload: Workload,
    entry: Entry,
    *,
    preload: Sequence[str],
    runs: int,
    rounds: int,
    window: Window,
    say: Callable[[str], None] = lambda _: None,
) -> BenchResult:
    """Start every contender, warm up, and time them by turns.

    Args:
        workload: what each trains.
        entry: a contender's life; ``preload`` are modules that a fork server imports for it beforehand.
        runs: how many runs of ours fill the machine, from 1.
        rounds: from 1.
        window: how long each rate is taken in each round.
        say: is told how far it is.

    Raises:
        TrainingError: a process broke or ended.
    """
    with crew(workload, entry, preload=preload, runs=runs) as members:
        one_round(members, _WARM_WINDOW, backwards=False)
        timed, core_shares = [], []
        for number in range(rounds):
            rates, share = one_round(members, window, backwards=number % 2 == 1)
            timed.append(rates)
            core_shares.append(share)
            say(f"round {number + 1} of {rounds}: {_in_short(rates)}")
    spec = workload.spec
    plain, ours = members.ready[0], members.ready[1]
    plain_memory, ours_memory = PeakMemory.of(plain.memory), PeakMemory.of(ours.memory)
    return BenchResult(
        network=spec.network,
        arm=spec.full_arm,
        device=spec.device,
        precision=spec.recipe.precision,
        batch_size=spec.recipe.batch_size,
        image_side_pixels=workload.images.shape[2],
        runs_at_once=runs,
        window_steps=window.steps,
        window_seconds=window.seconds,
        rounds=tuple(timed),
        core_share=min(core_shares) if spec.device is DeviceKind.CPU else None,
        median_images_per_second=median_rates(timed),
        plain_memory=plain_memory,
        ours_memory=ours_memory,
        memory_ratio=memory_ratio(plain_memory, ours_memory),
        plain_environment=plain.environment,
        ours_environment=ours.environment,
        compared=Comparisons.over(timed),
    )


def one_round(members: Crew, window: Window, *, backwards: bool) -> tuple[Rates, float]:
    """Each rate once, in an order that turns round: what drifts steadily then favours nobody.

    Returns:
        The rates, and the smallest share of a core that a process of one thread got.
    """
    parts: dict[str, Sequence[Member]] = {
        "plain": [members.plain],
        "ours": members.ours[:1],
        "floor_alone": members.floor[:1],
        "filled": members.ours,
        "floor_filled": members.floor,
    }
    order = reversed(parts) if backwards else iter(parts)
    timed = {name: timed_together(parts[name], window) for name in order}
    rates = {name: sum(each.images / each.seconds for each in together) for name, together in timed.items()}
    single = [each for name, together in timed.items() if name != "plain" for each in together]
    return Rates(**rates), min(each.cpu_seconds / each.seconds for each in single)


def _in_short(rates: Rates) -> str:
    return f"{rates.filled / rates.plain:.2f} times the plain loop, the machine filled"
