"""The processes of one run: which part of each batch is whose, and the few numbers that they agree on."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True, kw_only=True)
class Team:
    """One process's view of the processes that train a run together, one device each.

    The first of them leads: it is asked to stop, evaluates, reports and keeps checkpoints. Unless the team has one
    member, its members call every method that speaks to the others the same number of times, in the same order.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the first process."""
        return self.rank == 0

    def share(self, start: int, stop: int, parts: int) -> slice:
        """This process's positions of a batch from ``start`` to ``stop`` that is cut into ``parts``.

        Parts follow one another; where the batch does not divide, the first ones have one image more.
        """
        least, longer = divmod(stop - start, parts)
        per_process = parts // self.size
        ends = (self.rank * per_process, (self.rank + 1) * per_process)
        first, last = (start + part * least + min(part, longer) for part in ends)
        return slice(first, last)

    def joined(self, network: nn.Module) -> nn.Module:
        """The network, its gradients averaged over the processes at each backward pass.

        Buffers stay each process's own: BatchNorm normalises by the statistics of the part at hand.
        """
        if self.size == 1:
            return network
        with warnings.catch_warnings():
            # torch 2.14 has another name for the option, which earlier versions do not know.
            warnings.filterwarnings("ignore", message=".*broadcast_buffers", category=FutureWarning)
            return DistributedDataParallel(network, broadcast_buffers=False)

    def told(self, *values: float) -> tuple[float, ...]:
        """The leader's numbers, in every process."""
        if self.size == 1:
            return values
        numbers = torch.tensor(values, dtype=torch.float64)
        distributed.broadcast(numbers, src=0)
        return tuple(numbers.tolist())

    def added(self, sums: torch.Tensor) -> torch.Tensor:
        """The sum over the processes, in every process; ``sums`` itself stays as it is."""
        total = sums.clone()
        if self.size > 1:
            distributed.all_reduce(total)
        return total


ALONE = Team()
"""A run in one process."""
