"""Blocks of steps as CUDA graphs: recorded once, then played with one call.

An epoch of a small network is thousands of kernels of a few microseconds each; launched one by one from Python they
leave a GPU idle nine tenths of the time. A program is a function of tensors at fixed addresses, so a block of its steps
can be recorded: forward, backward, update and figures, dropout's draws included (CUDA's generator counts recorded draws
as it counts others). Only picking a block's images, and augmenting them, is launched as usual, a few kernels a block.

All but `CudaCapture` and `CudaGraph` is tested on a CPU too, with a recorder that runs the functions; the whole on a
GPU, by `make gpu`. If a recording fails, the run continues without graphs.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn
from typing_extensions import override

from worker.training.engines.fused.program import FusedProgram
from worker.training.engines.resident.autograd import AutogradProgram
from worker.training.engines.resident.branch import stream_beside
from worker.training.engines.resident.loop import Program, ResidentLoop
from worker.training.plan import TrainingPlan

Tensors = tuple[Tensor, ...]
Function = Callable[..., Tensors]

_BATCHES_PREDICTED = 8

log = logging.getLogger(__name__)


class CapturedGraph(Protocol):
    """A function of tensors that was recorded and can be played again."""

    def play(self, arguments: Tensors) -> Tensors:
        """Run the graph on these arguments; the results are valid until the recorder's next recording is played."""


class GraphCapture(Protocol):
    """Records functions of tensors as graphs."""

    def compute(self, function: Function, arguments: Tensors) -> Tensors:
        """Run the function in the way that a first recording needs: sets up workspaces and an optimizer's state."""

    def record(self, function: Function, arguments: Tensors) -> CapturedGraph:
        """Record the function without running it.

        Raises:
            RuntimeError: the function does something that cannot be recorded.
        """


class Permission:
    """Whether a program's functions may be recorded: all of them until one recording fails.

    After a failure earlier recordings are not played any more either: see `CudaCapture.record`.
    """

    def __init__(self) -> None:
        self.granted = True


class GraphCache:
    """A function with a graph for each shape of its arguments: run first, then recorded, then played."""

    def __init__(self, function: Function, recorder: GraphCapture, permission: Permission) -> None:
        self._function, self._recorder, self._permission = function, recorder, permission
        self._recordings: dict[tuple[torch.Size, ...], CapturedGraph] = {}
        self._seen: set[tuple[torch.Size, ...]] = set()

    def __call__(self, *arguments: Tensor) -> Tensors:
        """The function's results; valid until the next call of any function with the same recorder."""
        shapes = tuple(argument.shape for argument in arguments)
        if shapes in self._seen and shapes not in self._recordings and self._permission.granted:
            self._record(shapes, arguments)
        self._seen.add(shapes)
        if shapes in self._recordings and self._permission.granted:
            return self._recordings[shapes].play(arguments)
        return self._recorder.compute(self._function, arguments)

    def _record(self, shapes: tuple[torch.Size, ...], arguments: Tensors) -> None:
        try:
            self._recordings[shapes] = self._recorder.record(self._function, arguments)
        except RuntimeError as error:  # nothing has run yet: the same steps can be launched as usual, only slower
            log.warning("steps_not_recorded", extra={"reason": str(error)})
            self._permission.granted = False


class CudaCapture(GraphCapture):
    """Records CUDA graphs on one stream, the one on which the function first runs.

    The graphs of one recorder share their memory: the results of one are valid until another is played.
    """

    def __init__(self) -> None:
        self._pool: Any = None

    @override
    def compute(self, function: Function, arguments: Tensors) -> Tensors:
        """Run the function on the recording's stream, as torch wants the first run before a recording to be."""
        here, aside = torch.cuda.current_stream(), _aside()
        aside.wait_stream(here)
        with torch.cuda.stream(aside):
            results = function(*arguments)
        here.wait_stream(aside)
        for argument in arguments:
            argument.record_stream(aside)
        for result in results:
            result.record_stream(here)
        return results

    @override
    def record(self, function: Function, arguments: Tensors) -> CapturedGraph:
        """Record a CUDA graph. After a failure, draws of earlier recordings leave the generator's state."""
        fixed = tuple(argument.clone() for argument in arguments)
        graph = torch.cuda.CUDAGraph()
        recording = torch.cuda.graph(graph, pool=self._pool, stream=_aside(), capture_error_mode="thread_local")
        with _undisturbed(), recording:
            results = function(*fixed)
        self._pool = graph.pool()
        return CudaGraph(graph, fixed, results)


