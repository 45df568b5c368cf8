"""Imports over HTTP: what is answered, what is refused and where, and what an imported job looks like everywhere."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.integration.api.conftest import Get

RUN: dict[str, Any] = {
    "source": "mlflow",
    "id": "a1",
    "name": "wide",
    "tags": ["a"],
    "status": "succeeded",
    "started_at": "2026-01-31T12:00:00+01:00",
    "finished_at": "2026-01-31T12:30:00+01:00",
    "params": {"lr": "0.01", "opt.kind": "adam"},
    "run_tags": {"team": "vision"},
    "metrics": {
        "val_acc": {"steps": [0, 1], "figures": [0.5, 0.75]},
        "f1": {"steps": [10, 20], "figures": [0.1, None]},
    },
}


def send(client: FlaskClient, *runs: object) -> dict[str, Any]:
    """Import runs, and give the answer's JSON."""
    response = client.post("/v1/jobs/import", json={"runs": list(runs)})
    assert response.status_code == 200, response.text
    return dict(response.json or {})


def imported(client: FlaskClient, **fields: object) -> str:
    """Import one run with these fields, and give the id of its job."""
    return str(send(client, {**RUN, **fields})["items"][0]["job_id"])


class TestImport:
    def test_each_run_is_answered_with_its_job(self, client: FlaskClient) -> None:
        """In the order of the request, and whether it is new."""
        first = send(client, RUN, {"source": "mlflow", "id": "b2"})["items"]
        again = send(client, {"source": "mlflow", "id": "b2"}, RUN)["items"]
        assert [(one["run"], one["new"]) for one in first] == [("a1", True), ("b2", True)]
        assert [(one["run"], one["new"]) for one in again] == [("b2", False), ("a1", False)]
        assert [one["job_id"] for one in again] == [one["job_id"] for one in reversed(first)]

    def test_it_is_read_as_every_job(self, client: FlaskClient, get: Get) -> None:
        """With its own times, its result, and metrics that are no epochs."""
        job_id = imported(client)
        job = get(f"/v1/jobs/{job_id}")
        assert (job["kind"], job["status"], job["name"], job["tags"]) == ("imported", "succeeded", "wide", ["a"])
        assert (job["started_at"], job["finished_at"]) == ("2026-01-31T11:00:00.000Z", "2026-01-31T11:30:00.000Z")
        assert job["spec"]["params"] == {"lr": 0.01, "opt": {"kind": "adam"}}
        assert job["result"]["best_val_accuracy"] == 0.75
        assert job["result"]["val_loss"] is None
        assert [one["name"] for one in get(f"/v1/jobs/{job_id}/metrics")["items"]] == ["f1", "val_acc"]
        assert get(f"/v1/jobs/{job_id}/epochs")["epoch"] == []
        assert get(f"/v1/jobs/{job_id}/attempts")["items"] == []
        paths = [one["path"] for one in get(f"/v1/jobs/{job_id}/outline")["differences"]]
        assert paths == ["params.lr", "params.opt.kind"]

    def test_it_stands_in_lists_and_tables(self, client: FlaskClient, get: Get) -> None:
        """Found by its params, sorted by its result, written as CSV."""
        job_id = imported(client)
        for query in ("where=params.lr<0.1", "kind=imported", "sort=-best_val_accuracy", "where=run.tags.team=vision"):
            assert [one["id"] for one in get(f"/v1/jobs?{query}")["items"]] == [job_id]
        assert get("/v1/jobs?where=params.lr>0.1")["items"] == []
        table = client.get("/v1/jobs?fields=id,spec.params.opt.kind", headers={"Accept": "text/csv"})
        assert table.text.splitlines() == ["id,spec.params.opt.kind", f"{job_id},adam"]

    def test_its_events_end(self, client: FlaskClient) -> None:
        """A stream says how it ended, and is at its end."""
        job_id = imported(client)
        assert '"status":"succeeded"' in client.get(f"/v1/jobs/{job_id}/events").text

    def test_it_can_be_labelled_and_deleted(self, client: FlaskClient, get: Get) -> None:
        """As every finished job."""
        job_id = imported(client)
        changed = client.patch(f"/v1/jobs/{job_id}", json={"tags": ["old"], "notes": "from the other tracker"})
        assert (changed.json or {})["tags"] == ["old"]
        assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
        get(f"/v1/jobs/{job_id}/metrics", 404)

    @pytest.mark.parametrize(
        "action, body, status",
        [
            ("retry", None, 409),
            ("evaluate", {"dataset": "synthetic"}, 409),
            ("cancel", None, 409),
        ],
    )
    def test_nothing_runs_it(self, client: FlaskClient, action: str, body: object, status: int) -> None:
        """The answer says why."""
        response = client.post(f"/v1/jobs/{imported(client)}/{action}", json=body)
        assert response.status_code == status
        assert (response.json or {})["code"] == "illegal_transition"

    def test_it_has_no_network_and_no_notebook(self, client: FlaskClient, get: Get) -> None:
        """Its weights are not here."""
        job_id = imported(client)
        for path in ("notebook", "model?format=safetensors", "evaluation", "mistakes"):
            get(f"/v1/jobs/{job_id}/{path}", 404)


