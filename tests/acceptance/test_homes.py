"""Homes that were copied, moved or put back, with real stacks in them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

from flightline import Client
from flightline.stack.home import read_state, running_url
from tests.support.stacks import Stack, answers, environment, flightline, processes_of, until


def test_a_copy_of_a_running_home_lives_beside_it(tmp_path: Path) -> None:
    """Its commands do not reach the original, and its start ends nothing there; both then have the same jobs."""
    with closing(Stack(tmp_path / "home", "none")) as original:
        job = original.client.submit("notebook-linear")
        programs = json.loads((original.home / "stack.json").read_text())["children"]
        copy = tmp_path / "copy"
        shutil.copytree(original.home, copy, ignore=shutil.ignore_patterns("*.sock"))
        assert (copy / "stack.json").exists()

        outcome = flightline(copy, "delete", job.id)
        assert outcome.returncode == 4
        assert f"No stack runs in {copy}" in outcome.stderr
        assert original.client.job(job.id).status == "queued"

        with closing(Stack(copy, "none")) as second:
            assert second.ready["url"] != original.ready["url"]
            assert "left running" not in second.log.read_text()
            second.client.cancel(job.id)
            assert json.loads((original.home / "stack.json").read_text())["children"] == programs
            assert original.client.job(job.id).status == "queued"
        assert "killed" not in original.log.read_text()


def test_a_moved_home_starts_where_it_is_now(tmp_path: Path) -> None:
    """After a kill, with a path too long for a socket, and a queue that no Redis can read: every job is there.

    The queue of a home that was copied in the middle of a write, or comes from another Redis, may be like that.
    """
    first = Stack(tmp_path / "home", "none")
    job = first.client.submit("notebook-linear")
    first.process.kill()
    first.close()
    until(lambda: processes_of(tmp_path / "home") == {})
    moved = tmp_path / ("far" * 30) / "away"
    moved.parent.mkdir()
    (tmp_path / "home").rename(moved)
    files = [path for path in (moved / "redis").rglob("*") if path.is_file()]
    assert files
    for path in files:
        path.write_bytes(b"*what no Redis ever wrote\r\n" * 10)

    with closing(Stack(moved, "none")) as second:
        assert second.client.job(job.id).status == "queued"
        assert sum(queue.messages or 0 for queue in second.client.queues()) == 1
        assert f"which lie in {moved}/redis.unreadable now" in second.log.read_text()
        assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_written_to_ends_nothing(tmp_path: Path) -> None:
    """A full disk, here a folder in the way of the state's draft: the stack says so once and writes it down later."""
    with closing(Stack(tmp_path / "home", "none")) as stack:
        in_the_way = stack.home / "stack.json.new"
        in_the_way.mkdir()
        api = stack.child("api")
        os.kill(api, signal.SIGKILL)
        until(lambda: "cannot be written to" in stack.log.read_text())
        until(partial(answers, stack.client))
        assert "api: started again" in stack.log.read_text()
        assert stack.child("api") == api

        in_the_way.rmdir()
        until(lambda: "can be written to again" in stack.log.read_text())  # said after the state is written
        assert stack.child("api") != api
        assert stack.stop() == 0
        for line in ("cannot be written to", "can be written to again"):
            assert stack.log.read_text().count(line) == 1


def test_a_stack_outlives_its_outputs_reader(tmp_path: Path) -> None:
    """Behind `| head -1`, and where a character cannot be shown, it runs until it is stopped."""
    home = tmp_path / "home"
    shell = f"{sys.executable} -m flightline up --port 0 --workers none | head -1"
    env = environment(home, PYTHONIOENCODING="ascii")
    with subprocess.Popen(["/bin/bash", "-c", shell], env=env, stdout=subprocess.PIPE, text=True) as process:
        until(lambda: running_url(home))
        with Client(running_url(home)) as client:
            until(partial(answers, client))
        os.kill(read_state(home)["pid"], signal.SIGINT)
        assert "loading ." in process.communicate()[0]
    until(lambda: processes_of(home) == {})
