"""A network as a run trains it: drawn from the seed, an arm's parameters free, one optimiser over them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from bnrepro.errors import TrainingError
from bnrepro.spec.recipe import Precision
from bnrepro.spec.run import RunSpec
from bnrepro.train.batches import Images, evaluation_batches
from bnrepro.train.capture import CapturedStep, recorder_for
from bnrepro.train.initialise import digest_of_tensors, initialise
from bnrepro.train.network import ConvNet
from bnrepro.train.optimiser import MomentumSGD
from bnrepro.train.team import ALONE, Team
from bnrepro.train.trainable import frozen_tensors, learned_parameters, learned_tensors, set_trainable

_MOMENTUM = "momentum/"
_TOP = 5


@dataclass(frozen=True, kw_only=True)
class Scores:
    """How well a network does on a split."""

    loss: float
    """Mean over the images."""
    accuracy: float
    """Percent whose likeliest class is theirs."""
    top5_accuracy: float | None
    """Percent whose class is among the five likeliest; ``None`` where there are no more than five."""


class TrainedModel:
    """A network, what it learns and how.

    SGD with momentum as in torch: weight decay is added to the gradient of every trained entry, γ and β
    included. Weights are laid out channels-last, which suits CPUs and changes no meaning.
    """

    def __init__(
        self, spec: RunSpec, *, in_channels: int, classes: int, device: torch.device, team: Team = ALONE
    ) -> None:
        self.spec = spec
        self.device = device
        self._team = team
        network = ConvNet(spec.network, in_channels=in_channels, classes=classes)
        initialise(network, spec)
        set_trainable(network, spec.arm, spec.seed)
        self.initial_digest = digest_of_tensors(dict(network.state_dict()))
        self._frozen_digest = digest_of_tensors(frozen_tensors(network))
        self.network = network.to(device).to(memory_format=torch.channels_last)
        self._joined = team.joined(self.network)
        self._norms = [module for module in self.network.modules() if isinstance(module, nn.BatchNorm2d)]
        self._tracked = True
        self._learned = learned_parameters(self.network)
        self._optimiser = MomentumSGD(
            self._learned, momentum=spec.recipe.momentum, weight_decay=spec.recipe.weight_decay
        )
        recorder = recorder_for(device, team)
        self._captured: CapturedStep | None = None
        if recorder is not None:
            self._captured = CapturedStep(
                recorder, batch_size=spec.recipe.batch_size, discard=self._optimiser.forget_gradients
            )
        self._lr = spec.recipe.peak_lr
        # Where steps may be recorded, all steps read it in memory, or recorded ones would round differently.
        in_memory = recorder is not None or device.type == "cuda"
        self._lr_in_memory = torch.tensor(self._lr, device=device) if in_memory else None
        for _, unit in self.network.units():
            unit.fused = True

    @property
    def trainable_parameters(self) -> int:
        """Number of entries that learn."""
        return sum(parameter.numel() for parameter in self._learned.values())

    @property
    def provenance(self) -> dict[str, str]:
        """How the steps were taken, where there is a choice; stored with a run, never hashed into its key."""
        if self._captured is not None:
            return {"step": self._captured.told}
        return {"step": "one by one (several processes share it)"} if self.device.type == "cuda" else {}

    def set_lr(self, lr: float) -> None:
        """Use this learning rate from the next step on."""
        if self._lr_in_memory is not None and lr != self._lr:
            self._lr_in_memory.fill_(lr)
        self._lr = lr

    def step(
        self, inputs: torch.Tensor, labels: torch.Tensor, *, batch: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One step of SGD on this process's share of a batch of ``batch`` images (default: on all of it).

        Returns the share's mean loss and number correct, both () and on the device.
        """
        if self._captured is None or batch not in (None, len(labels)):
            return self._take_step(inputs, labels, batch)
        return self._captured.take(self._take_step, inputs, labels)

    def _take_step(
        self, inputs: torch.Tensor, labels: torch.Tensor, batch: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.network.training:
            self.network.train()
        parts = self.spec.recipe.batch_parts // self._team.size
        loss_sum = torch.zeros((), dtype=torch.float64, device=labels.device)
        correct = torch.zeros((), dtype=torch.int64, device=labels.device)
        for part, (seen, wanted) in enumerate(
            zip(inputs.tensor_split(parts), labels.tensor_split(parts), strict=True), start=1
        ):
            self._track_statistics(tracked=self._team.leads and part == 1)
            with self._averaging(last=part == parts):
                logits, loss = self._forward(self._joined, seen, wanted)
                # The team's average over its processes then is the gradient of the mean over the batch.
                weight = self._team.size * len(wanted) / (batch or len(labels))
                (loss * weight).backward()  # type: ignore[no-untyped-call]
            loss_sum += loss.detach().double() * len(wanted)
            correct += (logits.argmax(dim=1) == wanted).sum()
        self._optimiser.step(self._lr if self._lr_in_memory is None else self._lr_in_memory)
        return loss_sum / len(labels), correct

    def evaluate(self, split: Images) -> tuple[float, float]:
        """Mean loss and percent correct on a split, with BatchNorm's running statistics."""
        scores = self.scores(split)
        return scores.loss, scores.accuracy

    @torch.no_grad()
    def scores(self, split: Images) -> Scores:
        """As :meth:`evaluate`, with the five likeliest classes too."""
        self.network.eval()
        loss_sum, correct, among_five, classes = 0.0, 0, 0, 0
        for inputs, labels in evaluation_batches(split, self.spec.recipe):
            logits, loss = self._forward(self.network, inputs, labels)
            loss_sum += loss.item() * len(labels)
            correct += int((logits.argmax(dim=1) == labels).sum())
            classes = logits.shape[1]
            if classes > _TOP:
                among_five += int((logits.topk(_TOP, dim=1).indices == labels[:, None]).sum())
        return Scores(
            loss=loss_sum / len(split),
            accuracy=100 * correct / len(split),
            top5_accuracy=100 * among_five / len(split) if classes > _TOP else None,
        )

    def learned_arrays(self) -> dict[str, np.ndarray]:
        """What the store keeps: trained entries and running statistics, float32, by name."""
        return {name: _to_numpy(tensor) for name, tensor in learned_tensors(self.network).items()}

    def state_arrays(self) -> dict[str, np.ndarray]:
        """What a checkpoint keeps: the learned tensors and the optimiser's momentum."""
        momenta = {_MOMENTUM + name: _to_numpy(tensor) for name, tensor in self._optimiser.momenta.items()}
        return {**self.learned_arrays(), **momenta}

    @torch.no_grad()
    def load(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Put back what :meth:`learned_arrays` or :meth:`state_arrays` gave.

        Raises:
            TrainingError: names or shapes are not this network's.
        """
        targets = learned_tensors(self.network)
        given = {name for name in arrays if not name.startswith(_MOMENTUM)}
        if given != set(targets):
            raise TrainingError(f"{self.spec}: stored tensors do not fit the network: {sorted(given ^ set(targets))}")
        for name, target in targets.items():
            if arrays[name].shape != tuple(target.shape):
                raise TrainingError(f"{self.spec}: {name} has shape {arrays[name].shape}, not {tuple(target.shape)}")
            target.copy_(torch.from_numpy(arrays[name]))
        momenta = {name: arrays[_MOMENTUM + name] for name in self._learned if _MOMENTUM + name in arrays}
        if momenta:
            self._optimiser.load(momenta)

    def check_frozen(self) -> None:
        """Raise :class:`TrainingError` if training moved anything that the arm freezes."""
        if digest_of_tensors(frozen_tensors(self.network)) != self._frozen_digest:
            raise TrainingError(f"{self.spec}: a frozen tensor changed during training")

    def _track_statistics(self, *, tracked: bool) -> None:
        """Whether BatchNorm's running statistics take in the next training pass, which they do not change."""
        if tracked is not self._tracked:
            self._tracked = tracked
            for norm in self._norms:
                norm.track_running_stats = tracked

    def _averaging(self, *, last: bool) -> AbstractContextManager[None]:
        """Gradients of several parts pile up here before they are averaged over the team, once."""
        joined = self._joined
        return joined.no_sync() if isinstance(joined, DistributedDataParallel) and not last else nullcontext()

    def _forward(
        self, network: nn.Module, inputs: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if self.spec.recipe.precision is Precision.BFLOAT16:
            inputs = inputs.bfloat16()
        logits = network(inputs)
        return logits, functional.cross_entropy(logits.float(), labels)


def _to_numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().contiguous().numpy().copy()
