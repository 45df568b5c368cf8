"""Rows of several tables that are inserted together, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError

from shared.database.engine import Database
from shared.database.tables import JobEvent, JobTag, Tally
from shared.database.together import Rows, insert_together
from tests.support import factories


def parts(job_id: str, tags: list[str]) -> tuple[Rows, Rows, Rows]:
    """An event, some tags, and two tallies."""
    happened = {"job_id": job_id, "seq": 2, "kind": "status", "data": {"status": "running"}}
    tallies = [{"name": name, "labels": "{}", "amount": 1.5} for name in ("one", "two")]
    rows = [{"job_id": job_id, "tag": tag} for tag in tags]
    return Rows(JobEvent, [happened], now="created_at"), Rows(JobTag, rows), Rows(Tally, tallies)


@pytest.mark.parametrize("tags", [[], ["a"], ["a", "b"]])
def test_each_row_is_in_its_table(database: Database, tags: list[str]) -> None:
    """Whatever number of each there is; on PostgreSQL by one statement."""
    job_id = factories.submit(database)
    sent: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: sent.append(given[2]))

    database.write(lambda connection: insert_together(connection, *parts(job_id, tags)))

    assert sum("INSERT" in statement for statement in sent) == (2 + bool(tags) if database.is_sqlite else 1)
    with database.read() as connection:
        happened = connection.execute(select(JobEvent).where(JobEvent.seq == 2)).one()
        assert happened.data == {"status": "running"}
        assert happened.created_at.tzinfo is not None
        assert connection.scalars(select(JobTag.tag).order_by(JobTag.tag)).all() == tags
        assert sorted(connection.scalars(select(Tally.name).where(Tally.amount == 1.5))) == ["one", "two"]


def test_all_or_none(database: Database) -> None:
    """A row that is refused takes the others with it."""
    job_id = factories.submit(database)
    with pytest.raises(IntegrityError):
        database.write(lambda connection: insert_together(connection, *parts(job_id, ["a", "a"])))
    with database.read() as connection:
        assert connection.scalars(select(JobTag.tag)).all() == []
        assert connection.scalars(select(JobEvent.seq)).all() == [1]


def test_no_rows(database: Database) -> None:
    """Nothing is sent."""
    database.write(lambda connection: insert_together(connection, Rows(JobTag, [])))
