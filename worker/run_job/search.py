"""A worker's search for its next job, whenever a ticket tells it to look.

A ticket for jobs that this worker may not take (another worker holds their images) finds it again and again. So after
a search in vain the next one is put off for half a second, and only that: meanwhile the worker keeps looking at the
queue, which locks nothing, and goes on at once when there is something that it may take.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from shared.jobs.running import claims
from shared.jobs.running.claims import Claim, Claimant, Prospect

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.database.engine import Database
    from worker.run_job.lease import Flag

PAUSE_SECONDS = 0.5
"""Least time between two claims that find only jobs for other workers."""
LOOK_SECONDS = 0.1
"""Time between two looks at the queue meanwhile."""


class Search:
    """The search of one worker.

    Args:
        db: the database.
        claimant: returns the worker as a claimant, with the images that it holds now.
        lease_seconds: how long a claim holds without a heartbeat.
        stop: returns the flag that says whether the worker is to stop.
        beat: called at every look, as a sign of life.
    """

    def __init__(
        self,
        db: Database,
        claimant: Callable[[], Claimant],
        lease_seconds: float,
        stop: Callable[[], Flag],
        beat: Callable[[], None],
    ) -> None:
        self._db = db
        self._claimant = claimant
        self._lease_seconds = lease_seconds
        self._stop = stop
        self._beat = beat
        self._in_vain = -math.inf
        self._after: str | None = None
        """The owner of the job that was claimed last, empty for none."""

    def claim(self) -> Claim | None:
        """Claim the job that this worker should work on next; None where there is none for it.

        Raises:
            DatabaseUnavailable: the database is unavailable.
        """
        if not self._worth_a_claim():
            return None
        claim = claims.claim_next(self._db, replace(self._claimant(), after=self._after), self._lease_seconds)
        self._after = claim.owner or "" if claim else self._after
        self._in_vain = -math.inf if claim else time.monotonic()
        return claim

    def _worth_a_claim(self) -> bool:
        """Wait out the pause after a claim in vain, unless a look finds a job for this worker, or none for anybody."""
        while (left := self._in_vain + PAUSE_SECONDS - time.monotonic()) > 0:
            self._beat()
            prospect = claims.prospect(self._db, self._claimant())
            if prospect == Prospect.SOME:
                return True
            if prospect == Prospect.NONE or self._stop().is_set():
                return False
            time.sleep(min(left, LOOK_SECONDS))
        return not self._stop().is_set()
