"""Work on a second stream of a GPU, for results that a step's next product does not wait for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor


@cache
def stream_beside(device: torch.device, name: str) -> torch.cuda.Stream:
    """The process' one stream of this name: each new stream would hold a cuBLAS workspace for good."""
    del name
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


class Branch:
    """A second stream for work that follows everything launched on the main stream; `join` before using its results.

    On a CPU the work is done at once. Recorded in a CUDA graph, the streams become branches of the graph.
    """

    def __init__(self, device: torch.device, name: str) -> None:
        self._stream = stream_beside(device, name) if device.type == "cuda" else None
        self._used: list[Tensor] = []

    @contextmanager
    def beside(self, *tensors: Tensor) -> Iterator[None]:
        """A context whose kernels run on the second stream. It may use `tensors`: their memory is held until `join`."""
        if self._stream is None:
            yield
            return
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            yield
        self._used += tensors

    def join(self) -> None:
        """Have the main stream wait for all work of the branch.

        Waits for nothing where there is no work: a recording must not wait for a stream that takes no part in it.
        """
        if self._used:
            torch.cuda.current_stream().wait_stream(self._stream)  # type: ignore[arg-type]
        self._used.clear()
