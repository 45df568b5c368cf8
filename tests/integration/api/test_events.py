"""Event streams over real HTTP: order, reconnects, resumed attempts, ends, and the server's own stop."""

from __future__ import annotations

import json
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from api.services import Services
from shared.database.tables import Epoch, JobEvent
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import events
from shared.jobs.running import attempts
from shared.jobs.running.claims import Claim
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from shared.settings import Settings
from tests.support import factories
from tests.support.api_server import ApiServer, served
from tests.support.servers import RedisServer, wait_until

Frame = tuple[int, str, dict[str, Any]]


@pytest.fixture(scope="module")
def environment(
    redis_server: RedisServer, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """A home that this module's servers share."""
    home = tmp_path_factory.mktemp("home")
    shutil.copy(sqlite_template, home / "flightline.db")
    return {
        "FLIGHTLINE_HOME": str(home),
        "FLIGHTLINE_REDIS_URL": redis_server.url,
        "FLIGHTLINE_PORT": "0",
        "FLIGHTLINE_API_THREADS": "4",
    }


@pytest.fixture(scope="module")
def services(environment: dict[str, str]) -> Iterator[Services]:
    """The same home's parts, to act as a worker does."""
    settings = Settings(
        home=Path(environment["FLIGHTLINE_HOME"]), redis_url=SecretStr(environment["FLIGHTLINE_REDIS_URL"])
    )
    services = Services.build(settings)
    yield services
    services.broker.close()
    services.db.dispose()


@pytest.fixture(scope="module")
def server(environment: dict[str, str]) -> Iterator[ApiServer]:
    """A running gunicorn."""
    with served(environment, Path(environment["FLIGHTLINE_HOME"]) / "server.log") as server:
        yield server


def frames(response: httpx.Response) -> Iterator[Frame]:
    """The events of a stream as they come."""
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
            continue
        if "id" in fields:
            yield int(fields["id"]), fields["event"], json.loads(fields["data"])
        fields = {}


def follow(server: ApiServer, job_id: str, **headers: str) -> list[Frame]:
    """A whole stream, until the server ends it."""
    with httpx.stream("GET", f"{server.url}/v1/jobs/{job_id}/events", headers=headers, timeout=None) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        return list(frames(response))


def record(services: Services, claim: Claim, *numbers: int) -> None:
    """Record epochs as a worker does."""
    rows = [factories.epoch_row(number) for number in numbers]
    assert attempts.record_epochs(services.db, claim, rows, factories.best(1, 0.5))


def end(services: Services, claim: Claim, outcome: Outcome) -> None:
    """End an attempt as a worker does."""
    assert attempts.end(services.db, claim, Ending(outcome)) is not None


def in_tables(services: Services, job_id: str) -> list[int]:
    """Every number that the job's rows carry."""
    with services.db.read() as connection:
        changes = connection.scalars(select(JobEvent.seq).where(JobEvent.job_id == job_id))
        epochs = connection.scalars(select(Epoch.seq).where(Epoch.job_id == job_id))
        return sorted([*changes, *epochs])


def test_a_stream_tells_everything_in_order_and_ends_with_the_job(server: ApiServer, services: Services) -> None:
    """A reader that was there from the start sees each event as it happens, numbered without a gap."""
    job_id = factories.submit(services.db)
    seen: list[Frame] = []
    reader = threading.Thread(target=lambda: seen.extend(follow(server, job_id)))
    reader.start()
    claim = factories.claim(services.db, job_id)
    for number in (1, 2, 3):
        record(services, claim, number)
    end(services, claim, Outcome.CANCELLED)
    reader.join()

    assert [seq for seq, _, _ in seen] == in_tables(services, job_id) == list(range(1, len(seen) + 1))
    assert [kind for _, kind, _ in seen] == ["status", "status", "epoch", "epoch", "epoch", "status"]
    assert seen[-1][2]["status"] == "cancelled"


@pytest.mark.parametrize("how", ["header", "parameter"])
def test_a_reader_that_comes_back_misses_nothing(server: ApiServer, services: Services, how: str) -> None:
    """`Last-Event-ID`, or `after=`, goes on behind the last event that was seen."""
    claim = factories.running(services.db)
    record(services, claim, 1, 2)
    end(services, claim, Outcome.CANCELLED)

    everything = follow(server, claim.job_id)
    if how == "header":
        rest = follow(server, claim.job_id, **{"Last-Event-ID": "2"})
    else:
        with httpx.stream("GET", f"{server.url}/v1/jobs/{claim.job_id}/events?after=2", timeout=None) as response:
            rest = list(frames(response))

    assert rest == everything[2:]


def test_a_stream_survives_the_servers_restart(environment: dict[str, str], services: Services, tmp_path: Path) -> None:
    """SIGTERM ends a stream at once; the next server goes on where it stopped."""
    claim = factories.running(services.db)
    record(services, claim, 1)
    with served(environment, tmp_path / "first.log") as first:
        url = f"{first.url}/v1/jobs/{claim.job_id}/events"
        with httpx.stream("GET", url, timeout=None) as response:
            stream = frames(response)
            before = [next(stream) for _ in range(3)]
            first.process.send_signal(signal.SIGTERM)
            assert list(stream) == []
        assert first.process.wait(30) == 0
    record(services, claim, 2)
    end(services, claim, Outcome.CANCELLED)
    with served(environment, tmp_path / "second.log") as second:
        after = follow(second, claim.job_id, **{"Last-Event-ID": str(before[-1][0])})

    assert [seq for seq, _, _ in before + after] == in_tables(services, claim.job_id)


def test_a_resumed_attempt_says_so_before_its_epochs(server: ApiServer, services: Services) -> None:
    """Epochs that are run again come after a `resumed` event, under new numbers."""
    first = factories.running(services.db)
    record(services, first, 1, 2)
    end(services, first, Outcome.RELEASED)
    second = factories.claim(services.db, first.job_id)
    assert attempts.record_environment(services.db, second, {}, engine="reference", exact=True, first_epoch=2)
    record(services, second, 2, 3)
    end(services, second, Outcome.CANCELLED)

    seen = follow(server, first.job_id)
    kinds = [(kind, data.get("epoch", data.get("from_epoch"))) for _, kind, data in seen if kind != "status"]

    assert kinds == [("epoch", 1), ("resumed", 2), ("epoch", 2), ("epoch", 3)]
    assert [seq for seq, _, _ in seen] == in_tables(services, first.job_id)


def test_a_finished_jobs_reader_is_told_to_stay_away(server: ApiServer, services: Services) -> None:
    """204 after the last event: a browser would come back for ever otherwise."""
    job_id = factories.submit(services.db)
    actions.cancel(services.db, job_id, actor=EVERYBODY)
    last = follow(server, job_id)[-1][0]

    response = httpx.get(f"{server.url}/v1/jobs/{job_id}/events", headers={"Last-Event-ID": str(last)}, timeout=None)

    assert (response.status_code, response.content) == (204, b"")


def test_a_deleted_jobs_stream_ends(server: ApiServer, services: Services) -> None:
    """A stream whose job is gone is closed, and asking again answers 404."""
    claim = factories.running(services.db)
    url = f"{server.url}/v1/jobs/{claim.job_id}/events"
    with httpx.stream("GET", url, timeout=None) as response:
        stream = frames(response)
        next(stream)
        end(services, claim, Outcome.CANCELLED)
        factories.delete(services.db, claim.job_id)
        kinds = [kind for _, kind, _ in stream]

    assert set(kinds) <= {"status"}
    assert httpx.get(url, timeout=None).status_code == 404


def test_streams_leave_threads_for_requests(environment: dict[str, str], services: Services, tmp_path: Path) -> None:
    """Past its share a process answers 503 with Retry-After, and goes on answering ordinary requests."""
    job_id = factories.submit(services.db)
    with (
        served(environment, tmp_path / "full.log") as server,
        httpx.Client(timeout=None) as client,
        ExitStack() as streams,  # without it, each would be closed as soon as nobody holds it
    ):
        refused: list[httpx.Response] = []
        opened: list[httpx.Response] = []
        while not refused and len(opened) < 20:
            response = streams.enter_context(client.stream("GET", f"{server.url}/v1/jobs/{job_id}/events"))
            (refused if response.status_code == 503 else opened).append(response)

        assert refused[0].headers["Retry-After"]
        assert len(opened) <= 2 * 3
        assert httpx.get(f"{server.url}/healthz", timeout=None).status_code == 200


def test_writers_leave_no_gap(services: Services) -> None:
    """While a worker records and people cancel, a reader sees each number once, in order."""
    claim = factories.running(services.db)
    stop = threading.Event()
    seen: list[int] = []

    def read() -> None:
        while not stop.is_set():
            found, _ = events.read(services.db, claim.job_id, seen[-1] if seen else 0)
            seen.extend(event.seq for event in found)

    reader = threading.Thread(target=read)
    reader.start()

    def record_all() -> None:
        for number in range(1, 30):
            record(services, claim, number)

    def cancel() -> None:
        actions.cancel(services.db, claim.job_id, actor=EVERYBODY)

    writers = [
        threading.Thread(target=record_all),
        *(
            threading.Thread(target=lambda: actions.cancel(services.db, claim.job_id, actor=EVERYBODY))
            for _ in range(5)
        ),
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    end(services, claim, Outcome.CANCELLED)
    wait_until(lambda: len(seen) == len(in_tables(services, claim.job_id)), "the reader having caught up")
    stop.set()
    reader.join()

    assert seen == in_tables(services, claim.job_id) == list(range(1, len(seen) + 1))


@pytest.mark.parametrize("value", ["x", "-1", "1" * 40, "1.5"])
def test_a_wrong_last_event_id_is_explained(server: ApiServer, services: Services, value: str) -> None:
    """It is answered 422, not taken for the beginning."""
    job_id = factories.submit(services.db)

    response = httpx.get(f"{server.url}/v1/jobs/{job_id}/events", headers={"Last-Event-ID": value}, timeout=None)

    assert response.status_code == 422
    assert response.json()["code"] == "invalid_header"
    assert "Last-Event-ID" in response.json()["detail"]


def test_an_empty_last_event_id_is_the_beginning(server: ApiServer, services: Services) -> None:
    """As a reader sends it that has seen nothing yet."""
    job_id = factories.submit(services.db)
    actions.cancel(services.db, job_id, actor=EVERYBODY)

    response = httpx.get(f"{server.url}/v1/jobs/{job_id}/events", headers={"Last-Event-ID": ""}, timeout=None)

    assert response.text.count("event: status") == 2


def test_the_bell_over_http(server: ApiServer, services: Services) -> None:
    """As server-sent events that no proxy buffers: a reset, then the jobs that change."""
    with httpx.stream("GET", f"{server.url}/v1/events", timeout=None) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert (response.headers["Cache-Control"], response.headers["X-Accel-Buffering"]) == ("no-store", "no")
        lines = response.iter_lines()
        assert [next(lines) for _ in range(4)] == ["retry: 1000", "", "event: reset", "data: {}"]
        job_id = factories.submit(services.db)
        while job_id not in (line := next(lines)):
            assert line in ("", ": keep-alive", "event: jobs") or line.startswith("data: ")
        assert json.loads(line.removeprefix("data: ")) == {"ids": [job_id]}
