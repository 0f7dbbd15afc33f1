"""docs/scaling.md says what the code says now, from what was measured and simulated last."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bnrepro.spec.networks import Family, Network
from tests import scaling, step_seconds
from tests.paper_fleets import ORDERS, WORKERS
from tests.paper_plan import Paper, looks, trainings_by_claims
from tests.simulated_schedule import play
from tests.step_seconds import ARMS, NETWORKS, Fit, Measured, sizes


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(scaling.KEPT.read_text())
    return found


def test_the_page_and_its_figure_are_what_the_code_makes_of_them_now(
    kept: dict[str, Any],
) -> None:
    for path, text in scaling.write(kept).items():
        assert path.read_text() == text, f"{path.name} is out of date: make scaling"


@pytest.mark.parametrize("order", [name for name in ORDERS if name == "as asked for"])
def test_a_simulated_fleet_comes_out_as_it_was_kept(kept: dict[str, Any], order: str) -> None:
    runs = Paper.planned().cifar()
    schedule = play(runs, runs, ORDERS[order], WORKERS)
    (row,) = [row for row in kept["fleets"] if (row["order"], row["off"], row["lost"]) == (order, 1.0, 0)]
    assert (row["hours"], row["utilisation"]) == (round(schedule.end / 3600, 2), round(schedule.utilisation, 4))


def test_every_network_and_arm_was_measured_once() -> None:
    measured, machine = step_seconds.kept()
    assert sorted((each.network, each.arm) for each in measured) == sorted((n, a) for n in NETWORKS for a in ARMS)
    assert all(0 < each.least <= each.greatest for each in measured)
    assert machine.keys() == {"processor", "torch", "batch", "precision"}


def test_what_looks_need_lies_between_the_first_look_and_all_of_them() -> None:
    paper = Paper.planned()
    few, some, all_of = (looks(paper, share, workers=WORKERS, draws=2) for share in (0.0, 0.5, 1.0))
    assert few.trainings < some.trainings < all_of.trainings == len(paper.runs)
    assert few.gpu_hours < some.gpu_hours < all_of.gpu_hours


def test_claims_that_are_planned_together_need_no_more_than_one_by_one() -> None:
    paper = Paper.planned()
    counted = trainings_by_claims(paper, draws=5)
    assert list(counted) == [1, 5, 10, 15, 22]
    assert counted[1][0] == counted[1][1]
    assert counted[22] == (paper.budget.trainings_alone, len(paper.runs))


def test_a_step_has_the_elements_and_multiply_adds_of_its_network() -> None:
    multiply_adds, elements, layers = sizes(Network.parse("resnet-14"), "batchnorm")
    # 16 channels of 32×32 from the stem and 4 layers, 32 of 16×16 from 4 and a shortcut, 64 of 8×8 likewise.
    assert elements == 128 * (5 * 16 * 32**2 + 5 * 32 * 16**2 + 5 * 64 * 8**2)
    assert multiply_adds == 2 * 128 * Network.parse("resnet-14").multiply_adds(32)
    assert layers == 15
    assert sizes(Network.parse("resnet-14"), "all")[0] == 1.5 * multiply_adds
    pooled = sizes(Network(family=Family.VGG, depth=11), "all")[1]
    assert pooled == 128 * (64 * 32**2 + 128 * 16**2 + 2 * 256 * 8**2 + 2 * 512 * 4**2 + 2 * 512 * 2**2)


def test_a_fit_finds_the_coefficients_that_made_the_seconds_and_none_below_zero() -> None:
    made = Fit(a=2e-11, b=3e-9, c=4e-4)
    exact = [
        Measured(network=name, arm="all", least=made.seconds(Network.parse(name), "all"), greatest=1.0)
        for name in NETWORKS
    ]
    found = Fit.to(exact)
    assert (found.a, found.b, found.c) == pytest.approx((made.a, made.b, made.c), rel=1e-6)
    assert step_seconds.worst_error(found, exact) < 1e-6
    falling = [Measured(network=name, arm="all", least=1.0, greatest=1.0) for name in NETWORKS]
    assert min(vars(Fit.to(falling)).values()) >= 0
