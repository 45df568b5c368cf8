"""Batches over HTTP: pointers, keys, limits, and what is said of each job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.services import Services
from shared.delivery.broker import Broker
from shared.errors import StorageUnavailable
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from tests.support import factories

SPEC = {"architecture": {"kind": "mlp", "hidden": [4]}, "dataset": "synthetic"}
NOBODY = "01900000-0000-7000-8000-000000000000"


def seeded(seed: int, **fields: Any) -> dict[str, Any]:
    """A spec that differs from others in its seed."""
    return {**SPEC, "training": {"seed": seed}, **fields}


class TestSubmit:
    def test_a_batch_is_answered_in_its_order(self, client: FlaskClient) -> None:
        """With jobs as they are read one by one."""
        response = client.post("/v1/jobs/batch", json={"jobs": [seeded(n, tags=[f"t{n}"]) for n in range(30)]})
        assert response.status_code == 201
        items = (response.json or {})["items"]
        assert [(job["spec"]["training"]["seed"], job["tags"]) for job in items] == [(n, [f"t{n}"]) for n in range(30)]
        alone = client.get(f"/v1/jobs/{items[3]['id']}").json or {}
        assert items[3] == {**alone, "estimate": None}
        assert alone["estimate"]["ahead"] == 3
        assert [job["id"] for job in (client.get("/v1/jobs").json or {})["items"]] == [j["id"] for j in items][::-1]

    def test_every_problem_points_into_the_batch(self, client: FlaskClient, get: Callable[..., Any]) -> None:
        """And nothing is stored."""
        wrong = [
            SPEC,
            {**SPEC, "training": {"epochs": 0}},
            3,
            {"preset": "notebok-tapered"},
            {**SPEC, "tags": ["a", "a"]},
        ]
        response = client.post("/v1/jobs/batch", json={"jobs": wrong})
        problem = response.json or {}
        assert (response.status_code, problem["code"]) == (422, "invalid_spec")
        assert [one["pointer"] for one in problem["errors"]] == [
            "/jobs/1/training/epochs",
            "/jobs/2",
            "/jobs/3/preset",
            "/jobs/4/tags/1",
        ]
        assert problem["errors"][1]["detail"] == "A job is a JSON object, not 3."
        assert get("/v1/jobs")["items"] == []

    @pytest.mark.parametrize(
        "body, pointer, detail",
        [
            (b"[]", "", 'A batch must be an object such as {"jobs": […]}, not an array.'),
            (b"{}", "", '"jobs" is missing.'),
            (b'{"jobs": []}', "/jobs", "jobs takes at least 1; there are 0."),
            (b'{"jobs": {}}', "/jobs", "jobs must be an array, not an object."),
            (b'{"jobs": [' + b"1," * 1000 + b"1]}", "/jobs", "jobs takes at most 1000; there are 1001."),
            (b'{"jobs": [1], "job": 2}', "/job", 'There is no field "job" here. Did you mean "jobs"?'),
            (b'{"jobs": [1], "jobs": [2]}', "/jobs", 'The field "jobs" is given twice; keep one.'),
        ],
    )
    def test_what_is_no_batch_is_said(self, client: FlaskClient, body: bytes, pointer: str, detail: str) -> None:
        """In a sentence, with its place."""
        response = client.post("/v1/jobs/batch", data=body, content_type="application/json")
        assert response.status_code == 422
        assert (response.json or {})["errors"] == [{"pointer": pointer, "detail": detail}]

    def test_the_worst_batch_lists_fifty_problems(self, client: FlaskClient) -> None:
        """And stops there."""
        response = client.post("/v1/jobs/batch", json={"jobs": [{}] * 1000})
        assert len((response.json or {})["errors"]) == 50

    def test_a_batch_may_be_larger_than_a_job(self, client: FlaskClient) -> None:
        """It has a limit of its own."""
        named = [seeded(n, name="n" * 100) for n in range(200)]
        assert client.post("/v1/jobs/batch", json={"jobs": named}).status_code == 201
        refused = client.post("/v1/jobs/batch", data=b" " * 8_000_001, content_type="application/json")
        assert refused.status_code == 413
        assert "FLIGHTLINE_MAX_BATCH_BYTES" in (refused.json or {})["detail"]

    def test_a_repeated_batch_has_the_same_answer(self, client: FlaskClient, get: Callable[..., Any]) -> None:
        """Whatever the order of its fields; less the jobs that are gone since."""
        key = {"Idempotency-Key": "k"}
        first = client.post("/v1/jobs/batch", json={"jobs": [seeded(1), seeded(2)]}, headers=key)
        turned = {"jobs": [dict(reversed(seeded(1).items())), seeded(2)]}
        again = client.post("/v1/jobs/batch", json=turned, headers=key)
        assert (again.status_code, again.json) == (201, first.json)
        other = client.post("/v1/jobs/batch", json={"jobs": [seeded(2), seeded(1)]}, headers=key)
        assert (other.status_code, (other.json or {})["code"]) == (422, "idempotency_key_reused")
        one, two = [job["id"] for job in (first.json or {})["items"]]
        client.post(f"/v1/jobs/{one}/cancel")
        client.delete(f"/v1/jobs/{one}")
        left = client.post("/v1/jobs/batch", json=turned, headers=key)
        assert [job["id"] for job in (left.json or {})["items"]] == [two]
        assert len(get("/v1/jobs")["items"]) == 1

    def test_a_repeated_batch_is_answered_though_a_limit_was_lowered(
        self, client: FlaskClient, services: Services
    ) -> None:
        """The first request was accepted."""
        key, body = {"Idempotency-Key": "k"}, {"jobs": [seeded(1)]}
        first = client.post("/v1/jobs/batch", json=body, headers=key)
        lowered = services.settings.model_copy(update={"max_parameters": 1})
        strict = create_app(services=replace(services, settings=lowered)).test_client()
        assert strict.post("/v1/jobs/batch", json=body, headers=key).json == first.json
        assert strict.post("/v1/jobs/batch", json=body).status_code == 422
        assert strict.post("/v1/jobs/batch", json=body, headers={"Idempotency-Key": "new"}).status_code == 422

    def test_a_batch_while_redis_is_away(self, services: Services, get: Callable[..., Any]) -> None:
        """Is accepted; whoever reconciles publishes it."""
        away = Broker("redis://127.0.0.1:1")
        client = create_app(services=replace(services, broker=away)).test_client()
        response = client.post("/v1/jobs/batch", json={"jobs": [seeded(1), seeded(2)]})
        away.close()
        assert response.status_code == 201
        assert [job["status"] for job in get("/v1/jobs")["items"]] == ["queued"] * 2


class TestManyIds:
    def test_each_id_is_told_what_became_of_it(
        self, client: FlaskClient, submit: Callable[..., Any], finish: Callable[..., None], run: Callable[..., Any]
    ) -> None:
        """Whole, by its end, in capitals, twice, unknown, no id at all."""
        queued, running, done = (submit(dataset="synthetic")["id"] for _ in range(3))
        run(running)
        finish(done)
        sent = [queued[-8:], running.upper(), done, NOBODY, "abcd", "no id", queued]
        response = client.post("/v1/jobs/cancel", json={"ids": sent})
        items = (response.json or {})["items"]
        assert [one["id"] for one in items] == sent
        assert [one["job_id"] for one in items] == [queued, running, done, NOBODY, None, None, queued]
        assert [one["outcome"] for one in items] == ["cancelled", "requested", None, None, None, None, "cancelled"]
        codes = [one["error"] and one["error"]["code"] for one in items]
        assert codes == [None, None, "illegal_transition", *["job_not_found"] * 3, None]
        alone = client.post(f"/v1/jobs/{done}/cancel").json or {}
        assert items[2]["error"] == {"code": alone["code"], "detail": alone["detail"]}

    def test_an_ambiguous_end_is_left_alone(self, client: FlaskClient, services: Services) -> None:
        """And the error names the jobs."""
        ids = ["01900000-0000-7000-8000-00000001abcd", "01900000-0000-7000-8000-00000002abcd"]
        factories.insert_jobs(services.db, [factories.job_row(n, id=job_id) for n, job_id in enumerate(ids)])
        [one] = (client.post("/v1/jobs/cancel", json={"ids": ["abcd"]}).json or {})["items"]
        assert (one["job_id"], one["outcome"], one["error"]["code"]) == (None, None, "ambiguous_id")
        assert all(job_id in one["error"]["detail"] for job_id in ids)
        assert {queries.job(services.db, job_id, actor=EVERYBODY).status for job_id in ids} == {"queued"}

    def test_finished_jobs_are_deleted(
        self, client: FlaskClient, services: Services, submit: Callable[..., Any], finish: Callable[..., None]
    ) -> None:
        """With their files; repeated, they are not there."""
        done, queued = submit(dataset="synthetic")["id"], submit(dataset="synthetic")["id"]
        finish(done)
        items = (client.post("/v1/jobs/delete", json={"ids": [done, queued]}).json or {})["items"]
        assert [one["outcome"] for one in items] == ["deleted", None]
        assert items[1]["error"]["code"] == "illegal_transition"
        assert services.storage.page("", 10) == []
        items = (client.post("/v1/jobs/delete", json={"ids": [done]}).json or {})["items"]
        assert items[0]["error"]["code"] == "job_not_found"

    def test_while_the_storage_is_away_jobs_stay(
        self,
        client: FlaskClient,
        services: Services,
        submit: Callable[..., Any],
        finish: Callable[..., None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Each is told so, with 200: the others may be gone."""
        done = submit(dataset="synthetic")["id"]
        finish(done)

        def away(_prefix: str) -> None:
            raise StorageUnavailable("away")

        monkeypatch.setattr(services.storage, "delete_below", away)
        [one] = (client.post("/v1/jobs/delete", json={"ids": [done]}).json or {})["items"]
        assert (one["outcome"], one["error"]["code"]) == (None, "storage_unavailable")
        assert client.get(f"/v1/jobs/{done}").status_code == 200

    @pytest.mark.parametrize(
        "body, pointer, detail",
        [
            (b'{"ids": []}', "/ids", "ids takes at least 1; there are 0."),
            (b'{"ids": "abcd"}', "/ids", 'ids must be an array, not "abcd".'),
            (b'{"ids": [1]}', "/ids/0", "ids[0] must be a text, not 1."),
            (b'{"ids": ["' + b"a" * 101 + b'"]}', "/ids/0", "ids[0] may have at most 100 characters."),
            (b'{"ids": ["\\ud800"]}', "/ids/0", "ids[0] must be a text of whole characters."),
            (b'["abcd"]', "", 'The body must be an object such as {"ids": […]}, not an array.'),
        ],
    )
    @pytest.mark.parametrize("action", ["cancel", "delete"])
    def test_what_is_no_list_of_ids_is_said(
        self, client: FlaskClient, action: str, body: bytes, pointer: str, detail: str
    ) -> None:
        """In a sentence, with its place."""
        response = client.post(f"/v1/jobs/{action}", data=body, content_type="application/json")
        assert response.status_code == 422
        assert (response.json or {})["errors"] == [{"pointer": pointer, "detail": detail}]


