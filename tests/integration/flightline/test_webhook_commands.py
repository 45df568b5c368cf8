"""`flightline webhook …` against the API as gunicorn serves it, in two processes, with a receiver on the loopback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from flightline import Client
from flightline.client.webhooks import NewWebhook
from tests.support.api_server import ApiServer, served
from tests.support.receivers import Receiver, receiving
from tests.support.servers import RedisServer, wait_until

SPEC = {"architecture": {"kind": "mlp", "hidden": [4]}, "dataset": "synthetic"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that answers 204."""
    with receiving() as one:
        yield one


@pytest.fixture
def environment(redis_server: RedisServer, sqlite_template: Path, tmp_path: Path, receiver: Receiver) -> dict[str, str]:
    """A home, and the receiver as the one host that may be told."""
    shutil.copy(sqlite_template, tmp_path / "flightline.db")
    return {
        "FLIGHTLINE_HOME": str(tmp_path),
        "FLIGHTLINE_REDIS_URL": redis_server.url,
        "FLIGHTLINE_WEBHOOK_HOSTS": f"127.0.0.1:{receiver.port}",
    }


@pytest.fixture
def server(environment: dict[str, str], tmp_path: Path) -> Iterator[ApiServer]:
    """The API."""
    with served(environment, tmp_path / "api.log") as one:
        environment["FLIGHTLINE_URL"] = one.url
        yield one


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `flightline webhook` with these arguments."""
    command = [sys.executable, "-m", "flightline", "webhook", *arguments]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


def test_a_job_is_told_from_the_command_to_the_receiver(
    environment: dict[str, str], server: ApiServer, receiver: Receiver
) -> None:
    """Added, tested, told of a job that is cancelled, looked at, sent again, rotated, deleted."""
    added = run(environment, "add", receiver.url)
    assert added.returncode == 0, added.stderr
    webhook, secret = added.stdout.split()[0], added.stdout.split()[-1]
    assert run(environment, "test", webhook[-6:]).stdout == "Delivered: answered 204.\n"

    with Client(server.url) as client:
        job = client.submit(SPEC)
        client.cancel(job.id)
        wait_until(lambda: len(receiver.messages) == 2, "a message")
        message = receiver.messages[1]
        event = Verifier(secret).verify(message.body.decode(), message.headers)
        assert (event["type"], event["data"]["id"]) == ("job.finished", job.id)
        wait_until(lambda: not client.deliveries(webhook, status="pending"), "a record of it")
        (one, test) = client.deliveries(webhook)
        assert (one.id, one.status, test.event) == (message.id, "delivered", "webhook.test")

        assert job.id[-8:] in run(environment, "deliveries", webhook).stdout
        assert json.loads(run(environment, "deliveries", webhook, "--json", "-n", "1").stdout)["items"] == [one.raw]
        assert run(environment, "redeliver", webhook, one.id).returncode == 0
        wait_until(lambda: receiver.ids[2:] == [message.id], "the same message")

    rotated = run(environment, "rotate", webhook).stdout.split()[-1]
    assert rotated.startswith("whsec_")
    assert rotated != secret
    assert receiver.url in run(environment, "list").stdout
    assert run(environment, "delete", webhook).returncode == 0
    assert run(environment, "list").stdout == ""


def test_a_sweep_is_told_from_the_command_to_the_receiver(
    environment: dict[str, str], server: ApiServer, receiver: Receiver
) -> None:
    """To a webhook for sweeps alone; the list of its deliveries names the sweep."""
    added = json.loads(run(environment, "add", receiver.url, "--event", "sweep.finished", "--json").stdout)
    assert added["events"] == ["sweep.finished"]
    with Client(server.url) as client:
        sweep = client.sweep(SPEC, {"training.optimizer.lr": {"kind": "values", "values": [0.1, 0.2]}}, max_trials=2)
        client.cancel_sweep(sweep.id)
        wait_until(lambda: receiver.messages, "a message")
        message = receiver.messages[0]
        event = Verifier(added["secret"]).verify(message.body.decode(), message.headers)
        assert (event["type"], event["data"]["id"]) == ("sweep.finished", sweep.id)
        assert event["data"]["counts"]["stopped"] == 2
        wait_until(lambda: not client.deliveries(added["id"], status="pending"), "a record of it")
    assert sweep.id[-8:] in run(environment, "deliveries", added["id"]).stdout
    assert len(receiver.messages) == 1


def test_a_receiver_that_refuses_is_said(environment: dict[str, str], server: ApiServer, receiver: Receiver) -> None:
    """With its answer and exit code 1; another host and another id are refused with what to do."""
    added = run(environment, "add", receiver.url, "--json")
    receiver.status = 410
    failed = run(environment, "test", json.loads(added.stdout)["id"])
    assert (failed.returncode, failed.stderr) == (1, "Answered 410 Gone.\n")
    assert "disabled: Its receiver answered 410" in run(environment, "list").stdout
    assert run(environment, "enable", json.loads(added.stdout)["id"][-4:]).stdout == "Enabled.\n"

    refused = run(environment, "add", "https://hooks.example.com/")
    assert (refused.returncode, "FLIGHTLINE_WEBHOOK_HOSTS" in refused.stderr) == (3, True)
    unknown = run(environment, "delete", "ffffffff")
    assert (unknown.returncode, "webhook list" in unknown.stderr) == (2, True)


def test_killed_processes_of_the_api_lose_nothing(
    environment: dict[str, str], server: ApiServer, receiver: Receiver
) -> None:
    """Whichever of the two sent; gunicorn starts others, and each message is delivered under its one id."""
    with Client(server.url) as client:
        made = client.add_webhook(receiver.url)
        receiver.status = 500
        for _ in range(5):
            client.cancel(client.submit(SPEC).id)
        wait_until(lambda: receiver.messages, "an attempt")
        for pid in server.workers:
            os.kill(pid, signal.SIGKILL)
        receiver.status = 200
        wait_until(lambda: _delivered(server.url, made) == 5, "five deliveries")
    assert len(set(receiver.ids)) == 5


def _delivered(url: str, made: NewWebhook) -> int:
    with Client(url) as client:
        return len(client.deliveries(made.id, status="delivered"))


def test_no_log_has_a_secret(
    environment: dict[str, str], server: ApiServer, receiver: Receiver, tmp_path: Path
) -> None:
    """Neither the webhook's, nor the key, nor the URL's path, whatever fails; nor has what is printed of a record."""
    with Client(server.url) as client:
        made = client.add_webhook(f"http://127.0.0.1:{receiver.port}/hook/very-secret-path")
        receiver.status = 500
        client.test_webhook(made.id)
        wait_until(lambda: receiver.messages, "an attempt")
        wait_until(lambda: "webhook_failed" in server.log.read_text(), "a line in the log")
    for secret in (made.secret, made.secret[6:], (tmp_path / "webhook.key").read_text().strip(), "very-secret-path"):
        assert secret not in server.log.read_text()
        assert secret not in repr(made)
