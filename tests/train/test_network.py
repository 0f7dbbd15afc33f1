"""The networks in torch: the paper's counts, the shapes, and other people's networks as witnesses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from bnrepro.spec.layers import Role
from bnrepro.spec.networks import Network
from bnrepro.train.initialise import initialise
from bnrepro.train.network import Block, ConvNet
from tests.train.helpers import run_spec, striped_images

DEPTHS = [f"resnet-{depth}" for depth in (14, 32, 56, 110, 218, 434, 866)]
WIDTHS = [f"wrn-14-{width}" for width in (2, 4, 8, 16, 32)]
IMAGENET = [f"imagenet-resnet-{depth}" for depth in (18, 34, 50, 101, 200)]
VGG = [f"vgg-{depth}" for depth in (11, 13, 16, 19)]
STRIDED = {"group2.block1", "group3.block1"}


def drawn(name: str) -> ConvNet:
    """A network at its initial draw, in evaluation mode, with running statistics that are not 0 and 1."""
    spec = run_spec(striped_images(), network=name)
    model = ConvNet(spec.network, in_channels=3, classes=10)
    initialise(model, spec)
    for _, unit in model.units():
        channels = torch.arange(unit.bn.num_features)
        unit.bn.running_mean.copy_(0.1 * torch.sin(channels))
        unit.bn.running_var.copy_(1 + 0.5 * torch.cos(channels))
    return model.eval()


def noise(number: int, side: int) -> torch.Tensor:
    return torch.randn(number, 3, side, side, generator=torch.Generator().manual_seed(0))


@contextmanager
def watched(modules: dict[str, nn.Module]) -> Iterator[dict[str, list[tuple[torch.Tensor, torch.Tensor]]]]:
    """Copies of each module's input and output, a pair a call, in the order of first use."""
    seen: dict[str, list[tuple[torch.Tensor, torch.Tensor]]] = {}
    before: dict[str, torch.Tensor] = {}
    hooks = []
    for name, module in modules.items():

        def keep(_: nn.Module, inputs: tuple[torch.Tensor], name: str = name) -> None:
            before[name] = inputs[0].clone()

        def pair(_: nn.Module, __: object, output: torch.Tensor, name: str = name) -> None:
            seen.setdefault(name, []).append((before[name], output.clone()))

        hooks += [module.register_forward_pre_hook(keep), module.register_forward_hook(pair)]
    with torch.no_grad():
        yield seen
    for hook in hooks:
        hook.remove()


@pytest.mark.parametrize("name", [*DEPTHS, *WIDTHS, *IMAGENET, *VGG, "wrn-20-0.125", "vgg-16-0.25"])
def test_torch_counts_the_parameters_of_the_papers_tables(name: str) -> None:
    network = Network.parse(name)
    with torch.device("meta"):
        model = ConvNet(network, in_channels=3, classes=network.classes)
    rows = {"total": 0, "batchnorm": 0, "output": 0, "shortcut": 0}
    for parameter_name, parameter in model.named_parameters():
        rows["total"] += parameter.numel()
        rows["batchnorm"] += parameter.numel() * (".bn." in parameter_name)
        rows["output"] += parameter.numel() * parameter_name.startswith("output.")
        rows["shortcut"] += parameter.numel() * (".shortcut.conv." in parameter_name)
    assert rows == vars(network.counts())


def test_grey_images_shrink_the_stem_alone() -> None:
    network = Network.parse("resnet-14")
    with torch.device("meta"):
        model = ConvNet(network, in_channels=1, classes=10)
    assert sum(parameter.numel() for parameter in model.parameters()) == network.counts(1).total
    assert network.counts(3).total - network.counts(1).total == 2 * 9 * 16


