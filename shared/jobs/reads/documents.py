"""Jobs as JSON, for many at once: a finished job's is kept, as it changes with an event of the job alone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import select

from shared.database.tables import Job
from shared.jobs.reads.queries import JOB_COLUMNS, job_answers, tags_of
from shared.jobs.status import FINISHED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from shared.jobs.reads.queries import Workers

KEPT = 2_000
"""Finished jobs whose JSON a process keeps, of some 2,500 bytes each."""
_VERSION = (Job.number, Job.id, Job.event_seq, Job.status, Job.finished_at)


class FinishedJobs:
    """The JSON of the finished jobs that were read last, by id and version. Safe to share between threads."""

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[Any, ...], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, version: tuple[Any, ...]) -> bytes | None:
        """Return the JSON of a version of a job; None where it is not kept."""
        with self._lock:
            found = self._kept.get(version)
            if found is not None:
                self._kept.move_to_end(version)
            return found

    def keep(self, version: tuple[Any, ...], document: bytes) -> None:
        """Keep the JSON of a version of a finished job, in place of the one that was read longest ago."""
        with self._lock:
            self._kept[version] = document
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)


def read_documents(
    connection: Connection, numbers: Sequence[int], finished: FinishedJobs
) -> Callable[[Callable[[], Workers] | None], list[bytes]]:
    """Read jobs by number; return a function that makes their JSON, in this order, of the live workers.

    The function needs no connection, so that workers are read after the connection was returned.
    """
    versions = {row.number: row for row in connection.execute(select(*_VERSION).where(Job.number.in_(numbers)))}
    kept = {number: finished.get(_version(row)) for number, row in versions.items()}
    missing = [number for number, document in kept.items() if document is None]
    rows = connection.execute(select(*JOB_COLUMNS).where(Job.number.in_(missing))).all() if missing else []
    tags = tags_of(connection, [row.id for row in rows])

    def make(live: Callable[[], Workers] | None) -> list[bytes]:
        made = {}
        for row, answer in zip(rows, job_answers(rows, tags, live), strict=True):
            made[row.number] = document = orjson.dumps(answer, default=vars)
            if row.status in FINISHED:
                finished.keep(_version(row), document)
        return [kept.get(number) or made[number] for number in numbers if number in versions]

    return make


def _version(row: Any) -> tuple[Any, ...]:
    return row.id, row.event_seq, row.finished_at
