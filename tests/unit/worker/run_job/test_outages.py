"""Whole attempts whose storage is unavailable for a while: nothing is lost by it, and nothing done twice."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from tests.support import factories
from tests.support.fakes import FlakyDatabase
from worker.processes.stop_flag import StopFlag
from worker.run_job import task
from worker.run_job.attempt import Attempt
from worker.run_job.context import Context

SPEC: dict[str, Any] = {
    "dataset": {"name": "synthetic", "train_per_class": 8, "val_per_class": 2},
    "architecture": {"kind": "mlp", "hidden": [4]},
    "training": {"epochs": 6, "batch_size": 4},
}


class Faults:
    """The next calls of the file system's `open` fail, those of some paths alone."""

    def __init__(self, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 0
        self.mode = "wb"
        self.of = ""
        self._open = context.storage._fs.open
        monkeypatch.setattr(context.storage._fs, "open", self.open)

    def open(self, path: str, mode: str, **options: Any) -> Any:
        """As the file system's own, or as a server that has lost its disk for a moment."""
        if self.left and mode == self.mode and self.of in path:
            self.left -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return self._open(path, mode, **options)


@pytest.fixture
def faults(context: Context, monkeypatch: pytest.MonkeyPatch) -> Faults:
    """None yet."""
    return Faults(context, monkeypatch)


def _at_step(monkeypatch: pytest.MonkeyPatch, step: int, action: Callable[[], object]) -> None:
    """Have something happen at a step of the attempts to come."""
    check, steps = Attempt._check, [0]

    def counted(self: Attempt) -> None:
        steps[0] += 1
        if steps[0] == step:
            action()
        check(self)

    monkeypatch.setattr(Attempt, "_check", counted)


def _lines(db: FlakyDatabase, job_id: str) -> str:
    return "\n".join(line["message"] for line in queries.log(db, job_id, actor=EVERYBODY))


def test_a_fault_of_the_storage_at_the_end_of_a_run_costs_nothing(
    context: Context, db: FlakyDatabase, faults: Faults
) -> None:
    """The weights are written once it answers; the job's log says when it was waited for, and how long."""
    job_id = factories.submit(db, **SPEC)
    faults.left, faults.of = 3, ".safetensors"
    task.run(context)
    assert queries.job(db, job_id, actor=EVERYBODY)["status"] == "succeeded"
    assert {row["name"] for row in queries.artifacts(db, job_id, actor=EVERYBODY)} == {
        *("best.safetensors", "last.safetensors", "logits.safetensors")
    }
    assert _lines(db, job_id).count("Waiting for the artifact storage") == 1
    assert _lines(db, job_id).count("The artifact storage answers again after") == 1


def test_a_checkpoint_that_cannot_be_read_now_is_waited_for(
    context: Context, db: FlakyDatabase, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is whole: the run goes on from it, not from its beginning."""
    job_id = factories.submit(db, **SPEC)
    _at_step(monkeypatch, 10, context.stop.set)  # type: ignore[attr-defined]
    task.run(context)
    assert queries.job(db, job_id, actor=EVERYBODY)["status"] == "queued"
    context.stop = StopFlag()
    faults.left, faults.mode = 2, "rb"
    task.run(context)
    assert queries.job(db, job_id, actor=EVERYBODY)["status"] == "succeeded"
    assert "Resumed in epoch 2" in _lines(db, job_id)
    assert "A checkpoint is not used" not in _lines(db, job_id)
    assert faults.left == 0


def test_a_checkpoint_that_is_missing_is_not_waited_for(
    context: Context, db: FlakyDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The storage answers, and does not have it: the run begins at its beginning."""
    job_id = factories.submit(db, **SPEC)
    _at_step(monkeypatch, 10, context.stop.set)  # type: ignore[attr-defined]
    task.run(context)
    context.stop = StopFlag()
    for path in (tmp_path / "artifacts").rglob("*.ckpt"):
        path.unlink()
    task.run(context)
    assert queries.job(db, job_id, actor=EVERYBODY)["status"] == "succeeded"
    assert "A checkpoint is not used" in _lines(db, job_id)


def test_a_stop_waits_for_the_storage_to_take_its_checkpoint(
    context: Context, db: FlakyDatabase, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the grace that a stop has."""
    job_id = factories.submit(db, **SPEC)
    faults.left, faults.of = 2, ".ckpt"
    _at_step(monkeypatch, 10, context.stop.set)  # type: ignore[attr-defined]
    task.run(context)
    assert queries.job(db, job_id, actor=EVERYBODY)["status"] == "queued"
    context.stop = StopFlag()
    task.run(context)
    assert "Resumed in epoch 2" in _lines(db, job_id)


def test_a_checkpoint_that_cannot_be_written_now_is_no_reason_to_stop(
    context: Context, db: FlakyDatabase, faults: Faults
) -> None:
    """The run goes on, and says so once; the next state is written again."""
    context.settings = context.settings.model_copy(update={"checkpoint_seconds": 0.0})
    job_id = factories.submit(db, **SPEC)
    faults.left, faults.of = 1, ".ckpt"
    task.run(context)
    job = queries.job(db, job_id, actor=EVERYBODY)
    assert (job["status"], job["attempts"]) == ("succeeded", 1)
    assert _lines(db, job_id).count("checkpoint_not_written") == 1
