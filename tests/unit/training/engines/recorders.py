"""Recorders for a CPU: what they play is computed, but on arguments at fixed addresses, as a graph's would be."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from worker.training.engines.graphs import CapturedGraph, Function, Tensors


@dataclass
class Computing:
    """Plays by computing, into results at fixed addresses. Takes note of what it is asked for, in `calls`."""

    calls: list[str] = field(default_factory=list)

    def compute(self, function: Function, arguments: Tensors) -> Tensors:
        """As it comes."""
        self.calls.append("compute")
        return function(*arguments)

    def record(self, function: Function, arguments: Tensors) -> CapturedGraph:
        """Nothing is computed yet."""
        self.calls.append("record")
        return Played(function, tuple(torch.empty_like(argument) for argument in arguments), self.calls)


class Refusing(Computing):
    """Cannot record."""

    def record(self, function: Function, arguments: Tensors) -> CapturedGraph:
        """Never works."""
        self.calls.append("refuse")
        raise RuntimeError("operation not permitted when stream is capturing")


@dataclass
class Played:
    """What `Computing` records."""

    function: Function
    arguments: Tensors
    calls: list[str]
    results: Tensors = ()

    def play(self, arguments: Tensors) -> Tensors:
        """Over the fixed arguments, into the fixed results."""
        self.calls.append("play")
        for fixed, argument in zip(self.arguments, arguments, strict=True):
            fixed.copy_(argument)
        results = self.function(*self.arguments)
        self.results = self.results or tuple(result.clone() for result in results)
        for fixed, result in zip(self.results, results, strict=True):
            fixed.copy_(result)
        return self.results
