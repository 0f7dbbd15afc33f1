"""The plain loop: what most people would write from torch's documentation, and nothing of ours.

Ordinary modules, float32, contiguous memory, autograd, ``torch.optim.SGD``, torch's default number of threads. Arms
freeze with ``requires_grad=False``. A random arm takes the gradient of all weights, masks it, and puts the frozen
entries back after each step, because weight decay moves them. It gets ready-made, normalised batches from memory:
no loader and no augmentation, which is in its favour.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional

from bnrepro.spec.arms import Arm
from bnrepro.spec.bench import Workload
from bnrepro.spec.layers import Block, ConvLayer, MaxPool
from bnrepro.spec.networks import Network
from bnrepro.spec.recipe import Recipe


class PlainBlock(nn.Module):
    """A residual block."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.convs = nn.ModuleList(_convolution(layer) for layer in block.body)
        self.bns = nn.ModuleList(nn.BatchNorm2d(layer.out_channels) for layer in block.body)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Sequential | None = None
        if block.shortcut is not None:
            self.downsample = nn.Sequential(_convolution(block.shortcut), nn.BatchNorm2d(block.shortcut.out_channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C_in, H, W) to (N, C_out, H / stride, W / stride)."""
        identity = x if self.downsample is None else self.downsample(x)
        out = x
        for number, (conv, bn) in enumerate(zip(self.convs, self.bns, strict=True), start=1):
            out = bn(conv(out))
            if number < len(self.convs):
                out = self.relu(out)
        out += identity
        activated: torch.Tensor = self.relu(out)
        return activated


class PlainNet(nn.Module):
    """A network of the paper as ordinary modules, with torch's own initial values."""

    def __init__(self, network: Network, *, in_channels: int, classes: int) -> None:
        super().__init__()
        modules: list[nn.Module] = []
        for step in network.steps(in_channels):
            if isinstance(step, Block):
                modules.append(PlainBlock(step))
            elif isinstance(step, MaxPool):
                padding = (step.kernel - 1) // 2
                modules.append(nn.MaxPool2d(step.kernel, stride=2, padding=padding, ceil_mode=step.kernel == 2))
            else:
                modules += [_convolution(step), nn.BatchNorm2d(step.out_channels), nn.ReLU(inplace=True)]
        self.features = nn.Sequential(*modules)
        self.fc = nn.Linear(network.features, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) normalised images to (N, classes) logits."""
        pooled = functional.adaptive_avg_pool2d(self.features(x), 1)
        logits: torch.Tensor = self.fc(torch.flatten(pooled, 1))
        return logits


class PlainLoop:
    """A network, its optimiser, and one step of SGD.

    ``masks`` says by parameter which entries of a random arm learn; without it they are drawn.
    """

    def __init__(
        self, model: PlainNet, arm: Arm, recipe: Recipe, masks: Mapping[torch.Tensor, torch.Tensor] | None = None
    ) -> None:
        self.model = model
        _freeze(model, arm)
        self.masks = masks if masks is not None else _draw_masks(model, arm)
        self.before = {weight: weight.detach().clone() for weight in self.masks}
        self.optimizer = torch.optim.SGD(
            [parameter for parameter in model.parameters() if parameter.requires_grad],
            lr=recipe.peak_lr,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        )

    def step(self, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """One step on a batch; its mean loss, ()."""
        self.model.train()
        self.optimizer.zero_grad()
        loss = functional.cross_entropy(self.model(inputs), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        for weight, mask in self.masks.items():
            if weight.grad is not None:
                weight.grad.mul_(mask)
        self.optimizer.step()
        with torch.no_grad():
            for weight, mask in self.masks.items():
                weight.copy_(torch.where(mask, weight, self.before[weight]))
        return loss.detach()


def plain_batches(workload: Workload, device: torch.device) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Every batch of the images (N, C, H, W) float32, contiguous and normalised, with its labels (N,)."""
    recipe = workload.spec.recipe
    mean = torch.tensor(recipe.channel_mean).view(1, -1, 1, 1)
    std = torch.tensor(recipe.channel_std).view(1, -1, 1, 1)
    images, labels = torch.from_numpy(workload.images), torch.from_numpy(workload.labels)
    size = recipe.batch_size
    return [
        (
            ((images[start : start + size].float() / 255 - mean) / std).to(device),
            labels[start : start + size].to(device),
        )
        for start in range(0, len(labels), size)
    ]


def _convolution(layer: ConvLayer) -> nn.Conv2d:
    return nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel,
        stride=layer.stride,
        padding=layer.kernel // 2,
        bias=layer.bias,
    )


def _freeze(model: PlainNet, arm: Arm) -> None:
    """A random arm trains single entries of every convolution: their weights keep their gradient."""
    model.requires_grad_(requires_grad=False)
    model.fc.requires_grad_(arm.output)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.requires_grad_(arm.affine)
        elif isinstance(module, nn.Conv2d):
            module.requires_grad_(arm.convolution)
            module.weight.requires_grad = arm.convolution or arm.random_per_channel > 0
    for module in model.features:
        if isinstance(module, PlainBlock) and module.downsample is not None and arm.shortcut:
            module.downsample[0].requires_grad_()


def _draw_masks(model: PlainNet, arm: Arm) -> dict[torch.Tensor, torch.Tensor]:
    """As many random entries of each convolution as the arm trains, as bool of the weight's shape."""
    masks: dict[torch.Tensor, torch.Tensor] = {}
    for conv in model.modules():
        if arm.random_per_channel and isinstance(conv, nn.Conv2d):
            rows = conv.weight.flatten(1)
            rank = torch.rand(1, rows.numel()) if arm.scattered else torch.rand_like(rows)
            number = min(arm.random_per_channel, rows.shape[1]) * (len(rows) if arm.scattered else 1)
            mask = torch.zeros_like(rank, dtype=torch.bool).scatter_(1, rank.topk(number).indices, value=True)
            masks[conv.weight] = mask.view(conv.weight.shape)
    return masks
