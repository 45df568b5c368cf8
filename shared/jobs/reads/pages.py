"""One page of the jobs that pass some filters, in some order, by a bounded number of steps through an index.

Where a filter's jobs are few, they are read from its index and sorted. Otherwise the index of the order is walked and
each job tested, `MOST` at most. A walk that has tested so many ends the page there, however few jobs it has found.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, ColumnElement, Integer, and_, any_, between, bindparam, func, null, select, true
from sqlalchemy.sql.util import ClauseAdapter
from sqlalchemy.sql.visitors import iterate

from shared.database.tables import Job
from shared.jobs.guarded_write import table_of
from shared.jobs.reads.filters import Filter, filters_of, plain
from shared.jobs.reads.orders import Key, Order, Sorting, key_values, order_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from sqlalchemy import Connection, Row, Select

    from shared.jobs.actor import Actor
    from shared.jobs.reads.filters import JobFilter, Many

    _Part = tuple[Sequence[Row[Any]], Key | None]
    """Rows of value and number, and where a walk was ended early; None where it came to the end of its index."""

FEW = 2_000
"""Jobs of a filter that are sorted at most: more are walked through, as a page's hundred are then found soon."""
MOST = 1_200
"""Jobs that are tested at most in a walk."""
COVERED_MOST = 10_000
"""The same where the index that is walked has all that the tests ask for: each job then costs a fifth."""
SOME = 500
"""Jobs of a filter that are sorted at most without trying first whether a walk of such an index finds a page's."""

_JOBS = table_of(Job)
_MOST_KEPT = 500
"""Queries whose statements are kept."""


@dataclass(frozen=True)
class Found:
    """The numbers of a page's jobs, in order, and the key after which the next page starts; None on the last page."""

    numbers: Sequence[int]
    next_key: Key | None


@dataclass(frozen=True)
class Query:
    """What a page holds: the filters, the actor's reach, the order, and the values of their parameters."""

    filters: tuple[Filter, ...]
    reach: ColumnElement[bool]
    order: Order
    values: Mapping[str, object]
    whole: Sequence[Hashable]
    """Each filter with its own values."""

    @classmethod
    def of(cls, wanted: JobFilter, actor: Actor, sort: str) -> Query:
        """Return the query for these jobs. Raises InvalidQuery where there is no such sort."""
        valued = filters_of(wanted)
        values = {name: value for one in valued for name, value in one.values.items()}
        whole = [(one.filter, *one.values.items()) for one in valued]
        return cls(tuple(one.filter for one in valued), actor.reach, order_of(sort), values, whole)

    @property
    def tests(self) -> ColumnElement[bool] | None:
        """Return the SQL that is true of a row of `jobs` that passes all filters; None where every job does."""
        return _tests(self, self.filters)

    def run(
        self, connection: Connection, name: Hashable, make: Callable[[], Select[Any]], **values: object
    ) -> Sequence[Row[Any]]:
        """Execute one of the query's statements, which is made once whatever the values: that takes the most time."""
        made, key = _statements(self.filters, self.reach, self.order), (name, connection.dialect.name)
        if key not in made:
            made[key] = make()
        return connection.execute(made[key], {**self.values, **values}).all()


@lru_cache(_MOST_KEPT)
def _statements(_filters: tuple[Filter, ...], _reach: object, _order: Order) -> dict[Hashable, Select[Any]]:
    """Return the statements of a query that have been made, by name and dialect."""
    return {}


def read_page(connection: Connection, query: Query, after: Key | None, limit: int, many: Many) -> Found:
    """Return the page of at most `limit` jobs after a key. Filters of `many` jobs are not counted, and noted there."""
    few = _fewest(connection, query, many)
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
    next_key = (rows[limit - 1].value, rows[limit - 1].number) if full else end
    return Found([row.number for row in rows[:limit]], next_key)


@dataclass(frozen=True)
class _Few:
    """A filter that few jobs pass, and how many do."""

    filter: Filter
    count: int


def _covers(query: Query, filters: Sequence[Filter]) -> bool:
    """Whether the order's index, which is one of `jobs`, has all that the filters ask for."""
    return query.order.source is _JOBS and all(query.order.name in one.covered_by for one in filters)


