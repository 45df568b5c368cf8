"""A job's life over HTTP, from its submission to its deletion."""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.services import Services
from shared.delivery.broker import Broker
from shared.jobs.status import Queue

Submit = Callable[..., dict[str, Any]]
Act = Callable[..., Any]
Json = Callable[..., dict[str, Any]]
MISSING = "0192abcd-0000-7000-8000-00000000000f"


def test_a_submitted_job_is_queued_and_can_be_read(client: FlaskClient, services: Services) -> None:
    """201 says where the job is, and its message is in Redis."""
    before = services.broker.depths()
    response = client.post("/v1/jobs", json={"preset": "notebook-tapered", "name": "first", "tags": ["b", "a"]})

    assert response.status_code == 201
    job = response.json
    assert job is not None
    assert response.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert (job["status"], job["preset"], job["name"], job["tags"]) == (
        "queued",
        "notebook-tapered",
        "first",
        ["a", "b"],
    )
    assert job["cost"]["parameters"] == 3_737_474
    assert job["cost"]["flops_per_epoch"] == 161_233_920_000
    layers = job["cost"]["layers"]
    assert sum(layer["parameters"] for layer in layers) == 3_737_474
    assert layers[0]["input_shape"] == [3, 32, 32]
    after = services.broker.depths()
    assert before is not None
    assert after is not None
    assert after[Queue.ANY] == before[Queue.ANY] + 1

    read = client.get(response.headers["Location"]).json
    assert read is not None
    assert read["estimate"] == {"devices": [], "ahead": 0, "starts_at": None}
    whole = read | {"estimate": None}
    assert whole == job | {"cost": {key: value for key, value in job["cost"].items() if key != "layers"}}


def test_a_job_that_nobody_can_run_yet_says_so(submit: Submit) -> None:
    """Without a live worker there is a warning, not a refusal."""
    assert any("worker" in warning for warning in submit()["warnings"])


def test_a_dry_run_answers_what_would_be_stored_and_stores_nothing(client: FlaskClient, get: Json) -> None:
    """200, the whole spec, its hashes and its cost; no job."""
    response = client.post("/v1/jobs?dry_run=true", json={"preset": "notebook-linear", "training": {"seed": 7}})

    assert response.status_code == 200
    assert response.json is not None
    assert response.json["spec"]["training"]["seed"] == 7
    assert response.json["spec"]["architecture"]["hidden"] == [512]
    assert response.json["cost"]["layers"]
    assert get("/v1/jobs")["items"] == []


def test_a_dry_run_and_a_submission_agree(client: FlaskClient) -> None:
    """What was announced is what is stored."""
    body = {"architecture": {"kind": "mlp", "hidden": [8]}, "resources": {"device": "cuda"}}
    announced = client.post("/v1/jobs?dry_run=true", json=body).json
    stored = client.post("/v1/jobs", json=body).json

    assert announced is not None
    assert stored is not None
    for key in ("spec", "spec_hash", "config_hash", "cost", "preset", "warnings"):
        assert announced[key] == stored[key]
    assert announced["queue"] == "cuda"


def test_a_check_answers_what_a_dry_run_does_and_stores_nothing(client: FlaskClient, get: Json) -> None:
    """200 and the same job, for a job that would be accepted."""
    body = {"preset": "notebook-linear", "training": {"seed": 7}}
    checked, announced = client.post("/v1/jobs/check", json=body), client.post("/v1/jobs?dry_run=true", json=body).json

    assert announced is not None
    assert checked.status_code == 200
    assert checked.json is not None
    assert checked.json["problems"] == []
    assert {**checked.json["job"], "estimate": None} == {**announced, "estimate": None}  # which has the time in it
    assert get("/v1/jobs")["items"] == []


def test_a_check_of_a_job_that_would_be_refused_is_no_error(client: FlaskClient) -> None:
    """200 and the problems that a submission is refused with."""
    layers = [{"kind": "conv2d", "out_channels": 4, "kernel_size": 3}, {"kind": "linear"}]
    body = {"architecture": {"kind": "layers", "layers": layers}, "training": {"epochs": 0}}
    checked, refused = client.post("/v1/jobs/check", json=body), client.post("/v1/jobs", json=body)

    assert refused.status_code == 422
    assert refused.json is not None
    assert checked.status_code == 200
    assert checked.json == {"job": None, "problems": refused.json["errors"]}
    assert {one["pointer"] for one in refused.json["errors"]} == {"/training/epochs"}


