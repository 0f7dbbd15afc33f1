"""Steps that are recorded and replayed, with recorders that need no CUDA device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

from bnrepro.errors import TrainingError
from bnrepro.spec.recipe import Precision
from bnrepro.spec.run import RunSpec
from bnrepro.spec.trainer import Interrupted
from bnrepro.train import model as model_module
from bnrepro.train.capture import WARM_UP_STEPS, CapturedStep, CudaRecorder, Recorder, recorder_for
from bnrepro.train.model import TrainedModel
from bnrepro.train.run import train
from bnrepro.train.team import ALONE, Team
from tests.train.helpers import MemorySlot, recipe, run_spec, striped_images
from tests.train.test_loop import same_bits, without_times

IMAGES = striped_images()
"""96 of them: four full batches of 20 and one of 16 in each epoch."""
FULL, STEPS = 4, 5


class NotedWork:
    """Does at each replay what a CUDA graph would do: the function that it was given, on the same memory."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self._work: Callable[[], None] | None = None

    @contextmanager
    def beside(self) -> Iterator[None]:
        self.done.append("beside")
        yield

    def record(self, work: Callable[[], None]) -> None:
        assert "record" not in self.done
        self.done.append("record")
        self._work = work

    def replay(self) -> None:
        assert self._work is not None
        self.done.append("replay")
        self._work()


class Refusing(NotedWork):
    """Gives up in the middle of a step, as CUDA does where an operator waits for the device or memory runs out.

    A recording does nothing on the device. Here the step is done to the end of the backward pass, then everything
    is put back that a device would not have touched; the gradients stay in Python, and hold nothing.
    """

    def __init__(self, error: Exception, model: Callable[[], TrainedModel]) -> None:
        super().__init__()
        self._error = error
        self._model = model

    def record(self, work: Callable[[], None]) -> None:
        super().record(work)
        network = self._model().network
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        optimiser = self._model()._optimiser
        momenta = {name: tensor.clone() for name, tensor in optimiser.momenta.items()}
        work()
        network.load_state_dict(before)
        for name, momentum in momenta.items():
            optimiser.momenta[name].copy_(momentum)
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.grad = torch.full_like(parameter, torch.nan)
        raise self._error


def trained(
    spec: RunSpec, monkeypatch: pytest.MonkeyPatch, recorder: Recorder, **more: Any
) -> tuple[Any, dict[str, np.ndarray]]:
    monkeypatch.setattr(model_module, "recorder_for", lambda *_: recorder)
    return train(spec, IMAGES, **({"slot": MemorySlot()} | more))


def model_and_batch(monkeypatch: pytest.MonkeyPatch) -> tuple[TrainedModel, torch.Tensor, torch.Tensor]:
    """A model whose steps are recorded, and a full batch."""
    monkeypatch.setattr(model_module, "recorder_for", lambda *_: NotedWork())
    spec = run_spec(IMAGES, recipe=recipe(batch_size=8))
    model = TrainedModel(spec, in_channels=3, classes=10, device=torch.device("cpu"))
    return model, torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(8)


def refusing(error: Exception, monkeypatch: pytest.MonkeyPatch) -> Refusing:
    """A recorder that knows the next model to be made."""
    made: list[TrainedModel] = []
    initialised = TrainedModel.__init__

    def init(self: TrainedModel, *arguments: Any, **named: Any) -> None:
        made.append(self)
        initialised(self, *arguments, **named)

    monkeypatch.setattr(TrainedModel, "__init__", init)
    return Refusing(error, lambda: made[-1])


class Unwilling(NotedWork):
    """Records nothing: a run that it serves takes its steps one by one from the first to the last."""

    def record(self, work: Callable[[], None]) -> None:  # noqa: ARG002 - never looked at
        raise RuntimeError("not today")


