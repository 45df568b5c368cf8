"""On whose behalf each endpoint reads and changes jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import ColumnElement, false, select, true

from api.app import ROUTES
from api.http import operations
from api.http.operations import Operation
from api.http.requests.images import IMAGES
from api.services import Services
from shared.database.tables import BatchKey, IdempotencyKey, Job
from shared.errors import NoPredictor
from shared.jobs.actor import Actor, Scope

EVERY = [operation for routes in ROUTES for operation in routes.operations]
ABOUT_JOBS = [operation for operation in EVERY if operation.takes_job_id or operation.name == "list_jobs"]
MANY = ("cancel_jobs", "delete_jobs")
SUBMIT = ("submit_job", "submit_batch")
ALICE = Actor("alice", Scope.SUBMIT)
SPEC = {"architecture": {"kind": "mlp", "hidden": [4]}, "dataset": "synthetic"}
KEY = {"Idempotency-Key": "mine"}


@pytest.fixture
def alice(monkeypatch: pytest.MonkeyPatch) -> Actor:
    """Who sends every request."""
    monkeypatch.setattr(operations, "actor_of", lambda *_asked: ALICE)
    return ALICE


def send(client: FlaskClient, operation: Operation, job_id: str) -> int:
    """Ask for an operation on this job, as far as it is about one; gives the answer's status."""
    path = operation.path.replace("<job_id>", job_id).replace("<path:name>", "best.safetensors")
    path += f"?job={job_id}&job={job_id}" if operation.name == "compare_jobs" else ""
    bodies: dict[str, Any] = {"change_job": {"priority": 7}, "evaluate_job": {"dataset": "cifar10"}}
    bodies |= {"submit_batch": {"jobs": [SPEC]}, **{name: {"ids": [job_id]} for name in MANY}}
    body = bodies.get(operation.name, SPEC)
    sent: dict[str, Any] = {"json": body} if operation.body else {}
    if operation.body is IMAGES:
        sent = {"data": b"an image", "content_type": "image/png"}
    response = client.open(path, method=operation.method, **sent)
    response.close()
    return response.status_code


@pytest.mark.parametrize("short", [False, True], ids=["whole id", "end of it"])
@pytest.mark.parametrize("operation", EVERY, ids=[operation.name for operation in EVERY])
def test_jobs_are_reached_as_who_asks(
    client: FlaskClient,
    submit: Callable[..., dict[str, Any]],
    finish: Callable[..., None],
    alice: Actor,
    monkeypatch: pytest.MonkeyPatch,
    operation: Operation,
    short: bool,
) -> None:
    """Every look at a job goes through the reach of the one who asks, and of nobody else."""
    job_id = submit(dataset="synthetic")["id"]
    finish(job_id)
    reaching: list[Actor] = []

    def reach(actor: Actor) -> ColumnElement[bool]:
        reaching.append(actor)
        return true()

    monkeypatch.setattr(Actor, "reach", property(reach))
    status = send(client, operation, job_id[-8:] if short else job_id)
    assert status < 500 or (status == 503 and NoPredictor in operation.raises)
    assert set(reaching) <= {alice}
    assert bool(reaching) or not (operation in ABOUT_JOBS or operation.name in (*MANY, *SUBMIT, "compare_jobs"))


@pytest.mark.parametrize("operation", ABOUT_JOBS, ids=[operation.name for operation in ABOUT_JOBS])
def test_a_job_out_of_reach_is_not_there(
    client: FlaskClient,
    services: Services,
    submit: Callable[..., dict[str, Any]],
    finish: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    operation: Operation,
) -> None:
    """Neither read nor changed nor listed, whether it waits or has ended."""
    queued, finished = submit(dataset="synthetic")["id"], submit(dataset="synthetic")["id"]
    finish(finished)
    with services.db.read() as connection:
        before = connection.execute(select(Job.__table__)).all()
    monkeypatch.setattr(Actor, "reach", property(lambda _actor: false()))

    for job_id in (queued, finished):
        assert send(client, operation, job_id) == (200 if operation.name == "list_jobs" else 404)
    if operation.name == "list_jobs":
        assert (client.get("/v1/jobs").json or {})["items"] == []
    for path in ("/v1/jobs/cancel", "/v1/jobs/delete"):
        named = client.post(path, json={"ids": [queued, finished[-8:]]}).json or {}
        assert [one["error"]["code"] for one in named["items"]] == ["job_not_found"] * 2
    with services.db.read() as connection:
        assert connection.execute(select(Job.__table__)).all() == before


@pytest.mark.parametrize("headers", [{}, KEY], ids=["plain", "with a key"])
def test_what_is_submitted_belongs_to_who_asks(
    client: FlaskClient, services: Services, alice: Actor, headers: dict[str, str]
) -> None:
    """A job and its repetition; a key too, so that two people may choose the same."""
    first = (client.post("/v1/jobs", json=SPEC, headers=headers).json or {})["id"]
    client.post(f"/v1/jobs/{first}/cancel")
    again = client.post(f"/v1/jobs/{first}/retry", headers={name: f"{key}-2" for name, key in headers.items()})
    assert again.status_code == 201
    batch = {name: f"{key}-3" for name, key in headers.items()}
    assert client.post("/v1/jobs/batch", json={"jobs": [SPEC, SPEC]}, headers=batch).status_code == 201
    with services.db.read() as connection:
        owners = set(connection.scalars(select(Job.owner)))
        keys = {*connection.scalars(select(IdempotencyKey.owner)), *connection.scalars(select(BatchKey.owner))}
    assert owners == {alice.owner}
    assert keys == ({alice.owner} if headers else set())