def test_a_submission_while_redis_is_away_is_accepted(services: Services) -> None:
    """201 all the same; the row waits to be published."""
    away = dataclasses.replace(services, broker=Broker("unix:///nowhere/redis.sock"))
    client = create_app(services=away).test_client()
    response = client.post("/v1/jobs", json={"preset": "notebook-linear"})

    assert response.status_code == 201
    assert response.json is not None
    assert client.get(response.headers["Location"]).json["status"] == "queued"  # type: ignore[index]
    assert client.get("/readyz").status_code == 503
    assert {one["messages"] for one in client.get("/v1/queues").json["items"]} == {None}  # type: ignore[index]


def test_a_running_job_shows_its_progress_and_result(submit: Submit, run: Act, get: Json) -> None:
    """Epochs that have ended are counted, and the latest and best figures are there."""
    job = submit(training={"epochs": 3})
    run(job["id"], 0.8, 0.7)

    read = get(f"/v1/jobs/{job['id']}")
    assert read["status"] == "running"
    assert read["progress"] == {"epoch": 2, "epochs": 3, "eta_seconds": 1.5}
    assert (read["result"]["val_accuracy"], read["result"]["best_val_accuracy"]) == (0.7, 0.8)
    assert (read["worker"], read["device"], read["attempts"]) == ("host:cpu:1", "cpu", 1)


def test_a_queued_job_is_cancelled_at_once_and_again_without_harm(client: FlaskClient, submit: Submit) -> None:
    """200 both times."""
    path = f"/v1/jobs/{submit()['id']}/cancel"

    for _ in range(2):
        response = client.post(path)
        assert response.status_code == 200
        assert response.json is not None
        assert response.json["status"] == "cancelled"


def test_a_running_job_is_asked_to_stop(client: FlaskClient, submit: Submit, run: Act) -> None:
    """202: its worker will see the flag."""
    job = submit()
    run(job["id"])
    response = client.post(f"/v1/jobs/{job['id']}/cancel")

    assert response.status_code == 202
    assert response.json is not None
    assert (response.json["status"], response.json["cancel_requested"]) == ("running", True)


def test_a_finished_job_cannot_be_cancelled(client: FlaskClient, submit: Submit, finish: Act) -> None:
    """409, and it stays as it is."""
    job = submit()
    finish(job["id"])
    response = client.post(f"/v1/jobs/{job['id']}/cancel")

    assert response.status_code == 409
    assert response.json is not None
    assert response.json["code"] == "illegal_transition"


def test_an_evaluation_is_a_new_job(client: FlaskClient, submit: Submit, finish: Act, get: Json) -> None:
    """Of the kind `evaluate`, published in queues of its own; a network on the same classes alone can be scored."""
    job = submit(dataset="synthetic")
    path = f"/v1/jobs/{job['id']}/evaluate"
    assert client.post(path, json={"dataset": "cifar2"}).status_code == 409
    finish(job["id"])

    response = client.post(path, json={"dataset": "cifar2", "name": "check"})
    assert response.status_code == 201
    new = response.get_json()
    assert response.headers["Location"] == f"/v1/jobs/{new['id']}"
    assert (new["kind"], new["name"], new["status"]) == ("evaluate", "check", "queued")
    assert new["spec"]["dataset"]["classes"] == ["airplane", "bird"]
    assert [one["id"] for one in get("/v1/jobs?kind=evaluate")["items"]] == [new["id"]]
    queues = {queue["name"]: queue["messages"] for queue in get("/v1/queues")["items"]}
    assert queues["flightline.evaluate.any"] == 1

    refused = client.post(path, json={"dataset": "mnist"})
    assert refused.status_code == 422
    assert 'mnist has no class "airplane"' in refused.get_json()["detail"]


def test_an_evaluation_that_is_sent_again_makes_one_job(client: FlaskClient, submit: Submit, finish: Act) -> None:
    """Under its key."""
    job_id = submit(dataset="synthetic")["id"]
    finish(job_id)
    path, key = f"/v1/jobs/{job_id}/evaluate", {"Idempotency-Key": "e"}
    first, second = (client.post(path, json={"dataset": "cifar2"}, headers=key) for _ in range(2))
    other = client.post(path, json={"dataset": "synthetic"}, headers=key)
    assert first.get_json()["id"] == second.get_json()["id"]
    assert (second.status_code, other.status_code) == (201, 422)


def test_a_retry_is_a_new_job_of_the_same_spec(client: FlaskClient, submit: Submit, finish: Act) -> None:
    """201 with its own address, linked to the first."""
    job = submit(name="again", tags=["t"])
    finish(job["id"])
    response = client.post(f"/v1/jobs/{job['id']}/retry")

    assert response.status_code == 201
    again = response.json
    assert again is not None
    assert response.headers["Location"] == f"/v1/jobs/{again['id']}"
    assert again["id"] != job["id"]
    assert again["retry_of"] == job["id"]
    assert (again["spec"], again["spec_hash"], again["tags"]) == (job["spec"], job["spec_hash"], ["t"])
    assert again["status"] == "queued"