@pytest.mark.parametrize(
    ("arm", "changes"),
    [
        ("batchnorm", {}),
        ("all", {}),
        ("random_2", {}),
        ("output", {}),
        ("batchnorm", {"batch_parts": 2}),
        ("batchnorm", {"warmup_epochs": 2, "milestones": ()}),
        ("all", {"precision": Precision.BFLOAT16}),
    ],
)
def test_a_run_of_recorded_steps_ends_bit_for_bit_as_one_of_single_steps(
    arm: str, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = run_spec(IMAGES, arm=arm, recipe=recipe(epochs=3, **changes))
    recorder = NotedWork()
    record, arrays = trained(spec, monkeypatch, recorder)
    single, single_arrays = trained(spec, monkeypatch, Unwilling())
    assert recorder.done == [
        *["beside"] * WARM_UP_STEPS,
        *["record", "replay"],
        *["replay"] * (2 * FULL),  # the short batches of the epochs are neither
    ]
    assert record.environment["step"] == "captured"
    assert single.environment["step"] == "one by one (not today)"
    assert same_bits(arrays, single_arrays)
    told, otherwise = without_times(record), without_times(single)
    del told["environment"], otherwise["environment"]
    assert told == otherwise


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("no memory\nand more"), RuntimeError("no memory")])
@pytest.mark.parametrize("arm", ["batchnorm", "all", "random_2"])
def test_a_run_whose_step_cannot_be_recorded_goes_on_from_the_same_state(
    arm: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = run_spec(IMAGES, arm=arm)
    recorder = refusing(error, monkeypatch)
    record, arrays = trained(spec, monkeypatch, recorder)
    _, single_arrays = trained(spec, monkeypatch, Unwilling())
    assert recorder.done == [*["beside"] * WARM_UP_STEPS, "record"]
    assert record.environment["step"] == "one by one (no memory)"
    assert same_bits(arrays, single_arrays)


def test_an_error_of_our_own_in_a_recording_is_not_taken_for_an_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TrainingError, match="no gradient"):
        trained(run_spec(IMAGES), monkeypatch, refusing(TrainingError("no gradient"), monkeypatch))


