"""Leaderboards, settlements and replays over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.services import Services
from shared.people.scopes import Scope
from tests.integration.api.conftest import OPERATIONS, Get


@pytest.fixture
def board(submit: Callable[..., dict[str, Any]], finish: Callable[..., None]) -> list[dict[str, Any]]:
    """Two configurations that are close, of two seeds each, finished: the jobs."""
    jobs = []
    for lr, accuracy in ((0.1, 0.80), (0.01, 0.79)):
        for seed in (0, 1):
            training = {"seed": seed, "optimizer": {"kind": "sgd", "lr": lr}}
            jobs.append(submit(training=training, tags=[f"lr{lr}"], name="try"))
            finish(jobs[-1]["id"], accuracy + seed / 25)
    return jobs


def test_the_leaderboard_ranks_what_has_succeeded(board: list[dict[str, Any]], get: Get, client: FlaskClient) -> None:
    """With the filters of the list of jobs, as JSON and as CSV."""
    found = get("/v1/leaderboard")
    assert [(row["mean"], row["seeds"], row["rank"]) for row in found["items"]] == [
        (pytest.approx(0.82), 2, 1),
        (pytest.approx(0.81), 2, 1),
    ]
    assert [row["params"] for row in found["items"]] == [
        {"training.optimizer.lr": 0.1},
        {"training.optimizer.lr": 0.01},
    ]
    assert (found["metric"], found["mode"], found["complete"]) == ("best_val_accuracy", "max", True)
    assert [row["name"] for row in get("/v1/leaderboard?tag=lr0.1")["items"]] == ["try"]
    assert get("/v1/leaderboard?status=failed")["items"] == []
    assert get("/v1/leaderboard?metric=val_loss")["mode"] == "min"
    assert (get("/v1/leaderboard")["level"], get("/v1/leaderboard?level=0.01")["level"]) == (0.05, 0.01)
    written = client.get("/v1/leaderboard?limit=1", headers={"Accept": "text/csv"}).text.splitlines()
    assert written[0].startswith("number,rank,tied,config_hash,name,")
    assert len(written) == 2


@pytest.mark.parametrize(
    "asked, pointer",
    [("metric=accuracy", "/metric"), ("mode=most", "/mode"), ("limit=101", "/limit"), ("level=0", "/level")],
)
def test_what_is_no_leaderboard_is_said(get: Get, asked: str, pointer: str) -> None:
    """With the parameter that is wrong."""
    problem = get(f"/v1/leaderboard?{asked}", 422)
    assert [one["pointer"] for one in problem["errors"]] == [pointer]


def test_settling_queues_jobs_and_asked_again_none(
    board: list[dict[str, Any]], get: Get, client: FlaskClient, services: Services
) -> None:
    """201 with new jobs, each with a ticket; 200 without; a dry run says the same seeds before."""
    groups = [row["config_hash"] for row in get("/v1/leaderboard")["items"]]
    loose = client.post("/v1/leaderboard/settle?dry_run=true", json={"groups": groups, "level": 0.5})
    dry = client.post("/v1/leaderboard/settle?dry_run=true", json={"groups": groups})
    assert (dry.status_code, get("/v1/jobs?status=queued")["items"]) == (200, [])
    done = client.post("/v1/leaderboard/settle", json={"groups": groups})
    assert done.status_code == 201, done.text
    said, before = done.json or {}, dry.json or {}
    assert (loose.json or {})["pairs"] != before["pairs"]
    assert [group["new_seeds"] for group in said["groups"]] == [group["new_seeds"] for group in before["groups"]]
    queued = get("/v1/jobs?status=queued")["items"]
    assert {job["id"] for job in queued} == {one for group in said["groups"] for one in group["job_ids"]}
    assert {(job["name"], job["config_hash"] in groups) for job in queued} == {("try", True)}
    assert sum((services.broker.depths("train") or {}).values()) >= len(queued)
    again = client.post("/v1/leaderboard/settle", json={"groups": groups})
    assert (again.status_code, (again.json or {})["jobs"]) == (200, 0)
    assert (said["reason"], (again.json or {})["reason"]) == (
        None,
        f"{len(queued)} seeds are on the way: ask again once all have ended.",
    )


@pytest.mark.parametrize(
    "body, pointer",
    [
        ({"groups": ["a"]}, "/groups"),
        ({"groups": ["a", "b"]}, "/groups/0"),
        ({"groups": ["a", "b", "a"]}, "/groups"),
        ({"groups": ["a", "b"], "most_jobs": 0}, "/most_jobs"),
        ({"groups": ["a", "b"], "most": 3}, "/most"),
        ({"groups": ["a", "b"], "level": 0.6}, "/level"),
        ([], ""),
    ],
)
def test_what_cannot_be_settled_is_said(client: FlaskClient, body: object, pointer: str) -> None:
    """With its place."""
    response = client.post("/v1/leaderboard/settle", json=body)
    assert response.status_code == 422
    assert (response.json or {})["errors"][0]["pointer"] == pointer


def test_a_replay_is_submitted_once_and_reads_its_verdict(
    board: list[dict[str, Any]], get: Get, client: FlaskClient, finish: Callable[..., None]
) -> None:
    """201, linked to its original; the verdict comes with its end."""
    first = board[0]["id"]
    sent = [client.post(f"/v1/jobs/{first}/replay", headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [one.status_code for one in sent] == [201, 201]
    jobs = [one.json or {} for one in sent]
    assert jobs[0]["id"] == jobs[1]["id"]
    assert (jobs[0]["replay_of"], jobs[0]["replay"]) == (first, None)
    finish(jobs[0]["id"], 0.8)
    found = get(f"/v1/jobs/{jobs[0]['id']}")["replay"]
    assert (found["verdict"], found["epochs"], found["environment"]) == ("bit_equal", 1, None)
    listed = get(f"/v1/jobs?id={jobs[0]['id']}")["items"]
    assert listed[0]["replay"] == found


def test_a_replay_elsewhere_says_where(board: list[dict[str, Any]], client: FlaskClient, get: Get) -> None:
    """Engine, device and threads are parameters; the spec's hash stays."""
    response = client.post(f"/v1/jobs/{board[0]['id']}/replay?engine=reference&device=any&threads=2")
    job = response.json or {}
    assert (job["spec"]["training"]["engine"], job["spec"]["resources"]) == (
        "reference",
        {**board[0]["spec"]["resources"], "device": "any", "threads": 2},
    )
    assert job["spec_hash"] == board[0]["spec_hash"]
    assert client.post(f"/v1/jobs/{board[0]['id']}/replay?engine=warp").status_code == 422
    assert client.post(f"/v1/jobs/{job['id']}/replay").status_code == 409
    get("/v1/jobs/01900000-0000-7000-8000-000000000000", 404)


def test_reading_takes_the_scope_to_read_and_queueing_the_one_to_submit() -> None:
    """As for the list of jobs, and for submissions."""
    scopes = {name: OPERATIONS[name].scope for name in ("read_leaderboard", "settle_leaderboard", "replay_job")}
    assert scopes == {
        "read_leaderboard": Scope.READ,
        "settle_leaderboard": Scope.SUBMIT,
        "replay_job": Scope.SUBMIT,
    }
