"""How many runs share one GPU where nobody says: as many as fill it, and no more than fit into its memory.

All of it is arithmetic on layers; none of it was measured.

- Occupancy. Each thread is taken to make 16 bytes of a layer's output, the widest single access of a GPU, and a layer
  to take no less time than one whose threads are just as many as can be under way at once (what "CUDA C++ Best
  Practices Guide" calls full occupancy, on all multiprocessors). The share of a GPU that a run fills is the work of its
  layers over the time that they take. A run that fills the GPU gains nothing from company.
- Memory. Autograd keeps two outputs of each layer, the convolution's for BatchNorm and the activations for ReLU and
  for what learns behind it; four of the largest layer come and go. A captured step has memory of its own, and what is
  not replayed (a short last batch, evaluation) needs the same again. The images and :data:`CONTEXT_BYTES` are beside.
- Cores. A run needs one to tell the GPU what to do.

Processes on one GPU take turns, kernel by kernel, unless NVIDIA's Multi-Process Service runs ("When to Use MPS" in its
guide): then they run side by side. Without it, company fills only the gaps between one run's kernels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bnrepro.cost import DataShape, trainable_parameters
from bnrepro.device import Gpu
from bnrepro.spec.arms import Arm
from bnrepro.spec.layers import Block, ConvLayer
from bnrepro.spec.networks import Network
from bnrepro.spec.recipe import DatasetName, Precision, Recipe
from bnrepro.wording import plural

CONTEXT_BYTES = 2**30
"""Assumed of a process beside its tensors: CUDA's context, torch's kernels, the workspaces of cuBLAS and cuDNN. With
one number on the GPU, torch has been seen to hold 723 MiB (discuss.pytorch.org, topic 73021)."""
USABLE_SHARE = 0.9
"""Of a GPU's memory: the rest is for what fragments, and for whoever draws on the screen."""
_BYTES_PER_THREAD = 16
_FLOAT32_BYTES, _BFLOAT16_BYTES = 4, 2
_KEPT_OUTPUTS, _PASSING_OUTPUTS = 2, 4
_PLACES_OF_A_WEIGHT = 2
"""Itself, and the copy that is computed with: in another precision, or with single entries put in."""
_PLACES_OF_A_LEARNED_VALUE = 3
"""Beside itself: its gradient, its momentum, and its update while it is made."""


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What one run asks of a GPU."""

    name: str
    share: float
    """Of the GPU, that it fills while it trains; in (0, 1]."""
    memory_bytes: int


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Runs at once, and why so many."""

    jobs: int
    told: str


def choose_jobs(gpu: Gpu, demands: Iterable[Demand], *, cores: int) -> Choice | None:
    """So many that any of them can meet; ``None`` where nothing is to be trained.

    The most demanding run decides for all, since each may find itself among its like.
    """
    asked = tuple(demands)
    if not asked:
        return None
    widest, largest = max(asked, key=lambda each: each.share), max(asked, key=lambda each: each.memory_bytes)
    needed, there = largest.memory_bytes / 1e9, gpu.memory_bytes / 1e9
    limits = (
        (int(1 / widest.share), f"{widest.name} fills {widest.share:.0%} of {gpu.multiprocessors} multiprocessors"),
        (int(USABLE_SHARE * there / needed), f"{largest.name} takes up to {needed:.1f} of {there:.1f} GB"),
        (cores, f"each needs one of {plural(cores, 'CPU core')}"),
    )
    least, why = min(limits)
    jobs = max(1, least)
    told = f"{plural(jobs, 'run')} at once on {gpu.name}: {why} (computed, not measured; --jobs overrules it)"
    return Choice(jobs=jobs, told=told)


def demand_of(network: Network, arm: Arm, recipe: Recipe, shape: DataShape, gpu: Gpu) -> Demand:
    """What a run of a network and an arm at a recipe, on data of a shape, asks of a GPU."""
    outputs = layer_outputs(network, side=shape.side, in_channels=shape.channels)
    return Demand(
        name=f"{network} {arm}",
        share=filled_share(outputs, recipe, gpu),
        memory_bytes=memory_bytes(network, arm, recipe, shape),
    )


def layer_outputs(network: Network, *, side: int, in_channels: int) -> tuple[int, ...]:
    """Elements that each layer puts out for one square image of ``side`` pixels, pools included."""
    outputs: list[int] = []
    channels = in_channels
    for step in network.steps(in_channels):
        if isinstance(step, Block):
            if step.shortcut is not None:
                outputs.append(step.shortcut.out_channels * step.shortcut.side_after(side) ** 2)
            for layer in step.body:
                channels, side = layer.out_channels, layer.side_after(side)
                outputs.append(channels * side**2)
        else:
            side = step.side_after(side)
            channels = step.out_channels if isinstance(step, ConvLayer) else channels
            outputs.append(channels * side**2)
    return tuple(outputs)


def filled_share(outputs: Iterable[int], recipe: Recipe, gpu: Gpu) -> float:
    """The share of a GPU that layers of these outputs an image fill at a recipe's batches, in (0, 1]."""
    threads = gpu.multiprocessors * gpu.threads_per_multiprocessor
    at_once = threads * _BYTES_PER_THREAD // _element_bytes(recipe)
    work = [each * _images_at_once(recipe) for each in outputs]
    return sum(work) / sum(max(each, at_once) for each in work)


def memory_bytes(network: Network, arm: Arm, recipe: Recipe, shape: DataShape) -> int:
    """What one run is taken to hold on a GPU at the most, its process included."""
    outputs = layer_outputs(network, side=shape.side, in_channels=shape.channels)
    of_image = shape.channels * shape.side**2
    learned = trainable_parameters(network, arm, shape.channels, shape.classes)
    weights = network.counts(shape.channels, shape.classes).total * _PLACES_OF_A_WEIGHT * _FLOAT32_BYTES
    kept = _KEPT_OUTPUTS * sum(outputs) if arm.learns_before_output else 0
    passing = _PASSING_OUTPUTS * max(outputs)
    step = _images_at_once(recipe) * (kept + passing) * _element_bytes(recipe)
    evaluation = recipe.evaluation_batch_size * passing * _element_bytes(recipe)
    # Batches are made while the one before them still lies where the captured step reads it.
    batches = 2 * recipe.batch_size * of_image * _FLOAT32_BYTES
    # Image folders stay on the disk.
    images = 0 if recipe.resized_crop else (shape.train_images + shape.test_images) * of_image
    values = learned * _PLACES_OF_A_LEARNED_VALUE * _FLOAT32_BYTES
    return CONTEXT_BYTES + weights + values + batches + images + step + max(step, evaluation)


def demands_of(
    cells: Iterable[tuple[Network, Arm, Recipe]], shapes: Mapping[DatasetName, DataShape], gpu: Gpu
) -> tuple[Demand, ...]:
    """Of all runs to come, each network, arm and recipe once."""
    return tuple(
        demand_of(network, arm, recipe, shapes[recipe.dataset], gpu) for network, arm, recipe in dict.fromkeys(cells)
    )


def _images_at_once(recipe: Recipe) -> int:
    return recipe.batch_size // recipe.batch_parts


def _element_bytes(recipe: Recipe) -> int:
    return _BFLOAT16_BYTES if recipe.precision is Precision.BFLOAT16 else _FLOAT32_BYTES
