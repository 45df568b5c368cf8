"""The sequence of a job's events: gapless, in commit order, whatever happens at once."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable

import pytest

from shared.database.engine import Database
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import events
from shared.jobs.running import attempts
from shared.jobs.running.claims import Claim
from tests.integration.shared.jobs.sequences import newest, sequence
from tests.support import factories
from tests.support.concurrency import together
from tests.support.factories import LOST, RELEASED, best, epoch_row


def test_one_sequence_for_changes_and_epochs(database: Database) -> None:
    """From submission to success without a gap."""
    claim = factories.running(database)
    attempts.record_epochs(database, claim, factories.epoch_rows(1, 3), best())
    actions.cancel(database, claim.job_id, actor=EVERYBODY)
    attempts.record_epochs(database, claim, factories.epoch_rows(4, 5), best())
    factories.succeed(database, claim)

    found, position = events.read(database, claim.job_id)

    kinds = [event.kind for event in found]
    assert kinds == ["status", "status", *["epoch"] * 3, "cancel_requested", *["epoch"] * 2, "status"]
    assert [event.seq for event in found] == list(range(1, 10))
    assert position == events.Position(9, finished=True)


def test_status_events_say_what_happened(database: Database) -> None:
    """Which attempt, on which worker, and how it ended."""
    claim = factories.running(database, "box:cpu:7")
    attempts.end(database, claim, LOST)

    data = [event.data for event in events.read(database, claim.job_id)[0]]

    assert [(entry["status"], entry["attempt"]) for entry in data] == [("queued", 0), ("running", 1), ("queued", 1)]
    assert data[1]["worker"] == "box:cpu:7"
    assert (data[2]["outcome"], data[2]["error"]) == ("lost", {"code": LOST.code, "detail": LOST.detail})
    assert all(entry["at"].endswith("Z") for entry in data)


def test_a_resumed_attempt_says_so_before_its_epochs(database: Database) -> None:
    """Whoever follows the stream knows that the next epochs come again."""
    claim = factories.running(database)
    attempts.record_epochs(database, claim, factories.epoch_rows(1, 3), best())
    seen = newest(database, claim.job_id)
    attempts.end(database, claim, RELEASED)
    again = factories.claim(database, claim.job_id)
    attempts.record_environment(database, again, {}, engine="reference", exact=True, first_epoch=3)
    attempts.record_epochs(database, again, factories.epoch_rows(3, 4), best())

    found, _ = events.read(database, claim.job_id, after=seen)

    assert [event.kind for event in found] == ["status", "status", "resumed", "epoch", "epoch"]
    assert found[2].data.items() >= {"attempt": 2, "from_epoch": 3}.items()
    assert [event.data["epoch"] for event in found[3:]] == [3, 4]


def test_writers_at_once_leave_no_gap(database: Database) -> None:
    """Epochs, a cancel and changes of other jobs, from many threads."""
    claim, other = factories.running(database), factories.running(database, "other")

    def record(job: Claim, numbers: Iterable[int]) -> None:
        for number in numbers:
            assert attempts.record_epochs(database, job, [epoch_row(number)], best())

    together(
        lambda: record(claim, range(1, 13)),
        lambda: record(other, range(1, 13)),
        lambda: actions.cancel(database, claim.job_id, actor=EVERYBODY),
        lambda: actions.cancel(database, other.job_id, actor=EVERYBODY),
        lambda: [attempts.heartbeat(database, claim, 30) for _ in range(12)],
    )

    for job in (claim, other):
        assert sequence(database, job.job_id) == list(range(1, 2 + 12 + 1 + 1))
        assert newest(database, job.job_id) == 15


def test_a_reader_misses_nothing(database: Database) -> None:
    """Numbers appear in order: whoever asks for what came after the last one he saw has seen all in the end."""
    claim = factories.running(database)
    seen: list[int] = []
    done = threading.Event()

    def write() -> None:
        try:
            for number in range(1, 31):
                attempts.record_epochs(database, claim, [epoch_row(number)], best())
        finally:
            done.set()

    def follow() -> None:
        finished = False
        while not finished:
            finished = done.is_set()
            found, position = events.read(database, claim.job_id, after=seen[-1] if seen else 0)
            seen.extend(event.seq for event in found)
            assert not seen or seen[-1] == position.seq

    together(write, follow)

    assert seen == list(range(1, 33))


def test_a_failed_transaction_takes_no_number(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers are handed out by the row, not by a counter beside the transaction."""
    claim = factories.running(database)

    def fail(*_: object, **_data: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr("shared.jobs.running.retry_policy.add_status_event", fail)
        with pytest.raises(RuntimeError):
            attempts.end(database, claim, LOST)
    attempts.end(database, claim, RELEASED)

    assert sequence(database, claim.job_id) == [1, 2, 3]


def test_a_sequence_survives_every_ending(database: Database) -> None:
    """One job through many attempts: each claim and each ending is one number."""
    job_id = factories.submit(database, limits={"max_attempts": 10})
    for ending in (RELEASED, LOST, RELEASED, LOST):
        attempts.end(database, factories.claim(database, job_id), ending)

    assert sequence(database, job_id) == list(range(1, 10))
    pairs = itertools.pairwise(event.data["status"] for event in events.read(database, job_id)[0])
    assert all(before != after for before, after in pairs)
