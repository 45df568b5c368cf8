"""The bell, on both databases: what rings, when it begins anew, and that nobody else pays for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from api.http.live.streams import Streams, TooManyStreams
from shared.database.engine import Database
from shared.errors import DatabaseUnavailable
from shared.jobs import actions, batches, changes, edits
from shared.jobs.actor import EVERYBODY
from shared.jobs.running import attempts
from shared.sweeps import progress
from shared.sweeps.changes import delete
from tests.support import factories, sweeps
from tests.support.servers import wait_until

Ring = tuple[str, set[str]]


class Heard:
    """What one listener has heard so far, read by a thread of its own."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.rings: list[Ring] = []
        self._lines = lines
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        kind = ""
        for line in self._lines:
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            if name == "data":
                self.rings.append((kind, set(json.loads(value).get("ids", ()))))

    def wait_for(self, *job_ids: str) -> None:
        """Until these jobs have rung, then forget all."""
        wait_until(lambda: set(job_ids) <= set[str]().union(*(ids for _, ids in self.rings)), f"{job_ids} to ring")
        self.rings.clear()

    def wait_for_reset(self) -> None:
        """Until it is told to read all, then forget it."""
        wait_until(lambda: ("reset", set()) in self.rings, "a reset")
        self.rings.clear()


@pytest.fixture
def streams(database: Database) -> Iterator[Streams]:
    """The streams of one process; at the end its thread looks at the database no more."""
    streams = Streams(database, most=9)
    yield streams
    streams.serving = lambda: False
    wait_until(lambda: not streams._open and streams._mark is None, "the end of all looks")


@contextmanager
def heard(streams: Streams) -> Iterator[Heard]:
    """A listener of a process's streams, closed at the end."""
    listener = streams.listen()
    lines = (line for frame in listener.frames() for line in frame.decode().splitlines())
    try:
        yield Heard(lines)
    finally:
        listener.end()
        streams.close(listener)


def test_everything_that_happens_to_jobs_rings(database: Database, streams: Streams) -> None:
    """After a reset at the beginning; heartbeats do not."""
    with heard(streams) as ears:
        ears.wait_for_reset()
        first, second = batches.submit_all(database, [factories.submission(), factories.submission()], actor=EVERYBODY)
        ears.wait_for(first, second)
        edits.edit(database, first, {"notes": "x"}, actor=EVERYBODY)
        ears.wait_for(first)
        claim = factories.claim(database, first)
        ears.wait_for(first)
        attempts.heartbeat(database, claim, 30)
        attempts.record_epochs(database, claim, factories.epoch_rows(1, 1), factories.best())
        ears.wait_for(first)
        batches.cancel_all(database, [second], actor=EVERYBODY)
        factories.delete(database, second)
        ears.wait_for(second)


def test_listeners_come_and_go(database: Database, streams: Streams) -> None:
    """Each begins with a reset of its own, also where nobody has listened for a while."""
    for _ in range(2):
        with heard(streams) as ears:
            ears.wait_for_reset()
            with heard(streams) as later:
                later.wait_for_reset()
                assert not ears.rings
                job_id = factories.submit(database)
                ears.wait_for(job_id)
                later.wait_for(job_id)


