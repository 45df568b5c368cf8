"""The jobs that may be claimed, found group by group: no query reads more than one row of a group.

A group is the jobs of one kind, queue and data. `ix_jobs_next` holds nothing but jobs that may be claimed, so each step
of the recursive queries here is one look into it: the next data key, the next owner, an owner's oldest job.
"""

from __future__ import annotations

from functools import lru_cache, partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, exists, select, text, update

from shared.database.tables import DELAYED, LIVE, READY, Job
from shared.jobs.data_needs import UNKNOWN_KEY, needs_columns, needs_of_spec, read_needs
from shared.jobs.guarded_write import table_of
from shared.jobs.reuse.twins import PARKED
from shared.jobs.running.retry_policy import due
from shared.jobs.status import KNOWN_KINDS, Queue

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, Connection, Exists, ScalarSelect, TextClause

    from shared.jobs.data_needs import Needs

ready: ColumnElement[bool] = text(READY)  # type: ignore[assignment]  # as SQL text, so that the index serves it
_delayed: ColumnElement[bool] = text(DELAYED)  # type: ignore[assignment]  # as SQL text, as above
_unparked: ColumnElement[bool] = Job.not_before < PARKED
"""Followers, of which there may be thousands, lie behind this in the index: nobody reads them to find what is due."""
_NEXT_KIND = select(Job.kind).where(Job.kind > bindparam("last")).order_by(Job.kind).limit(1)
_MOST_AT_ONCE = 500
_MOST_CANDIDATES = 8
_MOST_KEYS = 1000
_needs: dict[str, Needs] = {}  # by data key, which never means anything else


class Place(NamedTuple):
    """Where a job waits: its kind and its queue."""

    kind: str
    queue: str


class Group(NamedTuple):
    """The jobs in one place that need the same data."""

    kind: str
    queue: str
    data_key: str


class Waiting(NamedTuple):
    """A group that has jobs, and the highest priority among them."""

    group: Group
    priority: int


class Candidate(NamedTuple):
    """The jobs of one owner in a group; owner None is the jobs without an owner."""

    group: Group
    owner: str | None


def make_due_ready(connection: Connection) -> int:
    """Make those queued jobs ready whose time to wait is over; return how many. At most a few hundred at once."""
    waited = select(Job.id).where(_delayed, _unparked, due(connection))
    ids = connection.scalars(waited.limit(_MOST_AT_ONCE).with_for_update(skip_locked=True)).all()
    if ids:
        connection.execute(update(table_of(Job)).where(Job.id.in_(ids)).values(not_before=None))
    return len(ids)


def places(connection: Connection) -> list[Place]:
    """Return where jobs may wait: every queue of each kind of all jobs, kinds of a later release too."""
    kinds: list[str] = []
    while (kind := connection.scalar(_NEXT_KIND, {"last": kinds[-1] if kinds else ""})) is not None:
        kinds.append(kind)
    return [Place(kind, queue) for kind in kinds for queue in Queue]


def any_due(connection: Connection) -> Exists:
    """Return an SQL expression: whether `make_due_ready` would find a job."""
    return exists().where(_delayed, _unparked, due(connection))


def groups_in(connection: Connection, places: Iterable[Place]) -> list[Waiting]:
    """Return the groups in these places that have jobs."""
    rows = _run(connection, _groups, [tuple(place) for place in places])
    return [Waiting(Group(row.kind, row.queue, row.data_key), row.priority) for row in rows]


def count_of(connection: Connection, group: Group, most: int) -> int:
    """Return how many jobs of a group may be claimed, at most `most`."""
    some = select(Job.id).where(*in_group(group)).limit(most).subquery()
    return len(connection.execute(select(some.c.id)).all())


def in_group(group: Group) -> tuple[ColumnElement[bool], ...]:
    """Return the SQL conditions for the jobs of a group that may be claimed."""
    return ready, Job.kind == group.kind, Job.queue == group.queue, Job.data_key == group.data_key


