"""Sweeps brought up to date, with tickets for the jobs that this queued.

Whoever ends a job of a sweep brings the sweep up to date. What is missed, as a process died between the two or a job
was ended by somebody else, the keeper of some process finds.
"""

from __future__ import annotations

import logging
import math
import os
import socket
import threading
import time
import uuid
from typing import TYPE_CHECKING, Self

from shared.database.engine import Database
from shared.database.named_lock import NamedLock
from shared.delivery.publisher import publish_many
from shared.errors import DatabaseUnavailable, SuggestionFailed
from shared.sweeps.unfinished import unfinished

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.delivery.broker import Broker
    from shared.settings import Settings

logger = logging.getLogger(__name__)


def advance(db: Database, broker: Broker, sweep_id: str, seconds: float = math.inf) -> int:
    """Bring a sweep up to date and publish what it queues, step by step; return how many jobs that are.

    Nothing is raised where it cannot be done now, whatever the reason: the keeper comes to it again.

    Args:
        db: the database.
        broker: sends the tickets.
        sweep_id: the sweep.
        seconds: no step is begun after so long, for somebody who waits: the keeper, or whoever ends a job of it, goes
            on.
    """
    from shared.sweeps import progress  # noqa: PLC0415 -- memory that a worker's parent saves while there are no sweeps

    until, count = time.monotonic() + seconds, 0
    try:
        for queued in progress.steps(db, sweep_id):
            publish_many(db, broker, queued)
            count += len(queued)
            if time.monotonic() > until:
                break
    except (DatabaseUnavailable, SuggestionFailed) as error:
        logger.warning("sweep_not_advanced", extra={"sweep": sweep_id, "reason": str(error)})
    except Exception:  # the job that has ended must not suffer, nor other sweeps
        logger.exception("sweep_crashed", extra={"sweep": sweep_id})
    return count


class SweepKeeper:
    """Brings every unfinished sweep up to date, again and again; of all processes one does at a time.

    It has a thread and a database of its own, as Optuna may take seconds for a suggestion: the reconciler, which judges
    leases, must not wait for that.

    Args:
        db: a `Database` that nothing else uses.
        broker: sends the tickets.
    """

    def __init__(self, db: Database, broker: Broker) -> None:
        self._db = db
        self._broker = broker
        self._lock = NamedLock(db, "sweeps", f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}")

    @classmethod
    def build(cls, settings: Settings, broker: Broker) -> Self:
        """Build a keeper from settings."""
        return cls(Database(settings.sqlalchemy_url), broker)

    def run_once(self) -> int:
        """Make one pass; return how many jobs it queued. It costs one small read where there is no sweep to keep.

        Raises:
            DatabaseUnavailable: the database is unavailable.
        """
        sweeps = unfinished(self._db)
        if not sweeps or not self._lock.acquire():
            return 0
        return sum(advance(self._db, self._broker, sweep_id) for sweep_id in sweeps)

    def run_until(self, stop: Callable[[float], bool], interval_seconds: float) -> None:
        """Make pass after pass until `stop(seconds)`, which waits so long, returns True."""
        while not stop(interval_seconds):
            try:
                self.run_once()
            except DatabaseUnavailable as error:
                logger.warning("sweeps_not_kept", extra={"reason": str(error)})
            except Exception:
                # No error may end the thread: the next pass may succeed.
                logger.exception("sweeps_crashed")

    def start(self, interval_seconds: float) -> threading.Event:
        """Start passes in a daemon thread. Setting the returned event ends them."""
        stop = threading.Event()
        threading.Thread(target=self.run_until, args=(stop.wait, interval_seconds), name="sweeps", daemon=True).start()
        return stop
