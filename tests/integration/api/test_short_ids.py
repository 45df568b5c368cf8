"""Every operation on one job takes an end of its id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.services import Services
from tests.support import factories

Submit = Callable[..., dict[str, Any]]


@pytest.fixture
def finished(submit: Submit, finish: Callable[..., None]) -> str:
    """The id of a job with results."""
    job_id = str(submit()["id"])
    finish(job_id)
    return job_id


@pytest.mark.parametrize(
    "rest", ["", "/epochs", "/attempts", "/evaluation", "/log", "/artifacts", "/artifacts/best.safetensors"]
)
def test_reads(client: FlaskClient, finished: str, rest: str) -> None:
    """The answer is the whole id's, and names it."""
    whole = client.get(f"/v1/jobs/{finished}{rest}")
    short = client.get(f"/v1/jobs/{finished[-8:].upper()}{rest}")

    assert (short.status_code, short.data) == (200, whole.data)
    assert short.headers["Link"] == f'</v1/jobs/{finished}{rest}>; rel="canonical"'
    assert "Link" not in whole.headers


def test_events(client: FlaskClient, finished: str) -> None:
    """The stream too."""
    assert b"succeeded" in client.get(f"/v1/jobs/{finished[-4:]}/events").data


def test_changes(client: FlaskClient, submit: Submit) -> None:
    """Priority, cancelling, retrying and deleting; an answer without a body names the job in its header."""
    job_id = str(submit()["id"])
    short = f"/v1/jobs/{job_id[-6:]}"

    assert client.patch(short, json={"priority": 9}).json["id"] == job_id  # type: ignore[index]
    assert client.post(f"{short}/cancel").json["id"] == job_id  # type: ignore[index]
    assert client.post(f"{short}/retry").json["retry_of"] == job_id  # type: ignore[index]
    answer = client.delete(short)
    assert (answer.status_code, job_id in answer.headers["Link"]) == (204, True)
    assert client.get(f"/v1/jobs/{job_id}").status_code == 404


@pytest.mark.parametrize("method, rest", [("GET", ""), ("GET", "/events"), ("DELETE", ""), ("POST", "/cancel")])
def test_several_that_fit(client: FlaskClient, services: Services, method: str, rest: str) -> None:
    """409 lists them, and nothing happens to any."""
    ids = [f"0192abcd-0000-7000-8000-00000{number}00cafe" for number in range(3)]
    factories.insert_jobs(services.db, [factories.job_row(number, id=one) for number, one in enumerate(ids)])
    before = factories.everything(services.db)

    answer = client.open(f"/v1/jobs/cafe{rest}", method=method)

    assert (answer.status_code, answer.json["code"]) == (409, "ambiguous_id")  # type: ignore[index]
    assert answer.json["jobs"] == ids[::-1]  # type: ignore[index]
    assert factories.everything(services.db) == before


def test_a_retry_by_a_short_id_is_the_same_request(client: FlaskClient, finished: str) -> None:
    """Sent again by its whole id under one key, it makes no second job."""
    headers = {"Idempotency-Key": "once"}

    first = client.post(f"/v1/jobs/{finished[-5:]}/retry", headers=headers)
    second = client.post(f"/v1/jobs/{finished}/retry", headers=headers)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json["id"] == second.json["id"]  # type: ignore[index]


@pytest.mark.parametrize("text", ["abc", "xyz1", "%2e%2e", "0192abcd"])
def test_none_that_fits(client: FlaskClient, submit: Submit, text: str) -> None:
    """404, whatever it looks like."""
    submit()
    assert client.get(f"/v1/jobs/{text}").json["code"] == "job_not_found"  # type: ignore[index]
