"""`flightline up`, for real: Redis, database, API and a worker, started, used, stopped, killed, started again."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from flightline import Job
from tests.support.stacks import LONG, TINY, Stack, answers, flightline, processes_of, until


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all tests; the last one stops it and starts its home again."""
    running = Stack(tmp_path_factory.mktemp("stack") / "home")
    yield running
    running.close()


def test_from_a_submission_to_the_figures_of_each_class(stack: Stack) -> None:
    """A job submitted by the command is trained by a worker, and its result comes back through the API."""
    job = Job(json.loads(flightline(stack.home, "submit", "--preset", "notebook-linear", "--json", *_sets()).stdout))
    assert flightline(stack.home, "watch", job.id[-8:]).returncode == 0
    ended = stack.client.job(job.id)
    assert ended.succeeded
    assert ended.result is not None
    assert ended.result.best_val_accuracy is not None
    assert stack.client.epochs(job.id).epoch == [1, 2]
    evaluation = stack.client.evaluation(job.id)
    assert sum(map(sum, evaluation.confusion_matrix)) == 40
    assert [one.support for one in evaluation.per_class] == [20, 20]
    shown = flightline(stack.home, "show", "last").stdout
    assert "PRECISION" in shown
    assert stack.ready["workers"][0]["id"] in shown


def _sets() -> list[str]:
    dataset, training = json.dumps(TINY["dataset"]), json.dumps(TINY["training"])
    return ["--set", f"dataset={dataset}", "--set", f"training={training}"]


def test_artifacts_can_be_downloaded(stack: Stack, tmp_path: Path) -> None:
    """Weights come back whole, checked against their sha256."""
    job = stack.client.wait(stack.client.submit(TINY).id)
    ended = flightline(stack.home, "download", job.id, "--to", str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    assert {path.name for path in tmp_path.iterdir()} >= {"best.safetensors", "last.safetensors"}


def test_a_second_up_on_the_same_home_is_refused(stack: Stack) -> None:
    """It says who holds the home, and where; the first runs on."""
    ended = flightline(stack.home, "up", "--port", "0")
    assert ended.returncode == 5
    assert f"Flightline already runs in {stack.home}" in ended.stderr
    assert stack.ready["url"] in ended.stderr
    assert "Traceback" not in ended.stderr
    assert stack.client.ready() == {"status": "ready"}


def test_a_port_in_use_is_refused(stack: Stack, tmp_path: Path) -> None:
    """Another home on the same port is told to take another, and leaves no process."""
    ended = flightline(tmp_path, "up", "--port", stack.ready["url"].rpartition(":")[2])
    assert (ended.returncode, "is taken by another program" in ended.stderr) == (5, True)
    assert processes_of(tmp_path) == {}


def test_killed_parts_are_started_again(stack: Stack) -> None:
    """kill -9 of API and Redis: both come back, with the data, and the next job is trained."""
    before = [job.id for job in stack.client.jobs()]
    killed = {name: stack.child(name) for name in ("api", "redis")}
    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)
    until(lambda: all(stack.has_replaced(name, pid) for name, pid in killed.items()))
    until(partial(answers, stack.client))
    assert [job.id for job in stack.client.jobs()] == before
    assert stack.client.wait(stack.client.submit(TINY).id).succeeded


def test_ctrl_c_leaves_nothing_and_the_next_up_goes_on(stack: Stack) -> None:
    """Ctrl-C ends every process and leaves no half-written file; the next stack goes on with all that was there.

    Then kill -9 of the stack itself: its programs end by themselves.
    """
    home = stack.home
    running = stack.client.submit(LONG)
    queued = stack.client.submit(TINY)
    until(lambda: stack.client.job(running.id).progress.epoch > 1)
    assert stack.stop() == 0
    assert processes_of(home) == {}
    assert not (home / "stack.json").exists()
    assert _half_written(home) == []
    assert list(home.glob("flightline.db*")) == [home / "flightline.db"]

    with closing(Stack(home)) as second:
        reached = second.client.job(running.id).progress.epoch
        until(lambda: second.client.job(running.id).progress.epoch > reached)
        second.client.cancel(running.id)
        ended = second.client.wait(running.id)
        assert (ended.status, ended.attempts) == ("cancelled", 2)
        assert second.client.epochs(running.id).epoch == list(range(1, ended.progress.epoch + 1))
        assert second.client.wait(queued.id).succeeded

        second.process.kill()
        second.process.wait()
        until(lambda: processes_of(home) == {})


def _half_written(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.suffix in {".part", ".tmp", ".new"} or ".tmp" in path.name]
