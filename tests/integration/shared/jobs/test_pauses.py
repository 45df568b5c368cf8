"""Paused jobs beside everything else that happens to jobs, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from shared.database.engine import Database
from shared.database.tables import Job
from shared.errors import IllegalTransition, TooManyQueuedJobs
from shared.fleet import census, workers
from shared.fleet.census import LiveJobs
from shared.jobs import actions, edits
from shared.jobs.actor import EVERYBODY
from shared.jobs.quota import require_room
from shared.jobs.reads import events, queries
from shared.jobs.reads.estimates import Estimates
from shared.jobs.reads.filters import JobFilter
from shared.jobs.running import attempts, leases
from shared.jobs.running.claims import Claim
from shared.jobs.running.data_grace import DataGrace
from shared.jobs.running.pauses import go_on
from shared.jobspec import BUILT_IN, Caps
from shared.storage.orphans import CollectorPace, OrphanCollector, names_files
from shared.storage.retention import Retention, prunable
from shared.storage.store import Storage
from tests.support import factories
from tests.support.clocks import Clock

CHECKPOINT = {"entries": [{"path": "somewhere.ckpt"}]}


def paused(db: Database, epochs: int = 2, **document: Any) -> Claim:
    """A job that stopped on purpose after so many of its epochs, with a checkpoint; its last claim."""
    claim = factories.running(db, **document)
    assert attempts.record_epochs(db, claim, factories.epoch_rows(1, epochs), factories.best(epochs, 0.6))
    assert attempts.record_checkpoint(db, claim, CHECKPOINT, finished_epochs=epochs)
    assert attempts.end(db, claim, factories.PAUSED) == "paused"
    return claim


def look_in_vain(db: Database) -> None:
    """A live worker that has looked everywhere and holds no images."""
    workers.register(db, workers.Identity("one", "box", 1, "cpu", "cpu"), device_name=None, versions={}, datasets=())
    workers.report(db, "one", datasets=[], looked_in="/data")


def status(db: Database, job_id: str) -> str:
    """Where a job stands."""
    return queries.job(db, job_id, actor=EVERYBODY).status


def test_it_is_found_by_its_status_and_has_not_finished(database: Database) -> None:
    """Lists find it, its stream of events stays open, and it says neither an end nor a time that is left."""
    job_id = paused(database).job_id
    factories.submit(database)

    assert [job["id"] for job in factories.listed(database, JobFilter(status=("paused",)))] == [job_id]
    found, position = events.read(database, job_id)
    assert (found[-1].data["status"], found[-1].data["outcome"], position.finished) == ("paused", "paused", False)
    job = queries.job(database, job_id, actor=EVERYBODY)
    assert (job.finished_at, job.progress.epoch, job.progress.eta_seconds) == (None, 2, None)


def test_its_lease_is_over_with_its_attempt(database: Database) -> None:
    """However long it waits, nobody is lost; nor is it, where its worker dies meanwhile."""
    claim = paused(database)

    assert factories.overdue(database) == []
    assert leases.lose(database, "host:cpu:1", factories.LOST) == []
    assert attempts.heartbeat(database, claim, 30) is None
    assert status(database, claim.job_id) == "paused"


def test_its_images_may_be_nowhere_until_it_goes_on(database: Database) -> None:
    """Only a job that waits for a worker fails for want of images."""
    clock = Clock()
    judge = DataGrace(database, 60.0, 15.0, now=clock)
    look_in_vain(database)
    job_id = paused(database).job_id
    began = clock.now

    def fails() -> bool:
        failed = 0
        for _ in range(120):
            clock.now += 1.0
            failed += judge.judge(began)
        return failed > 0

    assert not fails()
    assert database.write(lambda connection: go_on(connection, job_id, None))
    database.write(lambda connection: connection.execute(factories.queued_long_ago(job_id)))
    assert fails()
    assert status(database, job_id) == "failed"


def test_it_counts_as_no_queued_job_of_its_owner(database: Database) -> None:
    """Until it goes on: that is never refused, but counts from then."""
    job_id = paused(database).job_id
    one = replace(EVERYBODY, most_queued=1)
    database.write(lambda connection: require_room(connection, one, 1))

    assert database.write(lambda connection: go_on(connection, job_id, None))

    with pytest.raises(TooManyQueuedJobs):
        database.write(lambda connection: require_room(connection, one, 1))


@pytest.mark.parametrize("wanted", ["retry", "delete", "priority"])
def test_what_needs_another_status_says_what_to_do(database: Database, wanted: str) -> None:
    """A retry, a deletion and another priority are refused in words; labels can be changed."""
    job_id = paused(database).job_id
    done: dict[str, Callable[[], object]] = {
        "retry": lambda: actions.retry(database, job_id, Caps(), BUILT_IN, actor=EVERYBODY).job_id,
        "delete": lambda: factories.delete(database, job_id),
        "priority": lambda: edits.edit(database, job_id, {"priority": 9}, actor=EVERYBODY),
    }
    with pytest.raises(IllegalTransition, match=f"Job {job_id} is paused; "):
        done[wanted]()
    edits.edit(database, job_id, {"name": "x"}, actor=EVERYBODY)
    assert status(database, job_id) == "paused"


def test_it_is_cancelled_at_once_and_deleted_then(database: Database) -> None:
    """Its checkpoint is named no more, so that its files go."""
    job_id = paused(database).job_id

    assert actions.cancel(database, job_id, actor=EVERYBODY) == "cancelled"

    with database.read() as connection:
        ended = connection.execute(select(Job.checkpoint, Job.finished_at).where(Job.id == job_id)).one()
    assert (ended.checkpoint, ended.finished_at is None) == (None, False)
    assert not database.write(lambda connection: go_on(connection, job_id, None))
    factories.delete(database, job_id)
    assert factories.listed(database) == []


def test_its_checkpoint_is_kept(database: Database, tmp_path: Path) -> None:
    """Neither the search for orphans nor a retention takes it; where the volume is missing, that is noticed."""
    storage = Storage(str(tmp_path / "artifacts"))
    claim = factories.running(database)
    path = f"{claim.job_id}/checkpoints/1-2-0.ckpt"
    storage.put(path, b"x")
    assert attempts.record_epochs(database, claim, factories.epoch_rows(1, 2), factories.best())
    assert attempts.record_checkpoint(database, claim, {"entries": [{"path": path}]}, finished_epochs=2)
    attempts.end(database, claim, factories.PAUSED)

    assert OrphanCollector(database, storage, CollectorPace(settle_seconds=-5.0, pause_seconds=0.0)).run_round() == 0
    assert prunable(database, Retention(older_than_seconds=0.0, keep_jobs=0, max_bytes=0)) == []
    assert names_files(database)


def test_it_is_counted(database: Database) -> None:
    """By kind, queue and owner, and as one that no worker is late for."""
    paused(database)

    counted = census.take(database, silent_seconds=15).live

    assert counted == [LiveJobs("paused", "train", "cpu", "", 1, oldest_seconds=0.0)]


def test_time_is_left_up_to_the_pause_alone(database: Database) -> None:
    """A job that is to pause takes its worker no longer than that."""
    look_in_vain(database)
    factories.succeed(database, factories.running(database, training={"epochs": 3}))
    job_id = paused(database, epochs=1, training={"epochs": 3}).job_id
    assert database.write(lambda connection: go_on(connection, job_id, 2))

    live = queries.live_workers(database, silent_seconds=60)
    estimate = Estimates(database).of_job(job_id, live, actor=EVERYBODY)
    assert estimate is not None
    assert [device.seconds for device in estimate.devices] == [1.5]
    factories.claim(database, job_id)
    assert queries.job(database, job_id, actor=EVERYBODY).progress.eta_seconds == 1.5
