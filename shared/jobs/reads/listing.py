"""The list of jobs: filters, sort orders and keyset pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.jobs.actor import Actor
from shared.jobs.reads.documents import FinishedJobs, read_documents
from shared.jobs.reads.filters import JobFilter, filters_of
from shared.jobs.reads.orders import Key, order_of
from shared.jobs.reads.pages import Query, read_page
from shared.jobs.search import index

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.database.engine import Database
    from shared.jobs.reads.queries import Workers

__all__ = ["JobFilter", "Key", "Page", "jobs"]


@dataclass(frozen=True)
class Page:
    """A page of jobs as JSON, and the key after which the next page starts; None on the last page."""

    items: list[bytes]
    next_key: Key | None


def jobs(
    db: Database,
    wanted: JobFilter,
    sort: str = "-created_at",
    after: Key | None = None,
    limit: int = 50,
    *,
    finished: FinishedJobs | None = None,
    live: Callable[[], Workers] | None = None,
    actor: Actor,
) -> Page:
    """Read one page of the jobs that match.

    A page may have fewer jobs than `limit`, even none, and still a `next_key`: where a request would otherwise test
    too many jobs.

    Args:
        db: the database.
        wanted: the conditions.
        sort: one of `SORTS` or ``spec.PATH``, prefixed with ``-`` for descending. Jobs without a value come last in
            both orders, the newest of them first.
        after: the `next_key` of the previous page.
        limit: most jobs on the page.
        finished: the JSON of finished jobs that were read before.
        live: returns the live workers; if given, warnings of queued jobs name what no live worker offers.
        actor: on whose behalf the jobs are read.

    Raises:
        InvalidQuery: there is no such sort.
    """
    query = Query(filters_of(wanted), actor, order_of(sort))
    kept = FinishedJobs() if finished is None else finished
    while True:
        with db.read() as connection:
            if index.is_complete(connection):
                found = read_page(connection, query, after, limit)
                documents = read_documents(connection, found.numbers, kept)
                return Page(documents(live), found.next_key)
        index.catch_up(db)
