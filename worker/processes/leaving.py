"""The last act of a worker's process: off the list of workers, if the database answers soon."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress

from shared.database.engine import Database
from shared.errors import DatabaseUnavailable
from shared.fleet import workers


def leave(db: Database, worker_id: str, *, after: Sequence[threading.Thread], seconds: float) -> None:
    """Take the worker off the list once its threads have ended; give up after `seconds`.

    Args:
        db: the database.
        worker_id: the worker.
        after: threads that may report the worker again until they end; those that were never started are left out.
        seconds: most that the process waits for threads and database.
    """

    def work() -> None:
        for thread in after:
            if thread.ident:
                thread.join()
        with suppress(DatabaseUnavailable):
            workers.leave(db, worker_id)

    leaving = threading.Thread(target=work, daemon=True)
    leaving.start()
    leaving.join(timeout=seconds)
