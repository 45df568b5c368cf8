"""The list of jobs: filters, sort orders and keyset pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.jobs.actor import Actor
from shared.jobs.reads import pages
from shared.jobs.reads.documents import read_documents
from shared.jobs.reads.filters import JobFilter
from shared.jobs.reads.kept import Kept
from shared.jobs.reads.orders import Key
from shared.jobs.reads.pages import Query
from shared.jobs.search import index

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from shared.database.engine import Database
    from shared.jobs.reads.queries import Workers

__all__ = ["JobFilter", "Kept", "Key", "Page", "jobs"]


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
    kept: Kept | None = None,
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
        kept: what was read before, to be used again where it is still the same.
        live: returns the live workers; if given, warnings of queued jobs name what no live worker offers.
        actor: on whose behalf the jobs are read.

    Raises:
        InvalidQuery: there is no such sort.
    """
    kept = Kept() if kept is None else kept
    asked = (wanted, sort, after, limit, actor.reach)
    if (same := _unchanged(db, kept, asked)) is not None:
        return same
    while True:
        with db.read() as connection:
            view = kept.look(connection)
            found = kept.page(view, asked)
            if found is None and view.numbered:
                found = pages.read_page(connection, Query.of(wanted, actor, sort), after, limit, kept.many(view))
                kept.keep_page(view, asked, found)
            if found is not None:
                documents = read_documents(connection, found.numbers, kept, view)
                break
        index.catch_up(db)
    return Page(documents.json(live), found.next_key)


def _unchanged(db: Database, kept: Kept, asked: Hashable) -> Page | None:
    """Return a page that is kept with all of its jobs, if one look at the log of changes says that it still holds."""
    if db.is_sqlite or not kept.is_likely(asked):  # on SQLite a transaction costs next to nothing
        return None
    with db.glance() as connection:
        view = kept.look(connection)
    found = kept.page(view, asked)
    documents = kept.documents(view, found.numbers) if found else {}
    if found is None or len(documents) < len(found.numbers):
        return None
    return Page([documents[number] for number in found.numbers], found.next_key)
