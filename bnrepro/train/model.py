"""A network as a run trains it: drawn from the seed, an arm's parameters free, one optimiser over them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch.nn import functional

from bnrepro.errors import TrainingError
from bnrepro.spec.recipe import Precision
from bnrepro.spec.run import RunSpec
from bnrepro.train.batches import Split, evaluation_batches
from bnrepro.train.initialise import digest_of_tensors, initialise
from bnrepro.train.network import ResNet
from bnrepro.train.trainable import frozen_tensors, learned_parameters, learned_tensors, set_trainable

_MOMENTUM = "momentum/"


class TrainedModel:
    """A network, what it learns and how.

    SGD with momentum as in torch: weight decay is added to the gradient of every trained entry, γ and β
    included. Weights are laid out channels-last, which suits CPUs and changes no meaning.
    """

    def __init__(self, spec: RunSpec, *, in_channels: int, classes: int, device: torch.device) -> None:
        self.spec = spec
        network = ResNet(spec.network, in_channels=in_channels, classes=classes)
        initialise(network, spec)
        set_trainable(network, spec.arm, spec.seed)
        self.initial_digest = digest_of_tensors(dict(network.state_dict()))
        self._frozen_digest = digest_of_tensors(frozen_tensors(network))
        self.network = network.to(device).to(memory_format=torch.channels_last)
        self._learned = learned_parameters(self.network)
        self._optimiser = torch.optim.SGD(
            self._learned.values(),
            lr=spec.recipe.peak_lr,
            momentum=spec.recipe.momentum,
            weight_decay=spec.recipe.weight_decay,
        )
        self._autocast = torch.autocast(
            device.type, dtype=torch.bfloat16, enabled=spec.recipe.precision is Precision.BFLOAT16
        )

    @property
    def trainable_parameters(self) -> int:
        """Number of entries that learn."""
        return sum(parameter.numel() for parameter in self._learned.values())

    def set_lr(self, lr: float) -> None:
        """Use this learning rate from the next step on."""
        self._optimiser.param_groups[0]["lr"] = lr

    def step(self, inputs: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """One step of SGD. Returns the batch's mean loss and number correct, both () and on the device."""
        self.network.train()
        self._optimiser.zero_grad()
        logits, loss = self._forward(inputs, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        return loss.detach(), (logits.argmax(dim=1) == labels).sum()

    @torch.no_grad()
    def evaluate(self, split: Split) -> tuple[float, float]:
        """Mean loss and percent correct on a split, with BatchNorm's running statistics."""
        self.network.eval()
        loss_sum, correct = 0.0, 0
        for inputs, labels in evaluation_batches(split, self.spec.recipe):
            logits, loss = self._forward(inputs, labels)
            loss_sum += loss.item() * len(labels)
            correct += int((logits.argmax(dim=1) == labels).sum())
        return loss_sum / len(split), 100 * correct / len(split)

    def learned_arrays(self) -> dict[str, np.ndarray]:
        """What the store keeps: trained entries and running statistics, float32, by name."""
        return {name: _to_numpy(tensor) for name, tensor in learned_tensors(self.network).items()}

    def state_arrays(self) -> dict[str, np.ndarray]:
        """What a checkpoint keeps: the learned tensors and the optimiser's momentum."""
        momenta = {
            _MOMENTUM + name: _to_numpy(self._optimiser.state[parameter]["momentum_buffer"])
            for name, parameter in self._learned.items()
            if parameter in self._optimiser.state
        }
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
        for name, parameter in self._learned.items():
            if _MOMENTUM + name in arrays:
                momentum = torch.empty_like(parameter).copy_(torch.from_numpy(arrays[_MOMENTUM + name]))
                self._optimiser.state[parameter]["momentum_buffer"] = momentum

    def check_frozen(self) -> None:
        """Raise :class:`TrainingError` if training moved anything that the arm freezes."""
        if digest_of_tensors(frozen_tensors(self.network)) != self._frozen_digest:
            raise TrainingError(f"{self.spec}: a frozen tensor changed during training")

    def _forward(self, inputs: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with self._autocast:
            logits = self.network(inputs)
        return logits, functional.cross_entropy(logits.float(), labels)


def _to_numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().contiguous().numpy().copy()