def test_labels_are_changed_over_http(
    client: FlaskClient, submit: Callable[..., Any], finish: Callable[..., None]
) -> None:
    """By the end of an id, on a finished job too; lists find it under its new ones."""
    job_id = submit(dataset="synthetic", name="old", tags=["a"])["id"]
    finish(job_id)
    response = client.patch(f"/v1/jobs/{job_id[-8:]}", json={"name": "new", "tags": ["b"], "notes": "# Läuft"})
    assert response.status_code == 200
    changed = response.json or {}
    assert (changed["name"], changed["tags"], changed["notes"]) == ("new", ["b"], "# Läuft")
    assert (changed["spec"]["name"], changed["spec"]["tags"]) == ("old", ["a"])
    assert [job["id"] for job in (client.get("/v1/jobs?tag=b&name=new").json or {})["items"]] == [job_id]
    assert (client.get("/v1/jobs?tag=a").json or {})["items"] == []
    assert client.patch(f"/v1/jobs/{job_id}", json={"notes": "x", "priority": 3}).status_code == 409
    assert (client.get(f"/v1/jobs/{job_id}").json or {})["notes"] == "# Läuft"


class TestCompare:
    def test_jobs_are_named_by_their_ends(self, client: FlaskClient, submit: Callable[..., Any]) -> None:
        """In the order of the request."""
        ids = [submit(dataset="synthetic", training={"seed": seed})["id"] for seed in (1, 2)]
        found = client.get(f"/v1/compare?job={ids[1][-12:]}&job={ids[0].upper()}").json or {}
        assert [job["id"] for job in found["jobs"]] == ids[::-1]
        assert found["differing"] == {"training.seed": [2, 1]}

    def test_only_some_of_it_may_be_wanted(self, client: FlaskClient, submit: Callable[..., Any]) -> None:
        """Fields of the jobs and curves by name; in what the jobs differ is said all the same."""
        ids = [submit(dataset="synthetic", training={"seed": seed})["id"] for seed in (1, 2)]
        jobs = f"/v1/compare?job={ids[0]}&job={ids[1]}"
        found = client.get(f"{jobs}&fields=id,cost.parameters&columns=val_accuracy,lr").json or {}
        assert [list(job) for job in found["jobs"]] == [["id", "cost"]] * 2
        assert list(found["jobs"][0]["cost"]) == ["parameters"]
        assert found["differing"] == {"training.seed": [1, 2]}
        assert set(found["curves"]) == {"epoch", "val_accuracy", "lr"}
        assert set((client.get(f"{jobs}&columns=epoch").json or {})["curves"]) == {"epoch"}
        wrong = client.get(f"{jobs}&columns=val_acuracy")
        assert (wrong.status_code, "did you mean" in (wrong.json or {})["detail"].lower()) == (422, True)

    def test_all_jobs_that_are_gone_are_named(self, client: FlaskClient, submit: Callable[..., Any]) -> None:
        """At once and as they were asked for, so that the others can be compared with the next request."""
        there = submit(dataset="synthetic")["id"]
        gone = ["01900000-0000-7000-8000-000000000000", "01900000-0000-7000-8000-000000000001"]
        for asked, named in ((gone, gone), (["ABCD", "bcde", "no id"], ["abcd", "bcde", "no id"])):
            response = client.get("/v1/compare", query_string={"job": [there, *asked]})
            assert response.status_code == 404
            problem = response.json or {}
            assert problem["jobs"] == named
            assert problem["detail"].startswith(f"There are no jobs {', '.join(named)}: they were deleted")

    @pytest.mark.parametrize(
        "query, status, detail",
        [
            ("", 422, '"job" is missing.'),
            ("?job=abcd", 422, "job takes at least 2; there is 1."),
            ("?" + "job=abcd&" * 201, 422, "job takes at most 200; there are 201."),
            ("?job=abcd&job=bcde", 404, "There are no jobs abcd, bcde: "),
        ],
    )
    def test_what_cannot_be_compared(self, client: FlaskClient, query: str, status: int, detail: str) -> None:
        """Too few, too many, or none of that name."""
        response = client.get(f"/v1/compare{query}")
        assert response.status_code == status
        assert (response.json or {})["detail"].startswith(detail)
