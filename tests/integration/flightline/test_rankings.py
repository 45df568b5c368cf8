"""Leaderboard, settle and replay by client and command, against the API as gunicorn serves it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flightline.client.client import Client
from shared.database.engine import Database
from tests.support import factories
from tests.support.api_server import served
from tests.support.servers import RedisServer


@pytest.fixture
def environment(redis_server: RedisServer, sqlite_template: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A service that runs, and where it is."""
    shutil.copy(sqlite_template, tmp_path / "flightline.db")
    settings = {"FLIGHTLINE_HOME": str(tmp_path), "FLIGHTLINE_REDIS_URL": redis_server.url, "FLIGHTLINE_PORT": "0"}
    with served(settings, tmp_path / "api.log") as server:
        yield {**settings, "FLIGHTLINE_URL": server.url}


@pytest.fixture
def jobs(tmp_path: Path, environment: dict[str, str]) -> Iterator[list[str]]:
    """Two configurations of two seeds, and one of one seed, all finished."""
    del environment
    db, made = Database(f"sqlite:///{tmp_path / 'flightline.db'}"), []
    for lr, accuracy, seeds in ((0.1, 0.80, 2), (0.01, 0.76, 2), (1.0, 0.2, 1)):
        for seed in range(seeds):
            training = {"epochs": 3, "seed": seed, "optimizer": {"kind": "sgd", "lr": lr}}
            claimed = factories.running(db, training=training, name=f"rate {lr}", tags=["mine"])
            made.append(factories.succeed(db, claimed, best_val_accuracy=accuracy + seed / 25))
    yield made
    db.dispose()


def run(environment: dict[str, str], *arguments: str, code: int = 0) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "flightline.cli.app", *arguments]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout


def test_the_client_ranks_settles_and_replays(environment: dict[str, str], jobs: list[str]) -> None:
    """Rows of a leaderboard are what `settle` takes; a replay is linked to its original."""
    with Client(environment["FLIGHTLINE_URL"]) as client:
        board = client.leaderboard(tag="mine")
        assert [(row.rank, row.one_seed) for row in board.items] == [(1, False), (1, False), (1, True)]
        assert [row.params["training.optimizer.lr"] for row in board.items] == [0.1, 0.01, 1.0]
        assert [row["mean"] for row in board.rows()] == [row.mean for row in board.items]
        assert "3 configurations" in repr(board)
        assert (board.level, client.leaderboard(level=0.01).level) == (0.05, 0.01)
        dry = client.settle(board.items[:2], dry_run=True)
        done = client.settle([row.config_hash for row in board.items[:2]], most_jobs=2)
        assert (dry.dry_run, dry.job_ids, done.dry_run, len(done.job_ids)) == (True, [], False, 2)
        replay = client.job(jobs[0]).replay(threads=2)
        assert (replay.replay_of, replay.compared, replay.spec.resources.threads) == (jobs[0], None, 2)
        cancelled = replay.cancel()
        assert cancelled.compared is not None
        assert cancelled.compared.verdict == "not_comparable"


def test_the_commands_print_what_people_read(environment: dict[str, str], jobs: list[str]) -> None:
    """Ranks with their ties, the seeds that are queued, the verdict beside the job."""
    table = run(environment, "leaderboard", "--where", "lr<0.5")
    assert "=1" in table
    assert "lr=0.1" in table
    assert "training.optimizer" not in table
    assert "Holm's correction, 5% at one look)" in table
    assert "Holm's correction, 0.5% at one look)" in run(environment, "leaderboard", "--level", "0.005")
    assert "one seed" in run(environment, "leaderboard")
    board: dict[str, Any] = json.loads(run(environment, "leaderboard", "--tag", "mine", "--json"))
    assert len(board["items"]) == 3
    assert run(environment, "leaderboard", "--csv", "-n", "1").startswith("rank,name,mean,std,seeds")
    assert "Would queue 4 jobs." in run(environment, "settle", "--top", "2", "--most-jobs", "4", "--dry-run")
    asked = [
        json.loads(run(environment, "settle", "--top", "2", "--level", level, "--dry-run", "--json"))["pairs"][0][
            "seeds"
        ]
        for level in ("0.05", "0.01")
    ]
    assert asked[0] < asked[1]
    assert "Queued 4 jobs. More are wanted" in run(environment, "settle", "--top", "2", "--most-jobs", "4")
    assert json.loads(run(environment, "settle", "--top", "2", "--json", "--dry-run"))["dry_run"]
    run(environment, "settle", "--tag", "nobody's", code=2)
    assert "Replaying rate 0.1." in run(environment, "replay", jobs[0])
    replay = json.loads(run(environment, "replay", jobs[0], "--engine", "reference", "--json"))
    run(environment, "cancel", replay["id"])
    shown = run(environment, "show", replay["id"])
    assert jobs[0] in shown
    assert "not_comparable: The replay was cancelled." in shown
