"""Where a running job's states are kept, and which of them is gone on from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from shared.errors import StorageError
from shared.jobs.running import attempts
from shared.jobs.running.claims import Claim
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from shared.settings import Settings
from shared.storage.store import Storage
from tests.support import factories
from tests.support.fakes import FlakyDatabase
from worker.processes.stop_flag import StopFlag
from worker.run_job.lease import Lease
from worker.run_job.records import checkpoint_store
from worker.run_job.records.checkpoint_store import CheckpointStore
from worker.run_job.records.recorder import Recorder
from worker.run_job.records.storage_access import StorageAccess
from worker.training.errors import CheckpointUnwritable, LeaseLost
from worker.training.state.checkpoints import State

ORIGIN: dict[str, str | int] = {
    "plan": "p",
    "plan_digest": "d",
    "engine": "reference",
    "device": "cpu",
    "threads": 1,
    "data_fingerprint": "f",
    "capability": "AVX2",
    "torch": "2.15",
    "cuda": "",
}

LINK = "a" * 64
"""The link of a state in its run's chain."""


def _state(epoch: int, batches: int = 0, **origin: str) -> State:
    return State({**ORIGIN, **origin}, epoch, batches, {"weights": torch.arange(3)})


@pytest.fixture
def claim(db: FlakyDatabase) -> Claim:
    """A first attempt, which has recorded its first epochs."""
    claim = factories.running(db)
    attempts.record_epochs(db, claim, factories.epoch_rows(1, 3), factories.best())
    return claim


@pytest.fixture
def store(db: FlakyDatabase, storage: Storage, claim: Claim) -> CheckpointStore:
    """Its store."""
    return CheckpointStore(db, storage, _access(db, claim), claim)


def _access(db: FlakyDatabase, claim: Claim) -> StorageAccess:
    settings = Settings.model_validate({"redis_url": "unix:///none"})
    lease = Lease(db, claim, settings, StopFlag(), lambda: None)
    return StorageAccess(lease, Recorder(db, claim, log_lines=5), stop_grace_seconds=1.0)


def _next_attempt(db: FlakyDatabase, storage: Storage, claim: Claim) -> CheckpointStore:
    """The store of the attempt after `claim`."""
    attempts.end(db, claim, Ending(Outcome.RELEASED))
    following = factories.claim(db, claim.job_id)
    return CheckpointStore(db, storage, _access(db, following), following)


def _files(storage: Storage, claim: Claim, tmp_path: Path) -> list[str]:
    return sorted(path.stem for path in (tmp_path / "artifacts" / checkpoint_store.folder(claim.job_id)).glob("*"))


def _latest(store: CheckpointStore, **origin: str) -> tuple[tuple[int, int] | None, bool, list[str]]:
    notes: list[str] = []
    state, exact = store.latest({**ORIGIN, **origin}, notes.append)
    return (None if state is None else (state.epoch, state.batches)), exact, notes


def test_the_newest_two_states_are_kept(
    store: CheckpointStore, db: FlakyDatabase, storage: Storage, claim: Claim, tmp_path: Path
) -> None:
    """The attempt's number is in their names; the next attempt goes on from the newest."""
    for epoch, batches in ((1, 5), (2, 0), (2, 7)):
        store.save(_state(epoch, batches), LINK)
    assert _files(storage, claim, tmp_path) == ["1-2-0", "1-2-7"]
    following = _next_attempt(db, storage, claim)
    assert _latest(following) == ((2, 7), True, [])
    following.save(_state(3), LINK)
    assert _files(storage, claim, tmp_path) == ["1-2-7", "2-3-0"]


@pytest.mark.parametrize("damage", [b"", b"flightline", None], ids=["empty", "cut off", "gone"])
def test_a_damaged_state_is_refused_for_the_one_before(
    store: CheckpointStore, db: FlakyDatabase, storage: Storage, claim: Claim, tmp_path: Path, damage: bytes | None
) -> None:
    """The job's log says so."""
    store.save(_state(1, 5), LINK)
    store.save(_state(2), LINK)
    newest = tmp_path / "artifacts" / checkpoint_store.folder(claim.job_id) / "1-2-0.ckpt"
    if damage is None:
        newest.unlink()
    else:
        newest.write_bytes(damage)
    found, exact, notes = _latest(_next_attempt(db, storage, claim))
    assert (found, exact) == ((1, 5), True)
    assert len(notes) == 1
    assert "A checkpoint is not used" in notes[0]


