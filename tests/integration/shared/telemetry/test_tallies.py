"""The counters of the metrics, on every database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, update

from shared.database.engine import Database
from shared.database.tables import Job, Tally
from shared.errors import DatabaseUnavailable
from shared.jobs import actions, batches, deletion
from shared.jobs.actor import EVERYBODY
from shared.jobs.running import attempts, leases
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from shared.telemetry import tallies
from shared.telemetry.tallies import Counter
from tests.support import factories
from tests.support.concurrency import together


def values(db: Database, name: str) -> dict[tuple[str, ...], float]:
    """The counters of a name, by the values of their labels in the labels' alphabetical order."""
    with db.read() as connection:
        found = tallies.read(connection)
    return {tuple(dict(sorted(one.labels.items())).values()): one.amount for one in found if one.name == name}


def rows(db: Database) -> int:
    """How many rows there are."""
    with db.read() as connection:
        return connection.execute(select(func.count()).select_from(Tally)).scalar_one()


def seconds_of(epochs: Sequence[float]) -> list[dict[str, object]]:
    """Rows of epochs that took so long."""
    return [factories.epoch_row(number, seconds=seconds) for number, seconds in enumerate(epochs, start=1)]


def test_a_jobs_whole_life_is_counted_once(database: Database) -> None:
    """Its wait, its epochs, its attempt and its end, each in the transaction that makes it so."""
    claim = factories.claim(database, factories.submit(database))
    assert attempts.record_epochs(database, claim, seconds_of([0.5, 1.5]), factories.best(2, 0.7))
    done: dict[str, Any] = {"best": factories.best(2, 0.7), "exact": True, "evaluations": [], "artifacts": []}
    assert attempts.succeed(database, claim, epochs=[], finished_epochs=2, **done)
    assert attempts.succeed(database, claim, epochs=[], finished_epochs=2, **done)  # its answer was lost

    assert values(database, tallies.FINISHED) == {("train", "", "succeeded"): 1}
    assert values(database, tallies.ENDED) == {("", "train", "succeeded"): 1}
    assert values(database, tallies.EPOCHS) == {("cpu",): 2}
    assert values(database, tallies.EPOCH_SECONDS) == {("cpu",): 2.0}
    assert values(database, tallies.WAIT_SECONDS)["train", "1"] == 1
    assert sum(amount for (_, le), amount in values(database, tallies.RUN_SECONDS).items() if le != tallies.SUM) == 1


def test_a_lost_lease_counts_by_its_code(database: Database) -> None:
    """The job is queued again: an attempt has ended, and no job; the second claim is no second wait."""
    job_id = factories.submit(database)
    factories.claim(database, job_id)
    with database.read() as connection:
        held = list(leases.held(connection))
    leases.expire(database, held)
    leases.expire(database, held)

    assert values(database, tallies.ENDED) == {("lease_expired", "train", "lost"): 1}
    assert values(database, tallies.FINISHED) == {}
    factories.claim(database, job_id)
    assert values(database, tallies.WAIT_SECONDS)["train", "1"] == 1


def test_jobs_that_never_ran_count_as_finished(database: Database) -> None:
    """A queued job that is cancelled has no running time; its owner is named."""
    job_id = factories.submit(database)
    owned = update(Job).where(Job.id == job_id).values(owner="vision-group")
    database.write(lambda connection: connection.execute(owned))
    actions.cancel(database, job_id, actor=EVERYBODY)

    assert values(database, tallies.FINISHED) == {("train", "vision-group", "cancelled"): 1}
    assert values(database, tallies.RUN_SECONDS) == {}


def test_jobs_that_are_cancelled_together_are_counted_each(database: Database) -> None:
    """By one row for all that are alike."""
    jobs = [factories.submit(database) for _ in range(5)]
    batches.cancel_all(database, jobs, actor=EVERYBODY)

    assert values(database, tallies.FINISHED) == {("train", "", "cancelled"): 5}
    assert rows(database) == 1


def test_a_deleted_job_stays_counted(database: Database) -> None:
    """A counter that decreased would look like a restart, and add all it ever counted to a rate."""
    job_id = factories.submit(database)
    attempts.end(database, factories.claim(database, job_id), Ending(Outcome.FAILED, "non_finite_loss", "NaN"))
    deletion.delete_rows(database, [job_id], actor=EVERYBODY)

    assert values(database, tallies.FINISHED) == {("train", "", "failed"): 1}
    assert values(database, tallies.ENDED) == {("non_finite_loss", "train", "failed"): 1}


def test_a_transaction_that_fails_counts_nothing(database: Database) -> None:
    """What is rolled back has not happened."""

    def work(connection: Connection) -> None:
        tallies.add(connection, [Counter("x", {}, 1.0)])
        raise KeyError

    with pytest.raises(KeyError):
        database.write(work)

    assert rows(database) == 0


def test_merging_changes_no_value_and_no_order(database: Database) -> None:
    """Many rows become one for each counter; who came first stays first."""

    def add(name: str, owner: str) -> None:
        database.write(lambda connection: tallies.add(connection, [Counter(name, {"owner": owner}, 0.5)]))

    for owner in ("zoe", "adam", "zoe"):
        add("a", owner)
    add("b", "zoe")
    assert not tallies.merge(database, above=4)

    assert tallies.merge(database, above=3)
    add("a", "eve")

    assert rows(database) == 4
    with database.read() as connection:
        found = tallies.read(connection)
    assert [(one.name, one.labels["owner"], one.amount) for one in found] == [
        ("a", "zoe", 1.0),
        ("a", "adam", 0.5),
        ("b", "zoe", 0.5),
        ("a", "eve", 0.5),
    ]


def test_merging_while_others_count_loses_nothing(database: Database) -> None:
    """Two processes merge, and six transactions at a time add."""

    def add() -> None:
        for _ in range(20):
            database.write(lambda connection: tallies.add(connection, [Counter("x", {"a": "1"}, 1.0)]))

    def merge() -> None:
        for _ in range(10):
            tallies.merge(database, above=0)

    together(*[add] * 6, *[merge] * 2)

    assert values(database, "x") == {("1",): 120}


def test_a_histogram_has_each_value_in_one_bucket() -> None:
    """A bound belongs to its bucket, as in Prometheus (`le`); what is above all has a bucket too."""
    found = [tallies.observed("x", seconds)[0].labels["le"] for seconds in (0.0, 1.0, 1.1, 86_400.0, 1e9)]

    assert found == ["1", "1", "5", "86400", "+Inf"]


def test_the_thread_outlives_every_fault(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is unavailable, or a bug, only delays the next merge."""
    faults = iter([DatabaseUnavailable("gone"), ValueError("odd"), None])
    merged = []

    def merge(db: Database) -> None:
        fault = next(faults)
        if fault is not None:
            raise fault
        merged.append(db)

    monkeypatch.setattr(tallies, "merge", merge)
    waits = iter([False, False, False, True])
    tallies.Merger(sqlite_database).run_until(lambda _seconds: next(waits))

    assert merged == [sqlite_database]
