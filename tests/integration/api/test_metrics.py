"""GET /metrics: everything there is to know, and what is known while the database or Redis is unavailable."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, update

from api.http.metrics import exposition
from api.services import Services
from shared.database.engine import Database
from shared.database.tables import LIVE, Job
from shared.errors import DatabaseUnavailable
from shared.fleet import census
from shared.jobs.running import attempts
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from tests.support import factories
from tests.support.metrics import samples
from tests.support.servers import wait_until

Submit = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each scrape asks anew."""
    monkeypatch.setattr(exposition, "FRESH_SECONDS", 0.0)


@pytest.fixture
def scrape(client: FlaskClient) -> Callable[[], dict[tuple[str, ...], float]]:
    """Read the metrics, by name and labels."""

    def scrape() -> dict[tuple[str, ...], float]:
        response = client.get("/metrics")
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return samples(response.text)

    return scrape


Scrape = Callable[[], dict[tuple[str, ...], float]]


def test_a_job_is_seen_from_its_queue_to_its_end(
    scrape: Scrape, submit: Submit, finish: Callable[[str], None], services: Services
) -> None:
    """What waits, what runs, what has finished, and how long each took."""
    first, second, third = (submit()["id"] for _ in range(3))
    finish(first)
    factories.claim(services.db, second)
    found = scrape()

    assert found["flightline_jobs", "kind=train", "owner=", "status=queued"] == 1
    assert found["flightline_jobs", "kind=train", "owner=", "status=running"] == 1
    assert found["flightline_queue_jobs", "kind=train", "queue=any"] == 1
    assert found["flightline_queue_oldest_age_seconds", "kind=train", "queue=any"] >= 0
    assert found["flightline_queue_messages", "kind=train", "queue=any"] >= 1
    assert found["flightline_jobs_finished_total", "kind=train", "owner=", "status=succeeded"] == 1
    assert found["flightline_attempts_total", "code=", "kind=train", "outcome=succeeded"] == 1
    assert found["flightline_epochs_total", "device_kind=cpu"] == 1
    assert found["flightline_job_run_seconds_bucket", "kind=train", "le=+Inf"] == 1
    assert found["flightline_job_run_seconds_count", "kind=train"] == 1
    assert found["flightline_job_wait_seconds_count", "kind=train"] == 2
    assert found["flightline_database_up",] == found["flightline_redis_up",] == 1
    assert third


def test_requests_are_counted_by_operation_and_status(scrape: Scrape, client: FlaskClient, submit: Submit) -> None:
    """Paths that there are not share one label, and so do those of all jobs: no caller makes series."""
    submit()
    for number in range(3):
        client.get(f"/v1/jobs/{number:036}")
        client.get(f"/nowhere/{number}")
    found = scrape()

    assert found["flightline_http_requests_total", "operation=submit_job", "status=201"] == 1
    assert found["flightline_http_requests_total", "operation=read_job", "status=404"] == 3
    assert found["flightline_http_requests_total", "operation=unknown", "status=404"] == 3
    assert found["flightline_http_request_duration_seconds_count", "operation=submit_job"] == 1
    assert found["flightline_http_request_duration_seconds_bucket", "le=+Inf", "operation=read_job"] == 3


def test_what_may_happen_is_zero_until_it_does(scrape: Scrape) -> None:
    """Prometheus sees no increase from a series that was not there to one: the first lost lease must not go unseen."""
    found = scrape()

    assert found["flightline_attempts_total", "code=lease_expired", "kind=train", "outcome=lost"] == 0
    assert found["flightline_jobs_finished_total", "kind=train", "owner=", "status=failed"] == 0
    assert found["flightline_queue_jobs", "kind=train", "queue=cuda"] == 0


def test_owners_beyond_the_first_hundred_share_a_label(scrape: Scrape, services: Services, submit: Submit) -> None:
    """However many there are, the number of series is bounded; no counter decreases when one more comes."""
    jobs = [submit()["id"] for _ in range(103)]

    def own(connection: Any) -> None:
        for number, job_id in enumerate(jobs):
            connection.execute(update(Job).where(Job.id == job_id).values(owner=f"owner-{number:03}"))

    services.db.write(own)
    for job_id in jobs[:101]:
        attempts.end(services.db, factories.claim(services.db, job_id), Ending(Outcome.CANCELLED))
    before = scrape()
    for job_id in jobs[101:]:
        attempts.end(services.db, factories.claim(services.db, job_id), Ending(Outcome.CANCELLED))
    after = scrape()

    def finished(found: dict[tuple[str, ...], float], owner: str) -> float | None:
        labels = ("kind=train", f"owner={owner}", "status=cancelled")
        return found.get(("flightline_jobs_finished_total", *labels))

    assert (finished(before, "owner-000"), finished(before, "_others")) == (1, 1)
    assert (finished(after, "owner-000"), finished(after, "_others")) == (1, 3)
    assert finished(after, "owner-101") is None