@pytest.mark.parametrize("name", ["resnet-14", "wrn-8-2", "vgg-13-0.25", "imagenet-resnet-18", "imagenet-resnet-50"])
def test_units_stand_in_the_order_of_the_layer_list(name: str) -> None:
    model = drawn(name)
    listed = {layer.name: layer for layer in Network.parse(name).convolutions()}
    assert [unit_name for unit_name, _ in model.units()] == list(listed)
    for unit_name, unit in model.units():
        conv, layer = unit.conv, listed[unit_name]
        assert isinstance(conv, nn.Conv2d)
        assert (conv.bias is not None) == layer.bias
        assert conv.padding == (layer.kernel // 2,) * 2
        assert (conv.in_channels, conv.out_channels) == (layer.in_channels, layer.out_channels)
        assert (conv.kernel_size, conv.stride) == ((layer.kernel,) * 2, (layer.stride,) * 2)
        assert unit.bn.num_features == layer.out_channels


@pytest.mark.parametrize(
    ("name", "side", "sides"),
    [
        ("resnet-14", 32, {"stem": 32, "group1": 32, "group2": 16, "group3": 8}),
        ("vgg-11-0.25", 32, {"group1": 32, "group2": 16, "group3": 8, "group4": 4, "group5": 2}),
        ("vgg-19-0.25", 8, {"group1": 8, "group2": 4, "group3": 2, "group4": 1, "group5": 1}),
        ("imagenet-resnet-18", 64, {"stem": 32, "group1": 16, "group2": 8, "group3": 4, "group4": 2}),
    ],
)
def test_a_hook_on_each_relu_sees_the_activations_of_every_unit(name: str, side: int, sides: dict[str, int]) -> None:
    model = drawn(name)
    relus = {name: module for name, module in model.named_modules() if isinstance(module, nn.ReLU)}
    with watched(relus) as seen:
        model(noise(2, side))
    body = [layer for layer in Network.parse(name).convolutions() if layer.role is Role.BODY]
    shapes = [(2, layer.out_channels, *[sides[layer.name.partition(".")[0]]] * 2) for layer in body]
    assert len(relus) == len({id(module) for module in relus.values()}) == len(body)
    assert [len(calls) for calls in seen.values()] == [1] * len(body)
    assert [tuple(calls[0][1].shape) for calls in seen.values()] == shapes
    for ((before, after),) in seen.values():
        assert torch.equal(after, before.clamp(min=0))
        assert 0 < (after == 0).float().mean() < 1


def test_a_bottleneck_has_its_stride_on_the_3x3_and_a_relu_after_each_unit() -> None:
    model = drawn("imagenet-resnet-50")
    watch = {
        name: model.get_submodule(f"group2.block1.{name}")
        for name in ("conv1.relu", "conv2.relu", "conv3.relu", "shortcut")
    }
    with watched(watch) as seen:
        model(noise(1, 64))
    shapes = {name: tuple(calls[0][1].shape) for name, calls in seen.items()}
    assert shapes == {
        "conv1.relu": (1, 128, 16, 16),
        "conv2.relu": (1, 128, 8, 8),
        "conv3.relu": (1, 512, 8, 8),
        "shortcut": (1, 512, 8, 8),
    }


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("resnet-14", 32),
        ("resnet-14", 7),
        ("vgg-11-0.25", 32),
        ("vgg-11-0.25", 8),
        ("vgg-13-0.25", 27),
        ("imagenet-resnet-18", 64),
        ("imagenet-resnet-50", 75),
    ],
)
def test_multiply_adds_are_those_that_the_forward_pass_makes(name: str, side: int) -> None:
    model = drawn(name)
    convolutions = {name: unit.conv for name, unit in model.units()}
    with watched(convolutions) as seen:
        model(noise(1, side))
    made = 0
    for name_of_unit, ((_, output),) in seen.items():
        conv = convolutions[name_of_unit]
        assert isinstance(conv, nn.Conv2d)
        made += conv.weight.numel() * output.shape[2] * output.shape[3]
    assert made == Network.parse(name).multiply_adds(side)


def with_tensors_of(model: ConvNet, other: nn.Module) -> nn.Module:
    """Another network of the same layers, given the first one's parameters and running statistics in turn."""
    ours, theirs = model.state_dict(), other.state_dict()
    assert [tensor.shape for tensor in ours.values()] == [tensor.shape for tensor in theirs.values()]
    other.load_state_dict(dict(zip(theirs, ours.values(), strict=True)))
    return other.train(model.training)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("depth", [18, 50])
def test_imagenet_resnets_compute_what_torchvisions_do(depth: int, training: bool) -> None:
    model = drawn(f"imagenet-resnet-{depth}").train(training)
    other = with_tensors_of(model, getattr(torchvision.models, f"resnet{depth}")(num_classes=10))
    images = noise(2, 65)
    with torch.no_grad():
        torch.testing.assert_close(model(images), other(images))


@pytest.mark.parametrize("depth", [18, 34, 50, 101])
def test_imagenet_resnets_have_as_many_parameters_as_torchvisions(depth: int) -> None:
    with torch.device("meta"):
        other = getattr(torchvision.models, f"resnet{depth}")()
    total = sum(parameter.numel() for parameter in other.parameters())
    assert total == Network.parse(f"imagenet-resnet-{depth}").counts().total


VGG_16 = "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512"