def candidates(
    connection: Connection, groups: Iterable[Group], priority: int, after: str | None = None
) -> list[Candidate]:
    """Return whose turn it is among the jobs of these groups and this priority, the first one first.

    First comes the owner with the fewest running jobs; of several, who comes next by name after the owner `after`,
    or without one who has the oldest job. The list is cut after a few.
    """
    statement = partial(_candidates, lateral=connection.dialect.name != "sqlite")
    rows = _run(connection, statement, [tuple(group) for group in groups], priority=priority, after=after)
    return [Candidate(Group(row.kind, row.queue, row.data_key), row.owner or None) for row in rows]


@lru_cache(2)
def oldest(*, owned: bool) -> ScalarSelect[str]:
    """Return an SQL query for a candidate's oldest job of a priority that nobody else holds, which locks it.

    Its parameters are what `turn_values` returns; `owned` says whether the candidate has an owner.
    """
    # `IS NOT DISTINCT FROM` would say the same, and no index serves it.
    own = Job.owner == bindparam("turn_owner") if owned else Job.owner.is_(None)
    group = Group._make(bindparam(f"turn_{name}", type_=Job.kind.type) for name in Group._fields)
    mine = (*in_group(group), Job.priority == bindparam("turn_priority"), own)
    first = select(Job.id).where(*mine).order_by(Job.id).limit(1).with_for_update(skip_locked=True)
    return first.correlate(None).scalar_subquery()


def turn_values(candidate: Candidate, priority: int) -> dict[str, object]:
    """Return the parameters of `oldest`."""
    owner = {} if candidate.owner is None else {"turn_owner": candidate.owner}
    named = {f"turn_{name}": value for name, value in candidate.group._asdict().items()}
    return {**named, **owner, "turn_priority": priority}


def needs_of_group(connection: Connection, group: Group) -> Needs | None:
    """Return what the jobs of a group need, as one of them says; None where that is not known."""
    if group.data_key not in _needs:
        column = connection.scalar(select(Job.data).where(*in_group(group)).limit(1))
        if column is None:
            return None
        if len(_needs) >= _MOST_KEYS:
            _needs.clear()
        _needs[group.data_key] = read_needs(column)
    return _needs.get(group.data_key)


def lacks_needs(group: Group) -> bool:
    """Whether these jobs are of the release before, which does not write down what they need."""
    return group.data_key == UNKNOWN_KEY and group.kind in KNOWN_KINDS


def write_down_needs(connection: Connection, groups: Iterable[Group]) -> None:
    """Write down what the jobs of groups that lack it need; a few hundred of each at once."""
    for group in groups:
        some = select(Job.id, Job.spec).where(*in_group(group)).limit(_MOST_AT_ONCE)
        for row in connection.execute(some.with_for_update(skip_locked=True)).all():
            columns = needs_columns(needs_of_spec(row.spec))
            connection.execute(update(table_of(Job)).where(Job.id == row.id).values(**columns))


def refresh(connection: Connection) -> None:
    """Make jobs claimable that have become due, or that the release before queued."""
    make_due_ready(connection)
    found = groups_in(connection, places(connection))
    write_down_needs(connection, [one.group for one in found if lacks_needs(one.group)])


def _run(connection: Connection, statement: Any, rows: Sequence[tuple[str, ...]], **values: object) -> Sequence[Any]:
    """Execute a statement that begins with these rows as a list of values; [] where there are no rows."""
    if not rows:
        return []
    cells = {f"v{number}": cell for number, cell in enumerate(chain.from_iterable(rows))}
    return connection.execute(statement(len(rows)), cells | values).all()


def _values(rows: int, columns: int) -> str:
    numbers = iter(range(rows * columns))
    return ", ".join(
        "(" + ", ".join(f"CAST(:v{next(numbers)} AS TEXT)" for _ in range(columns)) + ")" for _ in range(rows)
    )


