"""A benchmark as rows of words, for a table within 80 columns."""

from __future__ import annotations

from bnrepro.bench.result import BenchResult, PeakMemory, Spread

_MEGABYTE = 1e6
_IDLE_SHARE = 0.9
"""A process that is alone on its core gets all of it, less what the system itself does."""


def heading(result: BenchResult) -> str:
    """What was timed and how."""
    window = f"{result.window_steps} steps" if result.window_seconds is None else f"{result.window_seconds:g} s"
    return (
        f"{result.network}, arm {result.arm}, on {result.ours_environment['device']}: batches of {result.batch_size}, "
        f"{result.precision} (the plain loop {result.plain_precision}); medians of {len(result.rounds)} "
        f"round{'s' if len(result.rounds) > 1 else ''} of {window} each, [least, most]"
    )


def speed_rows(result: BenchResult) -> list[tuple[str, ...]]:
    """Rates, ratios and shares, a heading first."""
    rates, compared, many = result.median_images_per_second, result.compared, result.runs_at_once
    one, several = "one run", f"{many} run{'s' if many > 1 else ''} at once"
    ours = _ratio(compared.ours_to_plain), _share(compared.ours_share_of_floor)
    filled = _ratio(compared.filled_to_plain), _share(compared.filled_share_of_floor)
    return [
        ("", "images/s", "to (a)", "share of (d)"),
        (f"(a) plain loop, {_threads(result.plain_environment)}", _rate(rates.plain), "1", ""),
        (f"(b) ours, {one}", _rate(rates.ours), *ours),
        (f"(c) ours, {several}", _rate(rates.filled), *filled),
        (f"(d) floor of {one}", _rate(rates.floor_alone), "", ""),
        (f"(d) floor of {several}", _rate(rates.floor_filled), "", ""),
    ]


def memory_rows(result: BenchResult) -> list[tuple[str, ...]]:
    """Peak memory of (a) and (b), a heading first; none where this machine does not tell it."""
    ratio = result.memory_ratio
    if result.plain_memory is None or result.ours_memory is None or ratio is None:
        return []
    network = "" if ratio.network is None else f"{ratio.network:.0%}"
    return [
        ("memory of one process", "peak", "before the network", "network's own"),
        ("(a) plain loop", *_megabytes(result.plain_memory)),
        ("(b) ours, one run", *_megabytes(result.ours_memory)),
        ("(b) / (a)", f"{ratio.peak:.0%}", "", network),
    ]


def warning(result: BenchResult) -> str | None:
    """That something else was at work, where it was."""
    if result.core_share is None or result.core_share >= _IDLE_SHARE:
        return None
    return (
        f"The machine was not idle: a process of one thread got {result.core_share:.0%} of a core. A loop of several "
        "threads suffers most from that, so the ratios to (a) flatter; measure again when nothing else is at work."
    )


def _megabytes(memory: PeakMemory) -> tuple[str, str, str]:
    held = (memory.peak_bytes, memory.before_bytes, memory.network_bytes)
    peak, before, network = (f"{number / _MEGABYTE:,.0f} MB" for number in held)
    return peak, before, network


def _threads(environment: dict[str, str]) -> str:
    number = environment["threads"]
    return f"{number} thread" if number == "1" else f"{number} threads"


def _rate(images_per_second: float) -> str:
    return f"{images_per_second:,.0f}"


def _ratio(spread: Spread) -> str:
    return f"{spread.median:.2f} [{spread.low:.2f}, {spread.high:.2f}]"


def _share(spread: Spread) -> str:
    return f"{spread.median:.0%} [{spread.low:.0%}, {spread.high:.0%}]"
