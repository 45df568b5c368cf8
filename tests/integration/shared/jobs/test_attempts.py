"""What a worker does to a job, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from shared.database.clock import database_now_plus
from shared.database.engine import Database
from shared.database.tables import Attempt, Job
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import events, queries
from shared.jobs.running import attempts
from shared.jobs.running.claims import Claim
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from tests.support import factories
from tests.support.factories import BROKEN, CANCELLED, FLAKY, LOST, RELEASED, TIMED_OUT, best, epoch_row, epoch_rows


def _job(db: Database, job_id: str) -> Any:
    with db.read() as connection:
        return connection.execute(select(*Job.__table__.columns).where(Job.id == job_id)).one()


def _began(db: Database, claim: Claim, seconds_ago: float) -> None:
    """Let an attempt have begun so long ago."""

    def work(connection: Any) -> None:
        began = connection.scalar(select(database_now_plus(connection, -seconds_ago)))
        connection.execute(update(Attempt).where(Attempt.job_id == claim.job_id).values(started_at=began))

    db.write(work)


class TestClaim:
    def test_a_queued_job_runs(self, database: Database) -> None:
        """The claim says what to do, and the job who does it."""
        job_id = factories.submit(database)

        claim = factories.try_claim(database, job_id, factories.claimant("box:cuda:1:7", "cuda:1"), 30)

        assert claim is not None
        assert (claim.job_id, claim.attempt, claim.running_seconds, claim.checkpoint) == (job_id, 1, 0.0, None)
        job = queries.job(database, job_id, actor=EVERYBODY)
        assert claim.spec == job["spec"]
        assert (job["status"], job["worker"], job["device"], job["attempts"]) == (
            *("running", "box:cuda:1:7", "cuda:1", 1),
        )
        [attempt] = queries.attempts(database, job_id, actor=EVERYBODY)
        assert (attempt["attempt"], attempt["worker"], attempt["outcome"]) == (1, "box:cuda:1:7", None)
        assert attempt["started_at"] is not None

    def test_a_running_job_is_not_to_be_had(self, database: Database) -> None:
        """A message that comes twice does no harm."""
        claim = factories.running(database)
        before = factories.everything(database)

        assert factories.try_claim(database, claim.job_id, factories.claimant("other"), 30) is None
        assert factories.everything(database) == before

    @pytest.mark.parametrize("ending", [BROKEN, CANCELLED, TIMED_OUT])
    def test_a_finished_job_is_not_to_be_had(self, database: Database, ending: Ending) -> None:
        """Nor is one that is deleted."""
        claim = factories.running(database)
        attempts.end(database, claim, ending)

        assert factories.try_claim(database, claim.job_id, factories.claimant(), 30) is None
        factories.delete(database, claim.job_id)
        assert factories.try_claim(database, claim.job_id, factories.claimant(), 30) is None

    @pytest.mark.parametrize(
        "wanted,device,fits",
        [
            ("any", "cpu", True),
            ("any", "cuda:0", True),
            ("cpu", "cpu", True),
            ("cpu", "cuda:0", False),
            ("cuda", "cuda:3", True),
            ("cuda", "cpu", False),
        ],
    )
    def test_a_job_goes_to_its_kind_of_device(self, database: Database, wanted: str, device: str, fits: bool) -> None:
        """Even if its message strays into another queue."""
        job_id = factories.submit(database, resources={"device": wanted})

        claim = factories.try_claim(database, job_id, factories.claimant("w", device), 30)

        assert (claim is not None) == fits

    def test_attempts_are_numbered_upwards(self, database: Database) -> None:
        """The number is the fencing token: it never comes twice."""
        job_id = factories.submit(database)

        for number in (1, 2, 3):
            claim = factories.claim(database, job_id)
            assert claim.attempt == number
            attempts.end(database, claim, RELEASED)

        assert [attempt["attempt"] for attempt in queries.attempts(database, job_id, actor=EVERYBODY)] == [1, 2, 3]

    def test_the_start_of_the_job_is_its_first_attempts(self, database: Database) -> None:
        """A job that is tried again has been started before."""
        claim = factories.running(database)
        started = queries.job(database, claim.job_id, actor=EVERYBODY)["started_at"]
        attempts.end(database, claim, RELEASED)

        factories.claim(database, claim.job_id)

        assert queries.job(database, claim.job_id, actor=EVERYBODY)["started_at"] == started


class TestHeartbeat:
    def test_the_lease_is_renewed(self, database: Database) -> None:
        """By the database's clock."""
        claim = factories.running(database, lease_seconds=5)
        before = _job(database, claim.job_id).lease_expires_at

        assert attempts.heartbeat(database, claim, 60) == attempts.Heartbeat(cancel_requested=False)

        assert 50 < (_job(database, claim.job_id).lease_expires_at - before).total_seconds() < 70

    def test_no_event_is_made_of_it(self, database: Database) -> None:
        """A beat a second would drown everything else."""
        claim = factories.running(database)
        before = _job(database, claim.job_id).event_seq

        attempts.heartbeat(database, claim, 60)

        assert _job(database, claim.job_id).event_seq == before