@pytest.mark.parametrize("stopped_after", range(1, 2 * STEPS))
def test_a_run_resumed_from_any_step_records_anew_and_ends_the_same(
    stopped_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, slot = run_spec(IMAGES, arm="all"), MemorySlot()
    asked = iter(range(1, 100))
    with pytest.raises(Interrupted):
        trained(spec, monkeypatch, NotedWork(), slot=slot, stop=lambda: next(asked) == stopped_after)
    _, resumed = trained(spec, monkeypatch, NotedWork(), slot=slot)
    _, arrays = trained(spec, monkeypatch, NotedWork())
    assert same_bits(resumed, arrays)


def test_a_run_too_short_to_record_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = NotedWork()
    record, _ = trained(run_spec(IMAGES, recipe=recipe(batch_size=96)), monkeypatch, recorder)
    assert recorder.done == ["beside"] * 2
    assert record.environment["step"] == "one by one (too few full batches to capture one)"


def test_what_a_replayed_step_returns_stays_as_it_is_at_the_next_one() -> None:
    captured = CapturedStep(NotedWork(), batch_size=4, discard=lambda: None)
    loss, correct = torch.zeros(()), torch.zeros(())

    def step(inputs: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Leaves what came of it where it did before, as a graph does."""
        return loss.copy_(inputs.sum()), correct.copy_(labels.sum())

    batches = [torch.full((4,), float(number)) for number in range(WARM_UP_STEPS + 3)]
    outcomes = [captured.take(step, batch, 2 * batch) for batch in batches][WARM_UP_STEPS:]
    assert [(first.item(), second.item()) for first, second in outcomes] == [(12, 24), (16, 32), (20, 40)]


def test_a_recorded_step_follows_the_learning_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    model, inputs, labels = model_and_batch(monkeypatch)
    for _ in range(WARM_UP_STEPS + 1):
        model.step(inputs, labels)
    before = model.learned_arrays()["stem.bn.weight"]
    model.set_lr(0.0)
    model.step(inputs, labels)
    np.testing.assert_array_equal(model.learned_arrays()["stem.bn.weight"], before)
    model.set_lr(0.5)
    model.step(inputs, labels)
    momentum = model.state_arrays()["momentum/stem.bn.weight"]
    np.testing.assert_allclose(model.learned_arrays()["stem.bn.weight"], before - 0.5 * momentum, rtol=1e-6)


def test_a_network_loaded_after_a_recording_is_the_one_that_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    model, inputs, labels = model_and_batch(monkeypatch)
    for _ in range(WARM_UP_STEPS + 1):
        model.step(inputs, labels)
    kept = model.state_arrays()
    places = {name: tensor.data_ptr() for name, tensor in model._optimiser.momenta.items()}
    model.step(inputs, labels)
    once = model.state_arrays()
    model.load(kept)
    model.step(inputs, labels)
    assert same_bits(model.state_arrays(), once)
    assert {name: tensor.data_ptr() for name, tensor in model._optimiser.momenta.items()} == places


def test_only_a_run_of_one_process_on_cuda_is_recorded() -> None:
    assert recorder_for(torch.device("cpu"), ALONE) is None
    assert recorder_for(torch.device("cuda"), Team(rank=0, size=2)) is None


def test_a_run_on_the_cpu_says_nothing_of_its_steps() -> None:
    record, _ = train(run_spec(IMAGES, recipe=recipe(epochs=1)), IMAGES, slot=MemorySlot())
    assert "step" not in record.environment


def test_batches_of_another_size_are_never_replayed() -> None:
    recorder = NotedWork()
    captured = CapturedStep(recorder, batch_size=4, discard=lambda: None)
    taken: list[int] = []

    def step(inputs: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        taken.append(len(labels))
        return inputs.sum(), labels.sum()

    sizes = [3, *[4] * (WARM_UP_STEPS + 2), 3]
    for number, size in enumerate(sizes):
        total, _ = captured.take(step, torch.full((size, 2), float(number)), torch.zeros(size))
        assert total.item() == 2 * size * number
    assert taken == sizes
    assert recorder.done == [*["beside"] * (WARM_UP_STEPS + 1), "record", "replay", "replay"]


class FakeCuda:
    """The calls of torch.cuda that a recording makes, in their order; ``broken`` ones fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *broken: str) -> None:
        self.calls: list[str] = []
        self._broken = broken
        fake = self

        class Stream:
            def __init__(self, *_: object) -> None:
                self.wait_stream = fake.noting("wait")

        class Graph:
            capture_begin, capture_end, replay = (fake.noting(name) for name in ("begin", "end", "replay"))

        monkeypatch.setattr(torch.cuda, "Stream", Stream)
        monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
        monkeypatch.setattr(torch.cuda, "current_stream", Stream)
        monkeypatch.setattr(torch.cuda, "stream", self._stream)
        for name in ("synchronize", "empty_cache"):
            monkeypatch.setattr(torch.cuda, name, self.noting(name))

    def noting(self, name: str) -> Callable[..., None]:
        def call(*_: object) -> None:
            self.calls.append(name)
            if name in self._broken:
                raise RuntimeError(f"{name} failed")

        return call

    @contextmanager
    def _stream(self, _: object) -> Iterator[None]:
        self.calls.append("stream")
        try:
            yield
        finally:
            self.calls.append("usual stream")


def test_cuda_records_on_a_stream_of_its_own_with_all_idle_memory_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = FakeCuda(monkeypatch)
    recorder = CudaRecorder(torch.device("cuda"))
    with recorder.beside():
        cuda.noting("step")()
    assert cuda.calls == ["wait", "stream", "step", "usual stream", "wait"]
    cuda.calls.clear()
    recorder.record(cuda.noting("step"))
    recorder.replay()
    recording = ["stream", "begin", "step", "end", "usual stream"]
    assert cuda.calls == ["synchronize", "empty_cache", *recording, "replay"]


@pytest.mark.parametrize("broken", [("step",), ("step", "end"), ("end",), ("begin",)])
def test_a_recording_that_fails_is_ended_and_says_what_failed_first(
    broken: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda = FakeCuda(monkeypatch, *broken)
    recorder = CudaRecorder(torch.device("cuda"))
    with pytest.raises(RuntimeError, match=f"^{broken[0]} failed$"):
        recorder.record(cuda.noting("step"))
    assert cuda.calls[-1] == "usual stream"
    assert cuda.calls.count("end") == (broken != ("begin",))
