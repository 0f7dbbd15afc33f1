"""How many runs share one GPU, for GPUs that are made up from the numbers on their data sheets."""

from __future__ import annotations

import argparse
import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bnrepro import device, session
from bnrepro.cost import PUBLISHED_SHAPES
from bnrepro.device import Gpu, first_gpu
from bnrepro.gpu_jobs import (
    CONTEXT_BYTES,
    Demand,
    choose_jobs,
    demand_of,
    demands_of,
    filled_share,
    layer_outputs,
    memory_bytes,
)
from bnrepro.question import ask
from bnrepro.recipes import recipe_for
from bnrepro.spec.arms import Arm
from bnrepro.spec.load import load_claims
from bnrepro.spec.networks import Network
from bnrepro.spec.recipe import Precision, Recipe
from bnrepro.spec.run import DeviceKind
from bnrepro.spec.scale import Scale
from tests.small_claim import REPOSITORY

LARGE = Gpu(name="large", memory_bytes=80 * 10**9, multiprocessors=132, threads_per_multiprocessor=2048)
MIDDLE = Gpu(name="middle", memory_bytes=24 * 10**9, multiprocessors=128, threads_per_multiprocessor=1536)
SMALL = Gpu(name="small", memory_bytes=8 * 10**9, multiprocessors=30, threads_per_multiprocessor=1536)
MANY_CORES = 64


def recipe_at(network: str, scale: Scale = Scale.PAPER, precision: Precision = Precision.FLOAT32) -> Recipe:
    return recipe_for(Network.parse(network), scale).model_copy(update={"precision": precision})


def demand(
    network: str,
    gpu: Gpu,
    *,
    arm: str = "batchnorm",
    scale: Scale = Scale.PAPER,
    precision: Precision = Precision.FLOAT32,
) -> Demand:
    recipe = recipe_at(network, scale, precision)
    return demand_of(Network.parse(network), Arm.parse(arm), recipe, PUBLISHED_SHAPES[recipe.dataset], gpu)


def jobs(network: str, gpu: Gpu, *, cores: int = MANY_CORES, **more: Any) -> int:
    choice = choose_jobs(gpu, [demand(network, gpu, **more)], cores=cores)
    assert choice is not None
    return choice.jobs


def test_outputs_are_those_of_the_layers_counted_by_hand() -> None:
    # Stem and two blocks of 16 channels at 32x32; the second group has a shortcut, then 16x16 and 32 channels.
    counted = [16 * 32 * 32] * 3 + [32 * 16 * 16] * 3 + [64 * 8 * 8] * 3
    assert layer_outputs(Network.parse("resnet-8"), side=32, in_channels=3) == tuple(counted)


def test_a_pool_counts_as_a_layer_of_the_channels_before_it() -> None:
    outputs = layer_outputs(Network.parse("vgg-11"), side=32, in_channels=3)
    assert outputs[:4] == (64 * 32**2, 64 * 16**2, 128 * 16**2, 128 * 8**2)
    assert outputs[-1] == 512 * 2**2


def test_a_layer_that_gives_every_thread_its_sixteen_bytes_fills_the_gpu() -> None:
    recipe = recipe_at("resnet-14").model_copy(update={"batch_size": 1})
    gpu = Gpu(name="four threads", memory_bytes=10**9, multiprocessors=2, threads_per_multiprocessor=2)
    assert filled_share([16], recipe, gpu) == 1
    assert filled_share([160], recipe, gpu) == 1
    assert filled_share([8], recipe, gpu) == 0.5
    # 16 and 4 elements of work take the time of 16 and 16.
    assert filled_share([16, 4], recipe, gpu) == 20 / 32
    halved = recipe.model_copy(update={"precision": Precision.BFLOAT16})
    assert filled_share([16], halved, gpu) == 0.5


def test_the_parts_of_a_batch_take_their_turns() -> None:
    recipe = recipe_at("resnet-14").model_copy(update={"batch_size": 8})
    gpu = Gpu(name="four threads", memory_bytes=10**9, multiprocessors=2, threads_per_multiprocessor=2)
    assert filled_share([1], recipe, gpu) == 2 * filled_share([1], recipe.model_copy(update={"batch_parts": 2}), gpu)


