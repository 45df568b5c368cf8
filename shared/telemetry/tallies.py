"""Counters of the metrics that outlive every process: rows of `tallies`, added in the transactions that they count.

A transaction adds rows and never changes any, so that counting makes no writer wait for another; `merge` turns the many
rows of a counter into one. A counter is exact: it has a job's end if and only if the job has ended, and it never
decreases, not even when the job is deleted.
"""

from __future__ import annotations

import bisect
import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import delete, func, insert, select

from shared.database.tables import Job, Tally
from shared.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Row

    from shared.database.engine import Database
    from shared.jobs.status import Outcome

logger = logging.getLogger(__name__)

_TALLIES: Any = Tally.__table__  # with the class itself SQLAlchemy would use its slower object mapper
_INSERT = insert(_TALLIES)

FINISHED = "jobs_finished"
"""Counts finished jobs by `kind`, `status` and `owner` (empty without one)."""
ENDED = "attempts"
"""Counts attempts that have ended by `kind`, `outcome` and `code`, the error's (empty without one)."""
EPOCHS = "epochs"
"""Counts recorded epochs by `device_kind`; those that are run again count again."""
EPOCH_SECONDS = "epoch_seconds"
"""The time that those epochs took, by `device_kind`."""
RUN_SECONDS = "job_run_seconds"
"""A histogram of the running time of finished jobs, all attempts together, by `kind`."""
WAIT_SECONDS = "job_wait_seconds"
"""A histogram of the time between a job's submission and its first attempt, by `kind`."""
DELIVERIES = "webhook_attempts"
"""Counts attempts at delivering a webhook's message by the `status` that the delivery has after it."""
BUCKETS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 43_200.0, 86_400.0)
"""Upper bounds of the histograms' buckets in seconds; a last one has no bound."""
SUM = "sum"
"""The label `le` of the row that holds the sum of a histogram's values."""

MERGE_SECONDS = 60.0
"""How often the rows are merged."""
MERGE_ROWS = 1000
"""Number of rows up to which they are left as they are."""


@dataclass(frozen=True)
class Counter:
    """The value of one counter."""

    name: str
    labels: Mapping[str, str]
    amount: float


def add(connection: Connection, counters: Iterable[Counter]) -> None:
    """Add amounts to counters, in this transaction, by one row for each counter."""
    _insert(connection, rows_of(counters))


def rows_of(counters: Iterable[Counter]) -> list[dict[str, Any]]:
    """Return the rows of `tallies` that add amounts to counters, one for each."""
    amounts: dict[tuple[str, str], float] = {}
    for one in counters:
        key = one.name, orjson.dumps(dict(one.labels), option=orjson.OPT_SORT_KEYS).decode()
        amounts[key] = amounts.get(key, 0.0) + one.amount
    return _rows(amounts)


def _rows(amounts: Mapping[tuple[str, str], float]) -> list[dict[str, Any]]:
    return [{"name": name, "labels": labels, "amount": amount} for (name, labels), amount in amounts.items()]


def _insert(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(_INSERT, rows)


def observed(name: str, seconds: float, **labels: str) -> tuple[Counter, Counter]:
    """Return what a value adds to a histogram: one in its bucket, and the value in the sum."""
    at = bisect.bisect_left(BUCKETS, seconds)
    bound = f"{BUCKETS[at]:g}" if at < len(BUCKETS) else "+Inf"
    return Counter(name, {**labels, "le": bound}, 1.0), Counter(name, {**labels, "le": SUM}, seconds)


def count_finished(connection: Connection, job_ids: Sequence[str]) -> None:
    """Count jobs that this transaction has finished, by what their rows say by now."""
    columns: tuple[Any, ...] = (Job.kind, Job.status, Job.owner, Job.running_seconds, Job.attempt)
    jobs = connection.execute(select(*columns).where(Job.id.in_(job_ids))).all()
    add(connection, [one for job in jobs for one in _finished(job)])


def _finished(job: Row[Any]) -> Iterator[Counter]:
    yield Counter(FINISHED, {"kind": job.kind, "status": job.status, "owner": job.owner or ""}, 1.0)
    if job.attempt:
        yield from observed(RUN_SECONDS, job.running_seconds, kind=job.kind)


def count_ended(connection: Connection, kind: str, outcome: Outcome, code: str | None) -> None:
    """Count an attempt, of a job of this kind, that this transaction has ended; `code` is the error's."""
    add(connection, [Counter(ENDED, {"kind": kind, "outcome": outcome.value, "code": code or ""}, 1.0)])


def waited(kind: str, seconds: float) -> tuple[Counter, Counter]:
    """Return what counts the first claim of a job of this kind, so many seconds after its submission."""
    return observed(WAIT_SECONDS, max(0.0, seconds), kind=kind)


def count_epochs(connection: Connection, device_kind: str, seconds: Sequence[float]) -> None:
    """Count epochs that this transaction records, by the time that each took."""
    labels = {"device_kind": device_kind}
    add(connection, [Counter(EPOCHS, labels, len(seconds)), Counter(EPOCH_SECONDS, labels, sum(seconds))])


def count_delivery(connection: Connection, status: str) -> None:
    """Count an attempt at delivering a webhook's message, which this transaction records."""
    add(connection, [Counter(DELIVERIES, {"status": str(status)}, 1.0)])


def read(connection: Connection) -> list[Counter]:
    """Return the value of every counter, in the order in which each was first added to."""
    total, first = func.sum(Tally.amount).label("amount"), func.min(Tally.id)
    statement = select(Tally.name, Tally.labels, total).group_by(Tally.name, Tally.labels).order_by(first)
    return [Counter(row.name, orjson.loads(row.labels), row.amount) for row in connection.execute(statement)]


def merge(db: Database, *, above: int = MERGE_ROWS) -> bool:
    """Replace the rows of each counter by one, where there are more than `above` rows; return whether there were.

    The order of `read` stays. Rows added meanwhile are left for the next time.

    Raises:
        DatabaseUnavailable: nothing is changed.
    """
    with db.read() as connection:
        some = select(Tally.id).limit(above + 1).subquery()
        if connection.execute(select(func.count()).select_from(some)).scalar_one() <= above:
            return False
    db.write(_merge)
    return True


def _merge(connection: Connection) -> None:
    columns = (_TALLIES.c.id, _TALLIES.c.name, _TALLIES.c.labels, _TALLIES.c.amount)
    rows = connection.execute(delete(_TALLIES).returning(*columns)).all()
    totals: dict[tuple[str, str], float] = {}
    for row in sorted(rows):
        totals[row.name, row.labels] = totals.get((row.name, row.labels), 0.0) + row.amount
    _insert(connection, _rows(totals))  # none where another process has merged them meanwhile


class Merger:
    """Merges the rows every `MERGE_SECONDS`; processes need not agree on which of them does it.

    Args:
        db: the database.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def start(self) -> threading.Event:
        """Start merging in a daemon thread. Setting the returned event ends it."""
        stop = threading.Event()
        threading.Thread(target=self.run_until, args=(stop.wait,), name="tallies", daemon=True).start()
        return stop

    def run_until(self, stop: Callable[[float], bool]) -> None:
        """Merge again and again until `stop(seconds)`, which waits up to `seconds`, returns True."""
        while not stop(MERGE_SECONDS):
            try:
                merge(self._db)
            except DatabaseUnavailable as error:
                logger.warning("tallies_not_merged", extra={"reason": str(error)})
            except Exception:
                # No error may end the thread: the next time may succeed.
                logger.exception("tallies_crashed")