class TestRecord:
    def test_epochs_are_rows_and_a_summary(self, database: Database) -> None:
        """The job shows the last one; each is kept as it was told."""
        claim = factories.running(database)

        assert attempts.record_epochs(database, claim, epoch_rows(1, 2), best(1, 0.6))
        assert attempts.record_epochs(database, claim, [epoch_row(3, val_accuracy=0.75)], best(3, 0.75))

        job = queries.job(database, claim.job_id, actor=EVERYBODY)
        columns = queries.epochs(database, claim.job_id, actor=EVERYBODY)
        assert job["progress"]["epoch"] == 3
        assert job["result"] == {
            "train_loss": epoch_row(3)["train_loss"],
            "train_accuracy": epoch_row(3)["train_accuracy"],
            "val_loss": epoch_row(3)["val_loss"],
            "val_accuracy": 0.75,
            "best_val_accuracy": 0.75,
            "best_epoch": 3,
        }
        assert columns["epoch"] == [1, 2, 3]
        assert columns["train_loss"] == [row["train_loss"] for row in epoch_rows(1, 3)]

    def test_figures_come_back_bit_for_bit(self, database: Database) -> None:
        """A loss is compared with another run's to the last bit."""
        claim = factories.running(database)
        odd = {"train_loss": 0.1 + 0.2, "val_loss": 5e-324, "last_batch_loss": 1.7976931348623157e308, "lr": 1 / 3}

        attempts.record_epochs(database, claim, [epoch_row(1, **odd)], best())

        columns = queries.epochs(database, claim.job_id, actor=EVERYBODY)
        assert {name: columns[name] for name in odd} == {name: [value] for name, value in odd.items()}

    def test_what_was_recorded_already_is_not_counted_again(self, database: Database) -> None:
        """After a commit whose answer was lost, the same epochs come once more, perhaps with others."""
        claim = factories.running(database)
        attempts.record_epochs(database, claim, epoch_rows(1, 2), best())
        before = factories.everything(database)

        assert attempts.record_epochs(database, claim, epoch_rows(1, 2), best())
        assert factories.everything(database) == before

        assert attempts.record_epochs(database, claim, epoch_rows(1, 3), best())
        assert queries.epochs(database, claim.job_id, actor=EVERYBODY)["seq"] == [3, 4, 5]

    def test_a_later_attempt_overwrites(self, database: Database) -> None:
        """A resumed run's epochs take the place of those that were run before, under new numbers."""
        claim = factories.running(database)
        attempts.record_epochs(database, claim, epoch_rows(1, 3), best())
        attempts.end(database, claim, RELEASED)
        again = factories.claim(database, claim.job_id)

        attempts.record_environment(database, again, {}, engine="reference", exact=True, first_epoch=2)
        attempts.record_epochs(database, again, [epoch_row(2, val_loss=9.0)], best())

        columns = queries.epochs(database, claim.job_id, actor=EVERYBODY)
        assert columns["attempt"] == [1, 2, 1]
        assert columns["val_loss"][1] == 9.0
        assert columns["seq"][1] > max(columns["seq"][0], columns["seq"][2])

    def test_the_environment_is_the_attempts(self, database: Database) -> None:
        """Results compare bit for bit only within one environment, so it is on record."""
        claim = factories.running(database)
        environment = {"torch": "2.15.0", "threads": 1, "gpu": None, "flags": ["a"]}

        told = {"engine": "reference", "exact": False, "first_epoch": None}
        assert attempts.record_environment(database, claim, environment, **told)  # type: ignore[arg-type]

        job = queries.job(database, claim.job_id, actor=EVERYBODY)
        [attempt] = queries.attempts(database, claim.job_id, actor=EVERYBODY)
        assert (job["engine"], job["exact"], attempt["environment"]) == ("reference", False, environment)

    def test_a_checkpoint_goes_to_the_next_attempt(self, database: Database) -> None:
        """And binds the job to the kind of device that made it."""
        claim = factories.running(database)

        assert attempts.record_checkpoint(database, claim, {"path": "a/1/5", "epoch": 5})
        attempts.end(database, claim, LOST)

        assert factories.try_claim(database, claim.job_id, factories.claimant("gpu", "cuda:0"), 30) is None
        again = factories.claim(database, claim.job_id)
        assert again.checkpoint == {"path": "a/1/5", "epoch": 5}

    def test_the_log_keeps_the_newest_lines(self, database: Database) -> None:
        """Lines are numbered on, however many are dropped."""
        claim = factories.running(database)

        for first in (1, 4, 7):
            lines = [attempts.Line("INFO", f"line {number}") for number in range(first, first + 3)]
            assert attempts.log(database, claim, lines, keep=4)

        kept = queries.log(database, claim.job_id, actor=EVERYBODY)
        assert [(line["line"], line["message"]) for line in kept] == [(n, f"line {n}") for n in (6, 7, 8, 9)]
        assert [line["line"] for line in queries.log(database, claim.job_id, after=7, limit=1, actor=EVERYBODY)] == [8]

    @pytest.mark.parametrize("text", ["nul \x00 inside", "half \ud800 a pair", "x" * 200_000, "emoji 🐦\n\ttabs"])
    def test_any_text_is_a_message(self, database: Database, text: str) -> None:
        """What a library says must not keep an attempt from ending."""
        claim = factories.running(database)
        readable = text.replace("\x00", "\ufffd").replace("\ud800", "\ufffd\ufffd\ufffd")

        attempts.log(database, claim, [attempts.Line("ERROR", text)], keep=5)
        attempts.record_environment(database, claim, {"x": text}, engine="e", exact=True, first_epoch=None)
        attempts.end(database, claim, Ending(Outcome.FAILED, "internal_error", text))

        assert queries.log(database, claim.job_id, actor=EVERYBODY)[0]["message"] == readable
        assert queries.job(database, claim.job_id, actor=EVERYBODY)["error"]["detail"] == readable


