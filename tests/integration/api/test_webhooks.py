"""The endpoints of webhooks: who may be told, what is shown, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.services import Services
from shared.settings import Settings
from shared.webhooks.key_file import signing_key

URL = "https://hooks.example.com/flightline"


@pytest.fixture
def services(settings: Callable[..., Settings]) -> Iterator[Services]:
    """The real parts, with two hosts that may be told."""
    services = Services.build(settings(webhook_hosts="hooks.example.com,10.0.0.5:8080"))
    yield services
    services.broker.close()
    services.db.dispose()


@pytest.fixture
def made(client: FlaskClient) -> dict[str, Any]:
    """A webhook that was made just now."""
    response = client.post("/v1/webhooks", json={"url": URL})
    assert response.status_code == 201, response.text
    return dict(response.json or {})


def test_a_webhook_is_made_and_shown_without_its_secret(
    client: FlaskClient, services: Services, made: dict[str, Any]
) -> None:
    """The answer that makes it has the secret; its other answers do not."""
    assert made["secret"] == signing_key(services.settings).secret(made["id"], 1)
    public = {name: value for name, value in made.items() if name != "secret"}
    assert (public["url"], public["events"], public["enabled"]) == (URL, ["job.finished"], True)
    assert client.get(f"/v1/webhooks/{made['id']}").json == public
    assert (client.get("/v1/webhooks").json or {})["items"] == [public]


def test_a_rotation_shows_another_secret(client: FlaskClient, made: dict[str, Any]) -> None:
    """Once, in its own answer."""
    rotated = client.post(f"/v1/webhooks/{made['id']}/rotate").json or {}
    assert rotated["secret"] != made["secret"]
    assert {**rotated, "secret": ""} == {**made, "secret": ""}


@pytest.mark.parametrize(
    "body,pointer,words",
    [
        ({}, "", "is missing"),
        ([], "", "must be an object"),
        ({"url": 3}, "/url", "must be a text"),
        ({"url": ""}, "/url", "empty"),
        ({"url": "ftp://hooks.example.com/"}, "/url", "must begin with https"),
        ({"url": "https://a:b@hooks.example.com/"}, "/url", "user or password"),
        ({"url": "https://evil.example.com/"}, "/url", "FLIGHTLINE_WEBHOOK_HOSTS"),
        ({"url": "https://hooks.example.com:8443/"}, "/url", "with its port"),
        ({"url": "http://127.0.0.1/"}, "/url", "FLIGHTLINE_WEBHOOK_HOSTS"),
        ({"url": "http://[::ffff:10.0.0.6]:8080/"}, "/url", "FLIGHTLINE_WEBHOOK_HOSTS"),
        ({"url": "http://169.254.169.254/latest"}, "/url", "FLIGHTLINE_WEBHOOK_HOSTS"),
        ({"url": URL, "events": ["job.started"]}, "/events/0", '"job.finished" or "sweep.finished"'),
        ({"url": URL, "events": []}, "/events", "at least one event"),
        ({"url": URL, "secret": "whsec_mine"}, "/secret", "no field"),
    ],
)
def test_what_is_no_webhook_is_refused_with_the_place(
    client: FlaskClient, body: object, pointer: str, words: str
) -> None:
    """And nothing is made."""
    response = client.post("/v1/webhooks", json=body)
    problem = response.json or {}
    assert (response.status_code, problem["code"]) == (422, "invalid_webhook")
    assert [one["pointer"] for one in problem["errors"]] == [pointer]
    assert words in problem["errors"][0]["detail"]
    assert (client.get("/v1/webhooks").json or {})["items"] == []


def test_a_test_is_listed_and_sent_again(client: FlaskClient, made: dict[str, Any]) -> None:
    """As a delivery, until the webhook is deleted."""
    path = f"/v1/webhooks/{made['id']}"
    tested = client.post(f"{path}/test")
    sent = tested.json or {}
    assert (tested.status_code, sent["event"], sent["status"]) == (202, "webhook.test", "pending")
    assert (client.get(f"{path}/deliveries").json or {})["items"] == [sent]
    assert (client.get(f"{path}/deliveries?status=failed").json or {})["items"] == []
    again = client.post(f"{path}/deliveries/{sent['id']}/redeliver")
    assert (again.status_code, (again.json or {})["id"]) == (202, sent["id"])
    assert client.post(f"{path}/enable").status_code == 200

    assert client.delete(path).status_code == 204
    for method, below in (("GET", ""), ("DELETE", ""), ("GET", "/deliveries"), ("POST", "/test"), ("POST", "/rotate")):
        response = client.open(path + below, method=method)
        assert (response.status_code, (response.json or {})["code"]) == (404, "webhook_not_found")


def test_a_finished_job_is_in_the_list(
    client: FlaskClient, made: dict[str, Any], submit: Callable[..., dict[str, Any]]
) -> None:
    """One that was cancelled, as it ended."""
    job = submit(dataset="synthetic", name="mine")["id"]
    client.post(f"/v1/jobs/{job}/cancel")
    (one,) = (client.get(f"/v1/webhooks/{made['id']}/deliveries").json or {})["items"]
    assert (one["job_id"], one["event"]) == (job, "job.finished")
    assert (one["payload"]["data"]["name"], one["payload"]["data"]["status"]) == ("mine", "cancelled")


def test_a_finished_sweep_is_in_the_list(client: FlaskClient) -> None:
    """Of a webhook that asked for it, with whatever else it asked for; twice the same is once."""
    events = ["sweep.finished", "job.finished", "sweep.finished"]
    made = client.post("/v1/webhooks", json={"url": URL, "events": events}).json or {}
    assert made["events"] == ["sweep.finished", "job.finished"]
    space = {"training.optimizer.lr": {"kind": "float", "low": 0.001, "high": 0.1}}
    base = {"architecture": {"kind": "mlp", "hidden": []}, "dataset": "synthetic"}
    sweep = (client.post("/v1/sweeps", json={"base": base, "space": space, "max_trials": 1}).json or {})["id"]
    assert (client.post(f"/v1/sweeps/{sweep}/cancel").json or {})["finished_at"]
    sent = (client.get(f"/v1/webhooks/{made['id']}/deliveries").json or {})["items"]
    assert {one["event"] for one in sent} == {"sweep.finished", "job.finished"}
    [one] = [one for one in sent if one["event"] == "sweep.finished"]
    assert (one["job_id"], one["payload"]["data"]["id"], one["payload"]["data"]["status"]) == (None, sweep, "cancelled")


@pytest.mark.parametrize("id", ["x", "%00", "0" * 36, "%00" * 36])
def test_what_is_no_id_is_not_found(client: FlaskClient, made: dict[str, Any], id: str) -> None:
    """Neither a webhook's nor a delivery's."""
    assert client.get(f"/v1/webhooks/{id}").status_code == 404
    assert client.post(f"/v1/webhooks/{made['id']}/deliveries/{id}/redeliver").status_code == 404


def test_without_a_key_nothing_is_made(
    client: FlaskClient, services: Services, settings: Callable[..., Settings]
) -> None:
    """A home that holds no key where one should be answers 503, which lasts; the message names the file."""
    services.settings.home_dir.mkdir()
    (services.settings.home_dir / "webhook.key").write_text("broken")
    response = client.post("/v1/webhooks", json={"url": URL})
    problem = response.json or {}
    assert (response.status_code, problem["code"], problem["retryable"]) == (503, "webhook_key_unusable", False)
    assert "webhook.key" in problem["detail"]
    assert "broken" not in problem["detail"]
