"""A stand-in for a worker: it claims trials of a sweep and sleeps instead of training them, until none is left."""

from __future__ import annotations

import sys
import time

from shared.database.engine import Database
from shared.sweeps import progress, reads
from tests.support import sweeps


def main(url: str, sweep_id: str, seconds: str, worker: str) -> None:
    """Work until the sweep has no job left that is not finished."""
    db = Database(url)
    while True:
        claim = sweeps.claim(db, worker)
        if claim is None:
            if reads.sweep(db, sweep_id).finished_at:
                return
            continue
        time.sleep(float(seconds))
        sweeps.train(db, claim)
        progress.advance(db, sweep_id)


if __name__ == "__main__":
    main(*sys.argv[1:])
