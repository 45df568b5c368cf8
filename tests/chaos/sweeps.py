"""A search with stand-ins that work and decide at once and are killed anywhere: every decision is made once."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from migrations import upgrade
from shared.database.engine import Database
from shared.jobs.running import leases
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from shared.sweeps import events, reads
from shared.sweeps.points.space import Point
from shared.sweeps.points.trials import points_from
from shared.sweeps.status import SweepStatus
from shared.webhooks import deliveries, hooks
from shared.webhooks.signature import SigningKey
from tests.support import sweeps
from tests.support.servers import start_postgres
from tests.support.sweeps import Decided

RACERS = 6
_LOOK_SECONDS = 0.01
_SECONDS_A_TRIAL = 3.0
_START_SECONDS = 120.0


class Racer:
    """A process that works and decides."""

    def __init__(self, db: Database, sweep_id: str, number: int) -> None:
        self.worker = f"host:cpu:{number}"
        url = db.engine.url.render_as_string(hide_password=False)
        self.process = subprocess.Popen([sys.executable, "-m", "tests.support.sweep_racer", url, sweep_id, self.worker])

    def kill(self, db: Database) -> None:
        """Kill it, and have its job lost, as its worker's parent would."""
        self.process.kill()
        self.process.wait()
        leases.lose(db, self.worker, Ending(Outcome.LOST, "worker_died", retryable=True))


@dataclass
class Search:
    """What came of a search.

    Attributes:
        trials: how many points it had.
        kills: how many racers were killed over it.
        seconds: how long it took.
        decisions: jobs made, points promoted and points ended.
        violations: what was decided twice or not at all.
    """

    trials: int
    kills: int = 0
    seconds: float = 0.0
    decisions: int = 0
    violations: list[str] = field(default_factory=list)


@contextmanager
def database(kind: str) -> Iterator[Database]:
    """An empty database, ``sqlite`` or ``postgresql``, that goes with its server."""
    folder = Path(tempfile.mkdtemp(prefix="fl-chaos-", dir="/tmp"))
    postgres = start_postgres() if kind == "postgresql" else None
    db = Database(postgres.create("chaos") if postgres else f"sqlite:///{folder}/flightline.db")
    try:
        upgrade(db)
        yield db
    finally:
        db.dispose()
        if postgres:
            postgres.remove()
        shutil.rmtree(folder, ignore_errors=True)


def search(db: Database, trials: int, kills: int, seed: int, eta: int = 2, algorithm: str = "random") -> Search:
    """Have `RACERS` stand-ins, `kills` of which are killed on the way, work through a sweep; judge what they decided.

    Args:
        db: an empty database.
        trials: number of points.
        kills: how many racers are killed, evenly over the sweep's events; another one starts for each.
        seed: decides the points, and which racer is killed.
        eta: one of so many goes on at each rung; with more than `trials` the best alone, at the end.
        algorithm: how points are chosen; with `tpe` every decision is to be that of a search that nobody disturbs.
    """
    webhook = hooks.create(db, "https://hooks.example.com/", ["sweep.finished"], SigningKey(bytes(32))).id
    base = sweeps.BASE | {"limits": {"max_attempts": 100}, "cache": "off"}
    asked: dict[str, Any] = {"max_trials": trials, "base": base, "asha": sweeps.ASHA | {"eta": eta}}
    asked |= {"algorithm": {"kind": algorithm, "seed": seed}, "max_parallel": 2 * RACERS}
    undisturbed = _undisturbed(db, asked) if algorithm == "tpe" else None
    sweep_id = sweeps.make(db, **asked)
    result, began = Search(trials), time.monotonic()
    racers = [Racer(db, sweep_id, number) for number in range(RACERS)]
    try:
        _play(db, sweep_id, racers, kills, Random(f"{seed} racers"), result)
    finally:
        for racer in racers:
            racer.process.kill()
            racer.process.wait()
    result.seconds = time.monotonic() - began
    decided = sweeps.decided(db, sweep_id)
    result.decisions = len(decided)
    result.violations += sweeps.faults(db, sweep_id)
    made = [point.params for point in reads.trials(db, sweep_id, limit=trials).items]
    if undisturbed is None and made != list(islice(points_from(sweeps.checked(**asked).request, 0), trials)):
        result.violations.append("the points are not those of the seed")
    if undisturbed not in (None, (made, decided)):
        result.violations.append("the points or decisions are not those of an undisturbed search")
    told = [one.payload["data"]["id"] for one in deliveries.page(db, webhook).items]
    if told.count(sweep_id) != 1:
        result.violations.append(f"the end was told {told.count(sweep_id)} times")
    return result


def _undisturbed(db: Database, asked: dict[str, Any]) -> tuple[list[Point], list[Decided]]:
    """Have one worker search; returns the points and the decisions."""
    sweep_id = sweeps.make(db, **asked)
    sweeps.work(db)
    made = reads.trials(db, sweep_id, limit=asked["max_trials"]).items
    return [point.params for point in made], sweeps.decided(db, sweep_id)


def _play(db: Database, sweep_id: str, racers: list[Racer], kills: int, random: Random, result: Search) -> None:
    """Kill racers while the sweep goes on, until it has ended or takes too long."""
    most = 2 * result.trials  # events of a sweep are about twice its points, and more
    due = [most * (number + 1) // (kills + 1) for number in range(kills)]
    bound = _START_SECONDS + _SECONDS_A_TRIAL * result.trials
    deadline = time.monotonic() + bound
    while reads.sweep(db, sweep_id).status != SweepStatus.FINISHED:
        if time.monotonic() > deadline:
            result.violations.append(f"not over after {bound:g} s")
            return
        if due and events.position(db, sweep_id).seq >= due[0]:
            due.pop(0)
            racers.pop(random.randrange(len(racers))).kill(db)
            result.kills += 1
            racers.append(Racer(db, sweep_id, RACERS + result.kills))
        time.sleep(_LOOK_SECONDS)
