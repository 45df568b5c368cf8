"""Submitting again with the same Idempotency-Key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.services import Services
from shared import attempts, listing
from shared.status import Queue

BODY = b'{"architecture": {"kind": "mlp", "hidden": [4]}}'


def post(client: FlaskClient, key: str, body: bytes = BODY, query: str = "") -> TestResponse:
    """Submit with a key."""
    headers = {"Idempotency-Key": key}
    return client.post(f"/v1/jobs{query}", data=body, content_type="application/json", headers=headers)


def jobs(services: Services) -> list[dict[str, Any]]:
    """All jobs."""
    return list(listing.jobs(services.db, listing.JobFilter()).items)


def test_a_repeat_answers_with_the_first_job(
    client: FlaskClient, services: Services, run: Callable[..., attempts.Claim]
) -> None:
    """201 and the same job, as it is by now; one message, one job."""
    first = post(client, "a")
    before = services.broker.depths()
    run(first.json["id"] if first.json else "", 0.7)
    second = post(client, "a")

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json is not None
    assert second.json is not None
    assert second.headers["Location"] == first.headers["Location"]
    assert (second.json["id"], second.json["status"]) == (first.json["id"], "running")
    assert second.json["cost"] == first.json["cost"]
    assert len(jobs(services)) == 1
    assert before is not None
    assert (services.broker.depths() or {})[Queue.ANY] == before[Queue.ANY]


def test_another_body_is_refused(client: FlaskClient, services: Services) -> None:
    """422 with a code of its own; the first job stands."""
    post(client, "a")
    response = post(client, "a", BODY.replace(b"4", b"5"))

    assert response.status_code == 422
    assert response.json is not None
    assert response.json["code"] == "idempotency_key_reused"
    assert len(jobs(services)) == 1


def test_only_what_was_stored_has_a_key(client: FlaskClient, services: Services) -> None:
    """A check, and a refused job, leave the key free."""
    assert post(client, "a", query="?dry_run=true").status_code == 200
    assert post(client, "a", b"{}").status_code == 422
    assert post(client, "a").status_code == 201
    assert len(jobs(services)) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "ä", "x" * 256])
def test_a_key_is_plain_text(client: FlaskClient, services: Services, key: str) -> None:
    """What no header should hold is refused before anything is stored."""
    response = post(client, key)

    assert response.status_code == 422
    assert response.json is not None
    assert "Idempotency-Key" in response.json["detail"]
    assert jobs(services) == []
