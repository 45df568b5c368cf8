"""Numbers in memory that all processes of a server share, so that each of them can report what all have counted.

prometheus_client's own way is a file per process, mapped into memory. Those files stay after their processes, have to
be emptied at each start, and a process that writes to one on a full disk is killed. This memory has no file: the server
allocates it before it starts its processes, and it ends with the last of them.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable

NUMBERS = 16_384
"""Numbers of each part: 128 KiB."""
_BYTES = 8


class SharedNumbers:
    """Parts of numbers, each written by one process and read by all.

    Make it before the processes fork. A process that takes over the part of one that has died goes on with its numbers,
    so that no sum over all parts ever decreases.

    Args:
        parts: largest number of processes at a time that have a part of their own.
    """

    def __init__(self, parts: int) -> None:
        memory = memoryview(mmap.mmap(-1, parts * NUMBERS * _BYTES)).cast("d")
        self._parts = [memory[number * NUMBERS : (number + 1) * NUMBERS] for number in range(parts)]

    def free_part(self, taken: Iterable[int]) -> int:
        """Return a part that is not among those `taken`; the last one, to be shared, where all are taken."""
        free = set(range(len(self._parts))) - set(taken)
        return min(free, default=len(self._parts) - 1)

    def part(self, number: int) -> memoryview[float]:
        """Return one part, to write to."""
        return self._parts[number]

    def sums(self, count: int) -> list[float]:
        """Return the sums, over all parts, of their first `count` numbers."""
        return [sum(column) for column in zip(*(part[:count].tolist() for part in self._parts), strict=True)]
