"""How often a thing happens, from few trials."""

from __future__ import annotations

from scipy.special import betaincinv

from bnrepro.stats.student import SampleError


def clopper_pearson_upper(successes: int, trials: int, *, alpha: float = 0.05) -> float:
    """Exact one-sided upper bound of a rate (Clopper & Pearson 1934); 1 where nothing was tried.

    None of 5 still leaves a rate of 45 % at ``alpha`` 0.05.

    Raises:
        SampleError: not 0 <= successes <= trials, or ``alpha`` outside (0, 1).
    """
    if not 0 <= successes <= trials or not 0 < alpha < 1:
        raise SampleError(f"no rate has {successes} of {trials} at alpha {alpha}")
    if successes == trials:
        return 1.0
    return float(betaincinv(successes + 1, trials - successes, 1 - alpha))
