"""The log of changed jobs: nothing is missed, and nothing is told twice."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, insert, select, text

from shared.database.engine import Database
from shared.database.tables import Job, JobChange
from shared.jobs import actions, changes
from shared.jobs.actor import EVERYBODY
from shared.jobs.running import attempts
from tests.support import factories


def test_every_kind_of_change_is_told_once(database: Database) -> None:
    """Submitted, claimed, trained, finished, deleted; a heartbeat is no change."""
    mark = changes.mark(database)
    found, mark = changes.since(database, mark)  # on PostgreSQL other transactions, as autovacuum's, move the mark
    assert found == []

    job_id = factories.submit(database)
    found, mark = changes.since(database, mark)
    assert found == [job_id]
    claim = factories.claim(database, job_id)
    attempts.record_epochs(database, claim, factories.epoch_rows(1, 2), factories.best())
    found, mark = changes.since(database, mark)
    assert found == [job_id]
    attempts.heartbeat(database, claim, 30)
    found, mark = changes.since(database, mark)
    assert found == []
    factories.succeed(database, claim)
    found, mark = changes.since(database, mark)
    assert found == [job_id]
    factories.delete(database, job_id)
    found, mark = changes.since(database, mark)
    assert found == [job_id]
    assert changes.since(database, mark)[0] == []


def test_a_change_that_is_committed_late_is_not_missed(postgres_database: Database) -> None:
    """Its number is smaller than that of a change that was told before it was committed."""
    early, late = factories.submit(postgres_database), factories.submit(postgres_database)
    mark = changes.mark(postgres_database)
    with postgres_database.engine.begin() as slow:
        slow.execute(text("UPDATE jobs SET event_seq = event_seq + 1 WHERE id = :id"), {"id": late})
        actions.cancel(postgres_database, early, actor=EVERYBODY)
        found, mark = changes.since(postgres_database, mark)
        assert found == [early]
        assert changes.since(postgres_database, mark)[0] == []
    found, mark = changes.since(postgres_database, mark)
    assert found == [late]
    assert changes.since(postgres_database, mark)[0] == []


def test_what_is_rolled_back_is_no_change(database: Database) -> None:
    """The trigger's row goes with the job's."""
    mark = changes.mark(database)

    def fail(connection: Any) -> None:
        connection.execute(insert(Job).values(factories.job_row(0)))
        raise KeyError

    try:
        database.write(fail)
    except KeyError:
        factories.submit(database)
    found, _ = changes.since(database, mark)
    assert len(found or []) == 1


def test_only_the_newest_entries_are_kept(database: Database) -> None:
    """A reader who looks seldom learns that it cannot be told what changed, and reads on from there."""
    factories.submit(database)
    mark = changes.mark(database)
    rows = [{"job_id": "x"} for _ in range(changes.KEPT + 10)]
    if not database.is_sqlite:
        now = database.write(lambda connection: connection.scalar(text("SELECT txid_current()")))
        rows = [row | {"transaction_id": now} for row in rows]
    database.write(lambda connection: connection.execute(insert(JobChange), rows))
    changes.forget_old(database)
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(JobChange)) == changes.KEPT
    found, mark = changes.since(database, mark)
    assert found is None
    job_id = factories.submit(database)
    assert changes.since(database, mark)[0] == [job_id]


def test_numbers_do_not_begin_anew(sqlite_database: Database) -> None:
    """Where all entries are gone a mark of before is not taken for a new one's."""
    factories.submit(sqlite_database)
    sqlite_database.write(lambda connection: connection.execute(delete(JobChange)))
    empty = changes.mark(sqlite_database)
    job_id = factories.submit(sqlite_database)
    assert changes.since(sqlite_database, empty)[0] == [job_id]


def test_a_mark_of_another_database_is_known_as_such(database: Database) -> None:
    """A server that was set up anew has a smaller number of transactions; a file another last entry."""
    factories.submit(database)
    mark = changes.mark(database)
    if database.is_sqlite:
        mark = changes.Mark(mark.number, "another")
    else:
        mark = changes.Mark(snapshot="999999999999:999999999999:")
    assert changes.since(database, mark)[0] is None


def test_a_look_tells_the_same_as_since(database: Database) -> None:
    """In one statement, with whether every job has its number."""
    factories.submit(database)
    mark = changes.mark(database)
    other = factories.submit(database)
    factories.insert_jobs(database, [factories.job_row(7)])
    with database.read() as connection:
        seen = changes.look(connection, mark)
        again = changes.look(connection, seen.mark)
    assert set(seen.changed or ()) == set(changes.since(database, mark)[0] or ())
    assert other in (seen.changed or ())
    assert not seen.numbered
    assert (again.changed, again.mark) == ([], seen.mark)
    assert seen.mark.includes(mark)
    assert not mark.includes(seen.mark)


def test_which_snapshot_sees_more() -> None:
    """A transaction that was in progress is unseen, though its number is smaller."""
    early, late = changes.Mark(7, "a", "10:12:10"), changes.Mark(6, "b", "12:12:")
    assert late.includes(early)
    assert not early.includes(late)
    assert early.includes(early)
    assert changes.Mark(7, "a", "11:20:11,15").includes(changes.Mark(7, "a", "9:12:9,11"))
    assert not changes.Mark(7, "a", "9:20:9,11").includes(changes.Mark(7, "a", "9:12:11"))