@pytest.mark.parametrize(
    ("gpu", "network", "expected"),
    [
        (LARGE, "resnet-14", 1),
        (LARGE, "resnet-866", 1),
        (LARGE, "wrn-14-0.25", 3),
        # 15 layers, five each of 131,072, 65,536 and 32,768 elements a batch, where 1,081,344 would fill the GPU.
        (LARGE, "wrn-14-0.0625", 14),
        (MIDDLE, "wrn-14-0.25", 2),
        (MIDDLE, "wrn-14-0.0625", 10),
        (SMALL, "wrn-14-0.25", 1),
        (SMALL, "wrn-14-0.0625", 2),
        (SMALL, "wrn-14-32", 1),
    ],
)
def test_narrow_networks_share_a_gpu_and_wide_ones_do_not(gpu: Gpu, network: str, expected: int) -> None:
    assert jobs(network, gpu) == expected


def test_memory_limits_runs_that_leave_the_processors_idle() -> None:
    # One channel of eight-by-eight digits: hardly any work, in a process of the usual size.
    choice = choose_jobs(SMALL, [demand("wrn-8-0.0625", SMALL, scale=Scale.DIGITS)], cores=MANY_CORES)
    assert choice is not None
    assert choice.jobs == 6
    assert choice.told == (
        "6 runs at once on small: wrn-8-0.0625 batchnorm takes up to 1.1 of 8.0 GB (computed, not measured; --jobs "
        "overrules it)"
    )


def test_cores_limit_runs_that_would_fit() -> None:
    choice = choose_jobs(LARGE, [demand("resnet-8", LARGE, scale=Scale.DIGITS)], cores=4)
    assert choice is not None
    assert choice.jobs == 4
    assert "each needs one of 4 CPU cores" in choice.told


def test_occupancy_is_told_in_percent() -> None:
    choice = choose_jobs(LARGE, [demand("resnet-14", LARGE)], cores=4)
    assert choice is not None
    assert choice.told.startswith("1 run at once on large: resnet-14 batchnorm fills 86% of 132 multiprocessors")


def test_a_run_that_does_not_fit_is_still_tried_alone() -> None:
    tiny = Gpu(name="tiny", memory_bytes=10**9, multiprocessors=1, threads_per_multiprocessor=1024)
    assert jobs("resnet-14", tiny) == 1


def test_the_most_demanding_run_decides_for_all() -> None:
    together = [demand(name, LARGE) for name in ("wrn-14-0.0625", "resnet-14", "wrn-14-0.25")]
    choice = choose_jobs(LARGE, together, cores=MANY_CORES)
    assert choice is not None
    assert choice.jobs == 1
    assert choose_jobs(LARGE, [], cores=MANY_CORES) is None


def test_memory_grows_with_what_a_step_keeps() -> None:
    shape = PUBLISHED_SHAPES[recipe_at("resnet-14").dataset]

    def held(network: str = "resnet-110", arm: str = "batchnorm", **changes: Any) -> int:
        recipe = recipe_at(network).model_copy(update=changes)
        return memory_bytes(Network.parse(network), Arm.parse(arm), recipe, shape) - CONTEXT_BYTES

    assert held("resnet-14") < held("resnet-110") < held("wrn-110-2")
    assert held(precision=Precision.BFLOAT16) < 0.65 * held()
    assert held(precision=Precision.TF32) == held()
    assert held(batch_size=256) > 1.7 * held()
    # Where nothing learns before the output, nothing is kept for a way back.
    assert held(arm="output") < 0.3 * held() < held() < held(arm="all")


def test_every_network_of_the_claims_fits_a_large_gpu_at_the_papers_scale() -> None:
    for loaded in load_claims([REPOSITORY / "claims"]):
        question = ask(loaded, Scale.PAPER)
        runs = [(network, arm, recipe_for(network, Scale.PAPER)) for network, arm in question.cells]
        for asked in demands_of(runs if loaded.claim.trains else (), PUBLISHED_SHAPES, LARGE):
            assert 0 < asked.share <= 1, asked
            assert CONTEXT_BYTES < asked.memory_bytes < LARGE.memory_bytes, asked


