"""A thread that keeps an eye on SQL, so that nobody else has to wait for it."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from sqlalchemy import select

from shared.database.engine import Database
from shared.database.tables import Job
from shared.errors import DatabaseUnavailable
from shared.jobs.status import FINISHED, JobStatus

_SECONDS = 0.2


@dataclass(frozen=True)
class Running:
    """A running attempt as it was seen last."""

    job_id: str
    attempt: int
    pid: int
    """Of the worker."""
    checkpoint: str | None
    """The newest one's path in the storage."""


class Watch:
    """What SQL said a moment ago; it stays as it was while the database is away.

    Attributes:
        running: the running attempts.
        unfinished: ids of queued and running jobs, in the order of submission.
        finished: ids of the others, likewise.
        names_files: whether a job has a checkpoint or artifacts.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self.running: list[Running] = []
        self.unfinished: list[str] = []
        self.finished: list[str] = []
        self.names_files = False
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closed.wait(_SECONDS):
            try:
                self._look()
            except DatabaseUnavailable:
                continue

    def _look(self) -> None:
        columns = (Job.id, Job.status, Job.attempt, Job.worker, Job.checkpoint)
        with self._db.read() as connection:
            rows = connection.execute(select(*columns).order_by(Job.id)).all()
        self.running = [
            Running(row.id, row.attempt, int(row.worker.rpartition(":")[2]), _newest(row.checkpoint))
            for row in rows
            if row.status == JobStatus.RUNNING
        ]
        self.unfinished = [row.id for row in rows if row.status not in FINISHED]
        self.finished = [row.id for row in rows if row.status in FINISHED]
        self.names_files = any(row.checkpoint or row.status == JobStatus.SUCCEEDED for row in rows)


def _newest(checkpoint: dict[str, list[dict[str, str]]] | None) -> str | None:
    entries = (checkpoint or {}).get("entries", [])
    return entries[0]["path"] if entries else None
