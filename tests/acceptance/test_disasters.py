"""A service whose machine is lost goes on from its backup: figures, files, running jobs, keys and webhooks."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from flightline import Client
from shared.webhooks.key_file import FILE
from tests.support.processes import PATIENCE
from tests.support.receivers import Receiver, receiving
from tests.support.servers import PostgresServer, find_postgres, wait_until
from tests.support.stacks import LONG, TINY, Stack, flightline

KEY = "sent-before-the-disaster"
CHECKPOINTS = {"FLIGHTLINE_CHECKPOINT_SECONDS": "5"}
"""Slow enough that those of the database's copy are still there when the artifacts are copied."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of webhooks."""
    with receiving() as one:
        yield one


class SqliteCopy:
    """Database and artifacts in one file, by `flightline backup`."""

    def __init__(self, home: Path, file: Path) -> None:
        self.home, self.file = home, file
        self.settings: dict[str, str] = {}

    def take(self) -> None:
        """Of the running service."""
        _succeed(flightline(self.home, "backup", str(self.file)))

    def lose(self) -> None:
        """The database is in the home."""

    def put_back(self) -> None:
        """Into an empty home."""
        _succeed(flightline(self.home, "restore", str(self.file)))


class PostgresCopy:
    """A dump, and then a copy of the artifacts."""

    def __init__(self, home: Path, file: Path, server: PostgresServer) -> None:
        self.home, self.file, self.server = home, file, server
        self.url = server.create("disasters")
        self.settings = {"FLIGHTLINE_DATABASE_URL": self.url}

    def take(self) -> None:
        """Of the running service; the artifacts after the dump."""
        self._run("pg_dump", "--format=custom", f"--file={self.file}", self.url)
        shutil.copytree(self.home / "artifacts", self.file.with_suffix(".artifacts"), copy_function=_copy)

    def lose(self) -> None:
        """The database is gone."""
        self.server.drop("disasters")

    def put_back(self) -> None:
        """Into an empty database and an empty home."""
        self.server.create("disasters")
        self._run("pg_restore", "--clean", "--if-exists", f"--dbname={self.url}", str(self.file))
        shutil.copytree(self.file.with_suffix(".artifacts"), self.home / "artifacts")

    def _run(self, program: str, *arguments: str) -> None:
        binary = find_postgres(self.server.folder, (os.getuid(), os.getgid())) / program
        subprocess.run([str(binary), *arguments], check=True, capture_output=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteCopy | PostgresCopy]:
    """How each kind of database is copied."""
    home, file = tmp_path / "home", tmp_path / "copy.tar"
    if request.param == "sqlite":
        yield SqliteCopy(home, file)
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    found = PostgresCopy(home, file, server)
    yield found
    server.drop("disasters")


@pytest.fixture
def start(copy: SqliteCopy | PostgresCopy, receiver: Receiver) -> Iterator[Callable[[], Stack]]:
    """Starts a stack over the home; all of them end with the test."""
    stacks: list[Stack] = []

    def begin() -> Stack:
        hosts = {"FLIGHTLINE_WEBHOOK_HOSTS": f"127.0.0.1:{receiver.port}"}
        stacks.append(Stack(copy.home, **hosts, **CHECKPOINTS, **copy.settings))
        return stacks[-1]

    yield begin
    for stack in stacks:
        stack.close()


def answers(client: Client, job: str) -> list[Any]:
    """What the service says of a job that has ended, and the bytes of its weights."""
    attempts = [one.raw for one in client.attempts(job)]
    parts = (client.job(job).raw, client.epochs(job).raw, client.evaluation(job).raw, attempts)
    return [*parts, client.model(job).content]


def test_a_service_goes_on_from_its_backup(
    copy: SqliteCopy | PostgresCopy, start: Callable[[], Stack], receiver: Receiver, tmp_path: Path
) -> None:
    """A backup of the running service and its key; everything else is deleted; then nothing is missing."""
    stack = start()
    made = stack.client.add_webhook(receiver.url)
    ended = stack.client.submit(TINY, name="ended", tags=["kept"], idempotency_key=KEY)
    stack.client.wait(ended.id)
    running, queued = stack.client.submit(LONG), stack.client.submit(TINY, name="queued")
    wait_until(lambda: list((copy.home / "artifacts" / running.id).rglob("*.ckpt")), "a checkpoint", PATIENCE)
    epoch = stack.client.job(running.id).progress.epoch
    wait_until(lambda: stack.client.job(running.id).progress.epoch > epoch, "an epoch after it", PATIENCE)
    before = answers(stack.client, ended.id)
    copy.take()
    shutil.copy(copy.home / FILE, tmp_path / FILE)
    epoch = stack.client.job(running.id).progress.epoch
    stack.close()
    copy.lose()
    shutil.rmtree(copy.home)
    told = len(receiver.messages)

    copy.put_back()
    shutil.copy(tmp_path / FILE, copy.home / FILE)
    stack = start()
    assert answers(stack.client, ended.id) == before
    assert stack.client.submit(TINY, name="ended", tags=["kept"], idempotency_key=KEY).id == ended.id
    wait_until(lambda: stack.client.job(running.id).progress.epoch > epoch, "more epochs", PATIENCE)
    assert stack.client.attempts(running.id)[-1].resumed_from_epoch
    stack.client.cancel(running.id)
    assert stack.client.wait(queued.id).succeeded

    wait_until(lambda: {running.id, queued.id} <= _told(receiver, told), "two messages", PATIENCE)
    for message in receiver.messages[told:]:
        Verifier(made.secret).verify(message.body.decode(), message.headers)


def _told(receiver: Receiver, first: int) -> set[str]:
    return {message.document["data"]["id"] for message in receiver.messages[first:]}


def _copy(source: str, target: str) -> None:
    """As rsync copies a file: one that the service has deleted since the folder was listed is passed over."""
    with suppress(FileNotFoundError):
        shutil.copy2(source, target)


def _succeed(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr
