"""The memory of a process, as the kernel counts it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Memory:
    """MiB (2^20 bytes) of one process.

    Attributes:
        resident: RSS: everything of it that is in memory, shared pages counted in full.
        proportional: PSS: the same, a page that n processes share counted as 1/n.
        unique: USS: what would be free if it ended.
    """

    resident: float
    proportional: float
    unique: float


def memory(pid: int) -> Memory:
    """The memory of a running process, from /proc/PID/smaps_rollup."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    kilobytes = {name: int(size) for name, size in re.findall(r"^(\w+): +(\d+) kB", text, re.MULTILINE)}
    unique = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
    return Memory(*(value / 1024 for value in (kilobytes["Rss"], kilobytes["Pss"], unique)))


def children(pid: int) -> list[int]:
    """The ids of the child processes of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
