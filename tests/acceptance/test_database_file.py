"""The database's file is taken away under a running stack, and brought back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flightline.errors import Unavailable
from tests.support.stacks import LONG, TINY, Stack, until

FEW = 16
"""Each of a process's pools says once what it sees: three in each of two API processes, and a worker's processes."""
AWAY = 4.0
"""Seconds without a file: a line a second from each would be more than `FEW`."""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack of the test's own."""
    running = Stack(tmp_path / "home")
    yield running
    running.close()


def reason(stack: Stack) -> str:
    """Why the service is not ready; empty while it is."""
    try:
        stack.client.ready()
    except Unavailable as error:
        return str(error)
    return ""


def logs(stack: Stack) -> str:
    """What all processes have logged."""
    return "".join(path.read_text() for path in (stack.home / "logs").iterdir())


def test_the_file_is_away_for_a_while(stack: Stack) -> None:
    """Nothing is accepted and no file is made; the running job waits, and goes on in the same attempt afterwards."""
    database = stack.home / "flightline.db"
    job = stack.client.submit(LONG)
    until(lambda: stack.client.job(job.id).progress.epoch > 1)

    elsewhere = database.rename(stack.home / "elsewhere.db")
    until(lambda: f"{database} is gone" in reason(stack))
    with pytest.raises(Unavailable, match="is gone"):
        stack.client.job(job.id)
    until(lambda: "heartbeat_failed" in logs(stack))
    time.sleep(AWAY)
    assert not database.exists()

    elsewhere.rename(database)
    until(lambda: not reason(stack))
    reached = stack.client.job(job.id).progress.epoch
    until(lambda: stack.client.job(job.id).progress.epoch > reached)
    assert stack.client.job(job.id).attempts == 1
    stack.client.cancel(job.id)
    assert stack.client.wait(job.id).status == "cancelled"
    assert stack.client.wait(stack.client.submit(TINY).id).succeeded
    assert stack.log.read_text().count(f"{database} is gone") == 1  # whoever watches the stack is told once
    log = logs(stack)
    assert log.count("database_file_moved") <= FEW
    assert log.count("reconcile_failed") <= FEW
