"""What a process keeps of the lists that it has read: pages, JSON of finished jobs, and which filters pass many.

All of it is as of one state of the log of changes. Each transaction looks at the log once, and what has changed since
is forgotten before anything is used: nothing that is kept is looked up again to learn whether it still holds.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.jobs import changes
from shared.jobs.changes import Mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Pool

    from shared.jobs.changes import Look
    from shared.jobs.reads.pages import Found

MOST_PAGES = 64
"""Pages that a process keeps."""
MOST_JOBS = 2_000
"""Finished jobs whose JSON a process keeps, of some 2,500 bytes each."""
MOST_FILTERS = 500
"""Filters of many jobs that a process knows."""
MOST_CHANGES = 1_000
"""Changes of jobs after which a filter of many is counted again: until then more than half of them must still pass."""


@dataclass(frozen=True)
class Document:
    """A finished job: its id, and itself as JSON. It changes with an event of the job alone."""

    job_id: str
    json: bytes


@dataclass(frozen=True)
class View:
    """What a transaction sees.

    Attributes:
        state: number of the state of the jobs, which what is kept is compared by; None for a transaction that sees an
            earlier one than has been kept since, or one that cannot be told from others.
        numbered: whether every job has its number.
    """

    state: int | None
    numbered: bool


@dataclass(frozen=True)
class Many:
    """The filters that many jobs pass, as a transaction sees it."""

    kept: Kept
    view: View

    def __contains__(self, whole: Hashable, /) -> bool:
        """Whether so many jobs passed when they were last counted that still many must."""
        return self.kept.passed_by_many(self.view, whole)

    def add(self, whole: Hashable, /) -> None:
        """Note that many jobs pass a filter."""
        self.kept.keep_many(self.view, whole)


class Kept:
    """What a process keeps of the lists that it has read. Safe to share between threads."""

    def __init__(self, most_pages: int = MOST_PAGES, most_jobs: int = MOST_JOBS) -> None:
        self._most_pages, self._most_jobs = most_pages, most_jobs
        self._lock = threading.Lock()
        self._pool: Pool | None = None
        self._mark = Mark()
        self._state = 0
        self._began = 0  # the state in which nothing was kept
        self._pages: OrderedDict[Hashable, Found] = OrderedDict()
        self._asked_again: set[Hashable] = set()  # pages that have been used again
        self._documents: OrderedDict[int, Document] = OrderedDict()
        self._numbers: dict[str, int] = {}
        self._changes = 0
        self._many: OrderedDict[Hashable, int] = OrderedDict()  # with the number of changes when it was counted

    def look(self, connection: Connection) -> View:
        """Return what a transaction sees that has read nothing yet, and forget what has changed until then."""
        pool = connection.engine.pool  # another one where a file was replaced by another database's
        with self._lock:
            before, began = self._mark if self._pool is pool else Mark(), self._began
        seen = changes.look(connection, before)
        with self._lock:  # another thread may have seen a later state meanwhile
            quicker = self._pool is pool and self._mark != before and not seen.mark.includes(self._mark)
            state = None if began != self._began or quicker else self._moved(seen, pool)
        return View(state, seen.numbered)

    def _moved(self, seen: Look, pool: Pool) -> int | None:
        """Bring what is kept to the state that was seen, and return its number; None where it is like another one."""
        if seen.changed is None or self._pool is not pool:
            self._forget_all(pool)
        elif seen.changed:
            self._forget(seen.changed)
        self._mark = seen.mark
        return self._state if seen.mark.number else None  # without entries one database is like another

    def _forget_all(self, pool: Pool) -> None:
        self._state += 1
        self._began, self._pool = self._state, pool
        for kept in (self._pages, self._asked_again, self._documents, self._numbers, self._many):
            kept.clear()

    def _forget(self, job_ids: Sequence[str]) -> None:
        self._state += 1
        self._changes += len(job_ids)
        self._pages.clear()
        self._asked_again.clear()
        for job_id in job_ids:
            number = self._numbers.pop(job_id, None)
            if number is not None:
                del self._documents[number]

    def is_likely(self, asked: Hashable) -> bool:
        """Whether the page that was asked for so is kept with the JSON of all of its jobs, and has been used again.

        One that has not may change as often as it is asked for.
        """
        with self._lock:
            again = asked in self._asked_again
            return again and all(number in self._documents for number in self._pages[asked].numbers)

    def page(self, view: View, asked: Hashable) -> Found | None:
        """Return the page that was asked for so, if the transaction would read the same one."""
        with self._lock:
            if view.state != self._state or asked not in self._pages:
                return None
            self._pages.move_to_end(asked)
            self._asked_again.add(asked)
            return self._pages[asked]

    def keep_page(self, view: View, asked: Hashable, page: Found) -> None:
        """Keep a page that a transaction has read, in place of the one that was asked for longest ago."""
        with self._lock:
            if view.state == self._state:
                self._pages[asked] = page
                if len(self._pages) > self._most_pages:
                    self._asked_again.discard(self._pages.popitem(last=False)[0])

    def many(self, view: View) -> Many:
        """Return the filters that many jobs pass, as a transaction sees it."""
        return Many(self, view)

    def passed_by_many(self, view: View, whole: Hashable) -> bool:
        """Whether many jobs passed a filter when it was counted, and at most `MOST_CHANGES` have changed since."""
        with self._lock:
            at = self._many.get(whole) if view.state == self._state else None
            return at is not None and self._changes - at <= MOST_CHANGES

    def keep_many(self, view: View, whole: Hashable) -> None:
        """Note that many jobs pass a filter, in place of the filter that was counted longest ago."""
        with self._lock:
            if view.state == self._state:
                self._many[whole] = self._changes
                self._many.move_to_end(whole)
                if len(self._many) > MOST_FILTERS:
                    self._many.popitem(last=False)

    def documents(self, view: View, numbers: Sequence[int]) -> dict[int, bytes]:
        """Return the JSON of those of these jobs that is kept, by number, as the transaction would read it."""
        found = {}
        with self._lock:
            for number in numbers if view.state == self._state else ():
                if (document := self._documents.get(number)) is not None:
                    found[number] = document.json
                    self._documents.move_to_end(number)
        return found

    def keep_documents(self, view: View, documents: Mapping[int, Document]) -> None:
        """Keep finished jobs that a transaction has read, by number, in place of those that were read longest ago."""
        with self._lock:
            if view.state != self._state:
                return
            self._documents.update(documents)
            self._numbers.update({document.job_id: number for number, document in documents.items()})
            while len(self._documents) > self._most_jobs:
                _, document = self._documents.popitem(last=False)
                del self._numbers[document.job_id]
