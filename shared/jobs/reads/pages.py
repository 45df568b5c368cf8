"""One page of the jobs that pass some filters, in some order, by a bounded number of steps through an index.

Where a filter's jobs are few, they are read from its index and sorted. Otherwise the index of the order is walked and
each job tested, in `STEPS`. A walk that has taken all of them ends the page there, however few jobs it has found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, between, func, null, select, true

from shared.database.tables import Job
from shared.jobs.guarded_write import table_of
from shared.jobs.reads.filters import Filter, plain
from shared.jobs.reads.orders import Key, Order, Sorting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row, Select

    from shared.jobs.actor import Actor

    _Part = tuple[Sequence[Row[Any]], Key | None]
    """Rows of value and number, and where a walk was ended early; None where it came to the end of its index."""

FEW = 5_000
"""Jobs of a filter that are sorted at most: more are walked through, as a page's hundred are then found soon."""
STEPS = (500, 4_500)
"""Jobs that are tested at most in each step of a walk; another step is taken where the page is not full yet."""
COVERED_STEPS = (*STEPS, 5_000)
"""The same where the index that is walked has all that the tests ask for: each job then costs a fifth."""
SOME = 500
"""Jobs of a filter that are sorted at most without trying first whether a walk of such an index finds a page's."""

_JOBS = table_of(Job)


@dataclass(frozen=True)
class Found:
    """The numbers of a page's jobs, in order, and the key after which the next page starts; None on the last page."""

    numbers: list[int]
    next_key: Key | None


@dataclass(frozen=True)
class Query:
    """What a page holds: the filters, the actor's reach, and the order."""

    filters: list[Filter]
    actor: Actor
    order: Order


def read_page(connection: Connection, query: Query, after: Key | None, limit: int) -> Found:
    """Return the page of at most `limit` jobs after a key."""
    few = _fewest(connection, query)
    rows: list[Row[Any]] = []
    if query.order.value is None or after is None or after[0] is not None:
        part, end = _with_value(connection, query, few, after, limit + 1)
        rows += part
        if query.order.value is None or end is not None or len(rows) > limit:
            return _found(rows, limit, end)
        after = None
    part, end = _without_value(connection, query, few, after, limit + 1 - len(rows))
    return _found([*rows, *part], limit, end)


def _found(rows: Sequence[Row[Any]], limit: int, end: Key | None) -> Found:
    full = len(rows) > limit
    return Found(
        numbers=[row.number for row in rows[:limit]],
        next_key=(rows[limit - 1].value, rows[limit - 1].number) if full else end,
    )


@dataclass(frozen=True)
class _Few:
    """A filter that few jobs pass, and how many do."""

    filter: Filter
    count: int


def _covers(query: Query, filters: list[Filter]) -> bool:
    """Whether the order's index, which is one of `jobs`, has all that the filters ask for."""
    return query.order.source is _JOBS and all(query.order.name in one.covered_by for one in filters)


def _fewest(connection: Connection, query: Query) -> _Few | None:
    """Return the filter that the fewest jobs pass, if they are few; None where there is none such."""
    found = [one.found for one in query.filters if one.found is not None]
    if query.order.value is None and len(found) == 1 and any(one.in_order for one in query.filters):
        return None  # its index has the jobs in the page's own order
    best: _Few | None = None
    for one in query.filters:
        least = FEW + 1 if best is None else best.count
        if one.found is not None and (count := _count(connection, one.found, least)) < least:
            best = _Few(one, count)
    return best


def _count(connection: Connection, found: Select[Any], most: int) -> int:
    return connection.scalar(select(func.count()).select_from(found.limit(most).subquery())) or 0


def _with_value(connection: Connection, query: Query, few: _Few | None, after: Key | None, limit: int) -> _Part:
    """Read jobs that have the order's value, in its order."""
    order = query.order
    if few is not None and (order.value is None or few.count <= SOME or not _covers(query, query.filters)):
        return _gather(connection, query, few.filter, after, limit, lacking=False)
    if order.value is None:
        return _walk_numbers(connection, query, after, limit, descending=order.descending)
    walked = select(order.value.label("value"), order.number.label("number")).select_from(order.source)
    bounds = [one.compare(order.value) for one in query.filters if one.compare and one.limits == order.name]
    rest = [one for one in query.filters if one.limits != order.name]
    walk = _Walk(walked.where(order.within, *bounds), Sorting(order.value, order.number, order.descending))
    rows, end = _walk(connection, query, walk, rest, after, limit)
    if few is not None and end is not None and len(rows) < limit:
        return _gather(connection, query, few.filter, after, limit, lacking=False)
    return rows, end


def _without_value(connection: Connection, query: Query, few: _Few | None, after: Key | None, limit: int) -> _Part:
    """Read jobs that lack the order's value, newest first."""
    if few is not None:
        return _gather(connection, query, few.filter, after, limit, lacking=True)
    if query.order.source is not _JOBS:
        return _walk_numbers(connection, query, after, limit, query.order.of_job.is_(None), descending=True)
    walked = select(null().label("value"), _JOBS.c.number).where(
        query.order.value.is_(None), _JOBS.c.number.is_not(None)
    )
    walk = _Walk(walked, Sorting(None, _JOBS.c.number, descending=True))
    return _walk(connection, query, walk, query.filters, after, limit)


