"""Workers, queues, data sets and presets, over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, update

from api.routes import health
from api.services import Services
from shared.database import clock
from shared.database.tables import Worker
from shared.fleet import workers
from shared.jobspec import BUILT_IN
from tests.support import factories

Submit = Callable[..., dict[str, Any]]
Get = Callable[..., dict[str, Any]]
COUNTS = {"airplane": [5000, 1000], "bird": [5000, 1000]}
HELD = {"name": "synthetic", "source": "drawn", "classes": list(COUNTS), "counts": COUNTS, "ready": True}


@pytest.fixture
def worker(services: Services) -> str:
    """The id of a live worker that holds the synthetic data set."""
    identity = workers.Identity("host:cpu:1", "host", 1, "cpu", "cpu")
    workers.register(services.db, identity, device_name=None, versions={"torch": "2"}, datasets=[HELD])
    return identity.id


def test_without_workers_there_are_none(get: Get) -> None:
    """An empty list, not an error."""
    assert get("/v1/workers") == {"items": [], "next_cursor": None}


def test_a_worker_shows_its_device_data_and_state(get: Get, worker: str, submit: Submit, services: Services) -> None:
    """And the job that it has."""
    (idle,) = get("/v1/workers")["items"]
    assert (idle["id"], idle["device"], idle["state"], idle["job_id"]) == (worker, "cpu", "idle", None)
    job_id = submit()["id"]
    factories.claim(services.db, job_id, worker)
    workers.report(services.db, worker, state="busy")

    (busy,) = get("/v1/workers")["items"]
    assert (busy["state"], busy["job_id"]) == ("busy", job_id)


def test_a_worker_that_went_silent_is_gone(get: Get, worker: str, services: Services) -> None:
    """Nobody has to say that it died."""
    services.db.write(
        lambda connection: connection.execute(
            update(Worker).values(last_heartbeat_at=clock.database_now_plus(connection, -60))
        )
    )

    assert [one["state"] for one in get("/v1/workers")["items"]] == ["gone"]
    assert all(one["held"] == [] for one in get("/v1/datasets")["items"])


def test_specs_are_judged_by_what_live_workers_hold(client: FlaskClient, services: Services) -> None:
    """Submitting, trying and retrying: 2 × 51 images in batches of 9 leave no single one, as CIFAR-10's own would."""
    layers = [{"kind": "flatten"}, {"kind": "batchnorm"}, {"kind": "linear"}]
    body = {"architecture": {"kind": "layers", "layers": layers}, "training": {"batch_size": 9}}
    for path in ("/v1/jobs", "/v1/jobs?dry_run=true"):
        assert client.post(path, json=body).status_code == 422

    counts = {"airplane": [51, 9], "bird": [51, 9]}
    held = {"name": "cifar10", "source": "folder", "classes": [*counts], "counts": counts, "ready": True}
    identity = workers.Identity("host:cpu:1", "host", 1, "cpu", "cpu")
    workers.register(services.db, identity, device_name=None, versions={}, datasets=[held])
    assert client.post("/v1/jobs?dry_run=true", json=body).status_code == 200
    job = client.post("/v1/jobs", json=body).get_json()
    assert job["warnings"] == []
    client.post(f"/v1/jobs/{job['id']}/cancel")
    for headers in ({}, {"Idempotency-Key": "again"}):
        assert client.post(f"/v1/jobs/{job['id']}/retry", headers=headers).status_code == 201


def test_a_live_worker_with_the_data_takes_the_warning_away(worker: str, submit: Submit) -> None:
    """A warning names only what is missing."""
    assert submit(dataset="synthetic")["warnings"] == []
    assert "cifar10" in submit(dataset="cifar2")["warnings"][0]
    assert "cuda" in submit(dataset="synthetic", resources={"device": "cuda"})["warnings"][0]


def test_warnings_are_about_now(
    client: FlaskClient, get: Get, submit: Submit, services: Services, run: Callable[..., Any]
) -> None:
    """A queued job's vanish when a worker comes and return when it goes; one that has started waits for nothing."""
    job = submit(dataset="synthetic")
    path = f"/v1/jobs/{job['id']}"

    def warnings() -> list[list[str]]:
        return [get(path)["warnings"], *(one["warnings"] for one in get("/v1/jobs")["items"])]

    assert all("No live worker" in texts[0] for texts in (job["warnings"], *warnings()))
    identity = workers.Identity("late", "here", 1, "cpu", "cpu")
    workers.register(services.db, identity, device_name=None, versions={}, datasets=[HELD])
    assert warnings() == [[], []]
    workers.leave(services.db, "late")
    assert all("No live worker" in texts[0] for texts in warnings())

    run(job["id"], 0.5)
    assert warnings() == [[], []]
    client.post(f"{path}/cancel")
    assert warnings() == [[], []]


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "a"}], ids=["plain", "with a key"])
@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/jobs?dry_run=true", "retry"])
def test_a_submission_reads_the_workers_once(
    client: FlaskClient, services: Services, submit: Submit, path: str, key: dict[str, str]
) -> None:
    """It is judged by them and warned of them, as they were at one moment."""
    if path == "retry":
        path = f"/v1/jobs/{submit()['id']}/retry"
        client.post(path.replace("retry", "cancel"))
    read: list[str] = []
    event.listen(
        services.db.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_: read.append(statement),
    )
    answer = client.post(path, json={"architecture": {"kind": "mlp", "hidden": [4]}}, headers=key)

    assert answer.status_code in {200, 201}
    assert "No live worker" in answer.get_json()["warnings"][0]
    assert sum("FROM workers" in statement for statement in read) == 1
    assert sum("FROM datasets" in statement for statement in read) == 1