class TestSucceed:
    def test_all_of_it_or_nothing(self, database: Database) -> None:
        """The last epochs, evaluations, artifacts and the status come in one transaction."""
        claim = factories.running(database)

        factories.succeed(database, claim, val_accuracy=0.81, best_val_accuracy=0.83)

        job = queries.job(database, claim.job_id, actor=EVERYBODY)
        assert (job["status"], job["error"], job["exact"]) == ("succeeded", None, True)
        assert job["result"]["val_accuracy"] == 0.81
        assert job["finished_at"] is not None
        assert queries.evaluation(database, claim.job_id, "best", actor=EVERYBODY) == factories.evaluation("best")
        assert queries.evaluation(database, claim.job_id, "last", actor=EVERYBODY) == factories.evaluation("last")
        [artifact] = queries.artifacts(database, claim.job_id, actor=EVERYBODY)
        assert artifact["created_at"] is not None
        assert {**vars(artifact), "created_at": None} == {**factories.artifact(), "created_at": None}
        assert queries.attempts(database, claim.job_id, actor=EVERYBODY)[0]["outcome"] == "succeeded"

    def test_an_attempt_runs_no_longer_than_its_lease(self, database: Database) -> None:
        """A machine that was off for days does not use up `timeout_seconds` of the jobs that it ran."""
        claim = factories.running(database)
        _began(database, claim, 3 * 86400)
        attempts.heartbeat(database, claim, -(3 * 86400 - 100))

        assert attempts.end(database, claim, LOST) == "queued"

        assert 100 <= factories.claim(database, claim.job_id).running_seconds < 110

    def test_a_repeated_call_recognises_its_own(self, database: Database) -> None:
        """After a commit whose answer was lost, the worker asks again and is told that it succeeded."""
        claim = factories.running(database)
        factories.succeed(database, claim)
        before = factories.everything(database)

        factories.succeed(database, claim)

        assert factories.everything(database) == before

    def test_the_last_lines_come_with_it(self, database: Database) -> None:
        """After those that were written before, and like them the newest are kept; once, however often it is tried."""
        claim = factories.running(database)
        attempts.log(database, claim, [attempts.Line("INFO", "first"), attempts.Line("INFO", "second")], keep=3)
        ending: dict[str, Any] = {"epochs": [factories.epoch_row(1)], "best": best(), "exact": True}
        ending |= {
            "evaluations": [],
            "artifacts": [],
            "lines": [attempts.Line("INFO", "third"), attempts.Line("INFO", "fourth")],
        }

        assert attempts.succeed(database, claim, **ending, keep_lines=3)
        assert attempts.succeed(database, claim, **ending, keep_lines=3)

        lines = queries.log(database, claim.job_id, actor=EVERYBODY)
        assert [line["message"] for line in lines] == ["second", "third", "fourth"]

    def test_epochs_that_an_earlier_attempt_ran_too_many_go(self, database: Database) -> None:
        """The record is that of the run that succeeded."""
        claim = factories.running(database)
        attempts.record_epochs(database, claim, epoch_rows(1, 3), best())
        attempts.end(database, claim, RELEASED)

        factories.succeed(database, factories.claim(database, claim.job_id))

        assert queries.epochs(database, claim.job_id, actor=EVERYBODY)["epoch"] == [1]