def test_a_scrape_tells_of_a_database_that_is_unavailable(
    scrape: Scrape, services: Services, monkeypatch: pytest.MonkeyPatch, submit: Submit
) -> None:
    """It succeeds with what this process and Redis know; once the database is back, so is the rest."""
    submit()

    def fail(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(services.metrics.database, "_ask", fail)
        found = scrape()
    names = {name for name, *_ in found}

    assert found["flightline_database_up",] == 0
    assert "flightline_http_requests_total" in names
    assert "flightline_queue_messages" in names
    assert not names & {"flightline_jobs", "flightline_jobs_finished_total", "flightline_workers"}
    assert scrape()["flightline_database_up",] == 1


def test_a_frozen_database_holds_no_scrape_up(
    scrape: Scrape, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked once, however many scrapes come meanwhile; its late answer does no harm."""
    import threading

    thaw, asked = threading.Event(), []

    def freeze() -> census.Census:
        asked.append(1)
        thaw.wait(30)
        return census.take(services.db, silent_seconds=15)

    monkeypatch.setattr(exposition, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(services.metrics.database, "_ask", freeze)
    assert [scrape()["flightline_database_up",] for _ in range(3)] == [0, 0, 0]
    wait_until(lambda: asked, "the question")
    assert len(asked) == 1

    thaw.set()
    monkeypatch.setattr(exposition, "PATIENCE_SECONDS", 30.0)
    assert scrape()["flightline_database_up",] == 1


def test_a_redis_that_is_unavailable(scrape: Scrape, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's figures are all there."""
    monkeypatch.setattr(services.broker, "depths", lambda _kind: None)
    found = scrape()

    assert found["flightline_redis_up",] == 0
    assert not [name for name, *_ in found if name == "flightline_queue_messages"]
    assert found["flightline_queue_jobs", "kind=train", "queue=any"] == 0


def test_many_scrapes_cost_one_read(
    scrape: Scrape, services: Services, monkeypatch: pytest.MonkeyPatch, submit: Submit
) -> None:
    """An answer is given again while it is fresh."""
    monkeypatch.setattr(exposition, "FRESH_SECONDS", 60.0)
    scrape()
    submit()

    assert ("flightline_jobs", "kind=train", "owner=", "status=queued") not in scrape()


def test_the_text_obeys_the_rules_of_prometheus(client: FlaskClient, submit: Submit, finish: Any) -> None:
    """Each family has a help text and a type; counters end in `_total`, times are in seconds, nothing stands twice."""
    finish(submit()["id"])
    answer = client.get("/metrics").text
    families = list(text_string_to_metric_families(answer))

    assert len({family.name for family in families}) == len(families) > 12
    for family in families:
        assert family.documentation
        assert re.fullmatch(r"flightline_[a-z_]+", family.name)
        assert not re.search(r"_(ms|milliseconds|minutes|count|total)$", family.name)
        assert family.type in {"counter", "gauge", "histogram"}
        seen = [(sample.name, *sorted(sample.labels.items())) for sample in family.samples]
        assert len(set(seen)) == len(seen)


def test_live_jobs_are_counted_from_the_index_alone(database: Database) -> None:
    """Neither the finished jobs nor the table's rows are read, whatever number there is."""
    factories.insert_jobs(database, [factories.job_row(number, status="succeeded") for number in range(300)])
    factories.submit(database)
    sent: list[tuple[str, Any]] = []
    event.listen(database.engine, "before_cursor_execute", lambda _c, _cur, sql, values, *_: sent.append((sql, values)))
    census.take(database, silent_seconds=15)
    [(statement, values)] = [(sql, values) for sql, values in sent if LIVE in sql]

    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql("VACUUM ANALYZE jobs")
            connection.exec_driver_sql("SET enable_seqscan = off")  # which pays for so few rows
        explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
        plan = str(connection.exec_driver_sql(f"{explain} {statement}", values).all())
    assert "ix_jobs_live" in plan
    assert "COVERING INDEX" in plan or "Index Only Scan" in plan
