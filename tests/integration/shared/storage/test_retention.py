"""Artifacts of old jobs are deleted; nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from shared.database import clock
from shared.database.engine import Database
from shared.database.tables import Artifact, Attempt, Epoch, Evaluation, Job
from shared.errors import StorageUnavailable
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY
from shared.jobs.running import attempts
from shared.jobspec import BUILT_IN, Caps
from shared.jobspec.fields.evaluation import EvaluationRequest
from shared.storage.orphans import OrphanCollector
from shared.storage.retention import Kept, Pruned, Retention, prunable, prune
from shared.storage.root import MARKER
from shared.storage.store import Storage
from tests.support import factories

DAY = 86_400.0


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A folder."""
    storage = Storage(str(tmp_path / "artifacts"))
    storage.check()
    return storage


def trained(db: Database, storage: Storage, days_ago: float = 0.0, size: int = 10) -> str:
    """A job that has succeeded so long ago, with two files of this size together; returns its id."""
    claim = factories.running(db)
    stored = [storage.put(f"{claim.job_id}/1/{name}", b"x" * (size // 2)) for name in ("best", "last")]
    rows = [vars(one) | {"name": f"{one.path.rpartition('/')[2]}.safetensors"} for one in stored]
    told: dict[str, Any] = {"evaluations": [factories.evaluation("best")], "exact": True, "best": factories.best()}
    assert attempts.succeed(db, claim, epochs=factories.epoch_rows(1, 1), artifacts=rows, **told)

    def age(connection: Any) -> None:
        finished = clock.database_now_plus(connection, -days_ago * DAY)
        connection.execute(update(Job).where(Job.id == claim.job_id).values(finished_at=finished))

    db.write(age)
    return claim.job_id


def jobs_of(kept: list[Kept]) -> list[str]:
    """The ids of these jobs."""
    return [one.job_id for one in kept]


def count(db: Database, table: type[Any], job: str) -> int:
    """A job's rows in a table."""
    with db.read() as connection:
        return connection.scalar(select(func.count()).select_from(table).where(table.job_id == job)) or 0


def test_old_artifacts_are_deleted_and_nothing_else(database: Database, storage: Storage) -> None:
    """Rows and files; the job keeps its epochs and evaluation."""
    old, new = trained(database, storage, days_ago=91), trained(database, storage, days_ago=89)
    chosen = prunable(database, Retention(older_than_seconds=90 * DAY))
    assert chosen == [Kept(old, 2, 10)]
    assert prune(database, storage, chosen) == Pruned(jobs=1, files=2, bytes=10)

    assert [path.partition("/")[0] for path in storage.page("", 100)] == [new, new]
    assert [count(database, table, old) for table in (Artifact, Epoch, Evaluation)] == [0, 1, 1]
    assert count(database, Artifact, new) == 2
    assert prune(database, storage, chosen) == Pruned(0, 0, 0)


@pytest.mark.parametrize(
    "retention,places",
    [
        (Retention(keep_jobs=2), [0, 1]),
        (Retention(keep_jobs=0), [0, 1, 2, 3]),
        (Retention(keep_jobs=9), []),
        (Retention(max_bytes=25), [0, 1]),
        (Retention(max_bytes=20), [0, 1]),
        (Retention(max_bytes=19), [0, 1, 2]),
        (Retention(max_bytes=0), [0, 1, 2, 3]),
        (Retention(older_than_seconds=2.5 * DAY), [0]),
        (Retention(older_than_seconds=2.5 * DAY, keep_jobs=2), [0, 1]),
        (Retention(), []),
    ],
)
def test_each_limit_chooses_the_oldest(
    database: Database, storage: Storage, retention: Retention, places: list[int]
) -> None:
    """By number, by size, by age, and by what any of them says; the oldest first."""
    jobs = [trained(database, storage, days_ago=days) for days in (3, 2, 1, 0)]
    assert jobs_of(prunable(database, retention)) == [jobs[place] for place in places]


def test_what_is_not_finished_or_needed_is_kept(database: Database, storage: Storage) -> None:
    """A running job, and one that an evaluation still waits for."""
    factories.running(database)
    needed, other = trained(database, storage, days_ago=2), trained(database, storage, days_ago=1)
    request = EvaluationRequest.model_validate({"dataset": "synthetic"})
    waiting = actions.evaluate(database, needed, request, Caps(), BUILT_IN, actor=EVERYBODY).job_id
    everything = Retention(keep_jobs=0)
    assert jobs_of(prunable(database, everything)) == [other]
    actions.cancel(database, waiting, actor=EVERYBODY)
    assert jobs_of(prunable(database, everything)) == [needed, other]


def test_a_volume_that_is_not_mounted_deletes_nothing(database: Database, storage: Storage, tmp_path: Path) -> None:
    """The rows stay with their files."""
    job = trained(database, storage)
    storage.delete_below(job)
    (tmp_path / "artifacts" / MARKER).unlink()
    empty = Storage(str(tmp_path / "artifacts"), in_use=lambda: True)
    with pytest.raises(StorageUnavailable):
        prune(database, empty, prunable(database, Retention(keep_jobs=0)))
    assert count(database, Artifact, job) == 2


def test_a_kill_between_rows_and_files_leaves_orphans_that_are_collected(
    database: Database, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that no row names any more, of an attempt that has ended."""
    job = trained(database, storage)
    with monkeypatch.context() as patch:
        patch.setattr(Storage, "delete", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            prune(database, storage, prunable(database, Retention(keep_jobs=0)))
    assert (count(database, Artifact, job), len(storage.page("", 10))) == (0, 2)

    def settle(connection: Any) -> None:
        long_ago = clock.database_now_plus(connection, -3600.0)
        connection.execute(update(Attempt).values(finished_at=long_ago))

    database.write(settle)
    assert OrphanCollector(database, storage).run_round() == 2


def test_an_evaluation_that_is_submitted_during_a_prune_finds_its_weights(database: Database, storage: Storage) -> None:
    """A job that was to be pruned is passed over once an evaluation is about it."""
    needed, other = trained(database, storage, days_ago=2), trained(database, storage, days_ago=1)
    chosen = prunable(database, Retention(keep_jobs=0))
    request = EvaluationRequest.model_validate({"dataset": "synthetic"})
    actions.evaluate(database, needed, request, Caps(), BUILT_IN, actor=EVERYBODY)

    assert prune(database, storage, chosen) == Pruned(jobs=1, files=2, bytes=10)
    assert [count(database, Artifact, one) for one in (needed, other)] == [2, 0]