class Driver:
    """CUDA's driver, as far as it is asked."""

    def __init__(self, devices: int = 1, broken: str = "") -> None:
        self._devices = devices
        self._broken = broken

    def __getattr__(self, name: str) -> Callable[..., int]:
        if not name.startswith("cu"):
            raise AttributeError(name)

        def answer(*given: Any) -> int:
            if name == self._broken:
                return 100
            match name:
                case "cuDeviceGetName":
                    given[0].value = b"made up"
                case "cuDeviceGetCount":
                    given[0]._obj.value = self._devices
                case "cuDeviceTotalMem_v2":
                    given[0]._obj.value = 24 * 10**9
                case "cuDeviceGetAttribute":
                    # MULTIPROCESSOR_COUNT and MAX_THREADS_PER_MULTIPROCESSOR of CUdevice_attribute in cuda.h.
                    given[0]._obj.value = {16: 128, 39: 1536}[given[1]]
            return 0

        return answer


def use(driver: Driver | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> Driver:
        assert name == "libcuda.so.1"
        if driver is None:
            raise OSError
        return driver

    monkeypatch.setattr(ctypes, "CDLL", load)


def test_the_driver_tells_of_the_first_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    use(Driver(), monkeypatch)
    found = Gpu(name="made up", memory_bytes=24 * 10**9, multiprocessors=128, threads_per_multiprocessor=1536)
    assert first_gpu() == found
    assert device.cuda_devices() == 1


@pytest.mark.parametrize(
    "driver",
    [None, Driver(devices=0), *(Driver(broken=f"cu{name}") for name in ("Init", "DeviceGetCount"))],
)
def test_without_a_device_there_is_no_gpu(driver: Driver | None, monkeypatch: pytest.MonkeyPatch) -> None:
    use(driver, monkeypatch)
    assert first_gpu() is None
    assert device.cuda_devices() == 0


@pytest.mark.parametrize("question", ["Get", "GetName", "TotalMem_v2", "GetAttribute"])
def test_a_driver_that_does_not_answer_leaves_the_choice_open(question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(Driver(broken=f"cuDevice{question}"), monkeypatch)
    assert first_gpu() is None
    assert device.cuda_devices() == 1


@pytest.mark.parametrize(
    ("changes", "device_kind"),
    [
        ({}, DeviceKind.CPU),
        ({"jobs": 3}, DeviceKind.CUDA),
        ({"executor": "ray"}, DeviceKind.CUDA),
        ({"processes": 2}, DeviceKind.CUDA),
    ],
)
def test_only_local_runs_on_cuda_without_jobs_are_packed(
    changes: dict[str, Any], device_kind: DeviceKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "first_gpu", lambda: LARGE)
    arguments = argparse.Namespace(**({"jobs": None, "executor": "local", "processes": 1} | changes))
    (loaded,) = load_claims([Path(REPOSITORY, "claims", "sec4_random_params.yaml")])
    questions = [ask(loaded, Scale.DIGITS)]
    assert session._gpu_jobs(arguments, device_kind, questions, Precision.FLOAT32, PUBLISHED_SHAPES) is None


def test_a_session_packs_the_runs_of_its_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "first_gpu", lambda: LARGE)
    monkeypatch.setattr(session, "available_cores", lambda: 8)
    arguments = argparse.Namespace(jobs=None, executor="local", processes=1)
    (loaded,) = load_claims([Path(REPOSITORY, "claims", "sec4_random_params.yaml")])
    packed = {
        scale: session._gpu_jobs(arguments, DeviceKind.CUDA, [ask(loaded, scale)], Precision.FLOAT32, PUBLISHED_SHAPES)
        for scale in (Scale.DIGITS, Scale.PAPER)
    }
    assert {scale: choice and choice.jobs for scale, choice in packed.items()} == {Scale.DIGITS: 8, Scale.PAPER: 1}
