"""A process that works and decides until a sweep has finished, given a database's URL, a sweep and a worker's id."""

from __future__ import annotations

import sys

from shared.database.engine import Database
from shared.sweeps import progress, reads
from shared.sweeps.status import SweepStatus
from tests.support import sweeps


def main(url: str, sweep_id: str, worker: str) -> None:
    """Work until the sweep has finished."""
    db = Database(url)
    while reads.sweep(db, sweep_id).status != SweepStatus.FINISHED:
        if claim := sweeps.claim(db, worker):
            sweeps.train(db, claim, at_once=True)
        progress.advance(db, sweep_id)


if __name__ == "__main__":
    main(*sys.argv[1:])
