"""Many jobs in one request: submitted all or none, ended each for itself, compared; and jobs changed one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from flightline import Client, InvalidRequest, UsageError
from flightline.client.jobs import Job
from tests.support.http_service import problem, serving
from tests.support.http_team import TeamService


@pytest.fixture
def team() -> Iterator[TeamService]:
    """A service for many people."""
    with serving(TeamService()) as service:
        yield service


@pytest.fixture
def client(team: TeamService) -> Iterator[Client]:
    """A client of it."""
    with Client(team.url) as client:
        yield client


def sent(team: TeamService, method: str, path: str) -> list[dict[str, object]]:
    """The bodies of these requests, as JSON."""
    return [json.loads(body) for verb, target, body in team.requests if (verb, target) == (method, path)]


class TestSubmitting:
    def test_one_request_for_all(self, client: Client, team: TeamService) -> None:
        """Each job has what is merged into all; they come back in their order, and know their client."""
        jobs = client.submit_many(["notebook-linear", {"preset": "notebook-tapered", "name": "b"}], tags=["sweep1"])
        assert [(job.preset, job.tags) for job in jobs] == [
            ("notebook-linear", ["sweep1"]),
            ("notebook-tapered", ["sweep1"]),
        ]
        assert len(team.requests) == 1
        assert jobs[0].cancel().status == "cancelled"

    def test_none_and_too_many(self, client: Client, team: TeamService) -> None:
        """Neither is sent: a thousand is what one request may be all or nothing of."""
        assert client.submit_many([]) == []
        with pytest.raises(UsageError, match=r"at most 1,000 jobs, not 1,001"):
            client.submit_many(["notebook-linear"] * 1001)
        with pytest.raises(UsageError, match="A job is an object"):
            client.submit_many(["notebook-linear", 5])  # type: ignore[list-item]
        assert team.requests == []

    def test_a_fault_has_its_number(self, client: Client, team: TeamService) -> None:
        """And nothing is submitted."""
        with pytest.raises(InvalidRequest) as caught:
            client.submit_many(["notebook-linear", {"training": {}}])
        assert [error.pointer for error in caught.value.errors] == ["/jobs/1/architecture"]
        assert team.jobs == {}

    def test_a_lost_answer_makes_no_second_batch(self, team: TeamService) -> None:
        """It goes out again under its key."""
        keys: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            keys.append(request.headers["Idempotency-Key"])
            if len(keys) == 1:
                raise httpx.ReadError("gone")
            return httpx.Response(201, json={"items": [team.add()]})

        with Client("http://service", transport=httpx.MockTransport(answer)) as client:
            assert len(client.submit_many(["notebook-linear"], idempotency_key="mine")) == 1
        assert keys == ["mine", "mine"]


class TestEnding:
    def test_each_says_what_became_of_it(self, client: Client, team: TeamService) -> None:
        """In the order asked for, by jobs and by shortened ids."""
        running, done = team.add()["id"], team.add(status="succeeded", epoch=3)["id"]
        found = client.cancel_many([client.job(done), running[-12:], "0000"])
        assert [(one.id, one.job_id, one.outcome) for one in found] == [
            (done, done, None),
            (running[-12:], running, "requested"),
            ("0000", None, None),
        ]
        refused = [one.error.code for one in found if one.error]
        assert refused == ["illegal_transition", "job_not_found"]
        assert [one.outcome for one in client.delete_many([running, done])] == ["deleted", "deleted"]
        assert team.jobs == {}

    def test_thousands_go_in_parts(self, client: Client, team: TeamService) -> None:
        """Each job is ended for itself, so the parts are nobody's concern."""
        ids = [team.add(status="queued")["id"] for _ in range(1001)]
        assert [one.id for one in client.cancel_many(ids)] == ids
        assert [len(body["ids"]) for body in sent(team, "POST", "/v1/jobs/cancel")] == [1000, 1]  # type: ignore[arg-type]

    def test_one_job_is_no_list(self, client: Client) -> None:
        """Its letters would be taken for ids."""
        for call in (client.cancel_many, client.delete_many, client.compare):
            with pytest.raises(TypeError, match="Pass a list of jobs"):
                call("abcdef")


class TestComparing:
    def test_what_differs_and_what_came_of_it(self, client: Client, team: TeamService) -> None:
        """Rows, curves, a data frame, and what a notebook shows."""
        jobs = [team.add(status="succeeded", epoch=n, spec={"training": {"lr": n / 10}}, name=f"n{n}") for n in (2, 3)]
        jobs[0]["result"] = {"val_accuracy": 0.75}
        found = client.compare([client.job(jobs[0]["id"]), jobs[1]["id"][-10:]])
        first, second = found.rows()
        assert (first["name"], first["spec.training.lr"], first["result.val_accuracy"]) == ("n2", 0.2, 0.75)
        assert (second["spec.training.lr"], second["result.val_accuracy"]) == (0.3, None)
        assert found.curve("val_loss") == [[1.0, 0.5, None], [1.0, 0.5, 1 / 3]]
        assert found.curves.epoch == [1, 2, 3]
        assert list(found.to_pandas()["spec.training.lr"]) == [0.2, 0.3]
        assert repr(found) == "<Comparison of 2 jobs; they differ in training.lr>"
        assert "<td>n2</td>" in found._repr_html_()
        assert [line.get_label() for line in found.plot("val_loss").axes[0].lines] == [
            f"{job['name']} …{job['id'][-8:]}" for job in jobs
        ]

    def test_many_fit_into_a_request_line(self, client: Client, team: TeamService) -> None:
        """By the ends of their ids."""
        ids = [f"01936f00-0000-7000-8000-{number:012x}" for number in range(200)]
        team.jobs |= {one: {**team.add(), "id": one} for one in ids}
        assert [job.id for job in client.compare(ids).jobs] == ids
        assert len(team.requests[-1][1]) < 4000

    @pytest.mark.parametrize("count", [0, 1, 201])
    def test_how_many(self, client: Client, team: TeamService, count: int) -> None:
        """Two at least, and no more than a person can look at."""
        with pytest.raises(UsageError, match=f"2 to 200 jobs, not {count}"):
            client.compare([team.add()["id"]] * count)


