"""Files in the artifact storage that no row names any more: what a kill between storing and recording leaves.

An attempt writes files and then names them in SQL, in its own fenced transaction. Once SQL says that the attempt has
ended it can name no more, so what it wrote and no row names is an orphan, whatever the clocks say. Files of an attempt
that runs are left alone, and so is every file of a job or an attempt that this database does not know: another
installation, or a later state of this one, may be using the same place.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from shared.database import clock
from shared.database.tables import Artifact, Attempt, Job, Lock
from shared.database.upsert import upsert
from shared.errors import DatabaseUnavailable, StorageError, StorageUnavailable
from shared.storage.store import PART_SUFFIX, PROBE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection

    from shared.database.engine import Database
    from shared.storage.store import Storage

logger = logging.getLogger(__name__)

_LOCK = "orphans"
_PATH = re.compile(r"(?P<job>[^/]+)/(?:(?P<attempt>\d+)/|checkpoints/(?P<saved_by>\d+)-)")


@dataclass(frozen=True)
class Pace:
    """How fast a collector goes, and for how long it leaves a file alone."""

    page_files: int = 1000
    """Files looked at in one pass: one listing of the storage and three short reads of the database."""
    pause_seconds: float = 1.0
    """Between two passes of a round."""
    round_seconds: float = 3600.0
    """From the beginning of one round to that of the next, whichever process makes it."""
    settle_seconds: float = 60.0
    """An attempt that ended more recently may still be deleting its files itself."""
    probe_seconds: float = 86_400.0
    """A file of this age that somebody only tried to write was left behind."""


class OrphanCollector:
    """Goes through the whole storage in rounds, a page at a time, and deletes the orphans that it finds.

    Args:
        db: the database.
        storage: what is gone through.
        pace: how fast.
    """

    def __init__(self, db: Database, storage: Storage, pace: Pace = Pace()) -> None:
        self._db = db
        self._storage = storage
        self._pace = pace
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{id(self)}"

    def start(self) -> threading.Event:
        """Run by a daemon thread, now and whenever a round is due. Setting the event that is returned ends it."""
        stop = threading.Event()
        threading.Thread(target=self.run_until, args=(stop.wait,), name="orphans", daemon=True).start()
        return stop

    def run_until(self, stop: Callable[[float], bool]) -> None:
        """Round after round, until `stop(seconds)`, which waits that long, says so."""
        while not stop(self._pace.settle_seconds):
            try:
                if self.take_turn():
                    self.run_round(stop)
            except (DatabaseUnavailable, StorageUnavailable, StorageError) as error:
                logger.warning("orphans_not_collected", extra={"reason": str(error)})
            except Exception:
                # Whatever it was, the timer must not die of it: the next round may succeed.
                logger.exception("orphans_crashed")

    def run_round(self, stop: Callable[[float], bool] = lambda _seconds: False) -> int:
        """Look at every file once; returns how many were deleted.

        Raises:
            DatabaseUnavailable, StorageUnavailable, StorageError: the rest is left for the next round.
        """
        deleted, after = 0, ""
        while page := self._storage.page(after, self._pace.page_files):
            # The files first, then the rows: a file that is named between the two is seen to be.
            orphans = list(self._orphans_of(page))
            self._storage.delete(orphans)
            if orphans:
                logger.info("orphans_deleted", extra={"count": len(orphans), "first": orphans[0]})
            deleted, after = deleted + len(orphans), page[-1]
            if stop(self._pace.pause_seconds):
                break
        return deleted

    def take_turn(self) -> bool:
        """Begin a round, unless one was begun less than `Pace.round_seconds` ago."""

        def work(connection: Connection) -> bool:
            expiry = connection.scalar(select(clock.database_now_plus(connection, self._pace.round_seconds)))
            over = Lock.expires_at < clock.database_now(connection)
            row = {"name": _LOCK, "holder": self._holder, "expires_at": expiry}
            return upsert(connection, Lock, [row], where=lambda _new: over) > 0

        return self._db.write(work)

    def _orphans_of(self, page: Sequence[str]) -> Iterator[str]:
        """Which of these files no row names, now or ever again."""
        found = {path: match for path in page if (match := _PATH.match(path))}
        yield from (path for path in page if "/" not in path and self._is_old_probe(path))
        jobs = sorted({match["job"] for match in found.values()})
        with self._db.read() as connection:
            ended = _ended_attempts(connection, jobs, self._pace.settle_seconds)
            named = _named_files(connection, jobs)
        for path, match in found.items():
            attempt = int(match["attempt"] or match["saved_by"])
            if (match["job"], attempt) in ended and path not in named:
                yield path

    def _is_old_probe(self, path: str) -> bool:
        probe = path.startswith(PROBE_PREFIX) or path.endswith(PART_SUFFIX)
        return probe and self._storage.age_seconds(path) > self._pace.probe_seconds


def _ended_attempts(connection: Connection, jobs: Sequence[str], settle_seconds: float) -> set[tuple[str, int]]:
    settled = clock.database_now_plus(connection, -settle_seconds)
    statement = select(Attempt.job_id, Attempt.attempt).where(Attempt.job_id.in_(jobs), Attempt.finished_at < settled)
    return {(row.job_id, row.attempt) for row in connection.execute(statement)}


def _named_files(connection: Connection, jobs: Sequence[str]) -> set[str]:
    named = set(connection.scalars(select(Artifact.path).where(Artifact.job_id.in_(jobs))))
    statement = select(Job.checkpoint).where(Job.id.in_(jobs), Job.checkpoint.is_not(None))
    checkpoints: Iterator[dict[str, Any]] = iter(connection.scalars(statement))
    return named | {entry["path"] for checkpoint in checkpoints for entry in checkpoint.get("entries", [])}
