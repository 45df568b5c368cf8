"""The memory of each process of an idle service, whose worker has trained on the whole data set."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.support.lines import Line
from benchmarks.support.stack.processes import Memory, children, memory
from benchmarks.support.stack.service import service

JOB = {"preset": "notebook-tapered", "dataset": "synthetic", "training": {"epochs": 8}}
"""Long enough for the child to give what it freed back afterwards (`worker.processes.memory`)."""
PARENT_MIB, CHILD_MIB = 90.0, 700.0


def lines(rounds: int) -> Iterator[Line]:
    """Resident memory (RSS), which counts shared pages in full; beside it PSS and USS (see `Memory`)."""
    del rounds  # a process has the memory that it has
    with service(1, warm_up=JOB) as made:
        worker, api, redis = (program.pid or 0 for program in (*made.workers.values(), made.api, made.redis))
        (child,) = children(worker)
        yield from _lines("worker, the parent", memory(worker), PARENT_MIB)
        yield from _lines("worker, the child with torch and data", memory(child), CHILD_MIB)
        yield from _lines("API, the master", memory(api))
        for number, process in enumerate(children(api), start=1):
            yield from _lines(f"API, process {number}", memory(process))
        yield from _lines("Redis", memory(redis))


def _lines(whose: str, of: Memory, at_most: float | None = None) -> Iterator[Line]:
    yield Line(f"memory of {whose}: resident (RSS)", "MiB", of.resident, at_most=at_most)
    yield Line(f"memory of {whose}: proportional (PSS)", "MiB", of.proportional)
    yield Line(f"memory of {whose}: its own (USS)", "MiB", of.unique)