class TestEnd:
    @pytest.mark.parametrize(
        "ending,status,finished",
        [
            (LOST, "queued", False),
            (FLAKY, "queued", False),
            (RELEASED, "queued", False),
            (BROKEN, "failed", True),
            (TIMED_OUT, "failed", True),
            (CANCELLED, "cancelled", True),
        ],
        ids=["lost", "flaky", "released", "broken", "timed_out", "cancelled"],
    )
    def test_the_job_goes_where_the_ending_says(
        self, database: Database, ending: Ending, status: str, finished: bool
    ) -> None:
        """Queued again with nobody's name on it, or finished."""
        claim = factories.running(database)

        assert attempts.end(database, claim, ending) == status

        job = queries.job(database, claim.job_id, actor=EVERYBODY)
        [attempt] = queries.attempts(database, claim.job_id, actor=EVERYBODY)
        assert (job["status"], job["finished_at"] is not None) == (status, finished)
        assert (attempt["outcome"], attempt["finished_at"] is not None) == (ending.outcome, True)
        assert (job["worker"] is None) == (not finished)
        failed = {"code": ending.code, "detail": ending.detail}
        assert job["error"] == (failed if status == "failed" else None)
        assert attempt["error"] == (None if ending.code is None else failed)
        assert _job(database, claim.job_id).lease_expires_at is None

    def test_lost_and_flaky_attempts_count(self, database: Database) -> None:
        """The last of `max_attempts` fails the job, with its own reason."""
        job_id = factories.submit(database, limits={"max_attempts": 3})

        endings = (LOST, RELEASED, RELEASED, FLAKY, RELEASED, LOST)
        statuses = [attempts.end(database, factories.claim(database, job_id), ending) for ending in endings]

        assert statuses == ["queued"] * 5 + ["failed"]
        assert queries.job(database, job_id, actor=EVERYBODY)["error"] == {"code": LOST.code, "detail": LOST.detail}
        assert queries.job(database, job_id, actor=EVERYBODY)["attempts"] == 6

    def test_running_time_adds_up(self, database: Database) -> None:
        """`timeout_seconds` counts all attempts together."""
        claim = factories.running(database)
        _began(database, claim, 100)
        attempts.end(database, claim, RELEASED)
        second = factories.claim(database, claim.job_id)
        assert 100 <= second.running_seconds < 110

        _began(database, second, 50)
        attempts.end(database, second, LOST)

        assert 150 <= factories.claim(database, claim.job_id).running_seconds < 160

    def test_a_repeated_call_recognises_its_own(self, database: Database) -> None:
        """After a commit whose answer was lost."""
        claim = factories.running(database)
        attempts.end(database, claim, BROKEN)
        before = factories.everything(database)

        assert attempts.end(database, claim, BROKEN) == "failed"
        assert attempts.end(database, claim, CANCELLED) is None
        assert factories.everything(database) == before


def test_progress_goes_back_to_the_epochs_that_stand(database: Database) -> None:
    """Between a resumed attempt's start and its first epoch, the job shows what it goes on from."""
    first = factories.running(database)
    rows = [factories.epoch_row(number) for number in (1, 2, 3)]
    assert attempts.record_epochs(database, first, rows, factories.best(1, 0.5))
    attempts.end(database, first, Ending(Outcome.RELEASED))
    second = factories.claim(database, first.job_id)

    assert attempts.record_environment(database, second, {}, engine="e", exact=True, first_epoch=2)
    assert queries.job(database, first.job_id, actor=EVERYBODY)["progress"]["epoch"] == 1
    assert queries.attempts(database, first.job_id, actor=EVERYBODY)[1]["resumed_from_epoch"] == 2


def test_an_attempt_that_starts_over_has_resumed_nothing(database: Database) -> None:
    """Its epochs come again from the first, which readers are told; but there was no checkpoint."""
    first = factories.running(database)
    attempts.end(database, first, Ending(Outcome.LOST))
    second = factories.claim(database, first.job_id)
    told = {"engine": "e", "exact": True, "first_epoch": 1, "from_checkpoint": False}

    assert attempts.record_environment(database, second, {}, **told)  # type: ignore[arg-type]
    assert queries.attempts(database, first.job_id, actor=EVERYBODY)[1]["resumed_from_epoch"] is None
    found, _ = events.read(database, first.job_id, after=0)
    assert found[-1].data.items() >= {"attempt": 2, "from_epoch": 1}.items()