def _fewest(connection: Connection, query: Query, many: Many) -> _Few | None:
    """Return the filter that the fewest jobs pass, if they are few; None where there is none such."""
    found = [one.found for one in query.filters if one.found is not None]
    if query.order.value is None and len(found) == 1 and any(one.in_order for one in query.filters):
        return None  # its index has the jobs in the page's own order
    best: _Few | None = None
    for one, whole in zip(query.filters, query.whole, strict=True):
        if one.found is None or whole in many:
            continue
        least = FEW + 1 if best is None else best.count
        count = _count(connection, query, one.found, least)
        if count < least:
            best = _Few(one, count)
        elif count > FEW:
            many.add(whole)
    return best


def _parameter(name: str) -> Any:
    return bindparam(name, type_=Integer())


def _count(connection: Connection, query: Query, found: Select[Any], most: int) -> int:
    def make() -> Select[Any]:
        return select(func.count().label("jobs")).select_from(found.limit(_parameter("most")).subquery())

    [row] = query.run(connection, ("count", found), make, most=most)
    return int(row.jobs)


def _with_value(connection: Connection, query: Query, few: _Few | None, after: Key | None, limit: int) -> _Part:
    """Read jobs that have the order's value, in its order."""
    order = query.order
    if few is not None and (order.value is None or few.count <= SOME or not _covers(query, query.filters)):
        return _gather(connection, query, few.filter, after, limit, lacking=False)
    if order.value is None:
        return _walk(connection, query, _by_number(query, descending=order.descending), after, limit)
    if few is None:
        return _walk(connection, query, _by_value(query), after, limit)
    rows = _passing(connection, query, _by_value(query), after, limit)
    return (rows, None) if len(rows) >= limit else _gather(connection, query, few.filter, after, limit, lacking=False)


def _without_value(connection: Connection, query: Query, few: _Few | None, after: Key | None, limit: int) -> _Part:
    """Read jobs that lack the order's value, newest first."""
    if few is not None:
        return _gather(connection, query, few.filter, after, limit, lacking=True)
    if query.order.source is not _JOBS:
        return _walk(connection, query, _by_number(query, lacking=True, descending=True), after, limit)
    return _walk(connection, query, _lacking(query), after, limit)


def _tests(query: Query, filters: Sequence[Filter], *more: ColumnElement[bool]) -> ColumnElement[bool] | None:
    """Return the SQL that is true of a row of `jobs` that passes; None where every job does."""
    tests = [one.test for one in filters] + list(more)
    if not tests and query.reach is true():
        return None
    return and_(query.reach, *tests)


def _tests_of_number(query: Query, filters: Sequence[Filter], number: Any) -> ColumnElement[bool] | None:
    """Return the SQL that is true of a row with this number of a job that passes; None where it takes one of `jobs`."""
    tests = [one.of_number(number) for one in filters if one.of_number is not None]
    return and_(true(), *tests) if query.reach is true() and len(tests) == len(filters) else None


@dataclass(frozen=True)
class _Walked:
    """The rows of value and number that are walked through, in their order, and what each is tested for."""

    rows: Select[Any]
    sorting: Sorting
    bounds: Sequence[Filter] = ()
    """Filters by the value, or else the number: the walk begins or ends with them."""
    filters: Sequence[Filter] = ()
    lacking: Any = None
    """An expression over a row of `jobs` that must be null."""

    def from_key(self, *, after: bool) -> Select[Any]:
        """Return the rows in order; `after`: those after a key."""
        rows = self.rows.where(self.sorting.after()) if after else self.rows
        column = self.sorting.number if self.sorting.value is None else self.sorting.value
        for one in self.bounds:
            # SQLite would take the bound instead of the key, which is nearer.
            nearer = after and one.is_least is not None and one.is_least != self.sorting.descending
            if one.compare is not None:
                rows = rows.where(one.compare(plain(column) if nearer else column))
        return rows.order_by(*self.sorting.clauses)


