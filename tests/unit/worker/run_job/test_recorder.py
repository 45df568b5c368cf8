"""Epochs and lines on their way to SQL."""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging

import pytest

from shared.errors import DatabaseUnavailable
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from shared.jobs.running import attempts
from shared.jobs.running.claims import Claim
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from tests.support import factories
from tests.support.clocks import Clock
from tests.support.fakes import FlakyDatabase
from worker.run_job.records.recorder import WRITE_SECONDS, JobLogHandler, Recorder
from worker.training.errors import LeaseLost
from worker.training.results import EpochResult


def _epoch(number: int, val_accuracy: float = 0.5) -> EpochResult:
    fields = {field.name for field in dataclasses.fields(EpochResult)}
    row = factories.epoch_row(number, val_accuracy=val_accuracy)
    return EpochResult(**{name: row[name] for name in fields})


@pytest.fixture
def claim(db: FlakyDatabase) -> Claim:
    """A running job."""
    return factories.running(db)


@pytest.fixture
def recorder(db: FlakyDatabase, claim: Claim, clock: Clock) -> Recorder:
    """Its recorder."""
    return Recorder(db, claim, log_lines=3)


def _epochs(db: FlakyDatabase, claim: Claim) -> list[int]:
    epochs: list[int] = queries.epochs(db, claim.job_id, actor=EVERYBODY)["epoch"]
    return epochs


def test_epochs_are_written_in_batches(recorder: Recorder, db: FlakyDatabase, claim: Claim, clock: Clock) -> None:
    """At most every 250 ms, so that a quick job's come with its end."""
    recorder.add_epoch(_epoch(1))
    recorder.flush_if_due()
    assert _epochs(db, claim) == []
    clock.now += WRITE_SECONDS
    recorder.flush_if_due()
    assert _epochs(db, claim) == [1]
    for number in (2, 3):
        recorder.add_epoch(_epoch(number))
        recorder.flush_if_due()
    assert _epochs(db, claim) == [1]
    clock.now += WRITE_SECONDS
    recorder.flush_if_due()
    assert _epochs(db, claim) == [1, 2, 3]


def test_the_best_epoch_is_the_earliest_of_equals(recorder: Recorder) -> None:
    """Also when an earlier attempt had it."""
    for number, accuracy in ((1, 0.6), (2, 0.7), (3, 0.7), (4, 0.65)):
        recorder.add_epoch(_epoch(number, accuracy))
    assert recorder.best == {"best_val_accuracy": 0.7, "best_epoch": 2}
    recorder.best = {"best_val_accuracy": 0.9, "best_epoch": 1}
    recorder.add_epoch(_epoch(5, 0.8))
    assert recorder.best["best_epoch"] == 1


def test_what_could_not_be_written_waits(recorder: Recorder, db: FlakyDatabase, claim: Claim, clock: Clock) -> None:
    """A database that is away costs a delay, and only a write that must succeed says so."""
    db.away = True
    recorder.add_epoch(_epoch(1))
    recorder.add_line("INFO", "first")
    recorder.flush_if_due()
    with pytest.raises(DatabaseUnavailable):
        recorder.flush()
    db.away = False
    recorder.flush_if_due()
    assert _epochs(db, claim) == []
    clock.now += WRITE_SECONDS
    recorder.flush_if_due()
    assert _epochs(db, claim) == [1]
    assert [line["message"] for line in queries.log(db, claim.job_id, actor=EVERYBODY)] == ["first"]


def test_a_write_whose_answer_was_lost_leaves_no_gap(recorder: Recorder, db: FlakyDatabase, claim: Claim) -> None:
    """Repeated, it finds its epochs there, and takes no numbers for them again."""
    db.answers_lost = 1
    recorder.add_epoch(_epoch(1))
    with pytest.raises(DatabaseUnavailable):
        recorder.flush()
    recorder.add_epoch(_epoch(2))
    recorder.flush()
    assert _epochs(db, claim) == [1, 2]
    assert queries.job(db, claim.job_id, actor=EVERYBODY)["progress"]["epoch"] == 2
    rows = factories.everything(db)
    seqs = sorted([*_column(rows, "epochs", "seq"), *_column(rows, "job_events", "seq")])
    assert seqs == [1, 2, 3, 4]


def test_nothing_is_written_about_somebody_elses_job(recorder: Recorder, db: FlakyDatabase, claim: Claim) -> None:
    """Epochs and lines are refused alike."""
    attempts.end(db, claim, Ending(Outcome.RELEASED))
    recorder.add_line("INFO", "too late")
    with pytest.raises(LeaseLost):
        recorder.flush()
    recorder.add_epoch(_epoch(1))
    with pytest.raises(LeaseLost):
        recorder.flush()
    assert _epochs(db, claim) == []


def test_only_the_newest_lines_are_kept(recorder: Recorder, db: FlakyDatabase, claim: Claim) -> None:
    """As many as the setting says."""
    for number in range(5):
        recorder.add_line("INFO", f"line {number}")
    recorder.flush()
    assert [line["message"] for line in queries.log(db, claim.job_id, actor=EVERYBODY)] == [
        "line 2",
        "line 3",
        "line 4",
    ]


def test_a_line_has_the_time_when_it_was_said(
    recorder: Recorder, db: FlakyDatabase, claim: Claim, clock: Clock
) -> None:
    """Not that of its writing, which may have to wait for the database; by the database's clock."""
    recorder.add_line("INFO", "loading")
    clock.now += 7
    recorder.add_line("INFO", "loaded")
    recorder.flush()
    first, second = (
        dt.datetime.fromisoformat(line["created_at"]) for line in queries.log(db, claim.job_id, actor=EVERYBODY)
    )
    assert dt.timedelta(seconds=6.9) < second - first < dt.timedelta(seconds=7.1)


def test_the_training_codes_events_become_lines_with_their_fields(
    recorder: Recorder, db: FlakyDatabase, claim: Claim
) -> None:
    """An event's name alone would not say what happened."""
    record = logging.makeLogRecord({"msg": "checkpoint_not_written", "levelname": "WARNING", "reason": "disk full"})
    JobLogHandler(recorder).emit(record)
    recorder.flush()
    (line,) = queries.log(db, claim.job_id, actor=EVERYBODY)
    assert (line["level"], line["message"]) == ("WARNING", "checkpoint_not_written reason='disk full'")


def _column(rows: dict[str, list[tuple[object, ...]]], table: str, column: str) -> list[int]:
    from shared.database.tables import Base

    index = [c.name for c in Base.metadata.tables[table].columns].index(column)
    return [int(str(row[index])) for row in rows[table]]
