"""Orphans: files in the artifact storage that no row names, left by a kill between storing and recording.

An attempt writes files and then names them in SQL, in its own fenced transaction. Once SQL says that the attempt has
ended it can name no more files, so a file of it that no row names is an orphan, whatever the clocks say. Files of a
running attempt are not touched, nor are files of a job or attempt that this database does not know: another
installation, or a later state of this one, may use the same storage.
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
from shared.jobs.status import FINISHED
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
class CollectorPace:
    """Sizes and times of rounds, and the ages below which files are left alone."""

    page_files: int = 1000
    """Files checked in one pass, by one listing of the storage and three short reads of the database."""
    pause_seconds: float = 1.0
    """Pause between two passes of a round."""
    round_seconds: float = 3600.0
    """Time from the start of one round to the start of the next one, by any process."""
    settle_seconds: float = 60.0
    """Time after its end during which an attempt may still be deleting its files itself."""
    probe_seconds: float = 86_400.0
    """Age from which a probe or a partial file is an orphan, as its writer must have died."""


class OrphanCollector:
    """Scans the whole storage in rounds, a page at a time, and deletes orphans.

    Args:
        db: the database, whose rows name files.
        storage: the storage to scan.
        pace: sizes and times of rounds.
    """

    def __init__(self, db: Database, storage: Storage, pace: CollectorPace = CollectorPace()) -> None:
        self._db = db
        self._storage = storage
        self._pace = pace
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{id(self)}"

    def start(self) -> threading.Event:
        """Start rounds in a daemon thread, now and whenever one is due. Setting the returned event ends them."""
        stop = threading.Event()
        threading.Thread(target=self.run_until, args=(stop.wait,), name="orphans", daemon=True).start()
        return stop

    def run_until(self, stop: Callable[[float], bool]) -> None:
        """Make round after round until `stop(seconds)`, which waits up to `seconds`, returns True."""
        while not stop(self._pace.settle_seconds):
            try:
                if self.begin_round():
                    self.run_round(stop)
            except (DatabaseUnavailable, StorageUnavailable, StorageError) as error:
                logger.warning("orphans_not_collected", extra={"reason": str(error)})
            except Exception:
                # No error may end the thread: the next round may succeed.
                logger.exception("orphans_crashed")

    def run_round(self, stop: Callable[[float], bool] = lambda _seconds: False) -> int:
        """Check every file once; return how many were deleted.

        Raises:
            DatabaseUnavailable, StorageUnavailable, StorageError: the remaining files are left for the next round.
        """
        deleted, after = 0, ""
        while page := self._storage.page(after, self._pace.page_files):
            # Files are listed before rows are read, so a file that is named in between is not taken for an orphan.
            orphans = list(self._orphans_of(page))
            self._storage.delete(orphans)
            if orphans:
                logger.info("orphans_deleted", extra={"count": len(orphans), "first": orphans[0]})
            deleted, after = deleted + len(orphans), page[-1]
            if stop(self._pace.pause_seconds):
                break
        return deleted

    def begin_round(self) -> bool:
        """Begin a round for all processes; return False where one began less than `CollectorPace.round_seconds` ago."""

        def work(connection: Connection) -> bool:
            expiry = connection.scalar(select(clock.database_now_plus(connection, self._pace.round_seconds)))
            over = Lock.expires_at < clock.database_now(connection)
            row = {"name": _LOCK, "holder": self._holder, "expires_at": expiry}
            return upsert(connection, Lock, [row], where=lambda _new: over) > 0

        return self._db.write(work)

    def _orphans_of(self, page: Sequence[str]) -> Iterator[str]:
        """Yield those of these files that no row names or can still name, and old probes and partial files."""
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


def names_files(db: Database) -> bool:
    """Whether any row names a file of the artifact storage: an artifact, or the checkpoint of an unfinished job."""
    unfinished = Job.status.not_in(FINISHED)
    checkpoint = select(Job.id).where(unfinished, Job.checkpoint.is_not(None)).limit(1)
    with db.read() as connection:
        found = (connection.scalar(statement) for statement in (select(Artifact.path).limit(1), checkpoint))
        return any(one is not None for one in found)
