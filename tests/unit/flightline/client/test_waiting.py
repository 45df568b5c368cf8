"""Waiting for many jobs, and tables of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from flightline import Client, Job, NotFound, Unavailable
from flightline.client.following import waiting
from tests.support.http_service import FakeService, problem, serving
from tests.support.http_team import TeamService, ring


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
    assert not any(re.match(r"/v1/jobs/.*/events", path) for _, path, _ in service.requests)
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


class TestTheBell:
    @pytest.fixture
    def team(self) -> Iterator[TeamService]:
        """A service that says which jobs have changed."""
        with serving(TeamService()) as service:
            yield service

    @pytest.fixture
    def client(self, team: TeamService) -> Iterator[Client]:
        """A client of it."""
        with Client(team.url) as client:
            yield client

    def test_only_what_has_changed_is_read(self, client: Client, team: TeamService) -> None:
        """All jobs once, on one stream; then those alone that the bell names, until each is finished."""
        queued = [team.add(status="queued")["id"] for _ in range(3)]
        running = [team.add(epochs=5)["id"] for _ in range(2)]
        team.rung.append(ring("elsewhere"))
        ended: list[str] = []

        def note(job: Job) -> None:
            ended.append(job.id)
            if len(ended) == 2:
                for one in queued:
                    team.jobs[one]["status"] = "cancelled"
                team.rung.append(ring(*queued))

        jobs = client.wait_all([*queued, *running], on_end=note)
        assert [job.status for job in jobs] == ["cancelled"] * 3 + ["succeeded"] * 2
        assert sorted(ended) == sorted([*queued, *running])
        asked = [path for _, path, _ in team.requests]
        assert asked.count("/v1/events") == 1
        assert all(one in asked[1] for one in queued)
        assert not any(one in path for path in asked[2:-1] for one in queued)

    def test_a_ring_that_was_missed(self, client: Client, team: TeamService, monkeypatch: pytest.MonkeyPatch) -> None:
        """A sign of life after a while has all jobs read again."""
        monkeypatch.setattr(waiting, "MISSED_SECONDS", -1.0)
        silent, first = team.add(status="queued")["id"], team.add(epochs=1)["id"]

        def end_silently(job: Job) -> None:
            if job.id == first:
                team.jobs[silent]["status"] = "cancelled"
                team.rung.append(b": keep-alive\n\n")

        assert [job.status for job in client.wait_all([silent, first], on_end=end_silently)] == [
            "cancelled",
            "succeeded",
        ]

    def test_a_broken_bell_is_opened_again(self, client: Client, team: TeamService) -> None:
        """What it missed in between is read."""
        job = team.add(status="queued")["id"]
        rung = client.events()
        assert next(rung).kind == "reset"
        team.rung.append(ring(job))
        assert (heard := next(rung)).data == {"ids": [job]}
        assert (heard.seq, heard.kind) == (2, "jobs")
        team.rung.append(b"")
        assert next(rung).kind == "reset"
        assert [path for _, path, _ in team.requests] == ["/v1/events"] * 2

    @pytest.mark.parametrize(
        "refusal", [problem(404, "not_found", "Nothing here."), problem(503, "too_many_streams", "No room.")]
    )
    def test_without_a_bell_jobs_are_polled(
        self, client: Client, team: TeamService, refusal: tuple[int, object]
    ) -> None:
        """At a service of a release before it, and where there is no room for another listener."""
        team.refuse["GET /v1/events"] = refusal
        jobs = [team.add(epochs=3)["id"] for _ in range(3)]
        assert all(job.succeeded for job in client.wait_all(jobs))

    def test_an_outage_is_no_missing_bell(
        self, client: Client, team: TeamService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is waited for, and ends in its error."""
        monkeypatch.setattr("flightline.client.retry.OUTAGE_SECONDS", 0.0)
        team.refuse["GET /v1/events"] = problem(503, "database_unavailable", "Away.")
        with pytest.raises(Unavailable, match="Away"):
            client.wait_all([team.add()["id"]])

    def test_jobs_still_know_their_own_events(self, client: Client, team: TeamService) -> None:
        """The bell is for whoever names no job."""
        job = client.job(team.add(status="succeeded", epoch=2)["id"])
        assert [event.kind for event in job.events()] == ["status", "status", "epoch", "epoch", "status"]


def test_a_paused_job_has_not_finished(client: Client, service: FakeService) -> None:
    """Whoever waits for it waits until its sweep has let it go on, and it has ended; alone as among others."""
    alone, other = (client.job(service.add(status="paused", epochs=3, epoch=1)["id"]) for _ in range(2))
    assert not other.finished
    assert client.wait(alone.id).succeeded
    assert [job.status for job in client.wait_all([other])] == ["succeeded"]
