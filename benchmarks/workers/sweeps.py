"""What a sweep decides, and how quickly: among 10,000 trials, and over 1,000 trials of stand-ins that only sleep."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text, update

from benchmarks.support.lines import Line, median
from benchmarks.workers.claims import databases
from shared.database.engine import Database
from shared.database.tables import Job, Sweep, SweepPoint, SweepRung, SweepTrial
from shared.jobs.actor import EVERYBODY
from shared.sweeps import creation, progress, reads
from tests.support import factories, sweeps

TRIALS, LEFT = 10_000, 300
"""Trials of the long sweep, and how many of them are still to be made when it is measured."""
SHORT, WORKERS, SLEEP_SECONDS = 1_000, 2, 0.05
ASHA = {"min_epochs": 1, "eta": 4}
EPOCHS = 16
_BATCH = 5_000


def fill(db: Database) -> str:
    """A sweep of which all trials but the last `LEFT` have come to their rungs, with every promotion made."""
    base = sweeps.BASE | {"training": {"epochs": EPOCHS}}
    checked = sweeps.checked(base=base, asha=ASHA, max_trials=TRIALS, max_parallel=8)
    sweep_id = creation.create(db, checked, actor=EVERYBODY)
    rungs, made = checked.request.rungs(EPOCHS), TRIALS - LEFT
    chance = random.Random(0)
    losses = {point: -chance.random() for point in range(made)}
    reached = dict.fromkeys(losses, 0)
    there = sorted(losses, key=losses.__getitem__)
    for rung in range(1, len(rungs)):
        there = there[: len(there) // ASHA["eta"]]
        reached |= dict.fromkeys(there, rung)
    last = len(rungs) - 1
    spec = dict(factories.submission().document)
    jobs = [_job(point, sweep_id, rungs[reached[point]], ended=reached[point] == last, spec=spec) for point in losses]
    factories.insert_jobs(db, jobs, batch=_BATCH)
    points, trials, standings = [], [], []
    for point, loss in losses.items():
        rung, ended = reached[point], reached[point] == last
        mine = {"sweep_id": sweep_id, "point": point}
        points.append(mine | _point(rung, rungs[rung], loss, ended=ended))
        where = {"rung": rung, "state": "ended" if ended else "waiting", "value": -loss}
        trials.append(mine | where | {"repeat": 0, "job_id": jobs[point]["id"]})
        standings += [mine | {"rung": r, "loss": loss, "waiting": r == rung and not ended} for r in range(rung + 1)]
    for table, rows in ((SweepPoint, points), (SweepTrial, trials), (SweepRung, standings)):
        for start in range(0, len(rows), _BATCH):
            _insert(db, table, rows[start : start + _BATCH])
    db.write(lambda connection: connection.execute(update(Sweep).values(next_trial=made)))
    if not db.is_sqlite:
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))  # a server does it by itself, a little later
    return sweep_id


def _insert(db: Database, table: type[Any], rows: list[dict[str, Any]]) -> None:
    db.write(lambda connection: connection.execute(insert(table), rows))


def _job(number: int, sweep_id: str, epoch: int, *, ended: bool, spec: dict[str, Any]) -> dict[str, Any]:
    status = "succeeded" if ended else "paused"
    return factories.job_row(number, sweep=sweep_id, status=status, epochs=EPOCHS, epoch=epoch, spec=spec)


def _point(rung: int, epoch: int, loss: float, *, ended: bool) -> dict[str, Any]:
    status = "succeeded" if ended else "paused"
    figures = {"rung": rung, "epoch": epoch, "value": -loss, "loss": loss}
    return {"params": {sweeps.LR: 0.01}, "status": status, "created_at": factories.EPOCH, **figures}


def among_many(db: Database, name: str, repeats: int) -> Iterator[Line]:
    """Advance a sweep of 10,000 trials after each end of a job, with a new trial or a promotion each time."""
    sweep_id = fill(db)
    progress.advance(db, sweep_id)
    taken = []
    for _ in range(repeats):
        sweeps.train(db, sweeps.next_claim(db))
        began = time.perf_counter()
        queued = progress.advance(db, sweep_id)
        taken.append(1000 * (time.perf_counter() - began))
        assert len(queued) == 1
    yield median(f"advance after a trial's end, {TRIALS:,} trials, {name}", "ms", taken, at_most=20.0)
    idle = [_timed(lambda: progress.advance(db, sweep_id)) for _ in range(repeats)]
    yield median(f"advance with nothing to do, {TRIALS:,} trials, {name}", "ms", idle, at_most=20.0)
    shown = [_timed(lambda: reads.sweep(db, sweep_id)) for _ in range(repeats)]
    yield median(f"a read of the sweep, {TRIALS:,} trials, {name}", "ms", shown)
    page = [_timed(lambda: reads.trials(db, sweep_id, sort="value")) for _ in range(repeats)]
    yield median(f"a page of its best points, {TRIALS:,} trials, {name}", "ms", page)


def _timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def overhead(db: Database, name: str, url: str) -> Iterator[Line]:
    """Let stand-ins, which sleep instead of training, work through a sweep: what is left of their time is overhead."""
    sweep_id = sweeps.make(
        db, max_trials=SHORT, max_parallel=4 * WORKERS, base=sweeps.BASE | {"training": {"epochs": 1}}
    )
    command = [sys.executable, "-m", "benchmarks.support.stack.stand_in", url, sweep_id, str(SLEEP_SECONDS)]
    began = time.perf_counter()
    workers = [subprocess.Popen([*command, f"host:cpu:{number}"]) for number in range(WORKERS)]
    for worker in workers:
        assert worker.wait() == 0
    each = (time.perf_counter() - began) * WORKERS / SHORT - SLEEP_SECONDS
    what = f"overhead a trial, {SHORT:,} trials, {WORKERS} stand-ins that sleep, {name}"
    yield median(what, "ms", [1000 * each], at_most=60.0)


def lines(rounds: int) -> Iterator[Line]:
    """Both databases."""
    folder = Path(tempfile.mkdtemp(prefix="fl-bench-"))
    with databases(folder) as made:
        for name, db in made.items():
            yield from among_many(db, name, 20 * rounds)
            db.write(lambda connection: connection.execute(update(Job).values(status="cancelled")))
            db.write(lambda connection: connection.execute(update(Sweep).values(finished_at=factories.EPOCH)))
            url = db.engine.url.render_as_string(hide_password=False)
            yield from overhead(db, name, url)
    shutil.rmtree(folder)
