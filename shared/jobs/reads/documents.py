"""Jobs as JSON, for many at once: a finished job's is kept, as it changes with an event of the job alone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import bindparam, select, type_coerce
from sqlalchemy.types import NullType

from shared.database.tables import Job
from shared.jobs.guarded_write import table_of
from shared.jobs.reads.queries import JOB_COLUMNS, job_answers, tags_of
from shared.jobs.status import FINISHED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection, Row

    from shared.jobs.reads.queries import Workers

KEPT = 2_000
"""Finished jobs whose JSON a process keeps, of some 2,500 bytes each."""
_JOBS = table_of(Job)
_NUMBERED = _JOBS.c.number.in_(bindparam("numbers", expanding=True))
# The instant as the driver returns it, as it is only compared.
_VERSIONS = select(_JOBS.c.number, _JOBS.c.id, _JOBS.c.event_seq, type_coerce(_JOBS.c.finished_at, NullType())).where(
    _NUMBERED
)
_ROWS = select(*JOB_COLUMNS).where(_NUMBERED)
Version = tuple[Any, ...]
"""Id of a job, number of its last event, and when it finished."""


class FinishedJobs:
    """The JSON of the finished jobs that were read last, by id and version. Safe to share between threads."""

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[Version, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def among(self, versions: Mapping[int, Version]) -> dict[int, bytes]:
        """Return the JSON of those of these versions of jobs, given by number, that are kept."""
        found = {}
        with self._lock:
            for number, version in versions.items():
                document = self._kept.get(version)
                if document is not None:
                    found[number] = document
                    self._kept.move_to_end(version)
        return found

    def keep(self, documents: Mapping[Version, bytes]) -> None:
        """Keep the JSON of versions of finished jobs, in place of those that were read longest ago."""
        with self._lock:
            self._kept.update(documents)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)


@dataclass(frozen=True)
class Documents:
    """Some jobs as they were read: finished ones as JSON, others as rows."""

    numbers: Sequence[int]
    finished: Mapping[int, bytes]
    """JSON of the finished jobs, by number."""
    rows: Sequence[Row[Any]]
    tags: Mapping[str, list[str]]

    def json(self, live: Callable[[], Workers] | None) -> list[bytes]:
        """Return the jobs' JSON in the order of `numbers`, those of queued ones with warnings about the live workers.

        It needs no connection, so that workers are read after the connection was returned.
        """
        if not self.rows:
            return [self.finished[number] for number in self.numbers if number in self.finished]
        every = {**self.finished, **_made(self.rows, self.tags, live)}
        return [every[number] for number in self.numbers if number in every]


def read_documents(connection: Connection, numbers: Sequence[int], finished: FinishedJobs) -> Documents:
    """Read jobs by number; of finished ones, only those that are not kept in this version."""
    versions: dict[int, Version] = {
        number: (job_id, seq, finished_at)
        for number, job_id, seq, finished_at in connection.execute(_VERSIONS, {"numbers": numbers})
    }
    kept = finished.among(versions)
    rows, tags = _read(connection, [number for number in versions if number not in kept])
    made = _made([row for row in rows if row.status in FINISHED], tags, None)
    finished.keep({versions[number]: document for number, document in made.items()})
    return Documents(numbers, {**kept, **made}, [row for row in rows if row.number not in made], tags)


def read_unfinished(connection: Connection, numbers: Sequence[int], finished: Mapping[int, bytes]) -> Documents:
    """Read jobs by number, but for the finished ones, whose JSON is given."""
    rows, tags = _read(connection, [number for number in numbers if number not in finished])
    return Documents(numbers, finished, rows, tags)


def _read(connection: Connection, numbers: Sequence[int]) -> tuple[Sequence[Row[Any]], dict[str, list[str]]]:
    rows = connection.execute(_ROWS, {"numbers": numbers}).all() if numbers else []
    return rows, tags_of(connection, [row.id for row in rows])


def _made(
    rows: Sequence[Row[Any]], tags: Mapping[str, list[str]], live: Callable[[], Workers] | None
) -> dict[int, bytes]:
    answers = zip(rows, job_answers(rows, tags, live), strict=True)
    return {row.number: orjson.dumps(answer, default=vars) for row, answer in answers}
