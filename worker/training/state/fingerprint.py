"""A hash of a run's state after an epoch: equal in two runs when all is equal that the rest of the run depends on.

Hashing every byte would take longer than a GPU's epoch, so the tensors' bytes are first summed where they are. They
lie behind each other in the rows of a matrix of 64-bit integers; the sums of its rows and of its columns, modulo 2^64,
are what is hashed, with the generators' states. Sums of integers do not depend on the order of adding, so every engine
on every device gives the same for the same bits. Any one changed bit changes them. Two states have the same sums only
if their differences cancel in every row and in every column: chance does not do that, though somebody who wants to
could.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_WIDTH = 1021
"""Columns of the matrix: a prime, so that they are not those of any layer."""
_BYTES = 8


@dataclass(frozen=True)
class Sums:
    """The sums of a run's tensors, on their way from the device."""

    layout: str
    """Types and shapes of the tensors."""
    values: Tensor
    """The sums (rows + columns) int64 on the CPU; on a GPU's behalf valid once `arrived` has come."""
    arrived: torch.cuda.Event | None

    def digest(self, generators: Mapping[str, Tensor]) -> str:
        """The SHA-256, in hexadecimal, of the sums and of the states of generators, given by name."""
        if self.arrived is not None:
            self.arrived.synchronize()
        hashed = hashlib.sha256(self.layout.encode())
        hashed.update(self.values.numpy().data)
        for name, state in sorted(generators.items()):
            hashed.update(name.encode())
            hashed.update(state.numpy().data)
        return hashed.hexdigest()


class Fingerprint:
    """Sums up the tensors of one run, epoch by epoch, in memory of their own size that stays."""

    def __init__(self) -> None:
        self._layout = ""
        self._matrix = torch.empty(0)
        self._places: list[Tensor] = []

    @torch.no_grad()
    def sums(self, tensors: Sequence[Tensor]) -> Sums:
        """The sums of the tensors, which are all on one device, as they are now. Does not wait for a GPU.

        Tensors with the same elements give the same sums, whatever the layout of their memory.
        """
        layout = ";".join(f"{one.dtype}{tuple(one.shape)}" for one in tensors)
        if layout != self._layout:
            self._make_room(layout, tensors)
        torch._foreach_copy_(self._places, [one.detach() for one in tensors])
        sums = torch.cat((self._matrix.sum(1), self._matrix.sum(0)))
        if not sums.is_cuda:
            return Sums(layout, sums, None)
        there, arrived = sums.to("cpu", non_blocking=True), torch.cuda.Event()  # type: ignore[no-untyped-call]
        arrived.record()
        return Sums(layout, there, arrived)

    def _make_room(self, layout: str, tensors: Sequence[Tensor]) -> None:
        sizes = [math.ceil(one.nbytes / _BYTES) for one in tensors]
        rows = math.ceil(sum(sizes) / _WIDTH)
        self._layout = layout
        self._matrix = torch.zeros((rows, _WIDTH), dtype=torch.int64, device=tensors[0].device)
        parts = torch.split(self._matrix.flatten()[: sum(sizes)], sizes)
        self._places = [
            part.view(torch.uint8)[: one.nbytes].view(one.dtype).view(one.shape)
            for part, one in zip(parts, tensors, strict=True)
        ]
