"""Turns: one process has one at a time, and nobody waits for a row to find that it is another one's."""

from __future__ import annotations

import datetime as dt
from functools import partial

import pytest
from sqlalchemy import delete, event, select, text, update

from shared.database.engine import Database
from shared.database.named_lock import HOLD_SECONDS, NamedLock
from shared.database.tables import Lock
from tests.conftest import Jump
from tests.support import factories
from tests.support.concurrency import together


@pytest.fixture
def mine(database: Database) -> NamedLock:
    """Taken."""
    mine = NamedLock(database, "a", "me")
    assert mine.acquire()
    return mine


@pytest.fixture
def theirs(database: Database) -> NamedLock:
    """Another process'."""
    return NamedLock(database, "a", "you")


def expiry(db: Database) -> dt.datetime:
    """When the lock runs out."""
    with db.read() as connection:
        return connection.execute(select(Lock.expires_at)).scalar_one()


def test_it_is_one_processs_until_it_is_given_up(mine: NamedLock, theirs: NamedLock) -> None:
    """Who has not got it can give nothing up."""
    theirs.release()
    assert not theirs.acquire()
    assert mine.acquire()
    mine.release()
    assert theirs.acquire()
    assert not mine.acquire()


def test_one_name_says_nothing_of_another(mine: NamedLock, database: Database) -> None:
    """Turns are independent."""
    assert NamedLock(database, "b", "you").acquire()
    assert mine.acquire()


def test_it_runs_out(mine: NamedLock, theirs: NamedLock, database: Database, jump: Jump) -> None:
    """Its holder died; should it wake up, another one holds the lock."""
    jump(HOLD_SECONDS + 1.0)
    assert theirs.acquire()
    assert not mine.acquire()


def test_it_is_renewed_when_half_of_it_is_over(mine: NamedLock, database: Database, jump: Jump) -> None:
    """Not each time: that would be a write a second."""
    before = expiry(database)
    assert mine.acquire()
    assert expiry(database) == before
    jump(HOLD_SECONDS * 0.6)
    assert mine.acquire()
    assert expiry(database) >= before


def test_a_dead_holders_lock_from_before_the_clock_was_set_back(
    mine: NamedLock, theirs: NamedLock, database: Database, jump: Jump
) -> None:
    """It would last for an hour."""
    assert mine.acquire()
    jump(-3600.0)
    assert theirs.acquire()


def test_of_many_that_find_it_free_one_gets_it(database: Database) -> None:
    """Whether there is no row, or one that has run out."""
    locks = [NamedLock(database, "a", name) for name in "abcdefgh"]
    for _ in range(2):
        got: list[bool] = []
        together(*[partial(_take, lock, got) for lock in locks])
        assert sum(got) == 1
        database.write(lambda connection: connection.execute(update(Lock).values(expires_at=factories.EPOCH)))


def test_the_row_is_free_while_others_look(postgres_url: str) -> None:
    """A process that finds another's lock reads the row, and neither locks it nor waits for who does."""
    db, other = Database(postgres_url), Database(postgres_url)
    event.listen(other.engine, "begin", lambda connection: connection.execute(text("SET LOCAL lock_timeout = '1s'")))
    assert NamedLock(db, "a", "me").acquire()
    with db.engine.begin() as holder:
        holder.execute(update(Lock).where(Lock.name == "a").values(holder="me"))
        assert not NamedLock(other, "a", "you").acquire()
    db.write(lambda connection: connection.execute(delete(Lock)))
    for one in (db, other):
        one.dispose()


def _take(lock: NamedLock, got: list[bool]) -> None:
    got.append(lock.acquire())
