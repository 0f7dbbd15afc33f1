"""What histograms and curves of one trained network need, in few numbers, so that figures are drawn from JSON alone.

All runs are counted over the same bins, so that their counts can be laid over each other. Shares are in percent and
rounded to :data:`DECIMALS`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Self

from pydantic import model_validator

from bnrepro.spec.value import Value

DECIMALS = 4
"""Of shares and accuracies kept here: far finer than one image or one channel of any network."""


def _edges(first: int, last: int) -> tuple[float, ...]:
    """Edges of bins of 0.05 whose centres are the multiples of 0.05 from ``first`` to ``last`` hundredths."""
    return tuple((hundredths - 2.5) / 100 for hundredths in range(first, last + 6, 5))


GAMMA_EDGES = _edges(-100, 200)
"""Edges of 61 bins of γ, one of them centred on 0, where the paper sees a spike (Section 5, Figure 4)."""
BETA_EDGES = _edges(-150, 150)
"""Edges of 61 bins of β (Appendix H)."""
ZERO_SHARE_EDGES = tuple(twentieths / 20 for twentieths in range(21))
"""Edges of 20 bins of how often a ReLU unit is 0 (Appendix I)."""
CUT_OFFS = (0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
"""Zero shares above which a unit may be called off; the paper's own is not known to us (Section 5, Figure 7)."""


class Histogram(Value):
    """How many channels or units lie in each bin."""

    below: int
    """How many lie below the first edge."""
    counts: tuple[int, ...]
    """One a bin. A bin takes its left edge, the last one its right edge too."""
    above: int
    """How many lie above the last edge."""

    @model_validator(mode="after")
    def _of_some(self) -> Self:
        if min(self.below, *self.counts, self.above) < 0 or self.total == 0:
            raise ValueError("counts are of 1 channel or more, none of them negative")
        return self

    @property
    def total(self) -> int:
        """How many there are."""
        return self.below + sum(self.counts) + self.above


class Curve(Value):
    """One share or accuracy at each of some thresholds."""

    thresholds: tuple[float, ...]
    """In rising order."""
    percents: tuple[float, ...]
    """One a threshold."""

    @model_validator(mode="after")
    def _one_a_threshold(self) -> Self:
        if len(self.thresholds) != len(self.percents) or not self.thresholds:
            raise ValueError(f"{len(self.percents)} values at {len(self.thresholds)} thresholds")
        if self.thresholds[0] <= 0 or any(after <= before for before, after in pairwise(self.thresholds)):
            raise ValueError("thresholds rise from above 0")
        return self


class AffineDistribution(Value):
    """γ and β over all BatchNorm channels (Section 5, Figures 4 and 5; Appendix H)."""

    gamma: Histogram
    """Over :data:`GAMMA_EDGES`."""
    beta: Histogram
    """Over :data:`BETA_EDGES`."""
    small_gamma: Curve
    """Percent of γ of a magnitude below each threshold."""

    @model_validator(mode="after")
    def _over_the_known_bins(self) -> Self:
        _expect_bins("gamma", self.gamma.counts, GAMMA_EDGES)
        _expect_bins("beta", self.beta.counts, BETA_EDGES)
        return self


class ClampingDistribution(Value):
    """Accuracy with small γ set to 0 (Section 5, Figure 6)."""

    accuracy: Curve
    """Percent of test images with every γ of magnitude below each threshold set to 0."""
    unclamped_accuracy: float
    """Percent of test images, of the network as trained."""


class ActivityDistribution(Value):
    """How often ReLU units are 0 (Section 5, Figure 7; Appendix I)."""

    zero_share: Histogram
    """Units by how often their output is 0, over :data:`ZERO_SHARE_EDGES`."""
    off: Curve
    """Percent of units whose zero share exceeds each of :data:`CUT_OFFS`."""

    @model_validator(mode="after")
    def _over_the_known_bins(self) -> Self:
        _expect_bins("zero_share", self.zero_share.counts, ZERO_SHARE_EDGES)
        if self.off.thresholds[-1] >= 1:
            raise ValueError("off: a cut-off is a share below 1")
        return self


class Distributions(Value):
    """What was measured of one run, each part ``None`` where it was not."""

    affine: AffineDistribution | None = None
    clamping: ClampingDistribution | None = None
    activity: ActivityDistribution | None = None


def _expect_bins(name: str, counts: tuple[int, ...], edges: tuple[float, ...]) -> None:
    if len(counts) != len(edges) - 1:
        raise ValueError(f"{name}: {len(counts)} counts for {len(edges) - 1} bins")
