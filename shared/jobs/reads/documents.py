"""Jobs as JSON, for many at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import ARRAY, BigInteger, Text, any_, bindparam, cast, func, literal_column, select

from shared.database.tables import Job, JobTag
from shared.jobs.guarded_write import table_of
from shared.jobs.reads.kept import Document
from shared.jobs.reads.queries import JOB_COLUMNS, job_answers
from shared.jobs.status import FINISHED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection, Row, Select

    from shared.jobs.reads.kept import Kept, View
    from shared.jobs.reads.queries import Workers

_JOBS = table_of(Job)


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


def read_documents(connection: Connection, numbers: Sequence[int], kept: Kept, view: View) -> Documents:
    """Read jobs by number; of finished ones only those that are not kept."""
    finished = kept.documents(view, numbers)
    rows, tags = _read(connection, [number for number in numbers if number not in finished])
    ended = [row for row in rows if row.status in FINISHED]
    if ended:
        made = _made(ended, tags, None)
        kept.keep_documents(view, {row.number: Document(row.id, made[row.number]) for row in ended})
        finished |= made
    return Documents(numbers, finished, [row for row in rows if row.number not in finished], tags)


def _read(connection: Connection, numbers: Sequence[int]) -> tuple[Sequence[Row[Any]], dict[str, list[str]]]:
    if not numbers:
        return [], {}
    sqlite = connection.dialect.name == "sqlite"
    asked = orjson.dumps(numbers).decode() if sqlite else list(numbers)
    rows = connection.execute(_rows(sqlite=sqlite), {"numbers": asked}).all()
    return rows, {row.id: sorted(orjson.loads(row.tags)) for row in rows}


@cache
def _rows(*, sqlite: bool) -> Select[Any]:
    """Return the statement that reads jobs by number, however many, each with its tags as a list in JSON."""
    gather = func.json_group_array if sqlite else func.json_agg
    tags = func.coalesce(cast(gather(JobTag.tag), Text), literal_column("'[]'"))
    own = select(tags).where(JobTag.job_id == Job.id).correlate(_JOBS).scalar_subquery()
    if sqlite:
        numbered = _JOBS.c.number.in_(select(func.json_each(bindparam("numbers")).table_valued("value").c.value))
    else:
        numbered = _JOBS.c.number == any_(bindparam("numbers", type_=ARRAY(BigInteger)))
    return select(*JOB_COLUMNS, own.label("tags")).where(numbered)


def _made(
    rows: Sequence[Row[Any]], tags: Mapping[str, list[str]], live: Callable[[], Workers] | None
) -> dict[int, bytes]:
    answers = zip(rows, job_answers(rows, tags, live), strict=True)
    return {row.number: orjson.dumps(answer, default=vars) for row, answer in answers}