def _tests(query: Query, filters: list[Filter], *more: ColumnElement[bool]) -> ColumnElement[bool] | None:
    """Return the SQL that is true of a row of `jobs` that passes; None where every job does."""
    tests = [one.test for one in filters] + list(more)
    reach = query.actor.reach
    if not tests and reach is true():
        return None
    return and_(reach, *tests)


def _walk_numbers(
    connection: Connection,
    query: Query,
    after: Key | None,
    limit: int,
    *more: ColumnElement[bool],
    descending: bool,
) -> _Part:
    """Walk through jobs by number: through those of one filter whose index is in that order, else through all."""
    driver = next((one for one in query.filters if one.in_order and one.limits != "created_at"), None)
    rest = [one for one in query.filters if one is not driver]
    source = _JOBS if driver is None or driver.found is None else driver.found.subquery("found")
    number = source.c.number
    bounds = [one.compare(number) for one in rest if one.compare and one.limits == "created_at"]
    walked = select(null().label("value"), number).where(number.is_not(None), *bounds)
    rest = [one for one in rest if one.limits != "created_at"]
    return _walk(connection, query, _Walk(walked, Sorting(None, number, descending)), rest, after, limit, *more)


@dataclass(frozen=True)
class _Walk:
    """The rows of value and number that are walked through, and their order."""

    walked: Select[Any]
    sorting: Sorting

    def after(self, key: Key | None) -> Select[Any]:
        """Return the rows after a key, in order."""
        walked = self.walked if key is None else self.walked.where(self.sorting.after(key))
        return walked.order_by(*self.sorting.clauses)


def _walk(
    connection: Connection,
    query: Query,
    walk: _Walk,
    filters: list[Filter],
    after: Key | None,
    limit: int,
    *more: ColumnElement[bool],
) -> _Part:
    """Walk through rows in order, and return those of jobs that pass the filters and `more` conditions."""
    tests = _tests(query, filters, *more)
    if tests is None:
        return connection.execute(walk.after(after).limit(limit)).all(), None
    covered = walk.sorting.number.table is _JOBS and not more and _covers(query, filters)
    rows: list[Row[Any]] = []
    end = None
    for most in COVERED_STEPS if covered else STEPS:
        part, end = _step(connection, walk, tests, after, limit - len(rows), most)
        rows += part
        if end is None or len(rows) >= limit:
            break
        after = end
    return rows, end


def _step(
    connection: Connection, walk: _Walk, tests: ColumnElement[bool], after: Key | None, limit: int, most: int
) -> _Part:
    walked = walk.after(after)
    last = connection.execute(walked.offset(most - 1).limit(1)).one_or_none()
    end = None if last is None else (last.value, last.number)
    if end is not None:
        walked = walked.where(walk.sorting.until(end))
    number = walk.sorting.number
    tested = walked if number.table is _JOBS else walked.join(_JOBS, _has(connection, number))
    return connection.execute(tested.where(tests).limit(limit)).all(), end


def _has(connection: Connection, number: Any) -> ColumnElement[bool]:
    """Return the condition that a row of `jobs` has the number of another table's row, which is to be read first.

    On SQLite as a range, because it then looks the job up in the index that holds what tests ask for: for an equation
    it takes the unique one, and reads the whole row, which costs three times as much.
    """
    if connection.dialect.name == "sqlite":
        return between(_JOBS.c.number, plain(number), plain(number))
    equal: ColumnElement[bool] = _JOBS.c.number == number
    return equal


def _gather(
    connection: Connection, query: Query, few: Filter, after: Key | None, limit: int, *, lacking: bool
) -> _Part:
    """Read the few jobs of one filter, test them, and sort them: those that have the order's value, or lack it."""
    order, found = query.order, _JOBS.select() if few.found is None else few.found
    source = found.limit(FEW).subquery("few")
    tests = _tests(query, [one for one in query.filters if one is not few])
    if tests is None and order.of_number is not None:
        every = select(order.of_number(source.c.number).label("value"), source.c.number)
    else:
        value = null() if order.of_job is None else order.of_job
        both = source.join(_JOBS, _has(connection, source.c.number))
        every = select(value.label("value"), _JOBS.c.number).select_from(both)
    if tests is not None:
        every = every.where(tests)
    gathered = every.limit(FEW).subquery("gathered")  # with a limit, each value is worked out once
    statement: Select[Any] = select(gathered.c.value, gathered.c.number)
    if order.value is not None:
        statement = statement.where(gathered.c.value.is_(None) if lacking else gathered.c.value.is_not(None))
    by_number = lacking or order.value is None
    sorting = Sorting(None if by_number else gathered.c.value, gathered.c.number, lacking or order.descending)
    if after is not None:
        statement = statement.where(sorting.after(after))
    return connection.execute(statement.order_by(*sorting.clauses).limit(limit)).all(), None
