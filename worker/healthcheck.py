"""`python -m worker.healthcheck`, for container engines: exit 0 where a worker of this host has a live report."""

from __future__ import annotations

import socket
import sys

from shared.database.engine import Database
from shared.jobs.reads.queries import workers
from shared.jobs.status import WorkerState
from shared.settings import Settings


def reports(settings: Settings, host: str) -> bool:
    """Whether the database lists a live worker of `host`. Raises DatabaseUnavailable."""
    db = Database(settings.sqlalchemy_url)
    try:
        known = workers(db, silent_seconds=settings.lease_seconds)
    finally:
        db.dispose()
    return any(worker["host"] == host and worker["state"] != WorkerState.GONE for worker in known)


if __name__ == "__main__":
    sys.exit(not reports(Settings(), socket.gethostname()))
