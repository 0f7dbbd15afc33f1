"""A workload as each contender steps through it: endless iterators, one step of SGD each time.

The images are in memory when a function here returns; the network is built when the first step is asked for, so that
what each holds can be told apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import torch

from bnrepro.spec.bench import Contender, Workload
from bnrepro.train.batches import Split, training_batches
from bnrepro.train.bench.floor import Floor
from bnrepro.train.bench.plain import PlainLoop, PlainNet, plain_batches
from bnrepro.train.model import TrainedModel


def steps_of(contender: Contender, workload: Workload, device: torch.device) -> Iterator[None]:
    """The steps of a contender on a device that is set up for it."""
    return _CONTENDERS[contender](workload, device)


def _plain(workload: Workload, device: torch.device) -> Iterator[None]:
    spec, batches = workload.spec, plain_batches(workload, device)

    def steps() -> Iterator[None]:
        network = PlainNet(spec.network, in_channels=workload.images.shape[1], classes=workload.classes)
        loop = PlainLoop(network.to(device), spec.arm, spec.recipe)
        for inputs, labels in itertools.cycle(batches):
            loop.step(inputs, labels)
            yield

    return steps()


def _ours(workload: Workload, device: torch.device) -> Iterator[None]:
    spec, split = workload.spec, Split.on_device(workload.images, workload.labels, device)

    def steps() -> Iterator[None]:
        model = TrainedModel(spec, in_channels=workload.images.shape[1], classes=workload.classes, device=device)
        for epoch in itertools.count():
            for inputs, labels in training_batches(split, spec.recipe, seed=spec.seed, epoch=epoch):
                model.set_lr(spec.recipe.peak_lr)
                model.step(inputs, labels)
                yield

    return steps()


def _floor(workload: Workload, device: torch.device) -> Iterator[None]:
    floor = Floor(workload, device)

    def steps() -> Iterator[None]:
        while True:
            floor.step()
            yield

    return steps()


_CONTENDERS: dict[Contender, Callable[[Workload, torch.device], Iterator[None]]] = {
    Contender.PLAIN: _plain,
    Contender.OURS: _ours,
    Contender.FLOOR: _floor,
}
