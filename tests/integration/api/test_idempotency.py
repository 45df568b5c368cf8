"""Submitting again with the same Idempotency-Key."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from api.services import Services
from shared.fleet import workers
from shared.fleet.workers import Identity
from shared.jobs.running.claims import Claim
from shared.jobs.status import Queue
from tests.support import factories

BODY = b'{"architecture": {"kind": "mlp", "hidden": [4]}}'


def post(client: FlaskClient, key: str, body: bytes = BODY, query: str = "") -> TestResponse:
    """Submit with a key."""
    headers = {"Idempotency-Key": key}
    return client.post(f"/v1/jobs{query}", data=body, content_type="application/json", headers=headers)


def jobs(services: Services) -> list[dict[str, Any]]:
    """All jobs."""
    return factories.listed(services.db)


def test_a_repeat_answers_with_the_first_job(
    client: FlaskClient, services: Services, run: Callable[..., Claim]
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


@pytest.mark.parametrize(
    "same",
    [
        b'{"architecture": {"hidden": [4],\n "kind": "mlp"}}',
        b'{"architecture": {"kind": "mlp", "hidden": [4], "activation": "tanh"}, "dataset": "cifar2"}',
        b'{"architecture": {"kind": "mlp", "hidden": [4]}, "training": {"optimizer": {"lr": 1e-2}}, "preset": null}',
    ],
)
def test_another_way_to_say_the_same_is_a_repeat(client: FlaskClient, services: Services, same: bytes) -> None:
    """What a body asks for counts, not the order of its keys or the defaults that it spells out."""
    first = post(client, "a")
    second = post(client, "a", same)

    assert second.status_code == 201
    assert second.headers["Location"] == first.headers["Location"]
    assert len(jobs(services)) == 1


def test_a_preset_is_part_of_what_is_asked_for(client: FlaskClient) -> None:
    """The job is found under it."""
    assert post(client, "a", b'{"preset": "notebook-linear"}').status_code == 201
    assert post(client, "a", b'{"architecture": "notebook-linear"}').status_code == 422


def retry(client: FlaskClient, path: str, key: str) -> TestResponse:
    """Retry with a key."""
    return client.post(f"{path}/retry", headers={"Idempotency-Key": key})


def test_a_retry_that_is_sent_again_makes_one_job(
    client: FlaskClient, services: Services, run: Callable[..., Claim]
) -> None:
    """201 and the job that it made; a new key makes another, and a key of something else is refused."""
    paths = [post(client, key).headers["Location"] for key in ("a", "b")]
    for path in paths:
        client.post(f"{path}/cancel")
    first, second = retry(client, paths[0], "r"), retry(client, paths[0], "r")

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.headers["Location"] == first.headers["Location"]
    assert second.json is not None
    run(second.json["id"], 0.7)
    assert (retry(client, paths[0], "r").json or {})["status"] == "running"
    assert retry(client, paths[1], "r").status_code == 422
    assert post(client, "r").status_code == 422
    assert len(jobs(services)) == 3
    assert retry(client, paths[0], "s").headers["Location"] != first.headers["Location"]
    assert retry(client, paths[0], "a b").status_code == 422


def test_a_retry_that_is_sent_again_after_the_original_is_gone(client: FlaskClient, services: Services) -> None:
    """The key decides before the original is looked for: 201 and the job that it made, not 404."""
    path = post(client, "a").headers["Location"]
    client.post(f"{path}/cancel")
    first = retry(client, path, "r")
    assert client.delete(path).status_code == 204

    second = retry(client, path, "r")

    assert (second.status_code, second.headers.get("Location")) == (201, first.headers["Location"])
    assert len(jobs(services)) == 1
    assert retry(client, path, "s").status_code == 404


def test_a_retry_by_a_short_id_that_is_sent_again_after_the_original_is_gone(
    client: FlaskClient, services: Services
) -> None:
    """The end of the id is held against what the first request under the key retried; another end is nobody's."""
    path = post(client, "a").headers["Location"]
    short = f"/v1/jobs/{path[-8:]}"
    client.post(f"{path}/cancel")
    first = retry(client, short, "r")
    client.delete(path)

    second = retry(client, short, "r")

    assert (second.status_code, second.headers.get("Location")) == (201, first.headers["Location"])
    assert len(jobs(services)) == 1
    assert retry(client, short, "s").status_code == 404
    assert retry(client, "/v1/jobs/ffff0000", "r").status_code == 404


