"""A snapshot of a service, drawn so that it fits a terminal of any width and height."""

from __future__ import annotations

import time
from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from flightline.cli.columns import Columns, compact
from flightline.cli.overview.snapshot import Snapshot
from flightline.cli.progress import jobs_grid
from flightline.cli.tables import QUEUE_COLUMNS, duration, plural, queue_row, worker_row
from flightline.client.records import Worker

WORKER_COLUMNS = Columns(
    ("WORKER", "DEVICE", "STATE", "JOB", "HEARTBEAT"), shortened="WORKER", dropped=("HEARTBEAT", "DEVICE", "JOB")
)
HEADED = 2
"""Lines of a table above its rows: the headers, and the rule below them."""
WORKERS_PART = 3
"""Workers take at most one line in so many, so that jobs are seen on a small screen too."""


class Overview:
    """A snapshot as one page: a summary, then the jobs, the workers and the queues; what has no room is left out.

    Args:
        snapshot: what there is to show.
        url: the service's URL.
        fault: why the service does not answer any more; None where it does.
        silent_seconds: how long ago the snapshot was taken.
    """

    def __init__(self, snapshot: Snapshot, url: str, fault: Exception | None = None, silent_seconds: float = 0) -> None:
        self._snapshot = snapshot
        self._url = url
        self._fault = fault
        self._silent_seconds = silent_seconds

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, height = options.max_width, options.height or console.height
        above = [*self._summary(), Text()]
        below = [Text(), *self._workers(width, max(1, height // WORKERS_PART - HEADED)), Text(), *self._queues(width)]
        room = height - sum(map(_lines, [*above, *below]))
        for part in [*above, *self._jobs(width, max(1, room - 1)), *below]:
            if isinstance(part, Text):
                part.truncate(width, overflow="ellipsis")
            yield part

    def _summary(self) -> Iterator[Text]:
        clock = time.strftime("%H:%M:%S")
        yield Text.assemble(("Flightline", "bold"), f"  {self._url}  ", (f"{clock}  q ends this", "dim"))
        if self._fault is None:
            yield Text(self._counts())
        else:
            reason = str(self._fault).partition("\n")[0]
            yield Text(f"No answer for {duration(self._silent_seconds)}: {reason}", "bold red")

    def _counts(self) -> str:
        live = [worker for worker in self._snapshot.workers if worker.live and worker.get("role") != "predict"]
        busy = sum(worker.job_id is not None for worker in live)
        waiting = sum(queue.depth for queue in self._snapshot.queues)
        return f"{plural(waiting, 'job')} waiting, {busy} of {plural(len(live), 'worker')} busy"

    def _jobs(self, width: int, height: int) -> Iterator[RenderableType]:
        if self._snapshot.jobs:
            yield jobs_grid(self._snapshot.jobs[:height], self._snapshot.curves, width, ids=True)
        else:
            yield Text("No jobs. Submit one: flightline submit --preset notebook-tapered", "dim")

    def _workers(self, width: int, height: int) -> Iterator[RenderableType]:
        workers = sorted(self._snapshot.workers, key=lambda worker: (not worker.live, worker.id))
        rows = [_worker_cells(worker) for worker in workers[:height]]
        yield compact(WORKER_COLUMNS, rows, width) if rows else Text("No workers. Start one: flightline worker", "dim")

    def _queues(self, width: int) -> Iterator[RenderableType]:
        rows = [[Text(str(cell)) for cell in queue_row(queue)] for queue in self._snapshot.queues]
        yield compact(QUEUE_COLUMNS, rows, width) if rows else Text()


def _lines(part: RenderableType) -> int:
    return part.row_count + HEADED if isinstance(part, Table) else 1


def _worker_cells(worker: Worker) -> list[Text]:
    """A worker's cells for `WORKER_COLUMNS`: those of its row in a list, without the data that it holds."""
    *cells, _held, heartbeat = worker_row(worker, short=True)
    return [cell if isinstance(cell, Text) else Text(str(cell)) for cell in (*cells, heartbeat)]
