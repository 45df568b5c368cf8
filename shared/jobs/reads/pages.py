"""One page of the jobs that pass some filters, in some order, by a bounded number of steps through an index.

Where a filter's jobs are few, they are read from its index and sorted. Otherwise the index of the order is walked and
each job tested. A walk that has passed `MOST_WALKED` jobs ends the page there, however few it has found.
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
MOST_WALKED = 5_000
"""Jobs that are tested at most before a page ends."""

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


def _fewest(connection: Connection, query: Query) -> Filter | None:
    """Return the filter that the fewest jobs pass, if they are few; None where there is none such."""
    found = [one.found for one in query.filters if one.found is not None]
    if query.order.value is None and len(found) == 1 and any(one.in_order for one in query.filters):
        return None  # its index has the jobs in the page's own order
    best, least = None, FEW + 1
    for one in query.filters:
        if one.found is not None and (count := _count(connection, one.found, least)) < least:
            best, least = one, count
    return best


def _count(connection: Connection, found: Select[Any], most: int) -> int:
    return connection.scalar(select(func.count()).select_from(found.limit(most).subquery())) or 0


def _with_value(connection: Connection, query: Query, few: Filter | None, after: Key | None, limit: int) -> _Part:
    """Read jobs that have the order's value, in its order."""
    order = query.order
    if few is not None:
        there = true() if order.value is None else order.of_job.is_not(None)
        return _gather(connection, query, few, there, Sorting(order.of_job, Job.number, order.descending), after, limit)
    if order.value is None:
        return _walk_numbers(connection, query, true(), after, limit, descending=order.descending)
    walked = select(order.value.label("value"), order.number.label("number")).select_from(order.source)
    bounds = [one.compare(order.value) for one in query.filters if one.compare and one.limits == order.name]
    rest = [one for one in query.filters if one.limits != order.name]
    sorting = Sorting(order.value, order.number, order.descending)
    return _walk(connection, walked.where(order.within, *bounds), sorting, _tests(query, rest), after, limit)


def _without_value(connection: Connection, query: Query, few: Filter | None, after: Key | None, limit: int) -> _Part:
    """Read jobs that lack the order's value, newest first."""
    lacking = query.order.of_job.is_(None)
    if few is not None:
        return _gather(connection, query, few, lacking, Sorting(None, Job.number, descending=True), after, limit)
    if query.order.source is not _JOBS:
        return _walk_numbers(connection, query, lacking, after, limit, descending=True)
    walked = select(null().label("value"), _JOBS.c.number).where(
        query.order.value.is_(None), _JOBS.c.number.is_not(None)
    )
    sorting = Sorting(None, _JOBS.c.number, descending=True)
    return _walk(connection, walked, sorting, _tests(query, query.filters), after, limit)


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
    condition: ColumnElement[bool],
    after: Key | None,
    limit: int,
    *,
    descending: bool,
) -> _Part:
    """Walk through jobs by number: through those of one filter whose index is in that order, else through all."""
    driver = next((one for one in query.filters if one.in_order), None)
    rest = [one for one in query.filters if one is not driver]
    found = select(_JOBS.c.number) if driver is None or driver.found is None else driver.found
    source = found.where(found.selected_columns.number.is_not(None)).subquery("found")
    bounds = [one.compare(source.c.number) for one in rest if one.compare and one.limits == "created_at"]
    walked = select(null().label("value"), source.c.number).where(*bounds)
    tests = _tests(query, [one for one in rest if one.limits != "created_at"], condition)
    return _walk(connection, walked, Sorting(None, source.c.number, descending), tests, after, limit)


def _walk(
    connection: Connection,
    walked: Select[Any],
    sorting: Sorting,
    tests: ColumnElement[bool] | None,
    after: Key | None,
    limit: int,
) -> _Part:
    """Walk through rows of value and number in order, and return those of jobs that pass the tests."""
    if after is not None:
        walked = walked.where(sorting.after(after))
    walked = walked.order_by(*sorting.clauses)
    if tests is None:
        return connection.execute(walked.limit(limit)).all(), None
    last = connection.execute(walked.offset(MOST_WALKED - 1).limit(1)).one_or_none()
    end = None if last is None else (last.value, last.number)
    if end is not None:
        walked = walked.where(sorting.until(end))
    return connection.execute(_tested(walked, sorting.number, tests).limit(limit)).all(), end


def _tested(walked: Select[Any], number: Any, tests: ColumnElement[bool]) -> Select[Any]:
    if number.table is _JOBS:
        return walked.where(tests)
    return walked.join(_JOBS, _has(number)).where(tests)


def _has(number: Any) -> ColumnElement[bool]:
    """Return the condition that a row of `jobs` has the number of another table's row, which is to be read first.

    As a range, because SQLite then looks the job up in the index that holds what tests ask for: for an equation it
    takes the unique one, and reads the whole row, which costs three times as much.
    """
    return between(_JOBS.c.number, plain(number), plain(number))


def _gather(
    connection: Connection,
    query: Query,
    few: Filter,
    condition: ColumnElement[bool],
    sorting: Sorting,
    after: Key | None,
    limit: int,
) -> _Part:
    """Read the few jobs of one filter, test them, and sort them."""
    found = _JOBS.select() if few.found is None else few.found
    source = found.limit(FEW).subquery("few")
    tests = _tests(query, [one for one in query.filters if one is not few], condition)
    value = null() if sorting.value is None else sorting.value
    statement = select(value.label("value"), _JOBS.c.number).select_from(source.join(_JOBS, _has(source.c.number)))
    if tests is not None:
        statement = statement.where(tests)
    if after is not None:
        statement = statement.where(sorting.after(after))
    return connection.execute(statement.order_by(*sorting.clauses).limit(limit)).all(), None
