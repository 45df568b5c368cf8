"""How many jobs of an owner may be queued."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import Connection, func, select, update

from shared.database.engine import Database
from shared.database.tables import Job
from shared.errors import TooManyQueuedJobs
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY, Actor, Scope
from shared.jobs.idempotency import WAIT_SECONDS, SubmissionKey
from shared.jobs.quota import require_room
from tests.support import factories
from tests.support.concurrency import together

ADA, BEN = Actor("ada", Scope.SUBMIT), Actor("ben", Scope.SUBMIT)


def queue(db: Database, actor: Actor, jobs: int) -> list[str]:
    """Queue so many jobs of an owner."""
    ids = [factories.submit(db) for _ in range(jobs)]
    db.write(lambda connection: connection.execute(update(Job).where(Job.id.in_(ids)).values(owner=actor.owner)))
    return ids


def has_room(db: Database, actor: Actor, jobs: int, most: int) -> bool:
    """Whether an owner may queue so many more."""
    try:
        db.write(lambda connection: require_room(connection, replace(actor, most_queued=most), jobs))
    except TooManyQueuedJobs:
        return False
    return True


@pytest.mark.parametrize("actor", [ADA, EVERYBODY])
def test_there_is_room_up_to_the_limit(database: Database, actor: Actor) -> None:
    """The last job fits, the next one does not; without a limit every job does."""
    queue(database, actor, 3)

    assert has_room(database, actor, 2, most=5)
    assert not has_room(database, actor, 3, most=5)
    assert has_room(database, actor, 1000, most=0)


def test_only_an_owners_own_queued_jobs_count(database: Database) -> None:
    """Those of others do not, and those that have started do not any more."""
    queue(database, BEN, 3)
    first, *_ = queue(database, ADA, 2)
    assert not has_room(database, ADA, 1, most=2)

    factories.claim(database, first)

    assert has_room(database, ADA, 1, most=2)


def test_the_refusal_says_how_many_there_are(database: Database) -> None:
    """Whose jobs they are, the setting, and when to try again."""
    queue(database, ADA, 2)

    with pytest.raises(TooManyQueuedJobs, match=r"FLIGHTLINE_MAX_QUEUED_PER_OWNER.*ada has 2.*add 1") as refused:
        database.write(lambda connection: require_room(connection, replace(ADA, most_queued=2), 1))
    assert refused.value.retry_after > 0


def test_submissions_at_the_same_moment_do_not_exceed_the_limit(database: Database) -> None:
    """Of eight that look at once, as many get in as there is room for."""
    queue(database, ADA, 1)

    def submit(job_id: str) -> None:
        def insert(connection: Connection) -> None:
            require_room(connection, replace(ADA, most_queued=4), 1)
            connection.execute(update(Job).where(Job.id == job_id).values(owner="ada"))

        with suppress(TooManyQueuedJobs):
            database.write(insert)

    together(*(partial(submit, job_id) for job_id in queue(database, BEN, 8)))

    with database.read() as connection:
        assert connection.scalar(select(func.count()).where(Job.owner == "ada")) == 4


def test_a_submission_with_a_key_waits_for_the_owners_others_as_one_without(database: Database) -> None:
    """The short patience with a first request under the same key is not that with a large batch of the same owner."""
    ada, inside = replace(ADA, most_queued=4), threading.Event()

    def batch() -> None:
        def insert(connection: Connection) -> None:
            require_room(connection, ada, 1)
            inside.set()
            threading.Event().wait(WAIT_SECONDS + 1)

        database.write(insert)

    def single() -> None:
        inside.wait()
        key = SubmissionKey("a", "5" * 64, "ada")
        assert actions.submit(database, factories.submission(), actor=ada, key=key)[1]

    together(batch, single)
