"""Jobs as JSON, for many at once: a finished job's is kept, as it changes with an event of the job alone."""

from __future__ import annotations

import threading
from collections import OrderedDict
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

    from sqlalchemy import Connection

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


def read_documents(
    connection: Connection, numbers: Sequence[int], finished: FinishedJobs
) -> Callable[[Callable[[], Workers] | None], list[bytes]]:
    """Read jobs by number; return a function that makes their JSON, in this order, of the live workers.

    The function needs no connection, so that workers are read after the connection was returned.
    """
    versions: dict[int, Version] = {
        number: (job_id, seq, finished_at)
        for number, job_id, seq, finished_at in connection.execute(_VERSIONS, {"numbers": numbers})
    }
    kept = finished.among(versions)
    missing = [number for number in versions if number not in kept]
    rows = connection.execute(_ROWS, {"numbers": missing}).all() if missing else []
    tags = tags_of(connection, [row.id for row in rows])

    def make(live: Callable[[], Workers] | None) -> list[bytes]:
        answers = zip(rows, job_answers(rows, tags, live), strict=True)
        made = {row.number: orjson.dumps(answer, default=vars) for row, answer in answers}
        finished.keep({versions[row.number]: made[row.number] for row in rows if row.status in FINISHED})
        every = kept | made
        return [every[number] for number in numbers if number in every]

    return make
