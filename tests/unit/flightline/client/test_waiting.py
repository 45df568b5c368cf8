"""Waiting for many jobs, and tables of them."""

from __future__ import annotations

import pytest

from flightline import Client, Job, NotFound
from flightline.client.following import waiting
from tests.support.http_service import FakeService, problem


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again at once."""
    monkeypatch.setattr(waiting, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(waiting, "SECONDS_PER_REQUEST", 0.0)


def test_all_are_waited_for_in_few_requests(client: Client, service: FakeService) -> None:
    """Their last states come in the order asked for; each end is called out once; no stream is opened."""
    jobs = [client.job(service.add(epochs=2 + number % 3)["id"]) for number in range(120)]
    service.requests.clear()
    ended: list[str] = []
    states = client.wait_all([*jobs[::-1], jobs[0].id, jobs[0].id[-14:]], on_end=lambda job: ended.append(job.id))
    assert [job.id for job in states] == [job.id for job in jobs[::-1]] + [jobs[0].id] * 2
    assert all(job.succeeded for job in states)
    assert sorted(ended) == sorted(job.id for job in jobs)
    assert not any("/events" in path for _, path, _ in service.requests)
    assert len(service.requests) <= 10
    assert all(len(path) < 3000 for _, path, _ in service.requests)


def test_none_at_all(client: Client) -> None:
    """There is nothing to wait for."""
    assert client.wait_all([]) == []


def test_a_service_that_is_away_is_waited_for(
    client: Client, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As everywhere; and it ends in its error."""
    job = client.job(service.add(epochs=2)["id"])
    monkeypatch.setattr("flightline.client.retry.OUTAGE_SECONDS", 0.0)
    service.refuse["GET /v1/jobs"] = problem(503, "database_unavailable", "Away.")
    with pytest.raises(Exception, match="Away"):
        client.wait_all([job])
    del service.refuse["GET /v1/jobs"]
    assert client.wait_all([job])[0].succeeded


def test_a_job_that_is_deleted_meanwhile_is_named(client: Client, service: FakeService) -> None:
    """Nobody could say how it ended."""
    job = client.job(service.add(epochs=9)["id"])
    del service.jobs[job.id]
    with pytest.raises(NotFound, match=job.id):
        client.wait_all([job])


@pytest.mark.parametrize("jobs", ["abcdef", Job({"id": "abcdef"})])
def test_one_job_is_no_list(client: Client, jobs: object) -> None:
    """A text has letters and a job has fields, none of which are jobs."""
    with pytest.raises(TypeError, match="Pass a list of jobs or of their ids"):
        client.wait_all(jobs)  # type: ignore[arg-type]


def test_a_table_has_the_present_states(client: Client, service: FakeService) -> None:
    """Of jobs as they were submitted too; without jobs all that match."""
    jobs = [client.job(service.add(epochs=1, name=name)["id"]) for name in ("b", "a")]
    client.wait_all(jobs)
    table = client.table(jobs)
    assert (table["id"], table["name"]) == ([job.id for job in jobs], ["b", "a"])
    assert table["status"] == ["succeeded"] * 2
    assert client.table(status="succeeded", limit=1)["name"] == ["a"]
