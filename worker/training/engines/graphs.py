"""Blocks of steps as CUDA graphs: recorded once, then played with one call.

An epoch of a small network is thousands of kernels of a few microseconds each; launched one by one from Python they
leave a GPU idle nine tenths of the time. A program is a function of tensors at fixed addresses, so a block of its steps
can be recorded: forward, backward, update and figures, dropout's draws included (CUDA's generator counts recorded draws
as it counts others). Only picking a block's images, and augmenting them, is launched as usual, a few kernels a block.

Not yet run on a GPU: what is here besides the recording itself (`_record`) is tested on a CPU, where every block is
computed as it comes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from worker.training.engines.autograd import AutogradProgram
from worker.training.engines.fused import FusedProgram
from worker.training.engines.layers import is_fully_connected
from worker.training.engines.program import Program, ResidentLoop
from worker.training.plan import TrainingPlan

Tensors = tuple[Tensor, ...]


class Recorded:
    """A function of tensors that is recorded for each shape of its arguments, and played from then on.

    The first call with a shape computes it as usual, on a stream of its own: that is what sets up workspaces, and what
    an optimizer keeps. The second records. Results stay valid until the next call with the same shape.
    """

    def __init__(self, function: Callable[..., Tensors]) -> None:
        self._function = function
        self._recordings: dict[tuple[torch.Size, ...], _Recording | None] = {}

    def __call__(self, *arguments: Tensor) -> Tensors:
        """What the function gives."""
        if arguments[0].device.type != "cuda":
            return self._function(*arguments)
        shapes = tuple(argument.shape for argument in arguments)
        if shapes not in self._recordings:
            self._recordings[shapes] = None
            return self._aside(arguments)
        recording = self._recordings[shapes]
        if recording is None:
            recording = self._recordings[shapes] = _record(self._function, arguments)
        return recording.play(arguments)

    def _aside(self, arguments: Tensors) -> Tensors:
        """On another stream, as recording wants its first run to be."""
        here, aside = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(here)
        with torch.cuda.stream(aside):
            results = self._function(*arguments)
        here.wait_stream(aside)
        for tensor in (*arguments, *results):
            tensor.record_stream(here)
        return results


@dataclass(frozen=True)
class _Recording:
    graph: torch.cuda.CUDAGraph
    arguments: Tensors
    results: Tensors

    def play(self, arguments: Tensors) -> Tensors:
        for fixed, argument in zip(self.arguments, arguments, strict=True):
            fixed.copy_(argument)
        self.graph.replay()
        return self.results


def _record(function: Callable[..., Tensors], arguments: Tensors) -> _Recording:
    """Record the function without computing anything."""
    fixed = tuple(argument.clone() for argument in arguments)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = function(*fixed)
    return _Recording(graph, fixed, results)


class RecordedProgram:
    """A program whose blocks are recorded."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.batches = program.batches
        self.rows, self.images = program.rows, program.images
        self.begin_epoch, self.state, self.restore = program.begin_epoch, program.state, program.restore
        self._train_on = Recorded(program.train_on)
        self._predict = Recorded(lambda rows: (program.predict(rows),))

    def train_on(self, rows: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """See `Program`."""
        losses, correct = self._train_on(rows, labels)
        return losses, correct

    def predict(self, rows: Tensor) -> Tensor:
        """See `Program`."""
        return self._predict(rows)[0]


class GraphsEngine(ResidentLoop):
    """Any network on a GPU; boundaries come after blocks of up to 32 batches, all of which are one graph."""

    name: ClassVar[str] = "graphs"

    @staticmethod
    def fits(plan: TrainingPlan, device: torch.device) -> bool:
        """See `Engine.fits`."""
        del plan
        return device.type == "cuda"

    @staticmethod
    def program(plan: TrainingPlan, network: nn.Sequential, device: torch.device) -> Program:
        """See `ResidentLoop.program`."""
        kind: Any = FusedProgram if is_fully_connected(plan) else AutogradProgram
        return RecordedProgram(kind(plan, network, device, recorded=True))
