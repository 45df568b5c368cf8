"""Waiting by the bell, and signing in by the command, against the API as gunicorn serves it in two processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flightline import Client, Event, Job
from shared.database.engine import Database
from shared.people.scopes import Scope
from tests.support import people
from tests.support.api_server import ApiServer, served
from tests.support.servers import RedisServer, wait_until

SPEC = {"architecture": {"kind": "mlp", "hidden": [4]}, "dataset": "synthetic"}


@pytest.fixture
def environment(redis_server: RedisServer, sqlite_template: Path, tmp_path: Path, port: str) -> dict[str, str]:
    """A service that asks for tokens, at a port that a restarted API takes again; nobody has signed in."""
    shutil.copy(sqlite_template, tmp_path / "flightline.db")
    return {
        "FLIGHTLINE_HOME": str(tmp_path),
        "FLIGHTLINE_REDIS_URL": redis_server.url,
        "FLIGHTLINE_PORT": port,
        "FLIGHTLINE_URL": f"http://127.0.0.1:{port}",
        "FLIGHTLINE_AUTH": "on",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }


@pytest.fixture
def token(environment: dict[str, str], tmp_path: Path) -> str:
    """The token of an owner who may submit jobs."""
    database = Database(f"sqlite:///{tmp_path / 'flightline.db'}")
    try:
        return people.token(database, "ada", Scope.SUBMIT)[0]
    finally:
        database.dispose()


@pytest.fixture
def server(environment: dict[str, str], token: str, tmp_path: Path) -> Iterator[ApiServer]:
    """The API."""
    with served(environment, tmp_path / "api.log") as one:
        yield one


@pytest.fixture
def client(environment: dict[str, str], token: str) -> Iterator[Client]:
    """A client of the API, whether it runs or not."""
    with Client(environment["FLIGHTLINE_URL"], token=token) as client:
        yield client


def test_waiting_hears_of_ends_over_a_restart(
    environment: dict[str, str], server: ApiServer, client: Client, token: str, tmp_path: Path
) -> None:
    """Jobs that end before, while and after the API is restarted are all returned, each called out once."""
    jobs = client.submit_many([SPEC] * 3)
    ended: list[str] = []
    found: list[Job] = []

    def wait() -> None:
        found.extend(client.wait_all(jobs, on_end=lambda job: ended.append(job.id)))

    waiting = threading.Thread(target=wait)
    waiting.start()
    with Client(environment["FLIGHTLINE_URL"], token=token) as other:
        other.cancel(jobs[0].id)
        wait_until(lambda: ended == [jobs[0].id], "the first end")
        assert server.stop() == 0
        with served(environment, tmp_path / "second.log"):
            other.cancel_many([jobs[1], jobs[2]])
            waiting.join()
    assert [job.status for job in found] == ["cancelled"] * 3
    assert sorted(ended) == sorted(job.id for job in jobs)


@pytest.mark.usefixtures("server")
def test_the_bell_names_what_changes(client: Client) -> None:
    """First that all may have changed, then each job that was submitted, edited or cancelled."""
    heard: list[Event] = []

    def listen() -> None:
        for event in client.events():
            heard.append(event)
            if len(heard) == 2:
                return

    listening = threading.Thread(target=listen)
    listening.start()
    wait_until(lambda: heard, "the reset")
    job = client.submit(SPEC)
    listening.join()
    assert [event.kind for event in heard] == ["reset", "jobs"]
    assert heard[1].data.ids == [job.id]


@pytest.mark.usefixtures("server")
def test_signing_in_by_the_command(environment: dict[str, str], token: str) -> None:
    """From a refusal to a job of one's own; the token is printed nowhere and is no argument."""

    def run(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "flightline", *arguments]
        done = subprocess.run(
            command, env=os.environ | environment, input=typed, capture_output=True, text=True, check=False
        )
        assert token not in done.stdout + done.stderr
        return done

    refused = run("jobs")
    assert (refused.returncode, "flightline login" in refused.stderr) == (3, True)
    assert run("login", "--token-stdin", typed=token).returncode == 0
    assert json.loads(run("whoami", "--json").stdout)["owner"] == "ada"
    submitted = json.loads(
        run("submit", "-", "--tag", "t", "--note", "*first*", "--json", typed=json.dumps(SPEC)).stdout
    )
    assert (submitted["owner"], submitted["tags"], submitted["notes"]) == ("ada", ["t"], "*first*")
    assert json.loads(run("show", "last", "--json").stdout)["id"] == submitted["id"]
    cancelled = json.loads(run("cancel", "--tag", "t", "--json").stdout)
    assert [one["outcome"] for one in cancelled["items"]] == ["cancelled"]
    assert run("logout").returncode == 0
    assert run("whoami").returncode == 3