@dataclass(frozen=True)
class _Walk:
    """One way of walking through jobs.

    Attributes:
        name: tells it from other walks of the same query.
        make: makes its SQL.
        tested: whether some jobs may not pass.
        most: jobs that are tested at most.
    """

    name: Hashable
    make: Callable[[], _Walked]
    tested: bool
    most: int


def _a_walk(
    query: Query, name: Hashable, make: Callable[[], _Walked], tested: Sequence[Filter], *, alone: bool
) -> _Walk:
    """Return a walk that tests these filters; `alone`: it looks at nothing but one index of `jobs`."""
    covered = alone and _covers(query, tested)
    some = bool(tested) or query.reach is not true()
    return _Walk(name, make, some, COVERED_MOST if covered else MOST)


def _by_value(query: Query) -> _Walk:
    """Walk through the order's own index, from the bound of a filter by the same value."""
    order = query.order
    bounds = [one for one in query.filters if one.compare and one.limits == order.name]
    rest = [one for one in query.filters if one.limits != order.name]

    def make() -> _Walked:
        walked = select(order.value.label("value"), order.number.label("number")).select_from(order.source)
        return _Walked(walked.where(order.within), Sorting(order.value, order.number, order.descending), bounds, rest)

    return _a_walk(query, "value", make, rest, alone=order.source is _JOBS)


def _by_number(query: Query, *, descending: bool, lacking: bool = False) -> _Walk:
    """Walk through jobs by number: through those of one filter whose index is in that order, else through all."""
    driver = next((one for one in query.filters if one.in_order and one.limits != "created_at"), None)
    others = [one for one in query.filters if one is not driver]
    bounds = [one for one in others if one.compare and one.limits == "created_at"]
    rest = [one for one in others if one.limits != "created_at"]
    absent = query.order.of_job if lacking else None

    def make() -> _Walked:
        source = _JOBS if driver is None or driver.found is None else driver.found.subquery("found")
        number = source.c.number
        walked = select(null().label("value"), number).where(number.is_not(None))
        return _Walked(walked, Sorting(None, number, descending), bounds, rest, absent)

    walk = _a_walk(query, ("number", lacking), make, rest, alone=driver is None and not lacking)
    return replace(walk, tested=walk.tested or lacking)


def _lacking(query: Query) -> _Walk:
    """Walk through jobs without the order's value, in its index."""
    value, number = query.order.value, _JOBS.c.number

    def make() -> _Walked:
        walked = select(null().label("value"), number).where(value.is_(None), number.is_not(None))
        return _Walked(walked, Sorting(None, number, descending=True), (), query.filters)

    return _a_walk(query, "lacking", make, query.filters, alone=True)


def _walk(connection: Connection, query: Query, walk: _Walk, after: Key | None, limit: int) -> _Part:
    """Walk through rows in order, and return those of jobs that pass."""
    rows = _passing(connection, query, walk, after, limit)
    return rows, _end(connection, query, walk, after) if walk.tested and len(rows) < limit else None


def _end(connection: Connection, query: Query, walk: _Walk, after: Key | None) -> Key | None:
    """Return the last row that a walk comes to; None where that is the last of all."""

    def make() -> Select[Any]:
        return walk.make().from_key(after=after is not None).offset(_parameter("skipped")).limit(1)

    name = ("end", walk.name, after is not None)
    rows = query.run(connection, name, make, skipped=walk.most - 1, **key_values(after))
    return (rows[0].value, rows[0].number) if rows else None


def _passing(connection: Connection, query: Query, walk: _Walk, after: Key | None, limit: int) -> Sequence[Row[Any]]:
    """Return at most `limit` of the rows that a walk comes to, those of jobs that pass."""

    def make() -> Select[Any]:
        made = walk.make()
        rows = made.from_key(after=after is not None)
        return (_tested(connection, query, made, rows) if walk.tested else rows).limit(_parameter("limit"))

    name = ("passing", walk.name, after is not None)
    return query.run(connection, name, make, most=walk.most, limit=limit, **key_values(after))