def test_queues_count_what_waits(get: Get, submit: Submit) -> None:
    """By the database, and by the messages in Redis."""
    submit()
    submit(resources={"device": "cuda"})

    queues = {one["name"]: one for one in get("/v1/queues")["items"]}
    assert list(queues)[:3] == ["flightline.any", "flightline.cpu", "flightline.cuda"]
    assert list(queues)[3:] == [f"flightline.evaluate.{queue}" for queue in ("any", "cpu", "cuda")]
    assert [one["depth"] for one in queues.values()] == [1, 0, 1, 0, 0, 0]
    assert [one["messages"] for one in queues.values()] == [1, 0, 1, 0, 0, 0]
    assert queues["flightline.any"]["oldest_age_seconds"] >= 0
    assert queues["flightline.cpu"]["oldest_age_seconds"] is None


def test_presets_come_with_their_costs(get: Get) -> None:
    """The tapered network has 3,737,474 parameters."""
    presets = {one["name"]: one for one in get("/v1/presets")["items"]}

    assert presets["notebook-tapered"]["cost"]["parameters"] == 3_737_474
    assert presets["notebook-linear"]["spec"]["architecture"]["hidden"] == [512]


def test_data_sets_say_what_live_workers_hold(get: Get, worker: str) -> None:
    """Those that nobody holds are listed too: a job may name them."""
    held = {one["name"]: one["held"] for one in get("/v1/datasets")["items"]}

    assert held == {name: [] for name in BUILT_IN.datasets} | {"synthetic": [HELD | {"workers": [worker]}]}


def test_a_reported_data_set_can_be_named(client: FlaskClient, get: Get, submit: Submit, services: Services) -> None:
    """One that a worker described is listed and trained on, with all of its classes; once the worker is gone, too."""
    counts = {"daisy": [40, 9], "tulip": [51, 8], "poppy": [30, 7]}
    held = {"name": "flowers", "source": "folder", "classes": [*counts], "counts": counts, "ready": True}
    identity = workers.Identity("host:cpu:1", "host", 1, "cpu", "cpu")
    workers.register(
        services.db, identity, device_name=None, versions={}, datasets=[held | {"input_shape": [1, 28, 28]}]
    )

    listed = get("/v1/datasets")["items"][-1]
    assert listed == get("/v1/datasets/flowers")
    assert (listed["name"], listed["input_shape"]) == ("flowers", [1, 28, 28])
    assert (listed["train_per_class"], listed["val_per_class"]) == (51, 9)
    assert (listed["counts"], listed["decoded_bytes"]) == (counts, 145 * 28 * 28)
    job = submit(dataset="flowers", architecture={"kind": "mlp", "hidden": []})
    assert job["spec"]["dataset"]["classes"] == ["daisy", "tulip", "poppy"]
    assert job["spec"]["dataset"]["channels"] == 1
    assert job["cost"]["parameters"] == 28 * 28 * 3 + 3
    assert job["warnings"] == []

    workers.leave(services.db, identity.id)
    (warning,) = submit(dataset="flowers", architecture={"kind": "mlp", "hidden": []})["warnings"]
    assert warning.startswith("No live worker")
    assert get("/v1/datasets/flowers")["held"] == []


def test_a_data_set_that_nobody_knows(client: FlaskClient, get: Get) -> None:
    """It is not found by its name; a job on it is refused with those that are known."""
    problem = get("/v1/datasets/flowers", 404)
    assert (problem["code"], problem["detail"].partition(" Known: ")[2]) == (
        "dataset_not_found",
        "cifar10, synthetic, mnist, fashion_mnist, cifar100, svhn, stl10.",
    )
    body = {"dataset": {"name": "flowers"}, "architecture": {"kind": "mlp", "hidden": []}}
    refused = client.post("/v1/jobs", json=body)
    assert refused.status_code == 422
    (error,) = refused.get_json()["errors"]
    assert error["pointer"] == "/dataset/name"
    assert "svhn or stl10" in error["detail"]


def test_a_data_set_that_is_built_in(get: Get) -> None:
    """Its published figures are there without any worker."""
    mnist = get("/v1/datasets/mnist")
    assert (mnist["input_shape"], mnist["mean"], mnist["std"]) == ([1, 28, 28], [0.1307], [0.3081])
    assert mnist["counts"]["0"] == [5923, 980]
    assert (mnist["has_val"], mnist["fingerprint"], mnist["reported_at"]) == (True, None, None)


def test_the_service_is_ready(get: Get) -> None:
    """Database and Redis answer."""
    assert get("/readyz") == {"status": "ready"}


def test_a_part_that_is_frozen_is_not_waited_for(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readiness is denied although the database neither answers nor refuses; and is there again once it answers."""
    thawed = threading.Event()
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.05)
    with monkeypatch.context() as patched:
        patched.setattr(services.db, "ping", lambda: thawed.wait(60.0))
        answers = [client.get("/readyz") for _ in range(2)]
        thawed.set()
    assert [(answer.status_code, answer.json and answer.json["code"]) for answer in answers] == [(503, "not_ready")] * 2
    monkeypatch.setattr(health, "PROBE_SECONDS", 60.0)
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/workers", "/v1/queues", "/v1/presets", "/v1/datasets", "/v1/datasets/mnist", "/healthz", "/readyz"]
)
def test_what_takes_no_parameters_says_so(get: Get, path: str) -> None:
    """A parameter that would be ignored is an error everywhere."""
    problem = get(f"{path}?limit=5", 422)

    assert problem["code"] == "invalid_query"
    assert problem["errors"][0]["pointer"] == "/limit"
