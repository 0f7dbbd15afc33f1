"""Initial draws: their distributions, and what a seed fixes."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from threadpoolctl import threadpool_info, threadpool_limits

from bnrepro.spec.arms import AffineInit, FeatureInit, FrozenAffine
from bnrepro.train.convolution import EntryTrainedConv2d
from bnrepro.train.initialise import digest_of_tensors, draw_features, initialise
from bnrepro.train.model import TrainedModel
from bnrepro.train.network import ConvNet
from bnrepro.train.random import Purpose, generator
from bnrepro.train.trainable import set_trainable
from tests.train.helpers import run_spec, striped_images

IMAGES = striped_images()
CPU = torch.device("cpu")
ARMS = ["all", "all_but_affine", "batchnorm", "output", "batchnorm_shortcut_output", "random_2", "random_64"]


def model_of(arm: str = "batchnorm", *, network: str = "resnet-8", seed: int = 0, **more: Any) -> TrainedModel:
    spec = run_spec(IMAGES, arm=arm, network=network, seed=seed, **more)
    return TrainedModel(spec, in_channels=3, classes=10, device=CPU)


def tensors_of(model: TrainedModel) -> dict[str, torch.Tensor]:
    """Every drawn tensor by its name in an ordinary network."""
    named = {n: p.detach().clone() for n, p in model.network.named_parameters() if not n.endswith(".values")}
    for name, unit in model.network.units():
        if isinstance(unit.conv, EntryTrainedConv2d):
            named[f"{name}.conv.weight"] = unit.conv.full_weight().detach()
            if unit.conv.bias is not None:
                named[f"{name}.conv.bias"] = unit.conv.bias
    return named


def affine_of(model: TrainedModel) -> tuple[torch.Tensor, torch.Tensor]:
    """All γ and all β."""
    units = [unit for _, unit in model.network.units()]
    return torch.cat([unit.bn.weight for unit in units]).detach(), torch.cat([unit.bn.bias for unit in units]).detach()


def test_weights_are_he_normal_over_the_fan_in() -> None:
    weights = {n: t for n, t in tensors_of(model_of(network="resnet-14")).items() if re.match(r"(.*conv|output)\.w", n)}
    assert len(weights) == 16
    for name, weight in weights.items():
        number, std = weight.numel(), math.sqrt(2 / weight[0].numel())
        mean, variance = weight.double().mean().item(), weight.double().var().item()
        assert abs(mean) < 4 * std / math.sqrt(number), name
        assert abs(variance / std**2 - 1) < 4 * math.sqrt(2 / number), name
        standard = weight.double().numpy().ravel() / std
        assert stats.kstest(standard, "norm").pvalue > 1e-3, name


def test_the_output_bias_is_uniform_within_one_over_the_root_of_the_fan_in() -> None:
    biases = np.concatenate([model_of(seed=seed).network.output.bias.detach().numpy() for seed in range(20)])
    assert stats.kstest(biases * math.sqrt(64), "uniform", args=(-1, 2)).pvalue > 1e-3


def test_vgg_convolutions_start_with_biases_uniform_within_one_over_the_root_of_the_fan_in() -> None:
    model = model_of(network="vgg-13-0.25")
    scaled = []
    for _, unit in model.network.units():
        scaled.append(unit.conv.bias.detach().numpy() * math.sqrt(unit.conv.weight[0].numel()))
        assert np.abs(scaled[-1]).max() <= 1
    assert len(scaled) == 10
    assert stats.kstest(np.concatenate(scaled), "uniform", args=(-1, 2)).pvalue > 1e-3


@pytest.mark.parametrize("choice", FeatureInit)
@pytest.mark.parametrize("shape", [(64, 32, 3, 3), (256, 16, 3, 3), (128, 64, 1, 1)])
def test_every_feature_initialiser_has_the_variance_of_he_normal(choice: FeatureInit, shape: tuple[int, ...]) -> None:
    drawn = draw_features(choice, np.random.default_rng(0), shape)
    assert (drawn.shape, drawn.dtype) == (shape, np.float32)
    mean_square = (drawn.astype(float) ** 2).mean() * math.prod(shape[1:]) / 2
    # The fourth moment over the squared second one tells how far the mean square of n entries strays.
    kurtosis = {FeatureInit.HE_NORMAL: 3.0, FeatureInit.UNIFORM: 1.8}.get(choice, 1.0)
    assert abs(mean_square - 1) <= 4 * math.sqrt((kurtosis - 1) / drawn.size) + 1e-6
    assert abs(drawn.mean()) < 4 * drawn.std() / math.sqrt(drawn.size)


def test_uniform_features_are_uniform() -> None:
    drawn = draw_features(FeatureInit.UNIFORM, np.random.default_rng(0), (64, 24))
    assert stats.kstest(drawn.ravel() / math.sqrt(6 / 24), "uniform", args=(-1, 2)).pvalue > 1e-3


def test_binary_features_are_one_magnitude_with_fair_signs() -> None:
    drawn = draw_features(FeatureInit.BINARY, np.random.default_rng(0), (64, 8, 3, 3))
    assert np.unique(np.abs(drawn)).tolist() == [pytest.approx(math.sqrt(2 / 72))]
    assert stats.binomtest(int((drawn > 0).sum()), drawn.size).pvalue > 1e-3


@pytest.mark.parametrize("shape", [(16, 8, 3, 3), (64, 16, 1, 1), (32, 32)])
def test_orthogonal_features_are_orthogonal_of_equal_length(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    matrix = draw_features(FeatureInit.ORTHOGONAL, rng, shape).reshape(shape[0], -1).astype(float)
    channels, fan_in = matrix.shape
    products = matrix @ matrix.T if channels <= fan_in else matrix.T @ matrix
    length = 2 * channels / min(channels, fan_in)
    np.testing.assert_allclose(products, length * np.eye(min(channels, fan_in)), atol=1e-5)


def test_orthogonal_features_are_the_orthogonal_matrix_nearest_to_a_normal_draw() -> None:
    # U·Vᵀ is the orthogonal factor of the polar decomposition: what is left of the draw is symmetric, positive.
    drawn = np.random.default_rng(0).standard_normal((24, 24))
    orthogonal = draw_features(FeatureInit.ORTHOGONAL, np.random.default_rng(0), (24, 24)) / math.sqrt(2)
    rest = orthogonal.T @ drawn
    np.testing.assert_allclose(rest, rest.T, atol=1e-4)
    assert np.linalg.eigvalsh((rest + rest.T) / 2).min() > 0


def test_the_decomposition_runs_on_one_thread_whatever_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    # For 512 x 2304 entries OpenBLAS gives other last bits on two threads than on one.
    decompose, threads = np.linalg.svd, []

    def watched(*arguments: Any, **more: Any) -> Any:
        threads.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return decompose(*arguments, **more)

    monkeypatch.setattr(np.linalg, "svd", watched)
    with threadpool_limits(limits=2):
        draw_features(FeatureInit.ORTHOGONAL, np.random.default_rng(0), (8, 8))
        assert set(threads) == {1}
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {2}


@pytest.mark.parametrize("choice", [choice for choice in FeatureInit if choice is not FeatureInit.HE_NORMAL])
@pytest.mark.parametrize("network", ["resnet-8", "vgg-11-0.25"])
def test_a_feature_initialiser_changes_convolutions_and_output_weights_alone(choice: FeatureInit, network: str) -> None:
    usual, other = (tensors_of(model_of(network=network, **more)) for more in ({}, {"feature_init": choice}))
    changed = {name for name, tensor in usual.items() if not torch.equal(tensor, other[name])}
    assert changed == {name for name in usual if name == "output.weight" or name.endswith(".conv.weight")}
    for name in changed:
        expected = draw_features(choice, generator(0, Purpose.INITIALISATION, name), tuple(usual[name].shape))
        assert torch.equal(other[name], torch.from_numpy(expected))


def test_gamma_is_uniform_on_zero_to_one_and_beta_is_zero() -> None:
    gamma, beta = affine_of(model_of(network="resnet-14"))
    assert gamma.min() >= 0
    assert gamma.max() < 1
    assert abs(gamma.mean().item() - 0.5) < 4 * math.sqrt(1 / 12 / 560)
    assert stats.kstest(gamma.numpy(), "uniform").pvalue > 1e-3
    assert (beta == 0).all()


def test_running_statistics_start_at_zero_and_one() -> None:
    for _, unit in model_of().network.units():
        assert (unit.bn.running_mean == 0).all()
        assert (unit.bn.running_var == 1).all()


def test_gamma_can_start_at_one_or_centred_and_beta_at_one() -> None:
    drawn = affine_of(model_of())[0]
    expected = {
        AffineInit.UNIFORM: (drawn, 0.0),
        AffineInit.ONE: (torch.ones_like(drawn), 0.0),
        AffineInit.CENTRED: (2 * drawn - 1, 0.0),
        AffineInit.BETA_ONE: (drawn, 1.0),
    }
    assert set(expected) == set(AffineInit)
    for choice, (expected_gamma, expected_beta) in expected.items():
        gamma, beta = affine_of(model_of(affine_init=choice))
        assert torch.equal(gamma, expected_gamma), choice
        assert (beta == expected_beta).all(), choice
    assert affine_of(model_of(affine_init=AffineInit.CENTRED))[0].min() < -0.9


@pytest.mark.parametrize("choice", AffineInit)
def test_an_affine_initialiser_leaves_the_features_alone(choice: AffineInit) -> None:
    usual, other = tensors_of(model_of()), tensors_of(model_of(affine_init=choice))
    for name, tensor in usual.items():
        if ".bn." not in name:
            assert torch.equal(tensor, other[name])


@pytest.mark.parametrize("arm", ARMS)
def test_gamma_stands_at_one_on_request_where_an_arm_freezes_it(arm: str) -> None:
    drawn, asked = model_of(arm), model_of(arm, frozen_affine=FrozenAffine.ONE)
    learns = drawn.spec.arm.affine
    assert torch.equal(affine_of(asked)[0], affine_of(drawn)[0] if learns else torch.ones(len(affine_of(drawn)[0])))
    assert (affine_of(asked)[1] == 0).all()
    features = tensors_of(drawn)
    for name, tensor in tensors_of(asked).items():
        if ".bn." not in name:
            assert torch.equal(tensor, features[name])


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("network", ["resnet-8", "vgg-11-0.0625"])
def test_arms_of_one_seed_start_from_the_same_network(arm: str, network: str) -> None:
    usual, other = tensors_of(model_of("all", network=network)), tensors_of(model_of(arm, network=network))
    assert set(usual) == set(other)
    for name, tensor in usual.items():
        assert torch.equal(tensor, other[name]), name


@pytest.mark.parametrize("network", ["resnet-8", "vgg-11-0.0625"])
def test_another_seed_draws_every_tensor_anew(network: str) -> None:
    one, other = tensors_of(model_of(network=network, seed=0)), tensors_of(model_of(network=network, seed=1))
    for name, tensor in one.items():
        assert name.endswith(".bn.bias") or not (tensor == other[name]).any(), name


def test_no_two_tensors_of_a_network_share_their_draw() -> None:
    drawn = [t.flatten()[:8] / t.std() for n, t in tensors_of(model_of(network="resnet-14")).items() if t.std() > 0]
    assert len(drawn) == 16 + 15 + 1
    for index, tensor in enumerate(drawn):
        assert not any(torch.allclose(tensor, other, rtol=1e-2) for other in drawn[:index])


def test_drawing_leaves_the_global_generators_alone() -> None:
    spec = run_spec(IMAGES, arm="random_2")
    network = ConvNet(spec.network, in_channels=3, classes=10)
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state(legacy=False)  # noqa: NPY002 - the point
    initialise(network, spec)
    set_trainable(network, spec.arm, spec.seed)
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_equal(np.random.get_state(legacy=False), numpy_state)  # noqa: NPY002


@pytest.mark.parametrize("arm", ["batchnorm", "random_2"])
def test_the_global_generators_have_no_say_in_a_network(arm: str) -> None:
    digests = set()
    for state in (0, 1):
        torch.manual_seed(state)
        np.random.seed(state)  # noqa: NPY002 - the point
        digests.add(model_of(arm).initial_digest)
    assert len(digests) == 1


def test_the_digest_tells_names_shapes_types_and_bits() -> None:
    base = {"a": torch.arange(6.0)}
    others = [
        {"b": torch.arange(6.0)},
        {"a": torch.arange(6.0).view(2, 3)},
        {"a": torch.arange(6.0).double()},
        {"a": torch.arange(6.0).nextafter(torch.tensor(9.0))},
        {"a": -0.0 * torch.ones(6)},
        {"a": torch.zeros(6)},
        {**base, "b": torch.zeros(0)},
    ]
    assert len({digest_of_tensors(tensors) for tensors in (base, *others)}) == 8


def test_the_digest_does_not_see_the_memory_order() -> None:
    images = torch.arange(2 * 3 * 4 * 4.0).view(2, 3, 4, 4)
    last = images.to(memory_format=torch.channels_last)
    assert digest_of_tensors({"a": images}) == digest_of_tensors({"a": last})


@pytest.mark.parametrize(
    ("arm", "more", "digest"),
    [
        ("batchnorm", {}, "4a5af438c9f5739cacb0d11d583e3c952121b58e74997ee155510d9951ca27b0"),
        ("random_2", {}, "647f52b7881706f47956eb13b62192a51449b6e5b071c183e63282cc2ee1e083"),
        ("batchnorm", {"network": "vgg-11-0.25"}, "1efaa1529747f716f83ef5ee150df699830618c38cd20cff1bf5a1dc811b7c0c"),
        (
            "batchnorm",
            {"network": "imagenet-resnet-18"},
            "cd89dfe1feb88e04306a2c9c9cce6661b2f5cb38895906ff6ac8dfbf14426369",
        ),
        (
            "batchnorm",
            {"feature_init": FeatureInit.UNIFORM},
            "21f25811269e8185811fd24aad22a1d3e7cb1fc7b08ad4f647d7b1f95762f487",
        ),
        (
            "batchnorm",
            {"feature_init": FeatureInit.BINARY},
            "380f7e9cc69d9754091026a8060a917ab122775f3c1841db61fe3894ad700556",
        ),
    ],
)
def test_a_seed_means_the_same_network_as_when_this_was_written(arm: str, more: dict[str, Any], digest: str) -> None:
    # If numpy's stream or the way we use it changed, every stored run would lose its frozen half.
    assert model_of(arm, **more).initial_digest == digest
