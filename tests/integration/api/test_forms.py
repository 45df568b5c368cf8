"""The forms of answers: chosen fields, CSV, and 304 for what the client has already."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

Submit = Callable[..., dict[str, Any]]
Json = Callable[..., dict[str, Any]]
CSV = {"Accept": "text/csv"}


def rows(text: str) -> list[dict[str, str]]:
    """The rows of a CSV text."""
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def done(submit: Submit, finish: Callable[..., Any]) -> str:
    """A finished job."""
    job_id: str = submit(name="done, at last", tags=["a", "b"], training={"epochs": 3})["id"]
    finish(job_id, 0.6)
    return job_id


def test_chosen_fields_alone_are_answered(get: Json, done: str) -> None:
    """By dotted path, in objects as in the whole job; what a job lacks is left out or null."""
    fields = "id,result.val_accuracy,spec.training.epochs,spec.architecture.layers,error.code"
    assert get(f"/v1/jobs?fields={fields}")["items"] == [
        {"id": done, "result": {"val_accuracy": 0.6}, "spec": {"training": {"epochs": 3}}, "error": None}
    ]


def test_a_part_and_the_whole_of_a_field_may_be_chosen(get: Json, done: str) -> None:
    """The whole one holds, whichever comes first."""
    whole = get(f"/v1/jobs/{done}")["result"]
    assert get("/v1/jobs?fields=result.val_accuracy,result")["items"] == [{"result": whole}]
    assert get("/v1/jobs?fields=result,result.val_accuracy")["items"] == [{"result": whole}]


def test_a_field_that_a_job_has_not_is_refused(get: Json) -> None:
    """422 with what is like it."""
    problem = get("/v1/jobs?fields=id,result.val_acuracy", 422)

    assert problem["errors"][0]["pointer"] == "/fields"
    assert problem["detail"].endswith(
        """No job has a field 'result.val_acuracy'. Did you mean "result.val_accuracy"? (at /fields)"""
    )


def test_a_field_that_no_spec_has_is_refused(get: Json, done: str) -> None:
    """With what is there; fields of other kinds of networks, and any of an imported run, are none of those."""
    lists = ("/v1/jobs?", f"/v1/compare?job={done}&job={done}&")
    for path in ("spec.foo", "spec.training.foo", "spec.training.epochs.foo", "spec.name.", "spec."):
        said = [get(f"{one}fields=id,{path}", 422)["errors"][0]["detail"] for one in lists]
        assert f"No job has a field {path!r}." in said[0], said
        assert said[0] == said[1]
    assert "spec has name, tags, dataset, architecture, training, " in get("/v1/jobs?fields=spec.zzz", 422)["detail"]
    assert "spec.training has epochs, " in get("/v1/jobs?fields=spec.training.zzz", 422)["detail"]
    answered = "spec,spec.architecture.layers,spec.training.optimizer.betas,spec.params.x.y,spec.metrics,spec.job"
    assert [list(one) for one in get(f"/v1/jobs?fields={answered}")["items"]] == [["spec"]]


def test_a_list_as_csv(client: FlaskClient, done: str) -> None:
    """A row for each job, with dotted paths as columns; lists as JSON, null as nothing."""
    response = client.get("/v1/jobs", headers=CSV)

    [row] = rows(response.text)
    assert response.mimetype == "text/csv"
    assert (row["id"], row["name"], row["tags"]) == (done, "done, at last", '["a","b"]')
    assert float(row["result.val_accuracy"]) == 0.6
    assert row["spec.training.epochs"] == "3"
    assert row["error"] == ""


def test_chosen_columns_of_a_csv(client: FlaskClient, done: str, submit: Submit) -> None:
    """In the order in which they are asked for, and the next page by a link."""
    submit()
    response = client.get("/v1/jobs?sort=created_at&limit=1&fields=spec.training.epochs,id", headers=CSV)

    assert response.text == f"spec.training.epochs,id\r\n3,{done}\r\n"
    link = response.headers["Link"]
    address = link[link.index("<") + 1 : link.index(">")]
    assert rows(client.get(f"/v1/jobs{address}", headers=CSV).text)[0]["id"] != done


def test_columns_are_there_without_rows(client: FlaskClient) -> None:
    """An empty list of chosen fields still names them."""
    assert client.get("/v1/jobs?fields=id,name", headers=CSV).text == "id,name\r\n"


def test_epochs_as_csv(client: FlaskClient, get: Json, done: str) -> None:
    """A row for each epoch, with the same figures."""
    columns = get(f"/v1/jobs/{done}/epochs")
    found = rows(client.get(f"/v1/jobs/{done}/epochs", headers=CSV).text)

    assert [float(row["val_accuracy"]) for row in found] == columns["val_accuracy"]
    assert set(found[0]) == set(columns)


@pytest.mark.parametrize("path", ["", "/epochs", "/attempts", "/evaluation", "/log", "/artifacts"])
def test_what_a_client_has_is_not_sent_again(client: FlaskClient, done: str, path: str) -> None:
    """304 without a body for the ETag of the answer, and 200 for another."""
    first = client.get(f"/v1/jobs/{done}{path}")
    again = client.get(f"/v1/jobs/{done}{path}", headers={"If-None-Match": first.headers["ETag"]})
    other = client.get(f"/v1/jobs/{done}{path}", headers={"If-None-Match": '"other"'})

    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert (other.status_code, other.data) == (200, first.data)


def test_a_job_that_changes_has_another_tag(client: FlaskClient, submit: Submit) -> None:
    """So that a client which asks again sees the change."""
    job_id = submit()["id"]
    before = client.get(f"/v1/jobs/{job_id}").headers["ETag"]
    client.post(f"/v1/jobs/{job_id}/cancel")

    assert client.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": before}).status_code == 200


def test_a_finished_job_that_is_kept_is_as_it_is_read(get: Json, done: str) -> None:
    """The second list takes it from memory, and it is the same to the byte."""
    first = get("/v1/jobs")["items"]

    assert get("/v1/jobs")["items"] == first == [get(f"/v1/jobs/{done}")]