def test_a_retry_by_a_short_id_that_has_come_to_fit_another_job(client: FlaskClient, services: Services) -> None:
    """Sent again it is the same request still; under a new key it is ambiguous."""
    ids = [f"0192abcd-0000-7000-8000-00000{number}00cafe" for number in range(2)]
    fields = {"status": "cancelled", "spec": factories.submission().document}
    factories.insert_jobs(services.db, [factories.job_row(0, id=ids[0], **fields)])
    first = retry(client, "/v1/jobs/cafe", "r")
    factories.insert_jobs(services.db, [factories.job_row(1, id=ids[1], **fields)])

    assert first.status_code == 201
    assert retry(client, "/v1/jobs/cafe", "r").headers.get("Location") == first.headers["Location"]
    assert retry(client, "/v1/jobs/cafe", "s").status_code == 409


@pytest.mark.parametrize(
    "cap, body",
    [
        ("max_epochs", {"training": {"epochs": 9}}),
        ("max_batch_size", {"training": {"batch_size": 9}}),
        ("max_layers", {"architecture": {"kind": "mlp", "hidden": [4] * 9}}),
        ("max_parameters", {}),
        ("max_activations", {}),
        ("max_flops_per_epoch", {}),
        ("max_name_length", {"name": "x" * 9}),
        ("max_tags", {"tags": [f"t{number}" for number in range(9)]}),
    ],
)
def test_a_repeat_is_not_judged_by_limits_that_were_lowered(
    client: FlaskClient, services: Services, cap: str, body: dict[str, object]
) -> None:
    """Its job was accepted, and is answered; what is new, or asks for something else, is refused."""
    document = {"architecture": {"kind": "mlp", "hidden": [4]}} | body
    first = client.post("/v1/jobs", json=document, headers={"Idempotency-Key": "a"})
    lower = dataclasses.replace(services, settings=services.settings.model_copy(update={cap: 8}))
    after = create_app(services=lower).test_client()

    second, new, other, check = (
        after.post(f"/v1/jobs{query}", json=one, headers={"Idempotency-Key": key})
        for key, one, query in (
            ("a", document, ""),
            ("b", document, ""),
            ("a", document | {"priority": 9}, ""),
            ("a", document, "?dry_run=true"),
        )
    )

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json == first.json
    assert [(answer.status_code, (answer.json or {})["code"]) for answer in (new, other, check)] == [
        (422, "invalid_spec"),
        (422, "idempotency_key_reused"),
        (422, "invalid_spec"),
    ]
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
    assert response.json["code"] == "invalid_header"
    assert "Idempotency-Key" in response.json["detail"]
    assert jobs(services) == []


def test_a_repeat_is_not_judged_by_what_workers_hold_by_now(client: FlaskClient, services: Services) -> None:
    """A job that counts on more images than are published was accepted while a worker had them; a new one is not."""
    counts = {"airplane": [6000, 9], "bird": [6000, 9]}
    held = {"name": "cifar10", "source": "folder", "classes": [*counts], "counts": counts, "ready": True}
    identity = Identity("large", "box", 7, "cpu", "cpu")
    workers.register(services.db, identity, device_name=None, versions={}, datasets=[held])
    body = b'{"dataset": {"train_per_class": 6000}, "architecture": {"kind": "mlp", "hidden": [4]}}'
    first = post(client, "a", body)
    workers.leave(services.db, "large")

    second, other = post(client, "a", body), post(client, "b", body)

    assert (first.status_code, second.status_code, other.status_code) == (201, 201, 422)
    assert first.json is not None
    assert second.json is not None
    assert [job["id"] for job in jobs(services)] == [first.json["id"]] == [second.json["id"]]
