"""The reckoning after a run finds what it is there to find."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from shared.database.engine import Database
from shared.database.tables import Attempt, Epoch, Job, JobEvent
from shared.jobs.reads import events
from shared.jobs.running import attempts
from tests.chaos.clean import Clean, untimed
from tests.chaos.follower import Follower, Seen
from tests.chaos.records import JobRecord, all_jobs
from tests.chaos.verdict import epoch_faults, event_faults, job_faults, stream_faults
from tests.support import factories
from worker.training.results import Weights

EPOCHS = 3
NOTHING: dict[str, Weights] = {}


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    """One job that succeeded with three epochs."""
    claim = factories.running(sqlite_database)
    attempts.record_epochs(sqlite_database, claim, factories.epoch_rows(1, 2), factories.best())
    attempts.succeed(
        sqlite_database,
        claim,
        epochs=factories.epoch_rows(3, 3),
        best=factories.best(),
        exact=True,
        evaluations=[],
        artifacts=[],
    )
    return sqlite_database


CLEAN = Clean(
    epochs={row["epoch"]: untimed(row) for row in factories.epoch_rows(1, EPOCHS)},
    evaluations={},
    tensors=NOTHING,
    best=(0.5, 1),
)


def everything_wrong(record: JobRecord) -> Iterator[str]:
    """All that the tables alone can tell."""
    yield from job_faults(record, [])
    yield from epoch_faults(record, CLEAN)
    yield from event_faults(record)


def only(db: Database) -> JobRecord:
    """The record of the one job."""
    (record,) = all_jobs(db)
    return record


def test_a_job_that_went_well_has_nothing_wrong(database: Database) -> None:
    """No check finds anything."""
    assert list(everything_wrong(only(database))) == []


CORRUPTIONS: dict[str, Callable[[], Any]] = {
    "is running: lost": lambda: update(Job).values(status="running"),
    "has an open attempt": lambda: update(Attempt).values(outcome=None),
    "its last attempt lost": lambda: update(Attempt).values(outcome="lost"),
    "not tidied up": lambda: update(Job).values(checkpoint={"entries": []}),
    "stands at 2": lambda: update(Job).values(attempt=2),
    "counts 1 failures": lambda: update(Job).values(failures=1),
    "failed without need": lambda: update(Job).values(status="failed", error_code="internal_error"),
    "has epochs [1, 3]": lambda: delete(Epoch).where(Epoch.epoch == 2),
    "has epoch 2 as": lambda: update(Epoch).where(Epoch.epoch == 2).values(train_loss=Epoch.train_loss + 1e-15),
    "its last row": lambda: update(Job).values(epoch=2),
    "hands out a number twice": lambda: update(Epoch).where(Epoch.epoch == 2).values(seq=3),
    "has gaps at [2]": lambda: delete(JobEvent).where(JobEvent.seq == 2),
    "stands at number 9": lambda: update(Job).values(event_seq=9),
    "does not end with its status": lambda: update(JobEvent).where(JobEvent.seq == 6).values(kind="resumed"),
}


@pytest.mark.parametrize("finding", CORRUPTIONS)
def test_each_broken_promise_is_found(database: Database, finding: str) -> None:
    """Whatever is changed in the tables by hand gives the line that names it."""
    database.write(lambda connection: connection.execute(CORRUPTIONS[finding]()))
    assert any(finding in line for line in everything_wrong(only(database)))


def test_a_second_success_is_found(database: Database) -> None:
    """Two attempts that both say that they succeeded are one too many."""
    job_id = only(database).job.id
    again = {"attempt": 2, "worker": "w", "device": "cpu", "outcome": "succeeded"}
    row = again | {"job_id": job_id, "started_at": factories.EPOCH, "finished_at": factories.EPOCH}
    database.write(lambda connection: connection.execute(insert(Attempt).values(row)))
    assert any("succeeded twice" in line for line in everything_wrong(only(database)))


@pytest.fixture
def follower(database: Database) -> Follower:
    """A reader who was given everything."""
    job_id = only(database).job.id
    follower = Follower("http://nowhere", job_id, Random(0))
    found, _ = events.read(database, job_id)
    follower.seen = [Seen(event.seq, event.kind, event.data) for event in found]
    follower.ended = True
    return follower


def test_a_whole_stream_has_nothing_wrong(database: Database, follower: Follower) -> None:
    """No check finds anything."""
    assert list(stream_faults(only(database), follower)) == []


SPOILED: dict[str, Callable[[list[Seen]], list[Seen]]] = {
    "lacks event 3": lambda seen: [event for event in seen if event.seq != 3],
    "out of order": lambda seen: seen[::-1],
    "has event 4 as": lambda seen: [
        event if event.seq != 4 else dataclasses.replace(event, data=event.data | {"lr": 1}) for event in seen
    ],
    "leaves its reader with epochs": lambda seen: [*seen, Seen(99, "resumed", {"from_epoch": 2})],
}


@pytest.mark.parametrize("finding", SPOILED)
def test_each_fault_of_a_stream_is_found(database: Database, follower: Follower, finding: str) -> None:
    """Whatever is missing, changed or in the wrong place gives the line that names it."""
    follower.seen = SPOILED[finding](follower.seen)
    assert any(finding in line for line in stream_faults(only(database), follower))


def test_a_stream_that_does_not_end_is_found(database: Database, follower: Follower) -> None:
    """A reader who is never told that nothing follows would wait for ever."""
    follower.ended = False
    assert any("did not end" in line for line in stream_faults(only(database), follower))