def _tested(connection: Connection, query: Query, made: _Walked, rows: Select[Any]) -> Select[Any]:
    """Return those of the first `most` of some rows that are of jobs that pass, in their order.

    The rows are a subquery with a limit. Both databases read it row by row, and no further than the page needs.
    """
    tests: Any = _tests(query, made.filters, *([] if made.lacking is None else [made.lacking.is_(None)]))
    of_jobs = made.sorting.number.table is _JOBS
    asked = [column for column in _columns_of_jobs(tests) if column.name != "number"] if of_jobs else []
    first = rows.add_columns(*asked).limit(_parameter("most")).subquery("first")
    passing = select(first.c.value, first.c.number)
    if of_jobs:
        return passing.where(ClauseAdapter(first).traverse(tests))
    if made.lacking is None and (of_number := _tests_of_number(query, made.filters, first.c.number)) is not None:
        return passing.where(of_number)
    return passing.select_from(_with_job(connection, first, tests))


def _columns_of_jobs(tests: Any) -> list[Any]:
    """Return the columns of `jobs` that some tests ask for."""
    found = (one.name for one in iterate(tests) if isinstance(one, Column) and one.table.name == _JOBS.name)
    return [_JOBS.c[name] for name in dict.fromkeys(found)]


def _with_job(connection: Connection, rows: Any, *tests: ColumnElement[bool]) -> Any:
    """Join each row of a subquery, which is to be read first, with the job of its number, if that passes some tests.

    SQLite is given a range, because it then looks the job up in the index that holds what tests ask for: for an
    equation it takes the unique one, and reads the whole row, which costs three times as much. PostgreSQL is given a
    query with a limit, because it would else read all jobs that pass, and look for the rows among those.
    """
    number, of_job = rows.c.number, _JOBS.c.number
    if connection.dialect.name == "sqlite":
        return rows.join(_JOBS, and_(between(of_job, plain(number), plain(number)), *tests))
    return rows.join(select(of_job).where(of_job == number, *tests).limit(1).lateral("job"), true())


def _gather(
    connection: Connection, query: Query, few: Filter, after: Key | None, limit: int, *, lacking: bool
) -> _Part:
    """Read the few jobs of one filter, test them, and sort them: those that have the order's value, or lack it."""

    def make() -> Select[Any]:
        gathered = _gathered(connection, query, few, lacking=lacking)
        order = query.order
        rows: Select[Any] = select(gathered.c.value, gathered.c.number)
        if order.value is not None:
            rows = rows.where(gathered.c.value.is_(None) if lacking else gathered.c.value.is_not(None))
        by_number = lacking or order.value is None
        sorting = Sorting(None if by_number else gathered.c.value, gathered.c.number, lacking or order.descending)
        return _Walked(rows, sorting).from_key(after=after is not None).limit(_parameter("limit"))

    name = ("gather", few, after is not None, lacking)
    return query.run(connection, name, make, few=FEW, limit=limit, **key_values(after)), None


def _gathered(connection: Connection, query: Query, few: Filter, *, lacking: bool) -> Any:
    """Return the jobs of one filter that pass the others, each with the order's value, as a subquery."""
    order, found = query.order, _JOBS.select() if few.found is None else few.found
    some = found.limit(_parameter("few"))
    others = [one for one in query.filters if one is not few]
    tests = [] if (test := _tests(query, others)) is None else [test]
    of_job = (null() if order.of_job is None else order.of_job).label("value")
    if connection.dialect.name == "sqlite":
        source = some.subquery("few")
        of_number = _tests_of_number(query, others, source.c.number)
        if of_number is not None and order.of_number is not None:
            every = select(order.of_number(source.c.number).label("value"), source.c.number).where(of_number)
        else:
            every = select(of_job, source.c.number).select_from(_with_job(connection, source, *tests))
    else:
        numbers = any_(func.array(some.scalar_subquery()))  # an array is looked up in one scan of an index
        of_number = _tests_of_number(query, others, order.number)
        if of_number is not None and order.of_number is not None and not lacking:
            every = select(order.value.label("value"), order.number.label("number"))
            every = every.where(order.within, order.number == numbers, of_number)
        else:
            every = select(of_job, _JOBS.c.number).where(_JOBS.c.number == numbers, *tests)
    return every.limit(_parameter("few")).subquery("gathered")  # with a limit, each value is worked out once