@pytest.mark.parametrize("field", ["plan_digest", "engine", "device", "data_fingerprint"])
def test_a_foreign_state_is_refused_and_the_run_starts_over(
    store: CheckpointStore, db: FlakyDatabase, storage: Storage, claim: Claim, field: str
) -> None:
    """Of another plan, engine, kind of device or data: going on from it would give neither run's numbers."""
    store.save(_state(1), LINK)
    found, exact, notes = _latest(_next_attempt(db, storage, claim), **{field: "another"})
    assert (found, exact) == (None, True)
    assert f"its {field} is" in notes[0]


def test_a_state_of_another_engine_is_adopted_where_the_run_may(
    store: CheckpointStore, db: FlakyDatabase, storage: Storage, claim: Claim
) -> None:
    """After an upgrade that takes another engine for the same job, a running one goes on with its own."""
    store.save(_state(1), LINK)
    origin, notes, following = {**ORIGIN, "engine": "newer"}, list[str](), _next_attempt(db, storage, claim)
    state, exact = following.latest(origin, notes.append, adopts=lambda name: name == "reference")
    assert state is not None
    assert (state.origin["engine"], exact, notes) == ("reference", True, [])
    refused, _ = following.latest(origin, notes.append, adopts=lambda _: False)
    assert refused is None


@pytest.mark.parametrize("field", ["torch", "capability", "cuda"])
def test_a_state_of_another_version_or_model_is_used_and_said_to_be_inexact(
    store: CheckpointStore, db: FlakyDatabase, storage: Storage, claim: Claim, field: str
) -> None:
    """The numbers may differ in their last bits."""
    store.save(_state(1), LINK)
    assert _latest(_next_attempt(db, storage, claim), **{field: "another"}) == ((1, 0), False, [])


def test_a_job_without_a_state_starts_at_its_beginning(store: CheckpointStore) -> None:
    """That is exact."""
    assert _latest(store) == (None, True, [])


def test_a_full_disk_is_no_reason_to_stop(
    store: CheckpointStore, db: FlakyDatabase, storage: Storage, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop is told, goes on, and the state before still counts."""
    store.save(_state(1), LINK)

    def full(*_: Any) -> None:
        raise StorageError("No space left on device")

    monkeypatch.setattr(storage, "put", full)
    with pytest.raises(CheckpointUnwritable, match="No space"):
        store.save(_state(2), LINK)
    assert _latest(_next_attempt(db, storage, claim))[0] == (1, 0)


def test_an_answer_that_was_lost_leaves_every_state_readable_that_sql_may_name(
    store: CheckpointStore, db: FlakyDatabase, storage: Storage, claim: Claim
) -> None:
    """Whether the write took place is not known: neither the old nor the new files are deleted."""
    store.save(_state(1), LINK)
    store.save(_state(2), LINK)
    db.answers_lost = 1
    with pytest.raises(CheckpointUnwritable):
        store.save(_state(3), LINK)
    assert _latest(_next_attempt(db, storage, claim)) == ((3, 0), True, [])


def test_a_state_of_a_lost_job_is_not_left_behind(
    store: CheckpointStore, db: FlakyDatabase, storage: Storage, claim: Claim, tmp_path: Path
) -> None:
    """Nobody will ever name it, and the loop ends."""
    attempts.end(db, claim, Ending(Outcome.RELEASED))
    with pytest.raises(LeaseLost):
        store.save(_state(1), LINK)
    assert _files(storage, claim, tmp_path) == []


def test_discarding_deletes_all_states(
    store: CheckpointStore, storage: Storage, claim: Claim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where that does not work, the job's end does not depend on it."""
    store.save(_state(1), LINK)
    checkpoint_store.discard(storage, claim.job_id)
    assert _files(storage, claim, tmp_path) == []
    checkpoint_store.discard(storage, claim.job_id)

    def refuse(_: str) -> None:
        raise StorageError("no permission")

    monkeypatch.setattr(storage, "delete_below", refuse)
    checkpoint_store.discard(storage, claim.job_id)
