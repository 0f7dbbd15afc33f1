"""What each precision sets in torch, and where TF32 is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from pydantic import ValidationError

from bnrepro.bench.workload import choose_precision
from bnrepro.errors import UsageError
from bnrepro.identity import run_key
from bnrepro.spec.recipe import Precision
from bnrepro.spec.run import DeviceKind
from bnrepro.train.environment import torch_device
from tests.train.helpers import recipe, run_spec, striped_images

IMAGES = striped_images()


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Torch as on a machine with a GPU, which nothing here uses; afterwards its settings are what they were."""
    if not hasattr(torch.backends.cudnn, "conv"):
        pytest.skip("torch before 2.9 has other names for it")
    matmul, convolution = torch.backends.cuda.matmul, torch.backends.cudnn.conv
    before = matmul.fp32_precision, convolution.fp32_precision
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    yield
    matmul.fp32_precision, convolution.fp32_precision = before


@pytest.mark.usefixtures("cuda")
def test_float32_tensors_are_multiplied_in_tf32_where_that_is_asked_for_and_nowhere_else() -> None:
    matmul, convolution = torch.backends.cuda.matmul, torch.backends.cudnn.conv
    for precision in (Precision.TF32, Precision.FLOAT32, Precision.TF32, Precision.BFLOAT16):
        assert torch_device(DeviceKind.CUDA, precision) == torch.device("cuda")
        wanted = "tf32" if precision is Precision.TF32 else "ieee"
        assert (matmul.fp32_precision, convolution.fp32_precision) == (wanted, wanted)


def test_tf32_is_part_of_what_a_run_is() -> None:
    keys = {
        run_key(run_spec(IMAGES, device=DeviceKind.CUDA, recipe=recipe(precision=precision))) for precision in Precision
    }
    assert len(keys) == len(Precision)


def test_no_run_on_the_cpu_says_that_it_has_tf32() -> None:
    with pytest.raises(ValidationError, match="tf32 is of CUDA devices"):
        run_spec(IMAGES, recipe=recipe(precision=Precision.TF32))


def test_a_benchmark_in_tf32_is_for_cuda_alone() -> None:
    assert choose_precision("tf32", DeviceKind.CUDA) is Precision.TF32
    with pytest.raises(UsageError, match="take float32 or bfloat16"):
        choose_precision("tf32", DeviceKind.CPU)