@lru_cache(100)
def _groups(places: int) -> TextClause:
    here = f"FROM jobs WHERE {READY} AND jobs.kind = found.kind AND jobs.queue = found.queue"
    return text(
        f"""
        WITH RECURSIVE found(kind, queue, data_key) AS (
            SELECT kind, queue, (SELECT min(data_key) {here})
            FROM (SELECT column1 AS kind, column2 AS queue FROM (VALUES {_values(places, 2)}) AS listed) AS found
            UNION ALL
            SELECT kind, queue, (SELECT min(data_key) {here} AND jobs.data_key > found.data_key)
            FROM found WHERE data_key IS NOT NULL
        )
        SELECT kind, queue, data_key, (SELECT max(priority) {here} AND jobs.data_key = found.data_key) AS priority
        FROM found WHERE data_key IS NOT NULL
        """  # noqa: S608 -- no value is part of the text
    )


@lru_cache(100)
def _candidates(groups: int, *, lateral: bool) -> TextClause:
    here = (
        f"FROM jobs WHERE {READY} AND jobs.kind = waiting.kind AND jobs.queue = waiting.queue "
        "AND jobs.data_key = waiting.data_key AND jobs.priority = :priority"
    )
    columns = "column1 AS kind, column2 AS queue, column3 AS data_key"
    listed = f"(SELECT {columns} FROM (VALUES {_values(groups, 3)}) AS v)"  # noqa: S608 -- no value is part of the text
    # An empty owner stands for the jobs without one: it comes before all owners.
    if lateral:
        oldest = f"""
        oldest(kind, queue, data_key, owner, id) AS (
            SELECT kind, queue, data_key, CAST('' AS TEXT), (SELECT min(id) {here} AND jobs.owner IS NULL)
            FROM {listed} AS waiting
            UNION ALL
            SELECT waiting.kind, waiting.queue, waiting.data_key, CAST(later.owner AS TEXT), CAST(later.id AS TEXT)
            FROM oldest AS waiting JOIN LATERAL (
                SELECT owner, id {here} AND jobs.owner > waiting.owner ORDER BY jobs.owner, jobs.id LIMIT 1
            ) AS later ON true
        )"""  # noqa: S608 -- no value is part of the text
    else:  # SQLite has no LATERAL, and would read the table's rows for a join of the same meaning
        oldest = f"""
        waiting(kind, queue, data_key, owner) AS (
            SELECT kind, queue, data_key, '' FROM {listed} AS listed
            UNION ALL
            SELECT kind, queue, data_key, (SELECT min(owner) {here} AND jobs.owner > waiting.owner)
            FROM waiting WHERE owner IS NOT NULL
        ),
        oldest(kind, queue, data_key, owner, id) AS MATERIALIZED (
            SELECT kind, queue, data_key, owner,
                CASE WHEN owner = '' THEN (SELECT min(id) {here} AND jobs.owner IS NULL)
                ELSE (SELECT min(id) {here} AND jobs.owner = waiting.owner) END
            FROM waiting WHERE owner IS NOT NULL
        )"""  # noqa: S608 -- no value is part of the text
    return text(
        f"""
        WITH RECURSIVE {oldest},
        running(owner, jobs) AS (
            SELECT coalesce(owner, ''), count(*) FROM jobs WHERE {LIVE} AND status = 'running' GROUP BY 1
        )
        SELECT kind, queue, data_key, oldest.owner AS owner
        FROM oldest LEFT JOIN running ON running.owner = oldest.owner
        WHERE id IS NOT NULL
        ORDER BY
            coalesce(running.jobs, 0),
            CASE WHEN oldest.owner > CAST(:after AS TEXT) THEN 0 ELSE 1 END,
            CASE WHEN CAST(:after AS TEXT) IS NOT NULL THEN oldest.owner END,
            id
        LIMIT {_MOST_CANDIDATES}
        """  # noqa: S608 -- no value is part of the text
    )
