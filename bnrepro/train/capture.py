"""A step of training that is recorded once and replayed, as a CUDA graph.

A narrow network's step is hundreds of small kernels, each told to the device by Python. Recorded with the addresses
that they read and write, all of them start at one word. Whatever changes from step to step (images, labels, learning
rate) must then lie at a fixed place in memory; see "CUDA Graphs" in torch's notes on CUDA semantics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import NamedTuple, Protocol

import torch

from bnrepro.train.team import Team

WARM_UP_STEPS = 3
"""Of a full batch before the recording, as torch's notes ask. They are steps of the run like any other, and make what a
step makes once and keeps: momenta, weights in another precision, the libraries' own workspaces."""

Outcome = tuple[torch.Tensor, torch.Tensor]
"""Of a step: mean loss and number correct, both ()."""
Step = Callable[[torch.Tensor, torch.Tensor], Outcome]
"""From images (N, C, H, W) and labels (N,)."""


class Recorder(Protocol):
    """Notes what a function tells the device to do, without doing it, and has it done as often as wanted."""

    def beside(self) -> AbstractContextManager[None]:
        """Work in here is done, and leaves nothing in the way of a recording."""
        ...

    def record(self, work: Callable[[], None]) -> None:
        """Note the work.

        Raises:
            RuntimeError: it cannot be recorded; none of it was done.
        """
        ...

    def replay(self) -> None:
        """Do the work."""
        ...


class CapturedStep:
    """Steps of a run, replayed from :data:`WARM_UP_STEPS` full batches on: smaller ones always go one by one.

    What a recording would need and cannot have (an operator that waits for the device, memory) costs nothing but
    the time gained: the run goes on from the same state, one step after the other.

    Usage:
        captured = CapturedStep(recorder, batch_size=128, discard=optimiser.forget_gradients)
        loss, correct = captured.take(step, images, labels)
    """

    def __init__(self, recorder: Recorder, *, batch_size: int, discard: Callable[[], None]) -> None:
        self._recorder = recorder
        self._batch_size = batch_size
        self._discard = discard
        """Throws away what a step leaves in Python that was noted and never done."""
        self._warm_up_left = WARM_UP_STEPS
        self._recorded: _Places | None = None
        self._obstacle: str | None = None

    @property
    def told(self) -> str:
        """How the steps went, for the record of the run."""
        if self._recorded is not None:
            return "captured"
        return f"one by one ({self._obstacle or 'too few full batches to capture one'})"

    def take(self, step: Step, inputs: torch.Tensor, labels: torch.Tensor) -> Outcome:
        """Take a step, which is the same function each time; what comes of it stays as it is at the next one."""
        if len(labels) == self._batch_size and self._obstacle is None:
            if self._recorded is None and not self._warm_up_left:
                self._recorded = self._record(step, inputs, labels)
            if self._recorded is not None:
                return self._replayed(self._recorded, inputs, labels)
            self._warm_up_left = max(0, self._warm_up_left - 1)
        recording_ahead = self._recorded is None and self._obstacle is None
        with self._recorder.beside() if recording_ahead else nullcontext():
            return step(inputs, labels)

    def _record(self, step: Step, inputs: torch.Tensor, labels: torch.Tensor) -> _Places | None:
        def work() -> None:
            places.outcome[:] = step(places.inputs, places.labels)

        try:
            places = _Places(inputs.clone(), labels.clone(), [])
            self._recorder.record(work)
        except RuntimeError as error:  # torch's own, of CUDA and of memory among them
            self._discard()
            self._obstacle = (str(error) or type(error).__name__).splitlines()[0]
            return None
        return places

    def _replayed(self, places: _Places, inputs: torch.Tensor, labels: torch.Tensor) -> Outcome:
        places.inputs.copy_(inputs)
        places.labels.copy_(labels)
        self._recorder.replay()
        loss, correct = places.outcome
        return loss.clone(), correct.clone()


class _Places(NamedTuple):
    """The memory that a recorded step works on."""

    inputs: torch.Tensor
    labels: torch.Tensor
    outcome: list[torch.Tensor]
    """As :data:`Outcome`."""


class CudaRecorder:
    """A CUDA graph on a stream of its own."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._graph: torch.cuda.CUDAGraph | None = None

    @contextmanager
    def beside(self) -> Iterator[None]:
        """On the stream that records: what autograd and the libraries remember of a stream then fits the recording."""
        usual = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(usual)
        with torch.cuda.stream(self._stream):
            yield
        usual.wait_stream(self._stream)

    def record(self, work: Callable[[], None]) -> None:
        """As :class:`Recorder` says. The graph has memory of its own: as much as a step takes."""
        # As torch.cuda.graph, which imports the compiler, and leaves its stream in charge where a recording fails.
        torch.cuda.synchronize(self._device)
        torch.cuda.empty_cache()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.stream(self._stream):
            graph.capture_begin()
            try:
                work()
            except BaseException:
                with suppress(RuntimeError):  # what went wrong first says more
                    graph.capture_end()
                raise
            graph.capture_end()
        self._graph = graph

    def replay(self) -> None:
        """On the stream in use, after all that it was told before."""
        assert self._graph is not None  # noqa: S101 - nothing is replayed that was not recorded
        self._graph.replay()


def recorder_for(device: torch.device, team: Team) -> Recorder | None:
    """A recorder where steps can be recorded: on CUDA, for a run in one process.

    Several processes average their gradients in every step, through a library that would have to be recorded too.
    """
    return CudaRecorder(device) if device.type == "cuda" and team.size == 1 else None
