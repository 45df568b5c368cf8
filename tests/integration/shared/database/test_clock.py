"""Time by the database's clock."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from shared.database import clock
from shared.database.engine import Database
from shared.database.tables import Job
from tests.support import factories
from tests.support.servers import wait_until


def test_time_goes_on_inside_a_transaction(database: Database) -> None:
    """A claim that waited for a lock must not be given a lease that began before the wait."""
    with database.read() as connection:
        now = select(clock.database_now(connection))
        first = connection.execute(now).scalar_one()
        wait_until(lambda: connection.execute(now).scalar_one() > first, "a later instant")


def test_sums_and_differences(database: Database) -> None:
    """Leases lie ahead, deadlines behind, to the millisecond."""
    with database.read() as connection:
        columns = [clock.database_now_plus(connection, seconds) for seconds in (-3600.0, 0.0, 0.25, 15.0, 86400.0)]
        row = connection.execute(select(*columns)).one()

    distances = [(later - row[1]).total_seconds() for later in row]
    assert distances == pytest.approx([-3600, 0, 0.25, 15, 86400], abs=0.05)


def test_stored_times_keep_their_order(database: Database) -> None:
    """Also where they are text."""
    instants = [factories.EPOCH.replace(microsecond=1000 * n) for n in (0, 1, 9, 10, 99, 100, 999)]
    rows = [factories.job_row(0, created_at=instant) for instant in instants]
    factories.insert_jobs(database, rows[::-1])

    with database.read() as connection:
        found = list(connection.scalars(select(Job.created_at).order_by(Job.created_at)))
        late = list(connection.scalars(select(Job.created_at).where(Job.created_at >= instants[3])))

    assert found == instants
    assert sorted(late) == instants[3:]


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    """It would mean another instant on another machine."""
    naive = factories.EPOCH.replace(tzinfo=None)

    with pytest.raises(Exception, match="no time zone"):
        factories.insert_jobs(database, [factories.job_row(0, created_at=naive)])
