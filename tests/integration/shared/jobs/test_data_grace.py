"""Queued jobs whose images no worker has: they wait for a while, then fail with a message that says where to look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import update

from shared.database.engine import Database
from shared.database.tables import Job
from shared.fleet import workers
from shared.fleet.workers import Identity
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import events, queries
from shared.jobs.running.data_grace import DataGrace
from tests.support import factories
from tests.support.clocks import Clock

GRACE = 60.0
CLASSES = ["airplane", "bird"]


def report(name: str, classes: Sequence[str] = CLASSES) -> dict[str, Any]:
    """What a worker says of a folder of its own."""
    counts = {one: [3, 1] for one in classes}
    return {"name": name, "source": "folder", "classes": list(classes), "counts": counts, "ready": True}


class Judged:
    """A judge whose clock the test turns, and the workers that it sees."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.clock = Clock()
        self.judge = DataGrace(db, GRACE, 15.0, now=self.clock)
        self.healthy_since = self.clock.now

    def register(self, name: str, device: str = "cpu", reports: Sequence[dict[str, Any]] = (), **about: Any) -> None:
        """A live worker, which has looked everywhere unless told otherwise."""
        identity = Identity(name, f"host-of-{name}", 1, device, device.partition(":")[0])
        workers.register(self.db, identity, device_name=None, versions={}, datasets=())
        workers.report(self.db, name, datasets=list(reports), **({"looked_in": "/data"} | about))

    def wait(self, seconds: float) -> int:
        """Let the time pass, look by look; returns how many jobs have failed."""
        failed = 0
        for _ in range(int(seconds)):
            self.clock.now += 1.0
            failed += self.judge.judge(self.healthy_since)
        return failed

    def submit(self, **document: Any) -> str:
        """A job that has been queued for long."""
        job_id = factories.submit(self.db, **document)
        self.db.write(lambda connection: connection.execute(factories.queued_long_ago(job_id)))
        return job_id


@pytest.fixture
def judged(database: Database) -> Judged:
    """On both databases."""
    return Judged(database)


def status(db: Database, job_id: str) -> str:
    """Where a job stands."""
    return str(queries.job(db, job_id, actor=EVERYBODY)["status"])


def test_a_job_fails_once_its_images_were_nowhere_for_long(database: Database, judged: Judged) -> None:
    """Its error says which, who looked where, what each of them holds, and what to do; its stream ends with it."""
    judged.register("one", reports=[report("cifar10", ["airplane"])])
    judged.register("two")
    job_id = judged.submit(dataset="cifar2")
    assert judged.wait(GRACE) == 0

    assert judged.wait(1) == 1

    job = queries.job(database, job_id, actor=EVERYBODY)
    error = job["error"]
    assert error is not None
    assert (job["status"], error["code"], job["attempts"]) == ("failed", "dataset_unavailable", 0)
    assert "the data set cifar10 with the classes airplane, bird for 60 s" in error["detail"]
    assert (
        "Looked in: /data on host-of-one (cifar10: airplane); /data on host-of-two (cifar10: nothing there)"
        in (error["detail"])
    )
    assert "FLIGHTLINE_ALLOW_DOWNLOAD" in error["detail"]
    assert events.read(database, job_id)[0][-1].data["error"] == error
    assert judged.wait(GRACE) == 0


@pytest.mark.parametrize(
    "who",
    [
        {},
        {"device": "cuda:0"},
        {"reports": [report("synthetic")]},
        {"looked_in": None},
    ],
    ids=["nobody", "of another kind of device", "with the images", "that is still looking"],
)
def test_a_job_waits_as_long_as_it_takes(database: Database, judged: Judged, who: dict[str, Any]) -> None:
    """Where nobody is there to say anything, or who is there holds the images or may find them yet."""
    if who:
        judged.register("one", **who)
    job_id = judged.submit(resources={"device": "cpu"})
    assert judged.wait(3 * GRACE) == 0
    assert status(database, job_id) == "queued"


def test_a_worker_that_starts_again_has_a_whole_grace(database: Database, judged: Judged) -> None:
    """Its images count from when they are gone, and again from when they are gone again."""
    judged.register("one")
    job_id = judged.submit()
    assert judged.wait(GRACE - 1) == 0
    workers.report(database, "one", datasets=[report("synthetic")])
    assert judged.wait(1) == 0
    workers.report(database, "one", datasets=[])
    assert judged.wait(GRACE) == 0
    assert judged.wait(1) == 1
    assert status(database, job_id) == "failed"


def test_a_job_has_a_whole_grace_of_its_own(database: Database, judged: Judged) -> None:
    """Though others have waited for the same images for longer."""
    judged.register("one")
    older = judged.submit()
    younger = factories.submit(database)
    assert judged.wait(GRACE + 1) == 1
    assert (status(database, older), status(database, younger)) == ("failed", "queued")


def test_a_judge_that_was_ill_or_has_just_begun_waits_anew(database: Database, judged: Judged) -> None:
    """What it did not see does not count."""
    judged.register("one")
    judged.submit()
    judged.wait(GRACE - 1)
    judged.judge.forget()
    assert judged.wait(GRACE) == 0
    judged.healthy_since = judged.clock.now
    assert judged.wait(GRACE - 1) == 0
    assert judged.wait(1) == 1


def test_many_fail_over_several_looks(database: Database, judged: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest first; kinds of a later release, which nobody here can judge, never."""
    monkeypatch.setattr("shared.jobs.running.data_grace._MOST_AT_ONCE", 2)
    judged.register("one")
    job_ids = [judged.submit() for _ in range(4)]
    later = update(Job).where(Job.id == job_ids[3]).values(kind="distil")
    database.write(lambda connection: connection.execute(later))
    assert judged.wait(GRACE + 1) == 2
    assert [status(database, job_id) for job_id in job_ids] == ["failed", "failed", "queued", "queued"]
    assert judged.wait(3) == 1
    assert status(database, job_ids[3]) == "queued"
