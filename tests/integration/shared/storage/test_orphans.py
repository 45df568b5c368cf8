"""Files that no row names: found and deleted, and nothing else; on both databases, in a folder and on S3."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from shared.database.engine import Database
from shared.errors import StorageUnavailable
from shared.jobs.running import attempts
from shared.jobs.running.claims import Claim
from shared.storage.orphans import CollectorPace, OrphanCollector
from shared.storage.store import Storage
from tests.support import factories
from tests.support.factories import CANCELLED, LOST, RELEASED


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty one."""
    return Storage(str(tmp_path / "a") if request.param == "folder" else request.getfixturevalue("s3_url"))


@pytest.fixture
def folder(tmp_path: Path) -> Storage:
    """An empty folder."""
    return Storage(str(tmp_path / "a"))


SETTLED = CollectorPace(settle_seconds=-5.0, pause_seconds=0.0)
"""As if everything had ended a while ago."""


def _put(storage: Storage, *paths: str) -> list[str]:
    for path in paths:
        storage.put(path, b"x")
    return sorted(paths)


def _files(storage: Storage) -> list[str]:
    found: list[str] = []
    while page := storage.page(found[-1] if found else "", 1000):
        found += page
    return sorted(path for path in found if not path.startswith("."))


def _written_by(claim: Claim) -> list[str]:
    """Every kind of file that an attempt may be killed over."""
    job, number = claim.job_id, claim.attempt
    return [
        f"{job}/{number}/best.safetensors",
        f"{job}/{number}/last.safetensors.{uuid4().hex}.part",
        f"{job}/checkpoints/{number}-3-0.ckpt",
        f"{job}/checkpoints/{number}-3-4.ckpt.{uuid4().hex}.part",
    ]


@pytest.mark.parametrize("ending", [LOST, RELEASED, CANCELLED], ids=lambda ending: ending.outcome)
def test_what_an_ended_attempt_left_is_deleted(database: Database, storage: Storage, ending: Any) -> None:
    """However it ended: it can name nothing any more."""
    claim = factories.running(database)
    _put(storage, *_written_by(claim))
    attempts.end(database, claim, ending)
    assert OrphanCollector(database, storage, SETTLED).run_round() == 4
    assert _files(storage) == []


def test_what_a_running_attempt_writes_is_left_alone(database: Database, storage: Storage) -> None:
    """It is about to be named; what its predecessor left goes."""
    first = factories.running(database)
    _put(storage, *_written_by(first))
    attempts.end(database, first, LOST)
    second = factories.claim(database, first.job_id)
    kept = _put(storage, *_written_by(second))
    assert OrphanCollector(database, storage, SETTLED).run_round() == 4
    assert _files(storage) == kept


def test_what_a_row_names_stays(database: Database, folder: Storage) -> None:
    """The artifacts of a finished job, and the checkpoints that a queued one goes on from, by whichever attempt."""
    finished, released = factories.running(database), factories.running(database)
    artifact = f"{finished.job_id}/1/best.safetensors"
    rows = [factories.artifact(path=artifact)]
    attempts.succeed(
        database,
        finished,
        epochs=[factories.epoch_row(1)],
        best=factories.best(),
        exact=True,
        evaluations=[],
        artifacts=rows,
    )
    checkpoints = [f"{released.job_id}/checkpoints/1-{epoch}-0.ckpt" for epoch in (3, 2)]
    entries = [{"path": path, "epoch": 1, "batches": 0} for path in checkpoints]
    attempts.record_checkpoint(database, released, {"entries": entries})
    attempts.end(database, released, RELEASED)
    kept = _put(folder, artifact, *checkpoints)
    _put(folder, f"{finished.job_id}/checkpoints/1-1-0.ckpt", f"{released.job_id}/checkpoints/1-1-0.ckpt")
    assert OrphanCollector(database, folder, SETTLED).run_round() == 2
    assert _files(folder) == kept


def test_what_this_database_does_not_know_stays(database: Database, folder: Storage) -> None:
    """Another installation may use the same place, or the database may have been restored from a backup."""
    claim = factories.running(database)
    attempts.end(database, claim, CANCELLED)
    kept = _put(
        folder,
        f"{uuid4()}/1/best.safetensors",
        f"{claim.job_id}/2/best.safetensors",
        f"{claim.job_id}/checkpoints/2-1-0.ckpt",
        f"{claim.job_id}/notes.txt",
        "README",
        "somebody/elses",
    )
    assert OrphanCollector(database, folder, SETTLED).run_round() == 0
    assert _files(folder) == kept


def test_an_attempt_that_has_just_ended_may_delete_its_own(database: Database, folder: Storage) -> None:
    """By the database's clock."""
    claim = factories.running(database)
    kept = _put(folder, *_written_by(claim))
    attempts.end(database, claim, LOST)
    assert OrphanCollector(database, folder).run_round(lambda _: False) == 0
    assert _files(folder) == kept


def test_a_probe_that_was_left_behind_is_deleted_after_a_day(database: Database, storage: Storage) -> None:
    """Not one that is just being made."""
    _put(storage, f"probe-{uuid4().hex}", f"probe-{uuid4().hex}.{uuid4().hex}.part")
    assert OrphanCollector(database, storage).run_round() == 0
    assert OrphanCollector(database, storage, CollectorPace(probe_seconds=-86_400.0)).run_round() == 2


def test_the_work_comes_in_pages(database: Database, storage: Storage) -> None:
    """Each is one listing and one look at the database, with a pause after it, in which a stop ends the round."""
    collector = OrphanCollector(database, storage, replace(SETTLED, page_files=4))
    for _ in range(3):
        claim = factories.running(database)
        _put(storage, *_written_by(claim))
        attempts.end(database, claim, LOST)
    pauses: list[float] = []

    def stop(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) == 2

    assert collector.run_round(stop) == 8
    assert len(pauses) == 2
    assert collector.run_round() == 4
    assert _files(storage) == []


class TestTurn:
    def test_one_process_makes_a_round_an_hour(self, database: Database, folder: Storage) -> None:
        """Whichever comes first, also where it dies in it."""
        first, second = OrphanCollector(database, folder), OrphanCollector(database, folder)
        assert [first.begin_round(), second.begin_round(), first.begin_round()] == [True, False, False]

    def test_the_next_one_is_due_when_the_hour_is_over(self, database: Database, folder: Storage) -> None:
        """By the database's clock."""
        assert [
            OrphanCollector(database, folder, CollectorPace(round_seconds=-1.0)).begin_round() for _ in range(2)
        ] == [
            True,
            True,
        ]

    def test_a_storage_that_does_not_answer_ends_the_round_and_not_the_thread(
        self, database: Database, folder: Storage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Nor does a bug: the next round may succeed."""
        faults: list[Exception] = [StorageUnavailable("503 SlowDown"), ZeroDivisionError("a bug")]

        def fail(*_: object) -> list[str]:
            raise faults.pop(0)

        monkeypatch.setattr(folder, "page", fail)
        with caplog.at_level(logging.WARNING):
            OrphanCollector(database, folder, CollectorPace(round_seconds=-1.0)).run_until(lambda _: not faults)
        assert [record.message for record in caplog.records] == ["orphans_not_collected", "orphans_crashed"]
