"""A submission that is sent twice with one key is one job, on both databases."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import Connection, func, select, update

from shared.database.engine import Database
from shared.database.tables import IdempotencyKey, Job
from shared.delivery.broker import Broker
from shared.delivery.reconciler import Reconciler
from shared.errors import IdempotencyKeyInUse, IdempotencyKeyReused
from shared.jobs import actions, idempotency
from shared.jobs.actor import EVERYBODY
from shared.jobs.idempotency import SubmissionKey
from shared.jobs.reads import queries
from tests.support import factories
from tests.support.concurrency import together

KEY = SubmissionKey("a", "5" * 64)
HOUR = dt.timedelta(hours=1)


def submit(db: Database, key: SubmissionKey = KEY, **document: object) -> tuple[str, bool]:
    """A small job under a key."""
    return actions.submit(db, factories.submission(**document), actor=EVERYBODY, key=key)


def count(db: Database, table: type[Job | IdempotencyKey]) -> int:
    """How many rows there are."""
    with db.read() as connection:
        return int(connection.scalar(select(func.count()).select_from(table)) or 0)


def age(db: Database, hours: float) -> None:
    """Let every key be that much older."""

    def work(connection: Connection) -> None:
        for row in connection.execute(select(IdempotencyKey.key, IdempotencyKey.created_at)).all():
            values = {"created_at": row.created_at - hours * HOUR}
            connection.execute(update(IdempotencyKey).where(IdempotencyKey.key == row.key).values(values))

    db.write(work)


def test_a_repeat_is_the_first_job(database: Database) -> None:
    """Whatever became of it in between; nothing else is written."""
    job_id, new = submit(database, name="mine", tags=["a"])
    assert new
    assert queries.job(database, job_id, actor=EVERYBODY)["tags"] == ["a"]
    factories.succeed(database, factories.claim(database, job_id))

    assert submit(database) == (job_id, False)
    assert (count(database, Job), count(database, IdempotencyKey)) == (1, 1)


def test_other_keys_and_other_owners_make_other_jobs(database: Database) -> None:
    """A key stands for itself alone, and belongs to whoever sent it."""
    keys = [KEY, SubmissionKey("A", KEY.body_sha256), SubmissionKey("a", KEY.body_sha256, owner="somebody")]

    assert len({submit(database, key) for key in keys}) == 3


def test_another_body_under_the_key_is_refused(database: Database) -> None:
    """It was sent by mistake: the message names the key and the job that it made."""
    job_id, _ = submit(database)

    with pytest.raises(IdempotencyKeyReused, match=f"'a'.*{job_id}"):
        submit(database, SubmissionKey("a", "6" * 64))
    assert count(database, Job) == 1


@pytest.mark.parametrize("round_", range(3))
def test_many_at_once_make_one_job(database: Database, round_: int) -> None:
    """One of them makes the job, the others are told which."""
    answers: list[tuple[str, bool]] = []
    together(*[lambda: answers.append(submit(database))] * 8)

    assert len({job_id for job_id, _ in answers}) == 1
    assert sum(new for _, new in answers) == 1
    assert count(database, Job) == 1


def test_a_submission_that_failed_leaves_its_key_free(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Key and job stand together or not at all."""
    with monkeypatch.context() as patch:
        patch.setattr(idempotency, "record", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            submit(database)
    assert (count(database, Job), count(database, IdempotencyKey)) == (0, 0)

    assert submit(database)[1]


def test_a_key_in_progress_is_said_to_be(postgres_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first submission takes long the repeat is told to come again, and other keys go on meanwhile."""
    monkeypatch.setattr(idempotency, "WAIT_SECONDS", 0.05)
    with postgres_database.engine.begin() as connection:
        assert idempotency.first_job(connection, KEY) is None
        with pytest.raises(IdempotencyKeyInUse, match="still in progress"):
            submit(postgres_database)
        assert submit(postgres_database, SubmissionKey("b", KEY.body_sha256))[1]
    assert submit(postgres_database)[1]


def test_a_key_is_kept_for_a_day(database: Database) -> None:
    """After that it is free, whether or not it was taken away by then."""
    job_id, _ = submit(database)
    age(database, hours=23.9)
    assert submit(database) == (job_id, False)
    age(database, hours=0.2)

    again, new = submit(database, SubmissionKey("a", "6" * 64))
    assert (new, again != job_id) == (True, True)
    assert submit(database, SubmissionKey("a", "6" * 64)) == (again, False)


def test_the_reconciler_takes_old_keys_away(database: Database, broker: Broker) -> None:
    """And leaves the others, and all jobs."""
    submit(database)
    age(database, hours=24.1)
    submit(database, SubmissionKey("b", KEY.body_sha256))

    assert Reconciler(database, broker, 0.0).run_once() is not None

    with database.read() as connection:
        assert list(connection.scalars(select(IdempotencyKey.key))) == ["b"]
    assert count(database, Job) == 2


def test_a_deleted_job_takes_its_key_with_it(database: Database) -> None:
    """What is gone cannot be answered any more."""
    job_id, _ = submit(database)
    factories.succeed(database, factories.claim(database, job_id))
    factories.delete(database, job_id)

    assert count(database, IdempotencyKey) == 0
    assert submit(database)[1]