def _aside() -> torch.cuda.Stream:
    return stream_beside(torch.device("cuda", torch.cuda.current_device()), "recording")


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A context for recording: the garbage collector rests, and a failure leaves torch as it was.

    The graph of an earlier run, destroyed in the middle of a recording, would break it. After a failure torch leaves
    its own stream behind, and its generator as if it were still recording, so that nothing could be drawn any more: the
    generator continues from a copy of its state.
    """
    here, collecting = torch.cuda.current_stream(), gc.isenabled()
    gc.disable()
    try:
        yield
    except BaseException:
        torch.cuda.set_stream(here)
        generator = torch.cuda.default_generators[torch.cuda.current_device()]
        generator.graphsafe_set_state(generator.clone_state())
        raise
    finally:
        if collecting:
            gc.enable()


@dataclass(frozen=True)
class CudaGraph(CapturedGraph):
    """A recorded CUDA graph, with the tensors that it reads from and writes to."""

    graph: torch.cuda.CUDAGraph
    arguments: Tensors
    results: Tensors

    @override
    def play(self, arguments: Tensors) -> Tensors:
        for fixed, argument in zip(self.arguments, arguments, strict=True):
            fixed.copy_(argument)
        self.graph.replay()
        return self.results


class GraphProgram:
    """A program whose blocks are recorded as graphs; all but `train_on` and `predict` is the given program's."""

    def __init__(self, program: Program, recorder: GraphCapture) -> None:
        self.batches, self.network = program.batches, program.network
        self.predicted = _BATCHES_PREDICTED * program.predicted
        self.rows, self.images, self.rates = program.rows, program.images, program.rates
        self.state, self.restore, self.buffers = program.state, program.restore, program.buffers
        permission = Permission()
        self._train_on = GraphCache(program.train_on, recorder, permission)
        self._predict = GraphCache(partial(_predicted, program), recorder, permission)

    def train_on(self, rows: Tensor, labels: Tensor, rates: Tensor) -> tuple[Tensor, Tensor]:
        """Take one block's steps by its graph: the mean loss of each batch (k), and the count of correct guesses."""
        losses, correct = self._train_on(rows, labels, rates)
        return losses, correct

    def predict(self, rows: Tensor) -> Tensor:
        """Scores (N, classes) fp32 by a graph. Draws from no generator."""
        return self._predict(rows)[0]


def _predicted(program: Program, rows: Tensor) -> Tensors:
    """Scores of the rows of several calls, each call with as many as without a recording: rounding depends on it."""
    return (torch.cat([program.predict(part) for part in torch.split(rows, program.predicted)]),)


class GraphsEngine(ResidentLoop):
    """Any network on a GPU; boundaries come after blocks of up to 16 batches, all of which are one graph."""

    name: ClassVar[str] = "graphs"
    recorder: ClassVar[Callable[[], GraphCapture]] = CudaCapture

    @staticmethod
    @override
    def fits(plan: TrainingPlan, device: torch.device) -> bool:
        del plan
        return device.type == "cuda"

    @staticmethod
    @override
    def program(plan: TrainingPlan, network: nn.Module, device: torch.device) -> Program:
        kind = FusedProgram if FusedProgram.fits(plan) else AutogradProgram
        return GraphProgram(kind(plan, network, device, recorded=True), GraphsEngine.recorder())
