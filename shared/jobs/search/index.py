"""What lists search is written here, with the job, in its own transaction: its number, its spec's values, its words.

A job that the release before inserts lacks its number until `catch_up` has been called.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sqlalchemy import bindparam, func, select, text, update

from shared.database.tables import Job, JobTag, JobWord
from shared.database.text import clean
from shared.jobs.guarded_write import insert_rows, table_of
from shared.jobs.search.paths import key_of, values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from shared.database.engine import Database

T = TypeVar("T")

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


class Entry(NamedTuple):
    """What a job is found by, with its number."""

    number: int
    spec: Mapping[str, Any]
    texts: Sequence[str | None]
    """Its name and notes."""
    tags: Sequence[str]


def write(connection: Connection, entries: Sequence[Entry]) -> None:
    """Write what jobs are found by, whose rows have been inserted with their numbers in the same transaction."""
    _write_values(connection, [_value(one.number, *each) for one in entries for each in values(one.spec)])
    words_of = [{"job": one.number, "word": word} for one in entries for word in _words_of(one.texts, one.tags)]
    insert_rows(connection, JobWord, words_of)


def numbers(connection: Connection, instant: dt.datetime, count: int) -> list[int]:
    """Return numbers for jobs that this transaction creates at one instant."""
    first = first_number(instant)
    if connection.dialect.name == "postgresql":
        mask = (1 << TIE_BITS) - 1
        return sorted(first + (tie & mask) for tie in connection.scalars(_TIES, {"count": count}))
    within = (Job.number >= first, Job.number < first_number(instant + dt.timedelta(milliseconds=1)))
    last = connection.scalar(select(func.max(Job.number)).where(*within))
    start = first if last is None else last + 1
    return list(range(start, start + count))


def index_words(connection: Connection, job_id: str) -> None:
    """Write the words of a job again, after its name, notes or tags have changed in the same transaction."""
    row = connection.execute(select(Job.number, Job.name, Job.notes).where(Job.id == job_id)).one()
    if row.number is not None:
        connection.execute(table_of(JobWord).delete().where(JobWord.job == row.number))
        found = _words_of((row.name, row.notes), _tags(connection, [job_id]).get(job_id, ()))
        insert_rows(connection, JobWord, [{"job": row.number, "word": word} for word in found])


def catch_up(db: Database, most: int = _AT_ONCE) -> int:
    """Index at most `most` jobs that lack a number; return how many there were."""

    def work(connection: Connection) -> int:
        # On PostgreSQL another process may be at the same jobs: once it has committed, they are none of these.
        missing = connection.scalars(_MISSING.limit(most).with_for_update()).all()
        if missing:
            _number(connection, missing)
        return len(missing)

    return db.write(work)


def read_indexed(db: Database, read: Callable[[Connection], T]) -> T:
    """Return what `read` reads in one transaction, in which every job is indexed."""
    while True:
        with db.read() as connection:
            if connection.scalar(_MISSING.limit(1)) is None:
                return read(connection)
        catch_up(db)


def _number(connection: Connection, job_ids: Sequence[str]) -> None:
    """Number jobs that lack a number, and write what they are found by."""
    wanted = select(*_COLUMNS).where(Job.id.in_(job_ids)).order_by(Job.created_at, Job.id)
    rows = connection.execute(wanted).all()
    tags = _tags(connection, [row.id for row in rows])
    entries: list[Entry] = []
    for instant, group in groupby(rows, key=lambda row: row.created_at):
        same = list(group)
        numbered = zip(numbers(connection, instant, len(same)), same, strict=True)
        entries += [Entry(n, row.spec, (row.name, row.notes), tags.get(row.id, ())) for n, row in numbered]
    numbered_ids = [{"of": row.id, "new": entry.number} for row, entry in zip(rows, entries, strict=True)]
    connection.execute(_NUMBER, numbered_ids)
    write(connection, entries)


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


def _tags(connection: Connection, job_ids: Sequence[str]) -> dict[str, list[str]]:
    tags: dict[str, list[str]] = {}
    for job_id, tag in connection.execute(select(JobTag.job_id, JobTag.tag).where(JobTag.job_id.in_(job_ids))):
        tags.setdefault(job_id, []).append(tag)
    return tags


def _words_of(texts: Iterable[str | None], tags: Iterable[str]) -> list[str]:
    found = {tag_word(tag) for tag in tags}
    return sorted(found.union(*(words(one) for one in (*filter(None, texts), *tags))))
