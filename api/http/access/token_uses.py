"""When tokens were last used: collected by requests, recorded by a thread, so that no request waits for the write."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from shared.database.engine import Database
from shared.errors import DatabaseUnavailable
from shared.people import tokens

RECORD_SECONDS = 5.0
"""Least time between two writes."""

log = logging.getLogger(__name__)


class TokenUses:
    """The uses of tokens that one process has yet to record.

    Args:
        db: the database.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._waiting: set[str] = set()

    def add(self, token_id: str) -> None:
        """Note that a token was used now."""
        with self._lock:
            self._waiting.add(token_id)

    def record(self) -> None:
        """Write the uses into the database; those that cannot be written wait for the next time."""
        with self._lock:
            found, self._waiting = self._waiting, set()
        if not found:
            return
        try:
            tokens.mark_used(self._db, found)
        except DatabaseUnavailable as error:
            log.warning("token_uses_not_recorded", extra={"reason": error.detail})
            with self._lock:
                self._waiting |= found

    def start(self) -> threading.Event:
        """Record the uses in a daemon thread from now on. Setting the returned event ends it."""
        stop = threading.Event()
        threading.Thread(target=self.run_until, args=(stop.wait,), name="token-uses", daemon=True).start()
        return stop

    def run_until(self, stop: Callable[[float], bool]) -> None:
        """Record again and again until `stop(seconds)`, which waits up to `seconds`, returns True."""
        while not stop(RECORD_SECONDS):
            try:
                self.record()
            except Exception:
                # No error may end the thread: the next write may succeed.
                log.exception("token_uses_crashed")
