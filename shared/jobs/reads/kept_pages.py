"""Pages of lists that were read last, each as it is for as long as the log of changes says that no job has changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shared.jobs import changes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Pool

    from shared.jobs.changes import Mark
    from shared.jobs.reads.pages import Found

MOST = 64
"""Pages that a process keeps."""
MOST_BYTES = 1 << 24
"""Most bytes of JSON of all of them."""


@dataclass(frozen=True)
class KeptPage:
    """A page as of one transaction.

    Attributes:
        found: the numbers of its jobs, and where the next page starts.
        finished: JSON of its finished jobs, by number. The others are to be read again: without an event a running one
            may say which engine it got, and what a queued one waits for is a matter of the workers.
        mark: state of the log of changes in that transaction.
        pool: the connections to the database; others are made when a file is replaced by another database's.
    """

    found: Found
    finished: Mapping[int, bytes]
    mark: Mark
    pool: Pool

    @property
    def bytes(self) -> int:
        """Return the size of the JSON."""
        return sum(map(len, self.finished.values()))


class KeptPages:
    """The pages that were read last, by what was asked for. Safe to share between threads."""

    def __init__(self, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._kept: OrderedDict[Hashable, tuple[KeptPage, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def find(self, connection: Connection, asked: Hashable, now: Mark) -> KeptPage | None:
        """Return a page that is kept, if this transaction, whose mark is given, would read the same one."""
        with self._lock:
            page, size = self._kept.get(asked, (None, 0))
        if page is None or page.pool is not connection.engine.pool or not changes.unchanged(connection, page.mark, now):
            return None
        self._put(asked, page if page.mark == now else replace(page, mark=now), size)
        return page

    def keep(self, asked: Hashable, page: KeptPage) -> None:
        """Keep a page in place of the one before, and of those that were read longest ago."""
        self._put(asked, page, page.bytes)

    def _put(self, asked: Hashable, page: KeptPage, size: int) -> None:
        with self._lock:
            _, before = self._kept.pop(asked, (None, 0))
            self._kept[asked] = page, size
            self._bytes += size - before
            while len(self._kept) > self._most or self._bytes > self._most_bytes:
                _, (_, freed) = self._kept.popitem(last=False)
                self._bytes -= freed
