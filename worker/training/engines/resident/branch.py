"""Work beside the main stream of a GPU: what a step's next product does not wait for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor


@cache
def stream_beside(device: torch.device, name: str) -> torch.cuda.Stream:
    """The process' one stream of this name: each new stream would keep a workspace of cuBLAS' for good."""
    del name
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


class Branch:
    """Takes work in order, after everything the main stream was given before it; `join` before using its results.

    On a CPU the work is done at once. Recorded in a CUDA graph, the streams become branches of it.
    """

    def __init__(self, device: torch.device, name: str) -> None:
        self._stream = stream_beside(device, name) if device.type == "cuda" else None
        self._used: list[Tensor] = []

    @contextmanager
    def beside(self, *tensors: Tensor) -> Iterator[None]:
        """What is launched here runs beside. It may use these tensors: their memory is not given away before `join`."""
        if self._stream is None:
            yield
            return
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            yield
        self._used += tensors

    def join(self) -> None:
        """Have the main stream go on when all of it is done.

        Waits for nothing where there is none: a recording must not wait for a stream that takes no part in it.
        """
        if self._used:
            torch.cuda.current_stream().wait_stream(self._stream)  # type: ignore[arg-type]
        self._used.clear()