def test_an_outage_ends_in_a_reset(database: Database, streams: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what happened meanwhile; events of jobs go on as well."""
    claim = factories.running(database)
    reader = streams.subscribe(claim.job_id, 2)
    with heard(streams) as ears:
        ears.wait_for_reset()
        broken = threading.Event()

        def gone(*_: object) -> Any:
            broken.set()
            raise DatabaseUnavailable("gone")

        with monkeypatch.context() as patched:
            patched.setattr(changes, "since", gone)
            patched.setattr(changes, "mark", gone)
            broken.wait()
            actions.cancel(database, claim.job_id, actor=EVERYBODY)
        ears.wait_for_reset()
    frames = reader.frames()
    assert b"retry" in next(frames)
    assert b"cancel_requested" in next(frames)
    streams.close(reader)


def test_streams_of_both_kinds_share_the_threads(database: Database, streams: Streams) -> None:
    """One too many is refused, and room is made by one that ends."""
    streams._most = 2
    job_id = factories.submit(database)
    reader, _ = streams.subscribe(job_id, 0), streams.listen()
    for refused in (lambda: streams.subscribe(job_id, 0), streams.listen):
        with pytest.raises(TooManyStreams):
            refused()
    streams.close(reader)
    streams.listen()


def test_one_owner_leaves_half_of_the_streams_to_others(database: Database, streams: Streams) -> None:
    """A script that opens one after another takes its owner's share, and no more; one that ends makes room again."""
    streams._most = 4
    job_id = factories.submit(database)
    reader, _ = streams.subscribe(job_id, 0, owner="alice"), streams.listen(owner="alice")
    with pytest.raises(TooManyStreams, match="2 event streams of alice"):
        streams.listen(owner="alice")
    streams.listen(owner="bob")
    streams.close(reader)
    streams.listen(owner="alice")
    streams.listen(owner="carol")


def test_nobody_looks_while_nobody_listens(
    database: Database, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is not read before the first stream and after the last one."""
    listened: list[bool] = []
    """Of each look, whether anybody listened."""
    look: Callable[..., Any] = changes.since

    def noted(*arguments: Any) -> Any:
        listened.append(bool(streams._open))
        return look(*arguments)

    monkeypatch.setattr(changes, "since", noted)
    assert streams._thread is None
    with heard(streams) as ears:
        ears.wait_for_reset()
        wait_until(lambda: listened, "a look")
    wait_until(lambda: streams._mark is None, "the end of all looks")
    before = len(listened)
    factories.submit(database)
    assert len(listened) == before
    with heard(streams) as ears:
        ears.wait_for_reset()
        assert all(listened[before:])


def test_a_sweep_rings_by_itself(database: Database, streams: Streams) -> None:
    """Beside the jobs that it makes, and not as one of them; so does its end."""
    with heard(streams) as ears:
        ears.wait_for_reset()
        sweep_id = sweeps.make(database, max_trials=1)
        wait_until(lambda: ("sweeps", {sweep_id}) in ears.rings, "the sweep to ring")
        wait_until(lambda: any(kind == "jobs" for kind, _ in ears.rings), "its job to ring")
        assert all(sweep_id not in ids for kind, ids in ears.rings if kind == "jobs")
        ears.rings.clear()
        sweeps.work(database)
        wait_until(lambda: ("sweeps", {sweep_id}) in ears.rings, "its end to ring")


def test_a_sweep_rings_with_its_jobs(database: Database, streams: Streams) -> None:
    """Its counts and epochs change as one starts, trains and, long after its end, is deleted."""
    sweep_id = sweeps.make(database, max_trials=1)
    with heard(streams) as ears:
        ears.wait_for_reset()
        claim = sweeps.next_claim(database)
        wait_until(lambda: ("sweeps", {sweep_id}) in ears.rings, "its job's start to ring")
        ears.wait_for(claim.job_id)
        attempts.record_epochs(database, claim, factories.epoch_rows(1, 1), factories.best())
        wait_until(lambda: ("sweeps", {sweep_id}) in ears.rings, "its job's epoch to ring")
        sweeps.train(database, claim)
        progress.advance(database, sweep_id)
    with heard(streams) as ears:
        ears.wait_for_reset()
        factories.delete(database, claim.job_id)
        wait_until(
            lambda: any(kind == "sweeps" and sweep_id in ids for kind, ids in ears.rings), "its job's deletion to ring"
        )


def test_a_sweep_that_is_deleted_rings_as_one(database: Database, streams: Streams) -> None:
    """So that no list of sweeps shows it any longer; a job that is deleted, which may have been one, does too."""
    sweep_id = sweeps.make(database, max_trials=1)
    sweeps.work(database)
    job_id = factories.submit(database)
    actions.cancel(database, job_id, actor=EVERYBODY)
    with heard(streams) as ears:
        ears.wait_for_reset()
        delete(database, sweep_id, actor=EVERYBODY)
        wait_until(lambda: ("sweeps", {sweep_id}) in ears.rings, "the sweep to ring")
        factories.delete(database, job_id)
        wait_until(lambda: ("jobs", {job_id}) in ears.rings, "the job to ring")
