"""The optimiser takes the steps of torch's own, to the bit."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from bnrepro.errors import TrainingError
from bnrepro.train.optimiser import MomentumSGD

SHAPES = {"stem.bn.weight": (16,), "group1.conv.values": (33,), "output.weight": (10, 64), "one": ()}
MOMENTUM, WEIGHT_DECAY = 0.9, 1e-4


def parameters(seed: int = 0) -> dict[str, nn.Parameter]:
    rng = torch.Generator().manual_seed(seed)
    return {name: nn.Parameter(torch.randn(shape, generator=rng)) for name, shape in SHAPES.items()}


def put_gradients(values: dict[str, nn.Parameter], step: int) -> None:
    rng = torch.Generator().manual_seed(1_000 + step)
    for value in values.values():
        value.grad = torch.randn(value.shape, generator=rng)


def ours_over(values: dict[str, nn.Parameter], *, weight_decay: float = WEIGHT_DECAY) -> MomentumSGD:
    return MomentumSGD(values, momentum=MOMENTUM, weight_decay=weight_decay)


def torchs_over(values: dict[str, nn.Parameter], *, weight_decay: float, lr: float) -> torch.optim.SGD:
    return torch.optim.SGD(values.values(), lr=lr, momentum=MOMENTUM, weight_decay=weight_decay)


def same_bits(ours: dict[str, nn.Parameter], theirs: dict[str, nn.Parameter]) -> bool:
    return all(
        torch.equal(ours[name].view(-1).view(torch.int32), theirs[name].view(-1).view(torch.int32)) for name in SHAPES
    )


@settings(deadline=None, max_examples=20)
@given(
    rates=st.lists(st.sampled_from([0.1, 0.01, 1e-3, 0.3]), min_size=1, max_size=6),
    weight_decay=st.sampled_from([0.0, 1e-4, 0.5]),
    seed=st.integers(0, 100),
)
def test_steps_are_those_of_torch_to_the_bit(rates: list[float], weight_decay: float, seed: int) -> None:
    ours, theirs = parameters(seed), parameters(seed)
    optimiser, reference = (
        ours_over(ours, weight_decay=weight_decay),
        torchs_over(theirs, weight_decay=weight_decay, lr=1),
    )
    for step, rate in enumerate(rates):
        put_gradients(ours, step)
        put_gradients(theirs, step)
        reference.param_groups[0]["lr"] = rate
        reference.step()
        optimiser.step(rate)
        assert same_bits(ours, theirs), f"step {step}"
        momenta = {name: reference.state[value]["momentum_buffer"] for name, value in theirs.items()}
        assert optimiser.momenta.keys() == momenta.keys()
        for name, momentum in momenta.items():
            assert torch.equal(optimiser.momenta[name], momentum)


def test_the_first_momentum_is_the_gradient_with_its_weight_decay() -> None:
    values = parameters()
    before = {name: value.detach().clone() for name, value in values.items()}
    put_gradients(values, 0)
    gradients = {name: value.grad.clone() for name, value in values.items() if value.grad is not None}
    optimiser = ours_over(values, weight_decay=0.5)
    assert optimiser.momenta == {}
    optimiser.step(0.25)
    for name, value in values.items():
        expected = gradients[name] + 0.5 * before[name]
        assert torch.equal(optimiser.momenta[name], expected)
        assert torch.equal(value, before[name] - 0.25 * expected)


def test_a_step_forgets_its_gradients() -> None:
    values = parameters()
    put_gradients(values, 0)
    ours_over(values).step(0.1)
    assert all(value.grad is None for value in values.values())


def test_the_next_backward_pass_leaves_momenta_as_they_are() -> None:
    # The first gradients become the momenta; nothing may be added to them as if they were gradients still.
    value = nn.Parameter(torch.ones(3))
    optimiser = MomentumSGD({"value": value}, momentum=MOMENTUM, weight_decay=0.0)
    (2 * value).sum().backward()  # type: ignore[no-untyped-call]
    optimiser.step(0.1)
    (5 * value).sum().backward()  # type: ignore[no-untyped-call]
    assert optimiser.momenta["value"].tolist() == [2, 2, 2]
    assert value.grad is not None
    assert value.grad.tolist() == [5, 5, 5]


def test_loaded_momenta_go_on_to_the_bit() -> None:
    one, resumed = parameters(), parameters()
    first = ours_over(one)
    for step in range(2):
        put_gradients(one, step)
        first.step(0.1)
    kept = {name: momentum.numpy().copy() for name, momentum in first.momenta.items()}
    with torch.no_grad():
        for name, value in resumed.items():
            value.copy_(one[name])
    second = ours_over(resumed)
    second.load(kept)
    for step in range(2, 4):
        for values, optimiser in ((one, first), (resumed, second)):
            put_gradients(values, step)
            optimiser.step(0.1)
    assert same_bits(one, resumed)
    # What was loaded is a copy: an array of the checkpoint does not change with training.
    again = ours_over(parameters())
    again.load(kept)
    assert all(torch.equal(again.momenta[name], torch.from_numpy(array)) for name, array in kept.items())


def test_momenta_of_other_names_are_refused() -> None:
    with pytest.raises(KeyError, match=r"stem\.bn\.weight"):
        ours_over(parameters()).load({})


@pytest.mark.parametrize("missing", SHAPES)
def test_a_parameter_without_a_gradient_is_an_error_and_nothing_moves(missing: str) -> None:
    values = parameters()
    before = {name: nn.Parameter(value.detach().clone()) for name, value in values.items()}
    put_gradients(values, 0)
    values[missing].grad = None
    with pytest.raises(TrainingError, match="should learn got no gradient"):
        ours_over(values).step(0.1)
    assert same_bits(values, before)


def test_what_is_not_finite_stays_so() -> None:
    values = parameters()
    optimiser = ours_over(values)
    put_gradients(values, 0)
    assert values["one"].grad is not None
    values["one"].grad.fill_(float("nan"))
    optimiser.step(0.1)
    put_gradients(values, 1)
    optimiser.step(0.1)
    assert values["one"].isnan()
    assert all(value.isfinite().all() for name, value in values.items() if name != "one")