class TestChanging:
    def test_only_what_is_given_changes(self, client: Client, team: TeamService) -> None:
        """None removes; a job's own call is the same."""
        job = client.job(team.add(status="queued")["id"])
        path = f"/v1/jobs/{job.id}"
        client.edit(job.id, name="wide", tags=("a", "b"))
        assert job.edit(notes="# Good").notes == "# Good"
        job.edit(name=None, tags=[], notes=None)
        assert sent(team, "PATCH", path) == [
            {"name": "wide", "tags": ["a", "b"]},
            {"notes": "# Good"},
            {"name": None, "tags": [], "notes": None},
        ]
        with pytest.raises(UsageError, match="Nothing is to be changed"):
            job.edit()

    def test_a_retry_with_changes_is_a_job_of_its_own(self, client: Client, team: TeamService) -> None:
        """The whole spec is sent, with the present name and tags; without changes the service repeats the job."""
        spec = {"architecture": {"kind": "mlp"}, "training": {"epochs": 3, "optimizer": {"kind": "sgd", "lr": 0.1}}}
        job = client.job(team.add(status="running", spec=spec, name="new name", tags=["t"])["id"])
        job.retry(training={"epochs": 20, "optimizer": {"kind": "adam"}})
        assert sent(team, "POST", "/v1/jobs") == [
            {
                "architecture": {"kind": "mlp"},
                "training": {"epochs": 20, "optimizer": {"kind": "adam"}},
                "name": "new name",
                "tags": ["t"],
            }
        ]
        team.jobs[job.id]["status"] = "succeeded"
        assert client.retry(job.id).retry_of == job.id

    @pytest.mark.parametrize(
        "preset, sent_preset", [("notebook-linear", "notebook-linear"), ("grown", None), ("gone", None), (None, None)]
    )
    def test_a_retry_with_changes_names_the_preset(
        self, client: Client, team: TeamService, preset: str | None, sent_preset: str | None
    ) -> None:
        """Unless the service would take more of it than the job has, or has no such preset."""
        spec = {"architecture": {"kind": "mlp"}, "training": {"epochs": 3, "optimizer": {"kind": "adam"}}}
        job = client.job(team.add(spec=spec, name="n", tags=[], preset=preset)["id"])
        job.retry(training={"epochs": 20})
        [document] = sent(team, "POST", "/v1/jobs")
        assert document.pop("preset", None) == sent_preset
        assert document == spec | {"name": "n", "tags": [], "training": spec["training"] | {"epochs": 20}}  # type: ignore[operator]

    def test_an_evaluation_has_no_fields_to_change(self, client: Client, team: TeamService) -> None:
        """It is asked for of the job that it scores."""
        job = client.job(team.add(kind="evaluate", status="succeeded", spec={"job": "x", "architecture": {}})["id"])
        with pytest.raises(UsageError, match="only jobs that train"):
            job.retry(training={"epochs": 2})


def test_conditions_and_fields_are_sent_as_they_are(client: Client, team: TeamService) -> None:
    """Several conditions repeat the parameter, fields are one list."""
    conditions = ["training.optimizer.lr<=0.01", "training.epochs>3"]
    assert (
        list(client.jobs(where=conditions, fields=["id", "name"], owner="ada", text="wide", sort="-spec.training.lr"))
        == []
    )
    query = httpx.URL(team.requests[-1][1]).params
    assert query.get_list("where") == conditions
    assert (query["fields"], query["owner"], query["text"]) == ("id,name", "ada", "wide")


def test_a_page_that_ends_early_is_not_the_end(team: TeamService) -> None:
    """The service stops after so much work; the client goes on."""
    pages = iter([([], "a"), ([team.add()], "b"), ([], "c"), ([team.add()], None)])

    def answer(request: httpx.Request) -> httpx.Response:
        del request
        items, cursor = next(pages)
        return httpx.Response(200, json={"items": items, "next_cursor": cursor})

    with Client("http://service", transport=httpx.MockTransport(answer)) as client:
        assert [job.id for job in client.jobs(where="training.epochs>3")] == list(team.jobs)


def test_a_refusal_by_owner(client: Client, team: TeamService) -> None:
    """Somebody else's job stays as it is, and the error says whose it is."""
    job = Job(team.add(), calls=client._calls)
    team.refuse[f"PATCH /v1/jobs/{job.id}"] = problem(403, "not_owner", "Job x belongs to ada.")
    with pytest.raises(Exception, match="belongs to ada"):
        job.edit(name="mine")


def test_a_job_with_some_fields_alone(client: Client) -> None:
    """It has a title and is shown; what was not asked for is an error that names what is there."""
    job = Job({"id": "0" * 28 + "abcdef01", "name": "wide", "result": {"val_accuracy": 0.75}}, calls=client._calls)
    assert job.title == "wide"
    assert job.result is not None
    assert job.result.val_accuracy == 0.75
    assert "abcdef01" in repr(job)
    assert "abcdef01" in job._repr_html_()
    with pytest.raises(AttributeError, match="it has id, name, result"):
        _ = job.status
    assert Job({"id": "x", "spec": {"training": {"epochs": 3}}}).title == "job"
