"""Homes that were copied, moved or put back, with real stacks in them."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path

from tests.stacks import Stack, flightline, processes_of, until


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
    """Even one whose stack was killed, and with a path too long for a socket: every job is there."""
    first = Stack(tmp_path / "home", "none")
    job = first.client.submit("notebook-linear")
    first.process.kill()
    first.close()
    moved = tmp_path / ("far" * 30) / "away"
    moved.parent.mkdir()
    (tmp_path / "home").rename(moved)

    with closing(Stack(moved, "none")) as second:
        assert second.client.job(job.id).status == "queued"
        until(lambda: processes_of(tmp_path / "home") == {})
        assert not (tmp_path / "home").exists()


def test_a_queue_that_cannot_be_read_is_made_again(tmp_path: Path) -> None:
    """A home copied in the middle of a write, or written by another Redis, starts; its jobs are sent again."""
    home = tmp_path / "home"
    with closing(Stack(home, "none")) as first:
        job = first.client.submit("notebook-linear")
    files = [path for path in (home / "redis").rglob("*") if path.is_file()]
    assert files
    for path in files:
        path.write_bytes(b"*what no Redis ever wrote\r\n" * 10)

    with closing(Stack(home, "none")) as second:
        assert sum(queue.messages or 0 for queue in second.client.queues()) == 1
        assert second.client.job(job.id).status == "queued"
        assert f"which lie in {home}/redis.unreadable now" in second.log.read_text()