class TestRefusals:
    @pytest.mark.parametrize(
        "run, pointer",
        [
            ({"source": "mlflow"}, "/runs/1"),
            ({**RUN, "status": "running"}, "/runs/1/status"),
            ({**RUN, "params": {"lr": 0.1}}, "/runs/1/params/lr"),
            ({**RUN, "params": {"lr": "x" * 8001}}, "/runs/1/params/lr"),
            ({**RUN, "params": {"lr": "a\0b"}}, "/runs/1/params/lr"),
            ({**RUN, "params": {f"p{n}": "" for n in range(1001)}}, "/runs/1/params"),
            ({**RUN, "metrics": {"f1": {"steps": [1], "figures": []}}}, "/runs/1/metrics/f1"),
            ({**RUN, "metrics": {"f1": {"steps": ["1"], "figures": [1.0]}}}, "/runs/1/metrics/f1/steps/0"),
            ({**RUN, "started_at": "yesterday"}, "/runs/1/started_at"),
            ({**RUN, "name": "a\nb"}, "/runs/1/name"),
            ({**RUN, "tags": ["a", "a"]}, "/runs/1/tags/1"),
            ({**RUN, "tags": [str(n) for n in range(21)]}, "/runs/1/tags"),
            ({**RUN, "weights": "x"}, "/runs/1/weights"),
            (3, "/runs/1"),
        ],
    )
    def test_what_is_wrong_is_pointed_at(self, client: FlaskClient, get: Get, run: object, pointer: str) -> None:
        """And nothing of the request is kept."""
        response = client.post("/v1/jobs/import", json={"runs": [RUN, run]})
        problem = response.json or {}
        assert (response.status_code, problem["code"]) == (422, "invalid_spec")
        assert [one["pointer"] for one in problem["errors"]] == [pointer]
        assert get("/v1/jobs")["items"] == []

    @pytest.mark.parametrize("body", ["[]", "{}", '{"runs": []}', '{"runs": 3}', "", "{", '{"runs": [1], "runs": [2]}'])
    def test_what_is_no_import_is_refused(self, client: FlaskClient, body: str) -> None:
        """In words that say what one is."""
        response = client.post("/v1/jobs/import", data=body, content_type="application/json")
        assert response.status_code in {400, 422}
        assert (response.json or {})["errors"]

    def test_a_field_that_is_given_twice_is_refused(self, client: FlaskClient) -> None:
        """One of its values would be lost."""
        body = '{"runs": [{"source": "s", "id": "i", "params": {"lr": "1", "lr": "2"}}]}'
        response = client.post("/v1/jobs/import", data=body, content_type="application/json")
        assert (response.status_code, (response.json or {})["errors"][0]["pointer"]) == (422, "/runs/0/params/lr")

    def test_more_than_a_hundred_runs_are_too_many(self, client: FlaskClient) -> None:
        """A transaction of them would keep others waiting."""
        runs = [{"source": "mlflow", "id": str(number)} for number in range(101)]
        response = client.post("/v1/jobs/import", json={"runs": runs})
        assert (response.status_code, (response.json or {})["errors"][0]["pointer"]) == (422, "/runs")

    @pytest.mark.parametrize("figure", ["NaN", "Infinity", "-Infinity", "1e999"])
    def test_figures_that_are_no_finite_numbers_are_null(self, client: FlaskClient, get: Get, figure: str) -> None:
        """Whoever writes them, as Python does, loses no run by it."""
        run = '{"source": "s", "id": "i", "metrics": {"m": {"steps": [1, 2], "figures": [0.5, FIGURE]}}}'
        body = f'{{"runs": [{run.replace("FIGURE", figure)}]}}'
        response = client.post("/v1/jobs/import", data=body, content_type="application/json")
        assert response.status_code == 200, response.text
        [one] = get(f"/v1/jobs/{(response.json or {})['items'][0]['job_id']}/metrics")["items"]
        assert one["figures"] == [0.5, None]