@pytest.mark.parametrize("training", [False, True])
def test_a_vgg_computes_what_appendix_c_writes_as_a_row(training: bool) -> None:
    model = drawn("vgg-16").train(training)
    row: list[nn.Module] = []
    channels = 3
    for item in VGG_16.split():
        if item == "M":
            row.append(nn.MaxPool2d(2))
        else:
            row += [nn.Conv2d(channels, int(item), 3, padding=1), nn.BatchNorm2d(int(item)), nn.ReLU()]
            channels = int(item)
    other = with_tensors_of(model, nn.Sequential(*row, nn.AvgPool2d(2), nn.Flatten(), nn.Linear(512, 10)))
    images = noise(2, 32)
    with torch.no_grad():
        torch.testing.assert_close(model(images), other(images))


def test_only_the_strided_blocks_have_a_shortcut_of_their_own() -> None:
    blocks = {name: module for name, module in drawn("resnet-20").named_modules() if isinstance(module, Block)}
    assert len(blocks) == 9
    assert {name for name, block in blocks.items() if block.shortcut is not None} == STRIDED
    assert {name for name, block in blocks.items() if block.conv1.conv.stride == (2, 2)} == STRIDED
    for name in STRIDED:
        shortcut = blocks[name].shortcut
        assert shortcut is not None
        assert (shortcut.conv.kernel_size, shortcut.conv.stride) == ((1, 1), (2, 2))
        assert (shortcut.conv.padding, shortcut.conv.bias) == ((0, 0), None)


def test_the_shortcut_is_added_before_the_relu() -> None:
    model = drawn("resnet-14")
    with watched(dict(model.named_modules())) as seen:
        model(noise(2, 16))
    for name, block in model.named_modules():
        if isinstance(block, Block):
            ((images, output),) = seen[name]
            ((_, body),) = seen[f"{name}.conv2.bn"]
            ((_, skipped),) = [(None, images)] if block.shortcut is None else seen[f"{name}.shortcut"]
            ((summed, activated),) = seen[f"{name}.conv2.relu"]
            assert torch.equal(summed, body + skipped)
            assert torch.equal(activated, summed.clamp(min=0))
            assert torch.equal(output, activated)


@pytest.mark.parametrize(("side", "sides"), [(32, [32, 16, 8]), (8, [8, 4, 2]), (7, [7, 4, 2])])
def test_groups_two_and_three_halve_the_image(side: int, sides: list[int]) -> None:
    model = drawn("resnet-14")
    ends = {f"group{group}.block2": model.get_submodule(f"group{group}.block2") for group in (1, 2, 3)}
    with watched(ends) as seen:
        model(noise(1, side))
    shapes = [tuple(calls[0][1].shape) for calls in seen.values()]
    assert shapes == [(1, 16, *[sides[0]] * 2), (1, 32, *[sides[1]] * 2), (1, 64, *[sides[2]] * 2)]


def test_the_output_layer_reads_global_means_and_gives_ten_logits() -> None:
    model = drawn("wrn-8-2")
    with watched({"last": model.get_submodule("group3.block1"), "output": model.output}) as seen:
        logits = model(noise(3, 8))
    features = seen["last"][0][1].mean(dim=(2, 3))
    assert logits.shape == (3, 10)
    assert model.output.bias is not None
    assert torch.equal(seen["output"][0][0], features)
    torch.testing.assert_close(logits, features @ model.output.weight.T + model.output.bias)


@pytest.mark.parametrize("training", [False, True])
def test_logits_equal_a_forward_pass_written_out(training: bool) -> None:
    model, images = drawn("resnet-14").double().train(training), noise(4, 8).double()
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    def unit(name: str, inputs: torch.Tensor, stride: int, padding: int) -> torch.Tensor:
        features = functional.conv2d(inputs, tensors[f"{name}.conv.weight"], stride=stride, padding=padding)
        mean, variance = tensors[f"{name}.bn.running_mean"], tensors[f"{name}.bn.running_var"]
        if training:
            mean, variance = features.mean(dim=(0, 2, 3)), features.var(dim=(0, 2, 3), correction=0)
        scale, offset = tensors[f"{name}.bn.weight"] / (variance + 1e-5).sqrt(), tensors[f"{name}.bn.bias"]
        return (features - mean[:, None, None]) * scale[:, None, None] + offset[:, None, None]

    features = unit("stem", images, 1, 1).relu()
    for group in (1, 2, 3):
        for block in (1, 2):
            name = f"group{group}.block{block}"
            stride = 2 if name in STRIDED else 1
            skipped = unit(f"{name}.shortcut", features, 2, 0) if name in STRIDED else features
            body = unit(f"{name}.conv2", unit(f"{name}.conv1", features, stride, 1).relu(), 1, 1)
            features = (body + skipped).relu()
    expected = features.mean(dim=(2, 3)) @ tensors["output.weight"].T + tensors["output.bias"]
    with torch.no_grad():
        torch.testing.assert_close(model(images), expected)