def test_an_unfinished_job_is_neither_retried_nor_deleted(client: FlaskClient, submit: Submit) -> None:
    """409 for both."""
    path = f"/v1/jobs/{submit()['id']}"

    assert client.post(f"{path}/retry").status_code == 409
    assert client.delete(path).status_code == 409
    assert client.get(path).status_code == 200


def test_a_deleted_job_is_gone_with_its_files(
    client: FlaskClient, services: Services, submit: Submit, finish: Act
) -> None:
    """204, then 404, and nothing left in the storage."""
    job = submit()
    finish(job["id"])
    folder = services.settings.home_dir / "artifacts" / job["id"]
    assert folder.exists()

    assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert client.get(f"/v1/jobs/{job['id']}").status_code == 404
    assert client.delete(f"/v1/jobs/{job['id']}").status_code == 404
    assert not folder.exists()


def test_a_job_is_deleted_once_its_storage_answers(
    client: FlaskClient, services: Services, submit: Submit, finish: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 until then, and the job stays with its files: none is left that no job names."""
    job = submit()
    finish(job["id"])
    folder = services.settings.home_dir / "artifacts" / job["id"]
    with monkeypatch.context() as patch:
        patch.setattr(services.storage._fs, "rm", _does_not_answer)
        response = client.delete(f"/v1/jobs/{job['id']}")
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert response.json is not None
    assert response.json["code"] == "storage_unavailable"
    assert client.get(f"/v1/jobs/{job['id']}").status_code == 200
    assert list(folder.rglob("*.safetensors"))

    assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert not folder.exists()


def test_a_job_without_files_is_deleted_while_its_storage_does_not_answer(
    client: FlaskClient, services: Services, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was cancelled before it ran: there is nothing to wait for."""
    path = f"/v1/jobs/{submit()['id']}"
    client.post(f"{path}/cancel")
    monkeypatch.setattr(services.storage._fs, "rm", _does_not_answer)
    assert client.delete(path).status_code == 204


def test_a_storage_that_forbids_deleting_keeps_no_job(
    client: FlaskClient, services: Services, submit: Submit, finish: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files are left over, and the log says so: nobody could ever delete the job otherwise."""
    job = submit()
    finish(job["id"])

    def forbid(*_: object, **_options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(services.storage._fs, "rm", forbid)
    assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204


def _does_not_answer(*_: object, **_options: object) -> None:
    raise OSError(errno.ESTALE, "Stale file handle")


@pytest.mark.parametrize("job_id", [MISSING, "nonsense", "%00", "0", "x" * 300, "..", "%ff%fe"])
@pytest.mark.parametrize(
    "call",
    [
        *("GET", "DELETE", "POST /cancel", "POST /retry", "GET /epochs", "GET /attempts", "GET /evaluation"),
        *("GET /log", "GET /artifacts", "GET /artifacts/best.safetensors"),
    ],
)
def test_a_job_that_is_not_there_is_404_everywhere(client: FlaskClient, job_id: str, call: str) -> None:
    """An id that nobody has and one that is no id at all answer alike."""
    method, _, rest = call.partition(" ")
    response = client.open(f"/v1/jobs/{job_id}{rest}", method=method)

    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"


def test_a_queued_jobs_priority_can_be_changed(
    client: FlaskClient, submit: Callable[..., dict[str, Any]], run: Callable[..., Any]
) -> None:
    """PATCH changes it while the job is queued, and answers 409 once it has started."""
    job = submit(priority=2)
    changed = client.patch(f"/v1/jobs/{job['id']}", json={"priority": 9})
    run(job["id"])

    assert (changed.status_code, changed.json and changed.json["priority"]) == (200, 9)
    assert client.patch(f"/v1/jobs/{job['id']}", json={"priority": 1}).status_code == 409


@pytest.mark.parametrize(
    "change, pointer",
    [
        ({"priority": 10}, "/priority"),
        ({"priority": "9"}, "/priority"),
        ({"title": "x", "priority": 1}, "/title"),
        ({}, ""),
    ],
)
def test_a_wrong_change_points_at_the_field(
    client: FlaskClient, submit: Callable[..., dict[str, Any]], change: dict[str, Any], pointer: str
) -> None:
    """Nothing but a priority from 0 to 9 can be changed."""
    response = client.patch(f"/v1/jobs/{submit()['id']}", json=change)

    assert response.status_code == 422
    assert [error["pointer"] for error in (response.json or {})["errors"]] == [pointer]
