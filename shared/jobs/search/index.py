"""What lists search is written here, with the job, in its own transaction: its number, its spec's values, its words.

A job that the release before inserts lacks its number until `catch_up` has been called.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select, text, update

from shared.database.tables import Job, JobTag, JobWord
from shared.database.text import clean
from shared.jobs.guarded_write import insert_rows, table_of
from shared.jobs.search.paths import key_of, values

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection, Row

    from shared.database.engine import Database

TIE_BITS = 12
"""Low bits of a number, which tell apart the jobs of one microsecond."""
_ORIGIN = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_LARGEST = 2**63 - 1
_WORD = re.compile(r"\w+")
_AT_ONCE = 500
_TAG = "#"
_LONGEST = 400
"""Characters of a text that are kept: PostgreSQL's indexes take no more than 2,700 bytes."""
_MISSING = select(table_of(Job).c.id).where(table_of(Job).c.number.is_(None))
_ANY_MISSING = _MISSING.limit(1)
_COLUMNS = (Job.id, Job.created_at, Job.spec, Job.name, Job.notes)


def first_number(instant: dt.datetime) -> int:
    """Return the smallest number of a job that is created at `instant`: numbers are in the order of creation."""
    number = (instant - _ORIGIN) // _MICROSECOND << TIE_BITS
    return max(-_LARGEST, min(_LARGEST, number))


def tag_word(tag: str) -> str:
    """Return the word that stands for a whole tag."""
    return stored_text(f"{_TAG}{tag}")


def stored_text(text: str) -> str:
    """Return a text as it is stored to be found by: a long one is cut, and told from others by its hash."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}…{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def words(text: str) -> set[str]:
    """Return the words of a text: its runs of letters, digits and underscores, whatever their case."""
    return {stored_text(word) for word in _WORD.findall(text.casefold())}


def index(connection: Connection, job_ids: Sequence[str]) -> None:
    """Number jobs that were just inserted with their tags, and write what they are found by."""
    wanted = select(*_COLUMNS).where(Job.id.in_(job_ids)).order_by(Job.created_at, Job.id)
    rows = connection.execute(wanted).all()
    numbers = _numbers(connection, rows)
    numbered = [{"of": row.id, "new": number} for row, number in zip(rows, numbers, strict=True)]
    connection.execute(_NUMBER, numbered)
    specs = ((number, row.spec) for row, number in zip(rows, numbers, strict=True))
    _write_values(connection, [_value(number, *one) for number, spec in specs for one in values(spec)])
    _write_words(
        connection, {row.id: (number, [row.name, row.notes]) for row, number in zip(rows, numbers, strict=True)}
    )


def index_words(connection: Connection, job_id: str) -> None:
    """Write the words of a job again, after its name, notes or tags have changed in the same transaction."""
    row = connection.execute(select(Job.number, Job.name, Job.notes).where(Job.id == job_id)).one()
    if row.number is not None:
        connection.execute(table_of(JobWord).delete().where(JobWord.job == row.number))
        _write_words(connection, {job_id: (row.number, [row.name, row.notes])})


def catch_up(db: Database, most: int = _AT_ONCE) -> int:
    """Index at most `most` jobs that lack a number; return how many there were."""

    def work(connection: Connection) -> int:
        # On PostgreSQL another process may be at the same jobs: once it has committed, they are none of these.
        missing = connection.scalars(_MISSING.limit(most).with_for_update()).all()
        if missing:
            index(connection, missing)
        return len(missing)

    return db.write(work)


def is_complete(connection: Connection) -> bool:
    """Whether every job has its number."""
    return connection.execute(_ANY_MISSING).one_or_none() is None


def _numbers(connection: Connection, rows: Sequence[Row[Any]]) -> list[int]:
    """Return a number for each job; the rows are in order of creation."""
    if connection.dialect.name == "postgresql":
        drawn = connection.scalars(_TIES, {"count": len(rows)})
        mask = (1 << TIE_BITS) - 1
        return [first_number(row.created_at) + (tie & mask) for row, tie in zip(rows, drawn, strict=True)]
    numbers = []
    for created_at, same in groupby(rows, key=lambda row: row.created_at):
        first = first_number(created_at)
        within = (Job.number >= first, Job.number < first_number(created_at + dt.timedelta(milliseconds=1)))
        last = connection.scalar(select(func.max(Job.number)).where(*within))
        numbers += [(first - 1 if last is None else last) + place for place, _ in enumerate(same, 1)]
    return numbers


_TIES = text("SELECT nextval('job_number_ties') FROM generate_series(1, :count)")
_NUMBER = update(table_of(Job)).where(Job.id == bindparam("of")).values(number=bindparam("new"))
_INTO = "INSERT INTO job_values (job, path, number, text) "
_EACH = f"{_INTO}VALUES (?, ?, ?, ?)"
_LISTED = f"{_INTO}SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::float8[], %s::text[])"  # noqa: S608 -- no values


def _value(number: int, path: str, value: str | float) -> tuple[int, int, float | None, str | None]:
    """Return a row of `job_values`."""
    if isinstance(value, str):
        return number, key_of(path), None, clean(stored_text(value))
    return number, key_of(path), value, None


def _write_values(connection: Connection, rows: list[tuple[int, int, float | None, str | None]]) -> None:
    """Insert rows of `job_values`; a batch has some 30,000, which are left to the driver as they are."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_EACH, rows)
    else:
        connection.exec_driver_sql(_LISTED, tuple(map(list, zip(*rows, strict=True))))


def _write_words(connection: Connection, jobs: dict[str, tuple[int, list[str | None]]]) -> None:
    """Write the words of jobs, given by id with number, name and notes, whose tags are in the database."""
    tags: dict[str, list[str]] = {}
    for job_id, tag in connection.execute(select(JobTag.job_id, JobTag.tag).where(JobTag.job_id.in_(list(jobs)))):
        tags.setdefault(job_id, []).append(tag)
    insert_rows(
        connection,
        JobWord,
        [
            {"job": number, "word": word}
            for job_id, (number, texts) in jobs.items()
            for word in _words_of(texts, tags.get(job_id, ()))
        ],
    )


def _words_of(texts: Iterable[str | None], tags: Iterable[str]) -> list[str]:
    found = {tag_word(tag) for tag in tags}
    return sorted(found.union(*(words(one) for one in (*filter(None, texts), *tags))))
