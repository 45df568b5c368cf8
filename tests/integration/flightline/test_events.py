"""The client's event streams against the API as gunicorn serves it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flightline import Client, Event
from flightline.client.following.watch import Update
from shared.database.engine import Database
from shared.jobs.running import attempts
from shared.jobs.running.claims import Claim
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from tests.support import factories
from tests.support.api_server import served
from tests.support.servers import RedisServer, wait_until

THREADS = 4
"""Each of the API's processes then serves three streams."""


@pytest.fixture
def environment(redis_server: RedisServer, sqlite_template: Path, tmp_path: Path, port: str) -> dict[str, str]:
    """A home, and a port that a restarted API takes again."""
    shutil.copy(sqlite_template, tmp_path / "flightline.db")
    return {
        "FLIGHTLINE_HOME": str(tmp_path),
        "FLIGHTLINE_REDIS_URL": redis_server.url,
        "FLIGHTLINE_PORT": port,
        "FLIGHTLINE_API_THREADS": str(THREADS),
    }


@pytest.fixture
def db(environment: dict[str, str], tmp_path: Path) -> Iterator[Database]:
    """The same home's database, to act as a worker does."""
    database = Database(f"sqlite:///{tmp_path / 'flightline.db'}")
    yield database
    database.dispose()


@pytest.fixture
def client(environment: dict[str, str]) -> Iterator[Client]:
    """A client of the API, whether it runs or not."""
    with Client(f"http://127.0.0.1:{environment['FLIGHTLINE_PORT']}") as client:
        yield client


def record(db: Database, claim: Claim, number: int) -> None:
    """Record an epoch as a worker does."""
    assert attempts.record_epochs(db, claim, [factories.epoch_row(number)], factories.best(1, 0.5))


def events_of(watched: list[Update]) -> list[Event]:
    """The events of a watch, in their order."""
    return [event for update in watched for event in update.events]


def test_a_restart_of_the_api_costs_no_event(
    environment: dict[str, str], db: Database, client: Client, tmp_path: Path
) -> None:
    """Events before, during and after a restart come once each, in order, to streams and to watches."""
    claim = factories.running(db)
    events: list[Event] = []
    watched: list[Update] = []
    readers = [
        threading.Thread(target=lambda: events.extend(client.events(claim.job_id))),
        threading.Thread(target=lambda: watched.extend(client.watch(claim.job_id))),
    ]
    with served(environment, tmp_path / "first.log") as server:
        for reader in readers:
            reader.start()
        record(db, claim, 1)
        wait_until(lambda: len(events) == len(events_of(watched)) == 3, "the first epoch")
        assert server.stop() == 0
    record(db, claim, 2)
    with served(environment, tmp_path / "second.log"):
        record(db, claim, 3)
        wait_until(lambda: len(events) == len(events_of(watched)) == 5, "the epochs since")
        assert attempts.end(db, claim, Ending(Outcome.CANCELLED)) is not None
        for reader in readers:
            reader.join()

    assert [event.seq for event in events] == [1, 2, 3, 4, 5, 6]
    assert [event.kind for event in events] == ["status", "status", "epoch", "epoch", "epoch", "status"]
    assert events_of(watched) == events
    assert [update.job.finished for update in watched][-2:] == [False, True]


def test_a_full_service_is_asked_again_and_again(
    environment: dict[str, str], db: Database, client: Client, tmp_path: Path
) -> None:
    """More watches than the service serves streams all see every epoch."""
    claim = factories.running(db)
    epochs: list[list[int]] = [[] for _ in range(2 * THREADS)]
    ended: list[str] = []

    def watch(seen: list[int]) -> None:
        ended.append(client.wait(claim.job_id, on_epoch=lambda epoch: seen.append(epoch.epoch)).status)

    with served(environment, tmp_path / "api.log"):
        readers = [threading.Thread(target=watch, args=(seen,)) for seen in epochs]
        for reader in readers:
            reader.start()
        for number in (1, 2, 3):
            record(db, claim, number)
            wait_until(lambda: all(seen == list(range(1, number + 1)) for seen in epochs), "it in each watch")  # noqa: B023
        assert attempts.end(db, claim, Ending(Outcome.CANCELLED)) is not None
        for reader in readers:
            reader.join()

    assert ended == ["cancelled"] * len(epochs)
    assert epochs == [[1, 2, 3]] * len(epochs)
    assert "too_many_streams" in (tmp_path / "api.log").read_text()
